/** Space: what goes for it is in the tiers before, and what is missing afterwards is told, also after a restart. */
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Labels } from "../../../src/model/labels.ts";
import { createMatcher } from "../../../src/model/matcher.ts";
import type { Tsdb } from "../../../src/tsdb/tsdb.ts";
import { hints } from "../../support/storage-conformance.ts";
import { type StoreBox, storeBox, T0, temporaryDir } from "../../support/tsdb.ts";

const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = Math.ceil(T0 / DAY) * DAY;
const STEP = 15_000;
const SERIES = 20;
const everything = [createMatcher("__name__", "=", "noise")];

async function fill(db: Tsdb, from: number, to: number): Promise<void> {
  const appender = db.appender();
  const refs = Float64Array.from({ length: SERIES }, (_, c) =>
    appender.series(Labels.from({ __name__: "noise", c: String(c) })),
  );
  for (let i = from; i < to; i++) {
    const values = Float64Array.from(refs, (_, c) => Math.sin(i * SERIES + c));
    appender.appendRow(refs, START + i * STEP, values, SERIES);
    await appender.commit();
  }
}

async function samples(db: Tsdb, tierMs: number, until: number): Promise<number> {
  using querier = db.querier(START - DAY, until);
  const range = { start: START - DAY, end: until, stepMs: tierMs, rangeMs: tierMs, func: "count_over_time" };
  const set = await querier.select(everything, { ...hints(START - DAY, until), ...range });
  let sum = 0;
  for (const one of set.series) {
    const column = set.resolutionMs > 0 ? one.aggregate?.("count") : one.samples();
    if (column === undefined) throw new Error("no counts");
    const { v, from, to } = column;
    if (set.resolutionMs > 0) for (let i = from; i < to; i++) sum += v[i] as number;
    else sum += to - from;
  }
  return sum;
}

async function retain(box: StoreBox, rounds = 1): Promise<void> {
  for (let i = 0; i < rounds; i++) {
    await box.clock.advance(61_000);
    await box.db.upkeep();
  }
}

