/** The store's own promises beside the port: sharing, limits, retention, locking, read-only, restart. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { describe, expect, test } from "vitest";
import { UserError } from "../../../src/base/errors.ts";
import { openLevel } from "../../../src/base/leveldb.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { Labels } from "../../../src/model/labels.ts";
import { createMatcher } from "../../../src/model/matcher.ts";
import { NO_REF } from "../../../src/model/sample.ts";
import { FORMAT_KEY } from "../../../src/tsdb/keys.ts";
import { freeBytes } from "../../../src/tsdb/space.ts";
import { openRecord, sealRecord } from "../../../src/tsdb/segment.ts";
import { openTsdb, type Tsdb } from "../../../src/tsdb/tsdb.ts";
import { verifyStore } from "../../../src/tsdb/verify.ts";
import { dump, hints } from "../../support/storage-conformance.ts";
import { type StoreBox, storeBox, T0, temporaryDir } from "../../support/tsdb.ts";

const everything = [createMatcher("__name__", "=~", ".+")];
const named = (name: string, more: Record<string, string> = {}): Labels => Labels.from({ __name__: name, ...more });
const HOUR = 3_600_000;

/** `pages` pages of `columns` series, a second apart; the value is page * 1000 + column. */
async function scrape(db: Tsdb, columns: number, from: number, pages: number, name = "page"): Promise<void> {
  const appender = db.appender();
  const refs = Float64Array.from({ length: columns }, (_, c) => appender.series(named(name, { c: String(c) })));
  for (let page = from; page < from + pages; page++) {
    appender.appendRow(
      refs,
      T0 + page * 1000,
      Float64Array.from(refs, (_, c) => page * 1000 + c),
      columns,
    );
    await appender.commit();
  }
}

async function count(db: Tsdb, start = T0 - 1e9, end = T0 + 1e9): Promise<number> {
  return Object.values(await dump(db, everything, start, end)).reduce((sum, list) => sum + list.length, 0);
}

async function refusal(promise: Promise<unknown>): Promise<UserError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(UserError);
  return error as UserError;
}

describe("reading", () => {
  test("series of one target share the very same time axis, over chunks and head", async () => {
    await using box = await storeBox({ chunkRows: 10 });
    await scrape(box.db, 100, 0, 35);
    await box.db.upkeep();
    using querier = box.db.querier(T0 + 3_000, T0 + 33_000);
    const { series } = await querier.select(everything, hints(T0 + 3_000, T0 + 33_000));
    const columns = series.map((one) => one.samples());
    expect(new Set(columns.map(({ t }) => t)).size).toBe(1);
    expect(new Set(columns.map(({ from, to }) => `${from} ${to}`))).toEqual(new Set(["3 34"]));
    expect(box.db.stats().blocks).toBeGreaterThan(1);
  });

  test("a querier's columns stay what they were while rows arrive, early ones too", async () => {
    await using box = await storeBox();
    await scrape(box.db, 3, 10, 2);
    using querier = box.db.querier(T0, T0 + 1e6);
    const { series } = await querier.select(everything, hints(T0, T0 + 1e6));
    await scrape(box.db, 3, 0, 30);
    const first = series.map((one) => [...one.samples().v]);
    expect(first.map((v) => v.filter((x) => x !== 0))).toEqual([0, 1, 2].map((c) => [10_000 + c, 11_000 + c]));
  });

  test("too many series are refused with the number", async () => {
    await using box = await storeBox({ maxSelectSeries: 5 });
    await scrape(box.db, 6, 0, 1);
    using querier = box.db.querier(0, T0 * 2);
    const error = await refusal(querier.select(everything, hints(0, T0 * 2)));
    expect([error.code, error.exit]).toEqual(["too-many-series", 5]);
    expect(error.message).toContain("6 series");
  });
});

