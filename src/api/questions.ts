/**
 * The requests that only read samples: the same routes for whichever thread answers them.
 */
import type { Route } from "./http.ts";
import { batchRoutes } from "./routes/batch.ts";
import { federateRoutes } from "./routes/federate.ts";
import { labelRoutes } from "./routes/labels.ts";
import { queryRoutes } from "./routes/query.ts";
import { readRoutes } from "./routes/read.ts";
import type { QuestionServices } from "./services.ts";

export function questionRoutes(services: QuestionServices): readonly Route[] {
  return [
    ...queryRoutes(services),
    ...labelRoutes(services),
    ...federateRoutes(services),
    ...readRoutes(services),
    ...batchRoutes(services),
  ];
}