describe("raw samples that go for space", () => {
  const tiers = [
    { resolutionMs: 5 * MINUTE, retentionMs: 90 * DAY },
    { resolutionMs: HOUR, retentionMs: 400 * DAY },
  ];

  test.each([
    { why: "the store is too large", options: { retentionBytes: 60_000 }, reason: "size" },
    { why: "the disk is too full", options: {}, reason: "free disk" },
  ])("are in every tier before: $why", async ({ options, reason }) => {
    let keepFreeBytes = 0;
    await using box = await storeBox({ ...options, tiers, chunkRows: 20, keepFreeBytes: () => keepFreeBytes });
    const rows = (5 * HOUR) / STEP;
    // Five hours of samples: no window of a tier is old enough by itself.
    box.clock.jump(START + rows * STEP);
    await fill(box.db, 0, rows);
    await box.db.flush();
    if (reason === "free disk") keepFreeBytes = Number.MAX_SAFE_INTEGER;
    await box.db.upkeep();
    await retain(box);
    keepFreeBytes = 0;
    const { dropped } = box.db.stats();
    expect(dropped.map((share) => share.reason)).toEqual([reason]);
    const [share] = dropped;
    expect(share?.samples).toBeGreaterThan(rows);
    if (reason === "size") expect(share?.inNoTier).toBe(0);
    const hour = START + 3 * HOUR;
    if (reason === "size")
      for (const { resolutionMs } of tiers)
        expect(await samples(box.db, resolutionMs, hour), String(resolutionMs)).toBe(
          SERIES * ((hour - START) / STEP + 1),
        );
    expect(await samples(box.db, 5 * MINUTE, hour)).toBe(SERIES * ((hour - START) / STEP + 1));
  });

  test("and the windows begun in haste are filled up in their own time", async () => {
    await using box = await storeBox({ retentionBytes: 60_000, tiers, chunkRows: 20 });
    const rows = (5 * HOUR) / STEP;
    box.clock.jump(START + rows * STEP);
    await fill(box.db, 0, rows);
    await box.db.flush();
    await box.db.upkeep();
    await retain(box);
    expect(box.db.stats().dropped[0]?.inNoTier).toBe(0);
    // The window goes on being filled by the usual way, hours later.
    box.clock.jump(START + 3 * rows * STEP);
    await fill(box.db, rows, rows * 3);
    await box.db.flush();
    box.clock.jump(START + 3 * rows * STEP + DAY);
    await retain(box, 5);
    expect(await samples(box.db, 5 * MINUTE, START + 10 * HOUR)).toBe(SERIES * ((10 * HOUR) / STEP + 1));
  });

  test("that are too young for any tier go as well when nothing else is left, and are counted", async () => {
    await using box = await storeBox({ retentionBytes: 1, tiers, chunkRows: 20 });
    box.clock.jump(START + 100 * STEP);
    await fill(box.db, 0, 100);
    await box.db.flush();
    await box.db.upkeep();
    await retain(box);
    const [share] = box.db.stats().dropped;
    expect(share?.samples).toBe(100 * SERIES);
    // 25 minutes: the hour is not complete
    expect(share?.inNoTier).toBeGreaterThan(0);
    await box.reopen();
    expect(box.db.stats().dropped[0]).toEqual(share);
  });

  test("a series with one sample in two windows is rolled up beyond the empty ones", async () => {
    await using box = await storeBox({ tiers, chunkRows: 20, retentionMs: 10 * DAY });
    box.clock.jump(START + DAY);
    const appender = box.db.appender();
    const ref = appender.series(Labels.from({ __name__: "noise", c: "sparse" }));
    for (const hour of [1, 14, 22]) {
      appender.append(ref, START + hour * HOUR, hour);
      await appender.commit();
    }
    await box.db.flush();
    box.clock.jump(START + 3 * DAY);
    await retain(box, 3);
    expect(await samples(box.db, 5 * MINUTE, START + DAY)).toBe(3);
    box.clock.jump(START + 20 * DAY);
    await retain(box, 70);
    expect(box.db.stats().blocks).toBe(0);
    expect(await samples(box.db, 5 * MINUTE, START + DAY)).toBe(3);
  });
});

