/** Whole questions over tiers whose raw samples are gone, beside the same questions over raw samples kept for ever. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Labels } from "../../../src/model/labels.ts";
import { createEngine, type Engine } from "../../../src/promql/engine.ts";
import type { Value } from "../../../src/promql/value.ts";
import type { Tsdb } from "../../../src/tsdb/tsdb.ts";
import { type StoreBox, storeBox, T0 } from "../../support/tsdb.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const START = Math.ceil(T0 / DAY) * DAY;
const DAYS = 4;
const END = START + DAYS * DAY;
const TIERS = [
  { resolutionMs: 5 * MINUTE, retentionMs: 90 * DAY },
  { resolutionMs: HOUR, retentionMs: 400 * DAY },
];

const SERIES: readonly (readonly [labels: Record<string, string>, value: (i: number) => number])[] = [
  [{ __name__: "requests_total", job: "a" }, (i) => (i * 3) % 7_000],
  [{ __name__: "requests_total", job: "b" }, (i) => i * 11 + Math.floor(i / 100) * 5],
  [{ __name__: "heat", job: "a" }, (i) => 20 + 5 * Math.sin(i / 200)],
  [{ __name__: "heat", job: "b" }, (i) => 100 - (i % 997) / 10],
  ...["0.1", "0.5", "1", "+Inf"].map(
    (le, b) => [{ __name__: "lat_bucket", le }, (i: number) => Math.floor(i * (b + 1) * 2.5)] as const,
  ),
];

async function fill(db: Tsdb): Promise<void> {
  const appender = db.appender();
  const refs = Float64Array.from(SERIES, ([labels]) => appender.series(Labels.from(labels)));
  for (let i = 0; i < DAYS * 1440; i++) {
    appender.appendRow(
      refs,
      START + i * MINUTE,
      Float64Array.from(SERIES, ([, value]) => value(i)),
      SERIES.length,
    );
    if (i % 500 === 499) await appender.commit();
  }
  await appender.commit();
}

function points(value: Value): Map<string, readonly (readonly [t: number, v: number])[]> {
  if (value.kind !== "matrix") throw new Error(`a ${value.kind}`);
  return new Map(
    value.series.map(({ labels, t, v }) => [
      labels.toString(),
      Array.from(t, (time, i) => [time, v[i] as number] as const),
    ]),
  );
}

describe("answers from tiers", () => {
  let raw: StoreBox;
  let rolled: StoreBox;
  let overRaw: Engine;
  let overTiers: Engine;

  beforeAll(async () => {
    raw = await storeBox({ tiers: [] });
    rolled = await storeBox({ tiers: TIERS, retentionMs: 5 * DAY });
    for (const box of [raw, rolled]) {
      box.clock.jump(END);
      await fill(box.db);
      await box.db.flush();
    }
    rolled.clock.jump(END + 10 * DAY);
    await rolled.db.upkeep();
    // a clock that jumped is not believed for an hour
    await rolled.clock.advance(65 * MINUTE);
    await rolled.db.upkeep();
    if (rolled.db.stats().blocks > 0) throw new Error("raw samples are still there");
    overRaw = createEngine({ queryable: raw.db, clock: raw.clock });
    overTiers = createEngine({ queryable: rolled.db, clock: rolled.clock });
  }, 120_000);
  afterAll(async () => {
    await raw[Symbol.asyncDispose]();
    await rolled[Symbol.asyncDispose]();
  });

  const questions: readonly (readonly [expr: string, near: number, why: string])[] = [
    ["sum by (job) (rate(requests_total[3h]))", 0.02, "rates over resets"],
    ["increase(requests_total[6h])", 0.02, "increases over resets"],
    ["sum(increase(requests_total[1d]))", 0.01, "a day"],
    ["avg_over_time(heat[2h])", 0.01, "averages are of samples, not of buckets"],
    ["max_over_time(heat[2h])", 0, "the highest sample, wherever it lies"],
    ["min_over_time(heat[2h])", 0, "the lowest"],
    ["sum_over_time(heat[2h])", 1e-9, "sums"],
    ["count_over_time(heat[2h])", 0, "counts are of samples"],
    ["histogram_quantile(0.9, sum by (le) (rate(lat_bucket[2h])))", 0.02, "quantiles of histograms"],
    ["avg(heat)", 0.05, "an instant selector sees the last sample of a bucket"],
    ["heat - heat offset 1d", 0, "shifted by whole buckets"],
  ];
  test.each(questions)("%s within %d (%s)", async (expr, near) => {
    // steps and windows are whole buckets: both look at the same samples
    const range = [START + 12 * HOUR, END - HOUR, HOUR] as const;
    const ours = await overTiers.range(expr, ...range);
    const exact = await overRaw.range(expr, ...range);
    expect([ours.stats.resolutionMs > 0, exact.stats.resolutionMs]).toEqual([true, 0]);
    const [a, b] = [points(ours.value), points(exact.value)];
    expect([...a.keys()]).toEqual([...b.keys()]);
    const far = [...b].flatMap(([labels, list]) => {
      const mine = new Map(a.get(labels));
      return list.flatMap(([t, v]) => {
        const value = mine.get(t) ?? Number.NaN;
        return Math.abs(value - v) <= near * Math.max(1, Math.abs(v))
          ? []
          : [`${labels} @${(t - START) / HOUR}h: ${value} for ${v}`];
      });
    });
    expect(far.slice(0, 5)).toEqual([]);
  });

  test("the explanation names the tier", async () => {
    const { stats } = await overTiers.range("heat", START, END, HOUR, { explain: true });
    expect(stats.resolutionMs).toBe(5 * MINUTE);
  });
});
