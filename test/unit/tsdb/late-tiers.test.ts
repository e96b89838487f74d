/** Samples that come after their window was rolled up: the tiers say in the end what they would have said in order. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { manualClock } from "../../../src/base/clock.ts";
import { Labels } from "../../../src/model/labels.ts";
import { createMatcher } from "../../../src/model/matcher.ts";
import type { Aggregate } from "../../../src/storage/storage.ts";
import type { Tsdb } from "../../../src/tsdb/tsdb.ts";
import { storeBox, T0 } from "../../support/tsdb.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const RESOLUTION = 5 * MINUTE;
const TIERS = [{ resolutionMs: RESOLUTION, retentionMs: 90 * DAY }];
const START = Math.ceil(T0 / DAY) * DAY - 20 * DAY;
const AGGREGATES: readonly Aggregate[] = ["last", "min", "max", "sum", "count", "counter"];

interface Sample {
  readonly t: number;
  readonly v: number;
}

async function put(db: Tsdb, name: string, samples: readonly Sample[]): Promise<void> {
  const appender = db.appender();
  const ref = appender.series(Labels.from({ __name__: name }));
  for (const { t, v } of samples) appender.append(ref, t, v);
  await appender.commit();
}

/** Seals and rolls up until nothing is left to do. */
async function settle(db: Tsdb): Promise<void> {
  await db.flush();
  await db.upkeep();
  await db.upkeep();
}

async function planes(db: Tsdb, name: string): Promise<Record<string, string[]>> {
  const end = START + 40 * DAY;
  using querier = db.querier(START - 40 * DAY, end);
  const hints = { start: START - 40 * DAY, end, stepMs: RESOLUTION, rangeMs: 0, func: "" };
  const { series, resolutionMs, warnings } = await querier.select([createMatcher("__name__", "=", name)], hints);
  expect([resolutionMs, warnings]).toEqual([RESOLUTION, []]);
  return Object.fromEntries(
    AGGREGATES.map((which) => {
      const column = series[0]?.aggregate?.(which);
      if (column === undefined) return [which, ["none"]];
      const lines = Array.from({ length: column.to - column.from }, (_, k) => {
        const i = column.from + k;
        return `${((column.t[i] as number) - START) / MINUTE}=${column.v[i]}`;
      });
      return [which, lines];
    }),
  );
}

/** By hand, from the definition, of all samples in order. */
function defined(samples: readonly Sample[]): Record<string, string[]> {
  const buckets = new Map<number, { values: number[]; counter: number }>();
  let total = 0;
  let last: number | undefined;
  for (const { t, v } of samples.toSorted((a, b) => a.t - b.t)) {
    const end = Math.ceil(t / RESOLUTION) * RESOLUTION;
    total = last === undefined ? v : total + (v >= last ? v - last : v);
    last = v;
    const bucket = buckets.get(end) ?? { values: [], counter: 0 };
    buckets.set(end, bucket);
    bucket.values.push(v);
    bucket.counter = total;
  }
  const by: Record<Aggregate, (b: { values: number[]; counter: number }) => number> = {
    last: ({ values }) => values.at(-1) as number,
    min: ({ values }) => Math.min(...values),
    max: ({ values }) => Math.max(...values),
    sum: ({ values }) => values.reduce((a, b) => a + b, 0),
    count: ({ values }) => values.length,
    counter: ({ counter }) => counter,
  };
  return Object.fromEntries(
    AGGREGATES.map((which) => [
      which,
      [...buckets].map(([end, bucket]) => `${(end - START) / MINUTE}=${by[which](bucket)}`),
    ]),
  );
}

const run = (from: number, count: number, value: (i: number) => number, step = MINUTE): Sample[] =>
  Array.from({ length: count }, (_, i) => ({ t: START + from * MINUTE + i * step, v: value(i) }));