describe("a disk that was full", () => {
  const full = (box: StoreBox, page: number): Promise<unknown> =>
    fill(box.db, page, page + 1).then(
      () => "stored",
      (error: Error) => error.message,
    );

  test("is on record after a restart, as a stretch in which memory held everything", async () => {
    let reserveBytes = 0;
    await using box = await storeBox({ reserveBytes: () => reserveBytes });
    await fill(box.db, 0, 3);
    reserveBytes = Number.MAX_SAFE_INTEGER;
    await box.db.upkeep();
    expect(await full(box, 3)).toMatch(/held in memory only/);
    await box.clock.advance(5_000);
    reserveBytes = 0;
    await box.db.upkeep();
    const { gaps } = box.db.stats();
    expect(gaps).toMatchObject([{ lost: false, reason: expect.stringMatching(/^the disk has/) as string }]);
    await box.reopen();
    expect(box.db.stats().gaps).toEqual(gaps);
    expect(await samples(box.db, 0, START + DAY)).toBe(4 * SERIES);
  });

  test("while the process was killed: the loss is on record and in every answer over it, in no other", async () => {
    let reserveBytes = 0;
    await using box = await storeBox({ reserveBytes: () => reserveBytes });
    await fill(box.db, 0, 3);
    reserveBytes = Number.MAX_SAFE_INTEGER;
    await box.db.upkeep();
    const from = box.clock.now();
    await full(box, 3);
    const crashed = temporaryDir();
    cpSync(box.dir, crashed, { recursive: true });
    await using after = await storeBox({ dir: crashed });
    after.clock.jump(from + HOUR);
    await after.reopen();
    const [gap] = after.db.stats().gaps;
    expect(gap).toMatchObject({ from, lost: true });
    expect(gap?.reason).toMatch(/the engine ended meanwhile/);
    const asked = async (start: number, end: number): Promise<readonly string[]> => {
      using querier = after.db.querier(start, end);
      return [...(await querier.select(everything, hints(start, end))).warnings];
    };
    expect(await asked(from - HOUR, from + 1)).toEqual([expect.stringMatching(/^samples from .* could not be stored/)]);
    expect(await asked(from - 2 * HOUR, from - HOUR)).toEqual([]);
  });

  test("the record itself: a torn half leaves the other, a damaged file is named, a cut one is made whole", async () => {
    let reserveBytes = 0;
    await using box = await storeBox({ reserveBytes: () => reserveBytes });
    for (let i = 0; i < 2; i++) {
      reserveBytes = Number.MAX_SAFE_INTEGER;
      await box.db.upkeep();
      reserveBytes = 0;
      await box.db.upkeep();
    }
    const file = join(box.dir, "marks");
    const sound = readFileSync(file);
    expect(sound.length).toBe(8_192);
    const with_ = async (damage: (bytes: Buffer) => Buffer): Promise<{ gaps: string; said: string }> => {
      const { gaps, quarantined } = (await box.reopen(() => writeFileSync(file, damage(Buffer.from(sound))))).stats();
      return {
        gaps: gaps.map(({ lost }) => (lost ? "lost" : "held")).join(),
        said: quarantined.map(({ what }) => what).join(),
      };
    };
    const flip = (bytes: Buffer, at: number): Buffer => {
      bytes[at] = (bytes[at] as number) ^ 1;
      return bytes;
    };
    const halves = [await with_((bytes) => flip(bytes, 60)), await with_((bytes) => flip(bytes, 4_096 + 60))];
    // The older half is from before the last recovery: it says that nothing came after.
    expect(halves.map(({ gaps }) => gaps).sort()).toEqual(["held,held", "held,lost"]);
    expect(halves.map(({ said }) => said)).toEqual(["", ""]);
    expect(await with_((bytes) => flip(flip(bytes, 60), 4_096 + 60))).toEqual({ gaps: "", said: "marks" });
    expect(await with_((bytes) => bytes.subarray(0, 5))).toEqual({ gaps: "", said: "marks" });
    expect(await with_(() => Buffer.alloc(0))).toEqual({ gaps: "", said: "" });
    expect(readFileSync(file).length).toBe(8_192);
  });

  test("a newer version of the record is refused, and nothing is touched", async () => {
    await using box = await storeBox();
    await fill(box.db, 0, 1);
    await box.db.close();
    const { crc32 } = await import("node:zlib");
    const text = "{}";
    const crc = crc32(text, crc32("7")).toString(16).padStart(8, "0");
    writeFileSync(join(box.dir, "marks"), `opsmon marks 2 7 ${text.length} ${crc}\n${text}`.padEnd(8_192, "\n"));
    const before = readFileSync(join(box.dir, "series/CURRENT"));
    const error = await storeBox({ dir: box.dir }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code: "store-format", exit: 6 });
    expect(readFileSync(join(box.dir, "series/CURRENT"))).toEqual(before);
    rmSync(join(box.dir, "marks"));
  });
});

test("a directory that stood beside the store and is gone is named; one that never was is not", async () => {
  await using box = await storeBox();
  const said = (): string =>
    box.db
      .stats()
      .quarantined.map(({ what, why }) => `${what}: ${why}`)
      .join();
  box.db.accompany("state", false, "everything");
  expect(said()).toBe("");
  await box.reopen();
  box.db.accompany("state", true, "everything");
  expect(said()).toBe("");
  await box.reopen();
  box.db.accompany("state", false, "everything");
  expect(said()).toBe("state/: it is gone, with everything");
});
