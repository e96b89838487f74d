/** Who asks for the newest samples only, or how many there are, is told the same as one who looks at all, whatever lies where. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { Labels } from "../../../src/model/labels.ts";
import { createMatcher } from "../../../src/model/matcher.ts";
import type { Series, SeriesSet } from "../../../src/storage/storage.ts";
import type { Tsdb } from "../../../src/tsdb/tsdb.ts";
import { storeBox, T0 } from "../../support/tsdb.ts";

const STEP = 15_000;
const COLUMNS = 40;

type Step =
  | { readonly kind: "row"; readonly at: number; readonly from: number; readonly to: number; readonly stale: number }
  | { readonly kind: "one"; readonly at: number; readonly column: number }
  | { readonly kind: "flush" };

const at = fc.integer({ min: 0, max: 40 });
const column = fc.integer({ min: 0, max: COLUMNS - 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant("row" as const),
      at,
      from: fc.constantFrom(0, 0, 0, 7),
      to: fc.constantFrom(COLUMNS, COLUMNS, 30),
      stale: fc.integer({ min: -60, max: COLUMNS - 1 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("one" as const), at, column }) },
  { weight: 1, arbitrary: fc.constant({ kind: "flush" as const }) },
);
const name = createMatcher("__name__", "=", "m");

async function take(db: Tsdb, steps: readonly Step[]): Promise<void> {
  let n = 0;
  for (const one of steps) {
    if (one.kind === "flush") {
      await db.flush();
      continue;
    }
    const appender = db.appender();
    const ref = (c: number): number => appender.series(Labels.from({ __name__: "m", c: String(c).padStart(2, "0") }));
    if (one.kind === "one") appender.append(ref(one.column), T0 + one.at * STEP, ++n);
    else {
      const columns = Array.from({ length: one.to - one.from }, (_, i) => one.from + i);
      const stale = Uint8Array.from(columns, (c) => (c === one.stale ? 1 : 0));
      const values = Float64Array.from(columns, (c) => n + c / 100);
      appender.appendRow(Float64Array.from(columns, ref), T0 + one.at * STEP, values, columns.length, stale);
      n++;
    }
    await appender.commit();
  }
}

/** By series its newest sample, as an instant selector sees it. */
function newestOf({ columns, series }: SeriesSet): readonly string[] {
  return series.flatMap(({ labels }, i) => {
    const { t, v, from, to, stale } =
      columns?.samples(i, { v: new Float64Array(0) }) ?? (series[i] as Series).samples();
    const last = to - 1;
    return last < from ? [] : [`${String(labels)} ${t[last]} ${stale?.[last] === 1 ? "stale" : v[last]}`];
  });
}

/** Series and values of those that are not stale. */
function living(newest: readonly string[]): readonly string[] {
  return newest.filter((text) => !text.endsWith("stale")).map((text) => text.replace(/ \d+ /, " "));
}

/** The same, asked for many at once: in two parts. */
function atOnce({ columns }: SeriesSet): readonly string[] {
  const { labels = [] } = columns ?? {};
  return [0, 1].flatMap((half) => {
    const first = half === 0 ? 0 : labels.length >> 1;
    const part = labels.slice(first, half === 0 ? labels.length >> 1 : labels.length);
    const values = new Float64Array(part.length);
    const present = new Uint8Array(part.length);
    columns?.newest?.(first, first + part.length, values, present);
    return part.flatMap((one, i) => (present[i] === 1 ? [`${String(one)} ${values[i]}`] : []));
  });
}

test("the newest samples are the same whether older ones are wanted or not", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), at, async (steps, end) => {
      await using box = await storeBox({ chunkRows: 16 });
      const { db } = box;
      await take(db, steps);
      const range = { start: T0 + (end - 20) * STEP + 1, end: T0 + end * STEP };
      const hints = { ...range, stepMs: 0, rangeMs: 0, func: "" };
      using querier = db.querier(range.start, range.end);
      const matchers = [name];
      const all = newestOf(await querier.select(matchers, hints));
      const newest = await querier.select(matchers, { ...hints, newestOnly: true });
      expect(newestOf(newest)).toEqual(all);
      expect(atOnce(newest)).toEqual(living(all));
    }),
    { numRuns: 150 },
  );
}, 60_000);

test("as many series are counted as have a newest sample", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), at, fc.boolean(), async (steps, end, few) => {
      await using box = await storeBox({ chunkRows: 16 });
      const { db } = box;
      await take(db, steps);
      const range = { start: T0 + (end - 20) * STEP + 1, end: T0 + end * STEP };
      const hints = { ...range, stepMs: 0, rangeMs: 0, func: "", newestOnly: true };
      using querier = db.querier(range.start, range.end);
      const matchers = few ? [name, createMatcher("c", "=~", "0[3-8]|22|3.")] : [name];
      // Before anybody has asked for labels, and after.
      const before = await querier.tally?.(matchers, hints);
      const all = await querier.select(matchers, hints);
      const present = living(newestOf(all)).length;
      expect(before).toMatchObject({ series: all.columns?.labels.length, present, warnings: all.warnings });
      expect(await querier.tally?.(matchers, hints)).toEqual(before);
    }),
    { numRuns: 150 },
  );
}, 60_000);
