/**
 * A thread that reads a store through its port and tells everything it saw: the far end for the conformance suite.
 * In: `{store, bell}` as workerData, questions as messages. Out: whole selections, copied.
 */
import { parentPort, workerData } from "node:worker_threads";
import { portQueryable, type StoreLink } from "../../src/app/query-worker/store-client.ts";
import { createMatcher, type MatchOp } from "../../src/model/matcher.ts";
import type { SampleColumn } from "../../src/model/sample.ts";
import type { Aggregate, SelectHints } from "../../src/storage/storage.ts";

export interface Asked {
  readonly id: number;
  readonly minT: number;
  readonly maxT: number;
  readonly matchers: readonly { readonly name: string; readonly op: MatchOp; readonly value: string }[];
  readonly what: "select" | "names" | "values";
  readonly label: string;
  readonly hints: SelectHints | undefined;
}

export interface ReadSeries {
  readonly labels: readonly (readonly [string, string])[];
  readonly samples: SampleColumn;
  readonly aggregates: ReadonlyMap<Aggregate, SampleColumn> | undefined;
}

export interface Told {
  readonly id: number;
  readonly error: { readonly code: string; readonly message: string } | undefined;
  readonly texts: readonly string[];
  readonly series: readonly ReadSeries[];
  readonly set: { readonly sorted: boolean; readonly resolutionMs: number; readonly warnings: readonly string[] };
}

const AGGREGATES: readonly Aggregate[] = ["min", "max", "sum", "count", "counter", "last"];
const store = portQueryable(workerData as StoreLink);

async function read({ id, minT, maxT, matchers, what, label, hints }: Asked): Promise<Told> {
  using querier = store.querier(minT, maxT);
  const asked = matchers.map(({ name, op, value }) => createMatcher(name, op, value));
  const nothing = { series: [], set: { sorted: true, resolutionMs: 0, warnings: [] } };
  if (what === "names") return { id, error: undefined, texts: await querier.labelNames(asked), ...nothing };
  if (what === "values") return { id, error: undefined, texts: await querier.labelValues(label, asked), ...nothing };
  const { series, sorted, resolutionMs, warnings } = await querier.select(asked, hints as SelectHints);
  const all = series.map(
    (one): ReadSeries => ({
      labels: [...one.labels],
      samples: one.samples(),
      aggregates:
        one.aggregate === undefined
          ? undefined
          : new Map(AGGREGATES.map((which) => [which, (one.aggregate as NonNullable<typeof one.aggregate>)(which)])),
    }),
  );
  return { id, error: undefined, texts: [], series: all, set: { sorted, resolutionMs, warnings } };
}

parentPort?.on("message", (asked: Asked) => {
  read(asked).then(
    (told) => parentPort?.postMessage(told, []),
    (error: Error & { readonly code?: string }) =>
      parentPort?.postMessage(
        {
          id: asked.id,
          error: { code: error.code ?? "", message: error.message },
          texts: [],
          series: [],
          set: { sorted: true, resolutionMs: 0, warnings: [] },
        },
        [],
      ),
  );
});