describe("restart", () => {
  test("open chunks come back from the log, sealed ones from the database, and writing goes on", async () => {
    await using box = await storeBox({ chunkRows: 10 });
    let pages = 0;
    for (const more of [7, 1, 25, 3]) {
      await scrape(box.db, 20, pages, more);
      pages += more;
      await box.reopen();
      expect(await count(box.db)).toBe(pages * 20);
      expect(box.db.stats().series).toBe(20);
    }
    expect(box.db.stats().quarantined).toEqual([]);
    expect(await count(box.db)).toBe(36 * 20);
  });

  test("the log is empty after a flush and holds one file after a quiet restart", async () => {
    await using box = await storeBox();
    await scrape(box.db, 50, 0, 20);
    expect(box.db.stats().logBytes).toBeGreaterThan(1_000);
    await box.db.flush();
    await box.reopen();
    await box.db.upkeep();
    expect(box.db.stats().logBytes).toBeLessThan(100);
    expect(readdirSync(join(box.dir, "log")).length).toBe(1);
    expect(await count(box.db)).toBe(1_000);
  });

  test("metadata survives, from the log and from the database", async () => {
    await using box = await storeBox();
    const appender = box.db.appender();
    appender.describe("m", { type: "counter", help: "a\nb", unit: "" });
    await appender.commit();
    await box.reopen();
    expect(box.db.metadata("m").get("m")).toEqual([{ type: "counter", help: "a\nb", unit: "" }]);
    await box.db.flush();
    await box.reopen(() => rmSync(join(box.dir, "log"), { recursive: true }));
    expect(box.db.metadata().size).toBe(1);
  });

  test("a page that changes shape again and again keeps every sample", async () => {
    await using box = await storeBox({ chunkRows: 9 });
    const appender = box.db.appender();
    let samples = 0;
    for (let page = 0; page < 120; page++) {
      const shape = Array.from({ length: 40 }, (_, i) => named("churn", { pod: String(Math.floor(page / 5) + i) }));
      const refs = Float64Array.from(shape, (labels) => appender.series(labels));
      appender.appendRow(
        refs,
        T0 + page * 1000,
        Float64Array.from(refs, () => page),
        refs.length,
      );
      samples += (await appender.commit()).accepted;
      if (page % 13 === 0) await box.db.upkeep();
    }
    expect(samples).toBe(4_800);
    expect(await count(box.db)).toBe(4_800);
    await box.reopen();
    expect(await count(box.db)).toBe(4_800);
  });
});

describe("limits", () => {
  test("series past the limit are refused, those that exist go on", async () => {
    await using box = await storeBox({ maxSeries: 3 });
    const appender = box.db.appender();
    const refs = Float64Array.from({ length: 5 }, (_, c) => appender.series(named("m", { c: String(c) })));
    expect([...refs].filter((ref) => ref === NO_REF).length).toBe(2);
    appender.appendRow(refs, T0, new Float64Array(5), 5);
    expect(await appender.commit()).toEqual({ accepted: 3, duplicate: 0, outOfBounds: 0, limited: 2 });
    appender.append(appender.series(named("m", { c: "0" })), T0 + 1, 1);
    expect(await appender.commit()).toMatchObject({ accepted: 1 });
    expect(box.db.stats()).toMatchObject({ series: 3, limited: 2 });
  });

  test("a full store still takes whether targets are up, and what fires", async () => {
    await using box = await storeBox({ maxSeries: 1 });
    const appender = box.db.appender();
    const taken = (metric: string): boolean => appender.series(named(metric)) !== NO_REF;
    expect(taken("m")).toBe(true);
    const own = ["up", "scrape_duration_seconds", "ALERTS", "ALERTS_FOR_STATE", "opsmon_series_quarantined"];
    expect(own.filter((metric) => !taken(metric))).toEqual([]);
    expect(["n", "upstream", "ALERTS_total"].filter(taken)).toEqual([]);
  });

  test("samples past retention or far in the future are counted, not stored", async () => {
    await using box = await storeBox({ retentionMs: HOUR });
    const now = box.clock.now();
    const appender = box.db.appender();
    const ref = appender.series(named("m"));
    appender.append(ref, now - HOUR - 1, 1);
    appender.append(ref, now + 2 * HOUR, 1);
    appender.append(ref, now, 1);
    expect(await appender.commit()).toMatchObject({ accepted: 1, outOfBounds: 2 });
  });

  test("cardinality names the largest metrics, labels and pairs", async () => {
    await using box = await storeBox();
    await scrape(box.db, 7, 0, 1, "big");
    await scrape(box.db, 2, 0, 1, "small");
    const { series, metrics, labelNames, pairs } = box.db.cardinality(2);
    expect(series).toBe(9);
    expect(metrics).toEqual([
      { name: "big", series: 7 },
      { name: "small", series: 2 },
    ]);
    expect(labelNames[0]).toEqual({ name: "c", series: 7 });
    expect(pairs[0]).toEqual({ name: "__name__=big", series: 7 });
  });
});

