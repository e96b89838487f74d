/** The engine's promises around a query: what it asks of the store, limits, time, cancelling, notes and costs. */
import { expect, test } from "vitest";
import { manualClock, systemClock } from "../../../src/base/clock.ts";
import { Labels } from "../../../src/model/labels.ts";
import type { SampleColumn } from "../../../src/model/sample.ts";
import { createEngine } from "../../../src/promql/engine.ts";
import type { EngineOptions } from "../../../src/promql/options.ts";
import type { Aggregate, Queryable, SelectHints, Series } from "../../../src/storage/storage.ts";
import { memoryStore } from "../../support/memory-store.ts";

function column(length: number, stepMs: number, value: (i: number) => number): SampleColumn {
  const t = Float64Array.from({ length }, (_, i) => i * stepMs);
  const v = Float64Array.from({ length }, (_, i) => value(i));
  return { t, v, from: 0, to: length, stale: undefined };
}

function fixed(
  series: readonly Series[],
  seen: SelectHints[] = [],
  resolutionMs = 0,
  warnings: string[] = [],
): Queryable {
  return {
    querier: () => ({
      select: async (_matchers, hints) => {
        seen.push(hints);
        return { series, sorted: true, resolutionMs, warnings };
      },
      labelNames: async () => [],
      labelValues: async () => [],
      [Symbol.dispose]: () => undefined,
    }),
  };
}

const counter = (n: number, length = 241): Series => ({
  labels: Labels.from({ __name__: "x_total", n: String(n) }),
  samples: () => column(length, 15_000, (i) => i * n),
});

function engineOver(queryable: Queryable, options: Partial<EngineOptions> = {}): ReturnType<typeof createEngine> {
  return createEngine({ queryable, clock: systemClock, ...options });
}

test.each<[string, SelectHints, string]>([
  ["x_total", { start: 300_001, end: 900_000, stepMs: 60_000, rangeMs: 0, func: "" }, "five minutes back, exclusive"],
  ["rate(x_total[2m])", { start: 480_001, end: 900_000, stepMs: 60_000, rangeMs: 120_000, func: "rate" }, "the range"],
  ["x_total offset 5m", { start: 1, end: 600_000, stepMs: 60_000, rangeMs: 0, func: "" }, "shifted"],
  [
    "x_total @ 60",
    { start: -239_999, end: 60_000, stepMs: 0, rangeMs: 0, func: "", newestOnly: true },
    "fixed, asked once",
  ],
  [
    "max_over_time(x_total[10m:1m])",
    { start: -239_999 + 0 + 0, end: 900_000, stepMs: 60_000, rangeMs: 0, func: "" },
    "from the first sub-step",
  ],
])("%s asks the store for what it needs: %s", async (expr, wanted) => {
  const seen: SelectHints[] = [];
  await engineOver(fixed([counter(1)], seen)).range(expr, 600_000, 900_000, 60_000);
  expect(seen).toEqual([expr.includes("[10m:1m]") ? { ...wanted, start: -239_999 } : wanted]);
});

test("equal selectors of one query are selected once", async () => {
  const seen: SelectHints[] = [];
  await engineOver(fixed([counter(1)], seen)).range("x_total / x_total", 0, 600_000, 60_000);
  expect(seen).toHaveLength(1);
});

test("a query over stored buckets reads the aggregate its function needs", async () => {
  const asked: Aggregate[] = [];
  const bucketed: Series = {
    labels: Labels.from({ __name__: "x" }),
    samples: () => column(13, 300_000, () => 1),
    aggregate: (which) => {
      asked.push(which);
      return column(13, 300_000, () => ({ sum: 60, count: 20, max: 9, min: 1, last: 3, counter: 5 })[which]);
    },
  };
  const engine = engineOver(fixed([bucketed], [], 300_000));
  const value = async (expr: string): Promise<unknown> => {
    const result = await engine.instant(expr, 3_600_000);
    expect(result.stats.resolutionMs).toBe(300_000);
    return result.value.kind === "vector" ? result.value.samples[0]?.v : undefined;
  };
  expect(await value("max_over_time(x[1h])")).toBe(9);
  expect(await value("min_over_time(x[1h])")).toBe(1);
  expect(await value("sum_over_time(x[1h])")).toBe(720);
  expect(await value("count_over_time(x[1h])")).toBe(240);
  expect(await value("avg_over_time(x[1h])")).toBe(3);
  expect(await value("rate(x[1h])")).toBe(0);
  expect(new Set(asked)).toEqual(new Set(["max", "min", "sum", "count", "counter"]));
});

