/** Aggregations folded while samples are read: the very same numbers as from rows that stand side by side. */
import { expect, it } from "vitest";
import { manualClock } from "../../../src/base/clock.ts";
import { Labels } from "../../../src/model/labels.ts";
import { createEngine } from "../../../src/promql/engine.ts";
import { random } from "../../support/random.ts";
import { storeBox, T0 } from "../../support/tsdb.ts";

const FOLDS = ["sum", "avg", "count", "min", "max", "group"];
const GROUPINGS = ["", "by (job)", "by (instance, job)", "by (__name__, job)", "without (instance)", "by (nothing)"];
const INNER: readonly (readonly [expr: string, why: string])[] = [
  ["a_total", "an instant selector"],
  ["a_total offset 2m", "an offset"],
  ["rate(a_total[5m])", "a counter's rate"],
  ["(increase(a_total[90s]))", "windows that often hold one sample, in parentheses"],
  ["delta(g[5m])", "a gauge"],
  ["last_over_time(g[3m])", "keeps its name"],
  ["avg_over_time(g[4m])", "windows one by one"],
  ["quantile_over_time(0.5, g[4m])", "a scalar argument"],
  ["g", "NaN, infinities, huge numbers and stale markers"],
  ["rate(a_total[5m] @ 1700000600)", "the same at every step"],
  ['{__name__=~"a_total|b_total"}', "two metrics"],
];

it.each(INNER)("%s: %s", async (inner) => {
  await using box = await storeBox({ chunkRows: 16 });
  const next = random(7);
  const appender = box.db.appender();
  const odd = [Number.NaN, Number.POSITIVE_INFINITY, 1.7e308, -1.7e308, -0, 1e-300];
  for (let series = 0; series < 24; series++) {
    const of = { job: `j${series % 3}`, instance: `i${series % 8}`, n: String(series) };
    for (const name of ["a_total", "b_total", "g"]) {
      const ref = appender.series(Labels.from({ ...of, __name__: name }));
      let value = 0;
      for (let row = 0; row < 80; row++) {
        if (next() < 0.05) continue;
        const t = T0 + row * 15_000 + (series % 5) * 1_000;
        if (next() < 0.02) appender.appendStale(ref, t);
        else if (name === "g") appender.append(ref, t, next() < 0.1 ? (odd[row % odd.length] as number) : next() * 1e6);
        else appender.append(ref, t, (value = next() < 0.03 ? 0 : value + next() * 10));
      }
    }
  }
  await appender.commit();
  const engine = createEngine({ queryable: box.db, clock: manualClock(T0 + 2_000_000) });
  for (const fold of FOLDS) {
    for (const grouping of GROUPINGS) {
      const expr = `${fold} ${grouping} (${inner})`;
      const range = [expr, T0, T0 + 1_260_000, 17_000] as const;
      // Explained nodes stand side by side, so that each has its figures.
      const apart = await engine.range(...range, { explain: true }).catch(String);
      const folded = await engine.range(...range).catch(String);
      const value = (result: typeof folded): unknown => (typeof result === "string" ? result : result.value);
      expect(value(folded), expr).toEqual(value(apart));
      for (const time of [T0 - 1, T0 + 600_000, T0 + 1_190_000, T0 + 1_450_000]) {
        const once = await engine.instant(expr, time, { explain: true }).catch(String);
        const quick = await engine.instant(expr, time).catch(String);
        expect(value(quick), `${expr} at ${time}`).toEqual(value(once));
      }
    }
  }
});
