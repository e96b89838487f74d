/** `/api/opsmon/v1/batch` and `explain`: all panels of a screen in one request, and what a query cost. */
import { UserError, errorText } from "../../base/errors.ts";
import { POINTS_PER_SERIES_MAX } from "../../promql/options.ts";
import { encodePieces } from "../encode.ts";
import { bodyJson, type Request, type Route, success, successPieces } from "../http.ts";
import type { QuestionServices } from "../services.ts";
import type { BatchQuery } from "../source.ts";

/** Queries one batch may carry: every panel of every view is under 400. */
const BATCH_MAX = 1_000;

function batchOf(request: Request): readonly BatchQuery[] {
  const queries = (bodyJson(request) as { queries?: unknown } | null)?.queries;
  if (!Array.isArray(queries) || queries.length > BATCH_MAX) {
    throw new UserError("bad-body", `body must hold "queries", a list of at most ${BATCH_MAX}`);
  }
  return queries.map((one: Partial<BatchQuery> | null) => {
    const { id, expr, start, end, stepMs } = one ?? {};
    const whole = [start, end, stepMs].every((n) => Number.isSafeInteger(n));
    if (typeof id !== "string" || typeof expr !== "string" || !whole) {
      throw new UserError("bad-body", "every query needs id, expr, start, end and stepMs (whole milliseconds)");
    }
    return one as BatchQuery;
  });
}

async function* answerOne(
  services: QuestionServices,
  query: BatchQuery,
  request: Request,
): AsyncGenerator<string | Buffer> {
  const id = JSON.stringify(query.id);
  try {
    if (query.stepMs > 0 && (query.end - query.start) / query.stepMs > POINTS_PER_SERIES_MAX) {
      throw new UserError("bad-parameter", `more than ${POINTS_PER_SERIES_MAX} points per series`);
    }
    const options = { signal: request.signal };
    const result =
      query.stepMs > 0
        ? await services.evaluator.range(query.expr, query.start, query.end, query.stepMs, options)
        : await services.evaluator.instant(query.expr, query.end, options);
    const notes = `"warnings":${JSON.stringify(result.warnings)},"infos":${JSON.stringify(result.infos)}`;
    yield `{"id":${id},"ok":true,${notes},"stats":${JSON.stringify(result.stats)},"data":`;
    yield* encodePieces(result.value).pieces;
    yield "}";
  } catch (error) {
    yield `{"id":${id},"ok":false,"error":${JSON.stringify(errorText(error))}}`;
  }
}

async function* batch(
  services: QuestionServices,
  queries: readonly BatchQuery[],
  request: Request,
): AsyncGenerator<string | Buffer> {
  yield "[";
  // One after the other: panels of one screen must not crowd out another client's query.
  let separator = "";
  for (const query of queries) {
    yield separator;
    yield* answerOne(services, query, request);
    separator = ",";
  }
  yield "]";
}

export function batchRoutes(services: QuestionServices): readonly Route[] {
  return [
    {
      methods: ["GET"],
      path: "/api/opsmon/v1/explain",
      handle: async (request) => {
        const { parameters, signal } = request;
        const end = parameters.time("end", services.now());
        const start = parameters.time("start", end);
        const stepMs = parameters.duration("step") ?? 0;
        const expr = parameters.text("query") ?? "";
        const options = { signal, explain: true };
        const { evaluator } = services;
        const result =
          stepMs > 0
            ? await evaluator.range(expr, start, end, stepMs, options)
            : await evaluator.instant(expr, end, options);
        return success({ tree: result.explain, stats: result.stats });
      },
    },
    {
      methods: ["POST"],
      path: "/api/opsmon/v1/batch",
      handle: async (request) => successPieces(batch(services, batchOf(request), request), { warnings: [], infos: [] }),
    },
  ];
}
