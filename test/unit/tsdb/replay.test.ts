/** An engine that is killed comes back with what it had said it had, and goes on from there, however often. */
import { cpSync, rmSync } from "node:fs";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Labels } from "../../../src/model/labels.ts";
import { createMatcher } from "../../../src/model/matcher.ts";
import type { Tsdb } from "../../../src/tsdb/tsdb.ts";
import { type StoreBox, storeBox, T0, temporaryDir } from "../../support/tsdb.ts";

/** Some log files and chunks in a run of eighty rows. */
const SMALL = { logFileBytes: 12_000, chunkRows: 24, keep: true };
const STEP = 15_000;
/** Series of each target at first. */
const TARGETS = [3, 40, 70];

const target = fc.integer({ min: 0, max: TARGETS.length - 1 });
const kinds = { ends: "ends", wider: "wider", narrower: "narrower" } as const;
const step = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.record({
      kind: fc.constant("row" as const),
      target,
      value: fc.oneof(fc.nat(9), fc.double(), fc.constantFrom(-0, Number.NaN)),
      /** A whole page that comes late. */
      back: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 0, 5.5, 30.5),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("page" as const), target, is: fc.constantFrom(...Object.values(kinds)) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("late" as const), target, back: fc.nat(40) }) },
  { weight: 1, arbitrary: fc.constant({ kind: "look" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "kill" as const }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const any = createMatcher("__name__", "=", "m");

/** Every sample, by its bits. */
async function contents(db: Tsdb): Promise<readonly string[]> {
  const end = T0 + 1_000 * STEP;
  using querier = db.querier(0, end);
  const hints = { start: 0, end, stepMs: 0, rangeMs: 0, func: "" };
  const { series } = await querier.select([any], hints);
  return series
    .map((one) => {
      const { t, v, from, to, stale } = one.samples();
      const bits = new BigUint64Array(v.slice(from, to).buffer);
      const samples = [...bits].map((bit, i) => `${t[from + i]}:${stale?.[from + i] === 1 ? "stale" : bit}`);
      return `${String(one.labels)} ${samples.join(" ")}`;
    })
    .sort();
}

/** The newest sample of each, as instant queries look for it. */
async function newest(db: Tsdb, at: number): Promise<readonly string[]> {
  using querier = db.querier(at - 20 * STEP, at);
  const hints = { start: at - 20 * STEP, end: at, stepMs: 0, rangeMs: 0, func: "", newestOnly: true };
  const { series, columns } = await querier.select([any], hints);
  return series
    .flatMap(({ labels }, i) => {
      const { t, v, to, from, stale } = columns?.samples(i, { v: new Float64Array(0) }) ?? (series[i] as never);
      return to === from ? [] : [`${String(labels)} ${t[to - 1]} ${stale?.[to - 1] === 1 ? "stale" : v[to - 1]}`];
    })
    .sort();
}

/** What a kill leaves, opened. */
async function killed(box: StoreBox): Promise<StoreBox> {
  const dir = temporaryDir();
  cpSync(box.dir, dir, { recursive: true });
  await box.db.close();
  rmSync(box.dir, { recursive: true });
  return storeBox({ ...SMALL, dir });
}

class Targets {
  readonly #columns = TARGETS.map((count) => Array.from({ length: count }, (_, c) => c));
  #made = 1_000;

  turn(of: number, how: keyof typeof kinds): void {
    const columns = this.#columns[of] as number[];
    if (how === "wider") columns.push(this.#made++);
    else if (columns.length > 1) columns.splice(how === "ends" ? 0 : columns.length - 1, 1);
  }

  write(db: Tsdb, of: number, t: number, value: number): Promise<unknown> {
    const appender = db.appender();
    const columns = this.#columns[of] as number[];
    const refs = Float64Array.from(columns, (c) =>
      appender.series(Labels.from({ __name__: "m", instance: `host-${of}`, c: String(c) })),
    );
    const values = Float64Array.from(columns, (c) => (c % 3 === 0 ? value : t + c));
    appender.appendRow(refs, t, values, columns.length);
    return appender.commit();
  }

  /** One sample of one series. */
  late(db: Tsdb, of: number, t: number): Promise<unknown> {
    const appender = db.appender();
    const c = String((this.#columns[of] as number[])[0]);
    appender.append(appender.series(Labels.from({ __name__: "m", instance: `host-${of}`, c })), t, 7);
    return appender.commit();
  }
}

async function play(steps: readonly Step[], box: StoreBox): Promise<StoreBox> {
  let now = box;
  const targets = new Targets();
  for (const [i, one] of steps.entries()) {
    const t = T0 + i * STEP;
    if (one.kind === "row") await targets.write(now.db, one.target, t - one.back * STEP, one.value);
    else if (one.kind === "page") targets.turn(one.target, one.is);
    else if (one.kind === "late") await targets.late(now.db, one.target, t - one.back * STEP);
    else if (one.kind === "look") await contents(now.db);
    else {
      const before = [await newest(now.db, t), await contents(now.db)];
      now = await killed(now);
      // The newest first: then no query has made anything of the rows that lie as the log has them.
      expect(await newest(now.db, t)).toEqual(before[0]);
      if (i % 2 === 0) expect(await contents(now.db)).toEqual(before[1]);
    }
  }
  return now;
}

test("whatever was committed is there after any kill, to the bit", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 110, size: "max" }), async (steps) => {
      let box = await storeBox({ ...SMALL, dir: temporaryDir() });
      try {
        box = await play(steps, box);
        const before = await contents(box.db);
        box = await killed(box);
        expect(await contents(box.db)).toEqual(before);
        expect(box.db.stats().quarantined).toEqual([]);
      } finally {
        await box.db.close();
        rmSync(box.dir, { recursive: true, force: true });
      }
    }),
    { numRuns: 25 },
  );
}, 120_000);
