/** The cache of range results: same answers as the engine, with less evaluated, and nothing kept that may change. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { manualClock, type ManualClock } from "../../../src/base/clock.ts";
import { Labels } from "../../../src/model/labels.ts";
import { createEngine, type Engine } from "../../../src/promql/engine.ts";
import type { EngineResult } from "../../../src/promql/options.ts";
import { type CachingEngine, cacheRanges } from "../../../src/promql/range-cache.ts";
import { type MemoryStore, memoryStore } from "../../support/memory-store.ts";

const HOUR_MS = 3_600_000;

async function write(
  store: MemoryStore,
  series: Readonly<Record<string, string>>,
  points: readonly (readonly [number, number])[],
): Promise<void> {
  const appender = store.appender();
  const ref = appender.series(Labels.from(series));
  for (const [t, v] of points) appender.append(ref, t, v);
  await appender.commit();
}

function setup(nowMs: number): {
  store: MemoryStore;
  plain: Engine;
  cached: CachingEngine;
  clock: ManualClock;
  asked: string[];
} {
  const store = memoryStore();
  const clock = manualClock(nowMs);
  const plain = createEngine({ queryable: store, clock });
  const asked: string[] = [];
  const counting: Engine = {
    ...plain,
    parse: (text) => plain.parse(text),
    instant: (...args) => plain.instant(...args),
    range: (expr, start, end, step, options) => {
      asked.push(`${start}..${end}`);
      return plain.range(expr, start, end, step, options);
    },
  };
  return { store, plain, cached: cacheRanges(counting, { clock }), clock, asked };
}

const minutes = (count: number): (readonly [number, number])[] =>
  Array.from({ length: count }, (_, i) => [i * 60_000, i] as const);
const plainValue = ({ value }: EngineResult): unknown =>
  value.kind === "matrix" ? value.series.map(({ labels, t, v }) => [labels.key, [...t], [...v]]) : value;

test("an answer lasts when its window has settled and until the past is written anew", async () => {
  const { store, cached } = setup(2 * HOUR_MS);
  await write(store, { __name__: "x" }, minutes(121));
  expect((await cached.range("x", 0, HOUR_MS, 60_000)).lasting).toBe(true);
  expect((await cached.range("x", 0, HOUR_MS, 60_000)).lasting, "from the cache").toBe(true);
  expect((await cached.range("x", 0, 2 * HOUR_MS, 60_000)).lasting, "the last minute").toBe(false);
  expect((await cached.range("x @ end()", 0, HOUR_MS, 60_000)).lasting, "not kept").not.toBe(true);
  const before = cached.generation;
  cached.clear();
  expect(cached.generation).not.toBe(before);
});

test("what was evaluated while the past was written is not kept", async () => {
  const { store, cached, asked } = setup(2 * HOUR_MS);
  await write(store, { __name__: "x" }, minutes(121));
  const running = cached.range("x", 0, HOUR_MS, 60_000);
  cached.clear();
  await running;
  await cached.range("x", 0, HOUR_MS, 60_000);
  expect(asked).toHaveLength(2);
});

test("a window that slides is evaluated only where it is new", async () => {
  const { store, plain, cached, asked } = setup(2 * HOUR_MS);
  await write(store, { __name__: "x" }, minutes(121));
  await cached.range("x", 0, HOUR_MS, 60_000);
  const slid = await cached.range("x", 120_000, HOUR_MS + 120_000, 60_000);
  expect(asked).toEqual([`0..${HOUR_MS}`, `${HOUR_MS + 60_000}..${HOUR_MS + 120_000}`]);
  expect(plainValue(slid)).toEqual(plainValue(await plain.range("x", 120_000, HOUR_MS + 120_000, 60_000)));
  await cached.range("x", 180_000, HOUR_MS, 60_000);
  expect(asked).toHaveLength(2);
  expect(cached.stats()).toMatchObject({ entries: 1, hits: 2, misses: 1 });
});

test("the last minute is never kept: samples still arrive", async () => {
  const { store, cached } = setup(HOUR_MS);
  await write(store, { __name__: "x" }, minutes(60));
  await cached.range("x", 0, HOUR_MS, 60_000);
  await write(store, { __name__: "x" }, [[HOUR_MS, 99]]);
  const { value } = await cached.range("x", 0, HOUR_MS, 60_000);
  expect(value).toMatchObject({ kind: "matrix" });
  expect(value.kind === "matrix" ? value.series[0]?.v.at(-1) : undefined).toBe(99);
});

test("an entry starts afresh after some minutes, and on clear", async () => {
  const { store, cached, clock, asked } = setup(2 * HOUR_MS);
  await write(store, { __name__: "x" }, minutes(30));
  await cached.range("x", 0, HOUR_MS, 60_000);
  await clock.advance(301_000);
  await cached.range("x", 0, HOUR_MS, 60_000);
  expect(asked).toHaveLength(2);
  cached.clear();
  await cached.range("x", 0, HOUR_MS, 60_000);
  expect(asked).toHaveLength(3);
});

test.each([
  "x @ end()",
  "x @ 10",
  "x offset -5m",
  "sum_over_time(x[5m:1m] @ start())",
  "x + end()",
  "sum_over_time(x[range()])",
])("%s is asked anew each time", async (expr) => {
  const { store, cached, asked } = setup(2 * HOUR_MS);
  await write(store, { __name__: "x" }, minutes(30));
  await cached.range(expr, 0, HOUR_MS, 60_000);
  await cached.range(expr, 60_000, HOUR_MS, 60_000);
  expect(asked).toEqual([`0..${HOUR_MS}`, `60000..${HOUR_MS}`]);
});

test("who asks the same at once shares one evaluation; leaving stops it only for the last", async () => {
  const { store, cached, asked } = setup(2 * HOUR_MS);
  await write(store, { __name__: "x" }, minutes(30));
  const leaver = new AbortController();
  const left = cached.range("x", 0, HOUR_MS, 60_000, { signal: leaver.signal });
  const stays = cached.range("x", 0, HOUR_MS, 60_000, { signal: new AbortController().signal });
  leaver.abort();
  await expect(left).rejects.toMatchObject({ code: "promql-canceled" });
  await expect(stays).resolves.toMatchObject({ value: { kind: "matrix" } });
  expect(asked).toHaveLength(1);
});

test("results larger than the cache are answered and not kept", async () => {
  const { store, plain, clock } = setup(2 * HOUR_MS);
  await write(store, { __name__: "x" }, minutes(60));
  const small = cacheRanges(plain, { clock, maxBytes: 1_000 });
  await small.range("x", 0, HOUR_MS, 60_000);
  expect(small.stats()).toMatchObject({ entries: 0, bytes: 0 });
});

test("any sequence of windows gives the engine's own answers", async () => {
  const expr = fc.constantFrom(
    "x",
    "sum(x)",
    "rate(x[3m])",
    "x > 20 or y",
    "max_over_time(rate(x[2m])[5m:1m])",
    'topk(1, {__name__=~"x|y"})',
    "absent(y)",
  );
  const window = fc.tuple(
    expr,
    fc.integer({ min: 0, max: 40 }),
    fc.integer({ min: 0, max: 40 }),
    fc.constantFrom(30_000, 60_000, 90_000),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(window, { minLength: 2, maxLength: 12 }), async (windows) => {
      const { store, plain, cached } = setup(2 * HOUR_MS);
      await write(store, { __name__: "x" }, minutes(45));
      await write(store, { __name__: "y", z: "1" }, minutes(12));
      for (const [text, from, length, step] of windows) {
        const range = [text, from * 60_000, (from + length) * 60_000, step] as const;
        expect(plainValue(await cached.range(...range))).toEqual(plainValue(await plain.range(...range)));
      }
    }),
    { numRuns: 60 },
  );
});
