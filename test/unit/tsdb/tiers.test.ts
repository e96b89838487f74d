/** Tiers: buckets equal what the raw samples in them say, from disk and on the spot, and outlive the raw samples. */
import { describe, expect, test } from "vitest";
import { Labels } from "../../../src/model/labels.ts";
import { createMatcher } from "../../../src/model/matcher.ts";
import type { SampleColumn } from "../../../src/model/sample.ts";
import type { Aggregate, SelectHints, Series } from "../../../src/storage/storage.ts";
import { chooseTier } from "../../../src/tsdb/tiers.ts";
import type { Tsdb } from "../../../src/tsdb/tsdb.ts";
import { storeBox, T0 } from "../../support/tsdb.ts";

const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const TIERS = [
  { resolutionMs: 5 * MINUTE, retentionMs: 90 * DAY },
  { resolutionMs: HOUR, retentionMs: 400 * DAY },
];
const START = Math.ceil(T0 / DAY) * DAY - DAY;
const STEP = MINUTE;

/** A counter that resets, a gauge with decimals, a series with a gap and a stale marker. */
function valueOf(kind: string, i: number): number | "stale" | undefined {
  if (kind === "counter") return (i % 700) * 3;
  if (kind === "gauge") return Math.round(Math.sin(i / 50) * 1000) / 100;
  if (i % 400 === 300) return "stale";
  return i % 400 > 300 ? undefined : i;
}
const KINDS = ["counter", "gauge", "gappy"];

async function fillTo(db: Tsdb, from: number, to: number): Promise<void> {
  const appender = db.appender();
  const refs = KINDS.map((kind) => appender.series(Labels.from({ __name__: kind })));
  for (let i = from; i < to; i++) {
    KINDS.forEach((kind, k) => {
      const value = valueOf(kind, i);
      const t = START + i * STEP;
      if (value === "stale") appender.appendStale(refs[k] as number, t);
      else if (value !== undefined) appender.append(refs[k] as number, t, value);
    });
    await appender.commit();
  }
}

interface Bucket {
  values: number[];
  stale: boolean;
}

/** The same by hand, from the definition. */
function expected(kind: string, n: number, resolution: number, which: Aggregate): string[] {
  const buckets = new Map<number, Bucket>();
  const totals = new Map<number, number>();
  let last: number | undefined;
  let total = 0;
  for (let i = 0; i < n; i++) {
    const value = valueOf(kind, i);
    if (value === undefined) continue;
    const end = Math.ceil((START + i * STEP) / resolution) * resolution;
    const bucket = buckets.get(end) ?? { values: [], stale: false };
    buckets.set(end, bucket);
    bucket.stale = value === "stale";
    if (value === "stale") continue;
    bucket.values.push(value);
    total = last === undefined ? value : total + (value >= last ? value - last : value);
    last = value;
    totals.set(end, total);
  }
  const lines: string[] = [];
  for (const [end, { values, stale }] of buckets) {
    if (which === "last" && stale) lines.push(`${end}=stale`);
    else if (values.length > 0) {
      const sum = values.reduce((a, b) => a + b, 0);
      const by: Record<Aggregate, number> = {
        last: values.at(-1) as number,
        min: Math.min(...values),
        max: Math.max(...values),
        sum,
        count: values.length,
        counter: totals.get(end) as number,
      };
      lines.push(`${end}=${by[which]}`);
    }
  }
  return lines;
}

function lines(column: SampleColumn | undefined): string[] {
  if (column === undefined) return ["raw"];
  return Array.from({ length: column.to - column.from }, (_, k) => {
    const i = column.from + k;
    return `${column.t[i]}=${column.stale?.[i] === 1 ? "stale" : column.v[i]}`;
  });
}

async function read(
  db: Tsdb,
  hints: Partial<SelectHints> & { start: number; end: number },
): Promise<{ series: Map<string, Series>; resolutionMs: number }> {
  using querier = db.querier(hints.start, hints.end);
  const set = await querier.select([createMatcher("__name__", "=~", ".+")], {
    stepMs: 0,
    rangeMs: 0,
    func: "",
    ...hints,
  });
  expect(set.warnings).toEqual([]);
  return { series: new Map(set.series.map((one) => [one.labels.metric, one])), resolutionMs: set.resolutionMs };
}