describe("retention", () => {
  const tick = async (box: StoreBox, ms: number): Promise<void> => {
    await box.clock.advance(ms);
    await box.db.upkeep();
  };

  test("whole chunks past the time go, their series with them, and it is no damage", async () => {
    await using box = await storeBox({ retentionMs: 30 * HOUR, chunkRows: 10, tiers: [] });
    await scrape(box.db, 5, 0, 20);
    const late = box.db.appender();
    late.append(late.series(named("new")), box.clock.now(), 1);
    await late.commit();
    await box.db.flush();
    await tick(box, 7 * HOUR);
    expect(await dump(box.db, everything, 0, T0 * 2)).toEqual({ new: [`${T0 + 24 * HOUR}=1`] });
    expect(box.db.stats()).toMatchObject({ series: 1, blocks: 1 });
    await box.reopen();
    expect(box.db.stats()).toMatchObject({ series: 1, blocks: 1, quarantined: [] });
  });

  test("the oldest chunks go while the disk is short of free space", async () => {
    let missing = 0;
    const keepFreeBytes = (): number => (missing === 0 ? 0 : missing + freeBytes(dir));
    const dir = temporaryDir();
    await using box = await storeBox({ dir, keepFreeBytes, chunkRows: 10, tiers: [] });
    await scrape(box.db, 50, 0, 95);
    await box.db.flush();
    const { blocks } = box.db.stats();
    await tick(box, 61_000);
    expect(box.db.stats().blocks).toBe(blocks);
    missing = 1e9;
    await tick(box, 61_000);
    expect(box.db.stats().blocks).toBe(0);
  });

  test("the oldest chunks go when all files are too large", async () => {
    await using box = await storeBox({ retentionBytes: 25_000, chunkRows: 10, tiers: [] });
    const appender = box.db.appender();
    const refs = Float64Array.from({ length: 50 }, (_, c) => appender.series(named("noise", { c: String(c) })));
    for (let page = 0; page < 100; page++) {
      appender.appendRow(
        refs,
        T0 + page * 1000,
        Float64Array.from(refs, (_, c) => Math.sin(page * 50 + c)),
        50,
      );
      await appender.commit();
    }
    await box.db.flush();
    const before = await count(box.db);
    await tick(box, 61_000);
    const { minT, maxT, blocks } = box.db.stats();
    expect(blocks).toBeGreaterThan(0);
    expect(await count(box.db)).toBeLessThan(before);
    expect(maxT).toBe(T0 + 99_000);
    expect(minT).toBeGreaterThan(T0);
  });

  test("after the wall clock jumps ahead nothing is dropped for an hour", async () => {
    await using box = await storeBox({ retentionMs: 48 * HOUR, tiers: [] });
    await scrape(box.db, 5, 0, 5);
    await box.db.flush();
    box.clock.jump(T0 + 1000 * HOUR);
    await tick(box, 61_000);
    expect(box.db.stats().blocks).toBe(1);
    await tick(box, 2 * HOUR);
    expect(box.db.stats().blocks).toBe(0);
  });
});

