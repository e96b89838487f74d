/** A sample at a time that has one: the same value is no news, another one is refused, wherever the first one lies. */
import { describe, expect, test } from "vitest";
import { Labels } from "../../../src/model/labels.ts";
import { createMatcher } from "../../../src/model/matcher.ts";
import type { AppendResult } from "../../../src/storage/storage.ts";
import type { Tsdb } from "../../../src/tsdb/tsdb.ts";
import { storeBox, T0 } from "../../support/tsdb.ts";

const STEP = 15_000;
const NAMES = ["a", "b", "c", "d", "e"];

/** One row a time for all names. */
async function rows(
  db: Tsdb,
  from: number,
  count: number,
  value: (i: number, k: number) => number,
): Promise<AppendResult> {
  const appender = db.appender();
  const refs = Float64Array.from(NAMES, (name) => appender.series(Labels.from({ __name__: name })));
  for (let i = from; i < from + count; i++)
    appender.appendRow(
      refs,
      T0 + i * STEP,
      Float64Array.from(NAMES, (_, k) => value(i, k)),
      NAMES.length,
    );
  return appender.commit();
}

async function loose(db: Tsdb, name: string, samples: readonly (readonly [i: number, v: number | "stale"])[]) {
  const appender = db.appender();
  const ref = appender.series(Labels.from({ __name__: name }));
  for (const [i, v] of samples) {
    if (v === "stale") appender.appendStale(ref, T0 + i * STEP);
    else appender.append(ref, T0 + i * STEP, v);
  }
  return appender.commit();
}

async function read(db: Tsdb, name: string): Promise<(number | "stale")[]> {
  using querier = db.querier(T0 - STEP, T0 + 1_000 * STEP);
  const hints = { start: T0 - STEP, end: T0 + 1_000 * STEP, stepMs: 0, rangeMs: 0, func: "" };
  const column = (await querier.select([createMatcher("__name__", "=", name)], hints)).series[0]?.samples();
  if (column === undefined) return [];
  return Array.from({ length: column.to - column.from }, (_, k) =>
    column.stale?.[column.from + k] === 1 ? "stale" : (column.v[column.from + k] as number),
  );
}

const SAME = { accepted: 500, duplicate: 0, outOfBounds: 0, limited: 0 };
const value = (i: number, k: number): number => (k === 1 ? Number.NaN : i * 10 + k);

describe.each(["in the head", "sealed", "reopened"])("samples that are there already, %s", (where) => {
  async function box() {
    const made = await storeBox();
    expect(await rows(made.db, 0, 100, value)).toEqual(SAME);
    if (where !== "in the head") await made.db.flush();
    if (where === "reopened") await made.reopen();
    return made;
  }

  test("the same again is accepted and stored once", async () => {
    await using one = await box();
    const before = one.db.stats().samples;
    expect(await rows(one.db, 0, 100, value)).toEqual(SAME);
    expect(await loose(one.db, "c", [[3, 32]])).toMatchObject({ accepted: 1, duplicate: 0 });
    expect(one.db.stats()).toMatchObject({ samples: before, duplicates: 0 });
    await one.db.flush();
    expect(one.db.stats().samples).toBe(before);
  });

  test("another value is refused, counted, and the first one stays", async () => {
    await using one = await box();
    const changed = (i: number, k: number): number => (k === 2 && i % 10 === 0 ? -1 : value(i, k));
    expect(await rows(one.db, 0, 100, changed)).toEqual({ ...SAME, accepted: 490, duplicate: 10 });
    expect(await loose(one.db, "c", [[5, "stale"]])).toMatchObject({ accepted: 0, duplicate: 1 });
    expect(one.db.stats().duplicates).toBe(11);
    expect(await read(one.db, "c")).toEqual(Array.from({ length: 100 }, (_, i) => i * 10 + 2));
  });

  test("what is between and before goes in, beside a new series of the same times", async () => {
    await using one = await box();
    expect(
      await loose(one.db, "c", [
        [-1, 7],
        [3, 32],
        [3.5, 8],
        [4, 9],
      ]),
    ).toMatchObject({ accepted: 3, duplicate: 1 });
    expect(
      await loose(one.db, "new", [
        [3, 1],
        [4, 2],
      ]),
    ).toMatchObject({ accepted: 2, duplicate: 0 });
    const found = await read(one.db, "c");
    expect([found.length, found[0], found.slice(4, 7)]).toEqual([102, 7, [32, 8, 42]]);
    expect(await read(one.db, "new")).toEqual([1, 2]);
  });
});

test("stale markers are the same as stale markers only", async () => {
  await using one = await storeBox();
  await loose(one.db, "x", [
    [0, 1],
    [1, "stale"],
    [2, Number.NaN],
  ]);
  await one.db.flush();
  expect(
    await loose(one.db, "x", [
      [1, "stale"],
      [2, Number.NaN],
    ]),
  ).toMatchObject({ accepted: 2, duplicate: 0 });
  expect(
    await loose(one.db, "x", [
      [1, Number.NaN],
      [2, "stale"],
    ]),
  ).toMatchObject({ accepted: 0, duplicate: 2 });
});