describe("which tier answers", () => {
  const raw = { start: 0, end: DAY, stepMs: 0, rangeMs: 0, func: "" };
  const cases: readonly (readonly [hints: Partial<SelectHints>, rawFrom: number, tier: number, why: string])[] = [
    [{}, Number.NEGATIVE_INFINITY, 0, "an instant query reads samples"],
    [{ stepMs: 15_000, end: 30 * DAY }, Number.NEGATIVE_INFINITY, 0, "steps finer than any bucket"],
    [{ stepMs: 5 * MINUTE }, Number.NEGATIVE_INFINITY, 1, "a day at 5 m"],
    [{ stepMs: 5 * MINUTE, end: 6 * HOUR }, Number.NEGATIVE_INFINITY, 0, "too short to be worth it"],
    [{ stepMs: HOUR, end: 30 * DAY }, Number.NEGATIVE_INFINITY, 2, "a month at 1 h"],
    [
      { stepMs: HOUR, rangeMs: 5 * MINUTE, end: 30 * DAY },
      Number.NEGATIVE_INFINITY,
      0,
      "windows narrower than two buckets",
    ],
    [
      { stepMs: HOUR, rangeMs: 30 * MINUTE, end: 30 * DAY },
      Number.NEGATIVE_INFINITY,
      1,
      "windows wide enough for 5 m only",
    ],
    ...["changes", "resets", "irate", "stddev_over_time", "quantile_over_time", "deriv"].map(
      (func) =>
        [
          { stepMs: HOUR, rangeMs: HOUR, end: 30 * DAY, func },
          Number.NEGATIVE_INFINITY,
          0,
          "needs every sample",
        ] as const,
    ),
    [{ stepMs: HOUR, rangeMs: HOUR, end: 30 * DAY, func: "rate" }, Number.NEGATIVE_INFINITY, 1, "the counter is kept"],
    [{ stepMs: HOUR, rangeMs: HOUR, end: 30 * DAY, func: "changes" }, DAY, 1, "raw samples are gone"],
    [{}, DAY, 1, "raw samples are gone: the finest that reaches"],
    [{}, 100 * DAY, 2, "5 m is gone as well"],
    [{}, 1_000 * DAY, 2, "nothing reaches: the longest kept"],
    [{ end: 30 * DAY }, 10 * DAY, 0, "an export wants samples, not buckets"],
    [{ end: 30 * DAY, rangeMs: 30 * DAY }, 10 * DAY, 1, "a window of a month on one instant"],
  ];
  test.each(cases)("%j, raw from %d: tier %d (%s)", (hints, rawFrom, tier) => {
    const kept = { now: Math.max(rawFrom, hints.end ?? DAY), rawFrom };
    expect(chooseTier(TIERS, { ...raw, ...hints }, kept)).toBe(tier);
    expect(chooseTier([], { ...raw, ...hints }, kept)).toBe(0);
  });
});

const AGGREGATES: readonly Aggregate[] = ["last", "min", "max", "sum", "count", "counter"];
const N = 2 * 24 * 60;

test("a tier that was kept too short for a range leaves it to the next", () => {
  const now = 1_000 * DAY;
  const kept = { now, rawFrom: now - 15 * DAY };
  const asked = (days: number, stepMs: number, rangeMs = HOUR): SelectHints => ({
    start: now - days * DAY,
    end: now,
    stepMs,
    rangeMs,
    func: "rate",
  });
  expect(chooseTier(TIERS, asked(80, 30 * MINUTE), kept)).toBe(1);
  expect(chooseTier(TIERS, asked(100, 30 * MINUTE), kept)).toBe(2);
  expect(chooseTier(TIERS, asked(100, MINUTE, 0), kept)).toBe(2);
  expect(chooseTier(TIERS, asked(90, 30 * MINUTE), kept)).toBe(1);
  expect(chooseTier([{ resolutionMs: 5 * MINUTE, retentionMs: 5 * DAY }], asked(10, 30 * MINUTE), kept)).toBe(0);
});