describe("the disk", () => {
  test("below the reserve: memory only, said so; back above it: everything durable, gap on record", async () => {
    let reserve = 0;
    await using box = await storeBox({ chunkRows: 10, reserveBytes: () => reserve });
    await scrape(box.db, 10, 0, 5);
    reserve = Number.MAX_SAFE_INTEGER;
    await box.db.upkeep();
    expect(box.db.stats().readOnly).toMatch(/^the disk has .* left/);
    const error = await refusal(scrape(box.db, 10, 5, 1));
    expect([error.code, error.exit]).toEqual(["store-read-only", 6]);
    expect(error.hint).toContain("free space");
    for (let page = 6; page < 40; page++) await refusal(scrape(box.db, 10, page, 1));
    expect(await count(box.db)).toBe(400);
    reserve = 0;
    await box.db.upkeep();
    expect(box.db.stats().readOnly).toBeUndefined();
    expect(box.db.stats().gaps.length).toBe(1);
    await scrape(box.db, 10, 40, 1);
    await box.reopen();
    expect(await count(box.db)).toBe(410);
    expect(box.db.stats().quarantined).toEqual([]);
  });
});

describe("refusals", () => {
  test("a second opener is told who holds the store and what to do", async () => {
    await using box = await storeBox();
    const error = await refusal(openTsdb({ dir: box.dir, clock: box.clock, log: silentLogger }));
    expect([error.code, error.exit]).toEqual(["store-locked", 4]);
    expect(error.hint).toContain("--socket");
    await scrape(box.db, 1, 0, 1);
    expect(await count(box.db)).toBe(1);
  });

  test("an older database format is raised before anything else is written", async () => {
    const dir = temporaryDir();
    const clock = (await storeBox()).clock;
    const first = await openLevel(join(dir, "series"), { name: "series" });
    await first.db.put(FORMAT_KEY, sealRecord(FORMAT_KEY, new TextEncoder().encode("opsmon series 1")));
    await first.db.close();
    await (await openTsdb({ dir, clock, log: silentLogger })).close();
    const { db } = await openLevel(join(dir, "series"), { name: "series" });
    const record = await db.get(FORMAT_KEY);
    await db.close();
    expect(new TextDecoder().decode(openRecord(FORMAT_KEY, record as Uint8Array))).toBe("opsmon series 2");
    rmSync(dir, { recursive: true });
  });

  test("a newer database format, and a newer log format", async () => {
    const dir = temporaryDir();
    const clock = (await storeBox()).clock;
    const { db } = await openLevel(join(dir, "series"), { name: "series" });
    await db.put(FORMAT_KEY, sealRecord(FORMAT_KEY, new TextEncoder().encode("opsmon series 9")));
    await db.close();
    const error = await refusal(openTsdb({ dir, clock, log: silentLogger }));
    expect([error.code, error.exit]).toEqual(["store-format", 6]);
    expect(error.message).toContain("format 9");
    await expect(verifyStore(dir, { clock: systemClock, repair: true })).rejects.toMatchObject({
      code: "store-format",
      exit: 6,
    });
    rmSync(join(dir, "series"), { recursive: true });
    mkdirSync(join(dir, "log"));
    const header = Buffer.alloc(16);
    header.write("opsmon log 2\n");
    header.writeUIntLE(crc32("opsmon log 2\n") & 0xff_ffff, 13, 3);
    writeFileSync(join(dir, "log", "00000001.log"), header);
    expect((await refusal(openTsdb({ dir, clock, log: silentLogger }))).message).toContain("log format 2");
    expect(readFileSync(join(dir, "log", "00000001.log")).equals(header)).toBe(true);
    rmSync(dir, { recursive: true });
  });

  test("a file where the directory should be", async () => {
    const dir = temporaryDir();
    writeFileSync(join(dir, "series"), "");
    const error = await refusal(openTsdb({ dir, clock: (await storeBox()).clock, log: silentLogger }));
    expect([error.code, error.exit]).toEqual(["store-unusable", 3]);
    rmSync(dir, { recursive: true });
  });

  test("commits after close", async () => {
    await using box = await storeBox();
    const appender = box.db.appender();
    appender.append(appender.series(named("m")), T0, 1);
    await box.db.close();
    expect((await refusal(appender.commit())).code).toBe("store-closed");
    expect(() => box.db.querier(0, 1)).toThrow("the store is closed");
    await box.reopen();
  });
});