test.each([
  ["x_total", { maxSamples: 1_000 }, "promql-limit"],
  ["rate(x_total[1h])", { maxSamples: 100 }, "promql-limit"],
  ["time()", { maxSamples: 100 }, "promql-limit"],
  ["x_total", { maxSeries: 10 }, "promql-limit"],
  ["max_over_time(vector(1)[10y:1ms])", {}, "promql-limit"],
  ["count_over_time(x_total[9999d:1ms])", {}, "promql-limit"],
])("%s with %o ends with %s", async (expr, options, code) => {
  const many = Array.from({ length: 20 }, (_, n) => counter(n));
  const run = engineOver(fixed(many), options).range(expr, 0, 3_600_000, 10_000);
  await expect(run).rejects.toMatchObject({ code, exit: 5 });
});

test("an aborted query stops", async () => {
  const controller = new AbortController();
  controller.abort();
  const run = engineOver(fixed([counter(1)])).instant("x_total", 0, { signal: controller.signal });
  await expect(run).rejects.toMatchObject({ code: "promql-canceled" });
});

test("a query past its deadline stops, and other work runs meanwhile", async () => {
  const long = Array.from({ length: 400 }, (_, n) => counter(n, 4_000));
  // each look at this clock takes a millisecond, so that the deadline lies some slices of work ahead on any machine
  let looks = 0;
  const clock = { ...systemClock, monotonic: () => looks++ };
  let turns = 0;
  let ended = false;
  const turn = (): void => {
    turns++;
    if (!ended) setImmediate(turn);
  };
  setImmediate(turn);
  const run = engineOver(fixed(long), { clock }).range("max_over_time(x_total[4h])", 0, 60_000_000, 15_000, {
    timeoutMs: 150,
  });
  await expect(run.finally(() => (ended = true))).rejects.toMatchObject({ code: "promql-timeout" });
  expect(turns).toBeGreaterThan(2);
});

test("a deadline that passed is told in few digits", async () => {
  const clock = manualClock(0);
  const late: Queryable = {
    querier: () => ({
      select: async () => {
        await clock.advance(1_000);
        return { series: [counter(1)], sorted: true, resolutionMs: 0, warnings: [] };
      },
      labelNames: async () => [],
      labelValues: async () => [],
      [Symbol.dispose]: () => undefined,
    }),
  };
  const run = createEngine({ queryable: late, clock }).instant("x_total", 0, { timeoutMs: 999.98765 });
  await expect(run).rejects.toMatchObject({ code: "promql-timeout", message: expect.stringMatching(/after 1 s$/) });
});

test.for([
  ["label_replace(x_total, 'b', '$1', 'n', '(.*)')", 1, "new labels"],
  ["label_join(x_total, 'b', '-', 'n', 'n')", 1, "joined labels"],
  ["x_total and x_total", 2, "signatures of a set operation"],
  ["x_total * x_total", 2, "signatures of a match"],
  ["sum by (n) (x_total)", 1, "groups"],
] as const)("%s, over %i selections: %s are made in turns", async ([expr, selections]) => {
  const series = Array.from({ length: 2_000 }, (_, n) => counter(n));
  /** Each look at the clock costs a millisecond, so that turns follow from the work and not from the machine. */
  const turnsOf = async (text: string): Promise<number> => {
    let now = 0;
    const clock = { ...systemClock, monotonic: () => now++ };
    let turns = 0;
    let ended = false;
    const tick = (): void => {
      turns++;
      if (!ended) setImmediate(tick);
    };
    setImmediate(tick);
    await engineOver(fixed(series), { clock }).instant(`count(${text})`, 900_000);
    ended = true;
    return turns;
  };
  expect(await turnsOf(expr)).toBeGreaterThan(selections * (await turnsOf("x_total")) + 30);
});