describe("late samples and tiers", () => {
  test("in any order, batch by batch, restarted in between: as in order", { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            from: fc.nat({ max: 40 }),
            count: fc.integer({ min: 1, max: 90 }),
            resets: fc.integer({ min: 7, max: 500 }),
            reopen: fc.boolean(),
          }),
          { minLength: 2, maxLength: 6 },
        ),
        async (batches) => {
          await using box = await storeBox({ tiers: TIERS });
          box.clock.jump(START + 30 * DAY);
          const all = new Map<number, Sample>();
          for (const { from, count, resets, reopen } of batches) {
            const samples = run(from * 60, count, (i) => (i * 7 + from) % resets, 2 * MINUTE);
            for (const sample of samples) if (!all.has(sample.t)) all.set(sample.t, sample);
            await put(
              box.db,
              "c",
              samples.map(({ t }) => all.get(t) as Sample),
            );
            await box.db.flush();
            if (reopen) await box.reopen();
            else await box.db.upkeep();
          }
          await settle(box.db);
          expect(await planes(box.db, "c")).toEqual(defined([...all.values()]));
          await box.reopen();
          expect(box.db.stats().quarantined).toEqual([]);
          expect(await planes(box.db, "c")).toEqual(defined([...all.values()]));
        },
      ),
      { numRuns: 25 },
    );
  });

  test("history before what is there raises the counters behind it", async () => {
    await using box = await storeBox({ tiers: TIERS });
    box.clock.jump(START + 30 * DAY);
    const now = run(3 * 1440, 3 * 1440, (i) => i * 2);
    const before = run(0, 3 * 1440, (i) => (i % 1000) * 3);
    await put(box.db, "c", now);
    await settle(box.db);
    await put(box.db, "c", before);
    await settle(box.db);
    expect(await planes(box.db, "c")).toEqual(defined([...before, ...now]));
  });

  test("where raw samples are gone, old buckets stay, missing ones are filled, and a second time changes nothing", async () => {
    await using box = await storeBox({ tiers: TIERS, retentionMs: 30 * DAY });
    box.clock.jump(START + 10 * DAY);
    // the three meet between buckets: a bucket that is there is never made of two halves
    const there = run(0, 1440, (i) => i);
    const missing = run(1441, 1440, (i) => i + 2000);
    const after = run(2881, 1440, (i) => i + 5000);
    await put(box.db, "c", [...there, ...after]);
    await settle(box.db);
    for (let hour = 0; hour < 3; hour++) {
      box.clock.jump(START + 38 * DAY);
      await box.clock.advance(2 * HOUR);
      await settle(box.db);
    }
    expect(box.db.stats().blocks).toBe(0);
    const few = there.filter((_, i) => i % 4 === 0);
    for (let again = 0; again < 2; again++) {
      const appender = box.db.history.appender();
      const ref = appender.series(Labels.from({ __name__: "c" }));
      for (const { t, v } of [...few, ...missing]) appender.append(ref, t, v);
      expect(await appender.commit()).toMatchObject({ outOfBounds: 0 });
      await settle(box.db);
      await box.clock.advance(2 * HOUR);
      await settle(box.db);
      expect(await planes(box.db, "c")).toEqual(defined([...there, ...missing, ...after]));
    }
  });

  test("restarted after every few steps, counters end up raised once", { timeout: 60_000 }, async () => {
    const clock = manualClock(START + 30 * DAY);
    let looks = 0;
    // A round looks at the clock before it goes on: time flies, so it does no more than it must.
    const hasty = {
      ...clock,
      now: () => clock.now(),
      after: clock.after.bind(clock),
      monotonic: () => ++looks * 1_000,
    };
    await using box = await storeBox({ tiers: TIERS, clock: hasty });
    const now = run(4 * 1440, 4 * 1440, (i) => i * 2);
    const before = run(0, 4 * 1440, (i) => (i % 500) * 3);
    await put(box.db, "c", now);
    await box.db.flush();
    for (let round = 0; round < 20; round++) await box.db.upkeep();
    await put(box.db, "c", before);
    await box.db.flush();
    const wanted = defined([...before, ...now]);
    let rounds = 0;
    for (; rounds < 60; rounds++) {
      await box.db.upkeep();
      await box.reopen();
      expect(box.db.stats().quarantined).toEqual([]);
      if (JSON.stringify(await planes(box.db, "c")) === JSON.stringify(wanted)) break;
    }
    expect(rounds).toBeGreaterThan(5);
    for (let more = 0; more < 5; more++) await box.db.upkeep();
    expect(await planes(box.db, "c")).toEqual(wanted);
  });
});