describe("buckets", () => {
  test.each([1, 2])(
    "tier %d equals the definition: all on the spot, half rolled, restarted",
    { timeout: 60_000 },
    async (tier) => {
      await using box = await storeBox({ tiers: TIERS });
      const { resolutionMs } = TIERS[tier - 1] as (typeof TIERS)[number];
      const end = START + N * STEP;
      box.clock.jump(end);
      await fillTo(box.db, 0, N);
      const hints = { start: START - HOUR, end: Math.ceil(end / HOUR) * HOUR, stepMs: resolutionMs };
      // Two days are too short for the hour tier by step alone, so ask as if only it were there.
      const compare = async (): Promise<void> => {
        const long = tier === 1 ? hints : { ...hints, start: hints.start - 12 * DAY };
        const { series, resolutionMs: answered } = await read(box.db, long);
        expect(answered).toBe(resolutionMs);
        for (const kind of KINDS) {
          for (const which of AGGREGATES) {
            expect(lines(series.get(kind)?.aggregate?.(which)), `${kind} ${which}`).toEqual(
              expected(kind, N, resolutionMs, which),
            );
          }
          expect(lines(series.get(kind)?.samples())).toEqual(expected(kind, N, resolutionMs, "last"));
        }
      };
      await compare();
      await box.db.flush();
      for (let round = 0; round < 10; round++) await box.db.upkeep();
      expect(box.db.stats().tierBytes).toBeGreaterThan(0);
      await compare();
      await box.reopen();
      await compare();
      expect(box.db.stats().quarantined).toEqual([]);
    },
  );

  test("tiers outlive the raw samples", async () => {
    await using box = await storeBox({ tiers: TIERS, retentionMs: 3 * DAY });
    box.clock.jump(START + N * STEP);
    await fillTo(box.db, 0, N);
    await box.db.flush();
    for (let day = 0; day < 10; day++) {
      box.clock.jump(START + N * STEP + day * DAY);
      for (let round = 0; round < 10; round++) await box.db.upkeep();
    }
    await box.clock.advance(2 * HOUR);
    await box.db.upkeep();
    const stats = box.db.stats();
    expect([stats.blocks, stats.quarantined]).toEqual([0, []]);
    await box.reopen();
    expect(box.db.stats().quarantined).toEqual([]);
    const { series, resolutionMs } = await read(box.db, { start: START - HOUR, end: START + 3 * DAY, stepMs: 60_000 });
    expect(resolutionMs).toBe(5 * MINUTE);
    for (const which of AGGREGATES) {
      expect(lines(series.get("counter")?.aggregate?.(which))).toEqual(expected("counter", N, resolutionMs, which));
    }
  });

  test("tiers answer for raw samples that went for the sake of space, also after another opening", async () => {
    await using box = await storeBox({ tiers: TIERS, retentionBytes: 1_000, retentionMs: 15 * DAY });
    box.clock.jump(START + N * STEP);
    await fillTo(box.db, 0, N);
    await box.db.flush();
    for (let round = 0; round < 10; round++) await box.db.upkeep();
    await box.clock.advance(2 * HOUR);
    await box.db.upkeep();
    const hints = { start: START + HOUR, end: START + 12 * HOUR, stepMs: 60_000 };
    const buckets = expected("counter", N, 5 * MINUTE, "last").length;
    for (const round of ["live", "opened again"]) {
      const { series, resolutionMs } = await read(box.db, hints);
      expect([round, resolutionMs]).toEqual([round, 5 * MINUTE]);
      expect(lines(series.get("counter")?.samples()).length).toBeGreaterThanOrEqual(11 * 12);
      expect(buckets).toBeGreaterThan(11 * 12);
      await box.reopen();
    }
  });

  test("another ladder never reads old buckets as its own", async () => {
    await using box = await storeBox({ tiers: TIERS });
    box.clock.jump(START + N * STEP);
    await fillTo(box.db, 0, N);
    await box.db.flush();
    for (let round = 0; round < 10; round++) await box.db.upkeep();
    await box.db.close();
    const tiers = [{ resolutionMs: 10 * MINUTE, retentionMs: 90 * DAY }];
    for (const round of ["first", "again"]) {
      await using other = await storeBox({ dir: box.dir, tiers, keep: true });
      other.clock.jump(START + N * STEP);
      const hints = { start: START - HOUR, end: START + 3 * DAY, stepMs: 10 * MINUTE };
      const { series, resolutionMs } = await read(other.db, hints);
      expect([round, resolutionMs]).toEqual([round, 10 * MINUTE]);
      expect(lines(series.get("counter")?.aggregate?.("counter"))).toEqual(
        expected("counter", N, 10 * MINUTE, "counter"),
      );
      await other.db.upkeep();
    }
    await using plain = await storeBox({ dir: box.dir, keep: true });
    plain.clock.jump(START + N * STEP);
    const found = await read(plain.db, { start: START - HOUR, end: START + 3 * DAY, stepMs: 10 * MINUTE });
    expect(found.resolutionMs, "opened without a configuration").toBe(10 * MINUTE);
  });
});