test("queries past the limit wait for a turn, in order, and not for ever", async () => {
  const clock = manualClock(0);
  const gates: (() => void)[] = [];
  const slow: Queryable = {
    querier: () => ({
      select: () =>
        new Promise((resolve) =>
          gates.push(() => resolve({ series: [], sorted: true, resolutionMs: 0, warnings: [] })),
        ),
      labelNames: async () => [],
      labelValues: async () => [],
      [Symbol.dispose]: () => undefined,
    }),
  };
  const engine = createEngine({ queryable: slow, clock, maxConcurrency: 1, timeoutMs: 5_000 });
  const first = engine.instant("a", 0);
  const second = engine.instant("b", 0);
  const third = engine.instant("c", 0, { timeoutMs: 1_000 });
  const [late] = await Promise.allSettled([third, clock.advance(1_000)]);
  expect(late).toMatchObject({ status: "rejected", reason: { code: "promql-timeout" } });
  expect(gates).toHaveLength(1);
  gates[0]?.();
  await first;
  await clock.advance(0);
  gates[1]?.();
  await expect(second).resolves.toMatchObject({ value: { kind: "vector" } });
});

test("at most ten notes of a kind, the rest is counted; the store's own warnings come along", async () => {
  const gauges: Series[] = Array.from({ length: 15 }, (_, n) => ({
    labels: Labels.from({ __name__: `gauge_${n}`, n: String(n) }),
    samples: () => column(20, 15_000, (i) => i),
  }));
  const engine = engineOver(fixed(gauges, [], 0, ["chunk 7 of block 3 is damaged and was left out"]));
  const { infos, warnings } = await engine.instant('rate({__name__=~"gauge.*"}[5m])', 280_000);
  expect(infos).toHaveLength(11);
  expect(infos[0]).toBe(
    'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "gauge_0" (1:6)',
  );
  expect(infos[10]).toBe("5 more info annotations omitted");
  expect(warnings).toEqual(["chunk 7 of block 3 is damaged and was left out"]);
});

test("explain gives the tree with series, samples and what was read", async () => {
  const engine = engineOver(fixed([counter(1), counter(2)]));
  const { explain, stats } = await engine.range(
    "sum(rate(x_total[5m])) + x_total{n='1'} @ 60 * 0",
    600_000,
    900_000,
    60_000,
    {
      explain: true,
    },
  );
  expect(stats).toMatchObject({ seriesRead: 4, samplesRead: 964, resolutionMs: 0 });
  expect(explain).toMatchObject({ kind: "binary", samples: 0, read: 0 });
  const [sum, product] = explain?.children ?? [];
  expect(sum).toMatchObject({ expr: "sum(rate(x_total[5m]))", kind: "aggregate", series: 1, samples: 6 });
  expect(sum?.children[0]).toMatchObject({ kind: "call", series: 2, samples: 12, read: 482 });
  expect(product).toMatchObject({ note: "once", series: 2 });
  expect((await engine.instant("1", 0)).explain).toBeUndefined();
});

test("a range query goes forward in steps", async () => {
  const engine = engineOver(memoryStore());
  await expect(engine.range("1", 10, 0, 5)).rejects.toMatchObject({ code: "promql-parse" });
  await expect(engine.range("1", 0, 10, 0)).rejects.toMatchObject({ code: "promql-parse" });
});

test("results are sorted by labels and full series share their times", async () => {
  const engine = engineOver(fixed([counter(3), counter(10), counter(2)]));
  const { value } = await engine.range("x_total", 0, 120_000, 60_000);
  if (value.kind !== "matrix") throw new Error(value.kind);
  expect(value.series.map(({ labels }) => labels.get("n"))).toEqual(["10", "2", "3"]);
  expect(value.series[0]?.t).toBe(value.series[1]?.t);
});

test("a range vector alone gives its stored samples", async () => {
  const { value } = await engineOver(fixed([counter(2)])).instant("x_total[1m]", 90_000);
  expect(value).toMatchObject({ kind: "matrix" });
  if (value.kind !== "matrix") return;
  expect([...(value.series[0]?.t ?? [])]).toEqual([45_000, 60_000, 75_000, 90_000]);
  expect([...(value.series[0]?.v ?? [])]).toEqual([6, 8, 10, 12]);
});
