/** fsck, backup and restore, export and import. */
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { UserError } from "../../../src/base/errors.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { openLevel } from "../../../src/base/leveldb.ts";
import { Labels } from "../../../src/model/labels.ts";
import { createMatcher } from "../../../src/model/matcher.ts";
import { backupTo, restoreStore } from "../../../src/tsdb/backup.ts";
import { chunkKey, groupKey, segmentKey } from "../../../src/tsdb/keys.ts";
import { exportOpenMetrics, importOpenMetrics } from "../../../src/tsdb/openmetrics.ts";
import { parseSampleLine } from "../../../src/tsdb/openmetrics-line.ts";
import type { Tsdb } from "../../../src/tsdb/tsdb.ts";
import { verifyStore } from "../../../src/tsdb/verify.ts";
import { memoryStore } from "../../support/memory-store.ts";
import { dump } from "../../support/storage-conformance.ts";
import { storeBox, T0, temporaryDir } from "../../support/tsdb.ts";

const everything = [createMatcher("__name__", "=~", ".+")];

async function scrape(db: Tsdb, columns: number, pages: number, from = 0): Promise<void> {
  const appender = db.appender();
  const refs = Float64Array.from({ length: columns }, (_, c) =>
    appender.series(Labels.from({ __name__: "page", c: String(c) })),
  );
  for (let page = from; page < from + pages; page++) {
    appender.appendRow(
      refs,
      T0 + page * 1000,
      Float64Array.from(refs, (_, c) => page + c / 7),
      columns,
    );
    await appender.commit();
  }
}

describe("fsck", () => {
  test("a sound store has no problems, and everything was read", async () => {
    await using box = await storeBox({ chunkRows: 10 });
    await scrape(box.db, 100, 30);
    await box.db.flush();
    await scrape(box.db, 100, 3, 30);
    await box.db.close();
    const seen: number[] = [];
    const report = await verifyStore(box.dir, { clock: box.clock, onProgress: (records) => seen.push(records) });
    expect(report).toMatchObject({ samples: 3_000, logRecords: 3, problems: [], repaired: [] });
    expect(report.segments).toBe(report.chunks * 2);
    await box.reopen();
  });

  test("damaged records are named; repair moves them aside, restores labels, and the rest stays readable", async () => {
    await using box = await storeBox({ chunkRows: 10 });
    for (let round = 0; round < 12; round++) {
      await scrape(box.db, 100, 10, round * 10);
      await box.db.flush();
    }
    await box.db.close();
    const { db } = await openLevel(join(box.dir, "series"), { name: "series", compression: false });
    const spoil = async (key: Uint8Array): Promise<void> => {
      const record = (await db.get(key)) as Uint8Array;
      expect(record).toBeDefined();
      record[record.length - 1] = (record[record.length - 1] as number) ^ 1;
      await db.put(key, record);
    };
    // The first chunk of a group is a short one, so ten pages make two chunks once.
    const chunk = (n: number) => ({ tier: 0, start: T0 + (n - 2) * 10_000, group: 1, seq: n });
    await spoil(segmentKey(chunk(3), 1));
    await spoil(chunkKey(chunk(5)));
    await spoil(groupKey("g", 1, 0));
    await db.close();
    const checked = await verifyStore(box.dir, { clock: box.clock });
    const names = checked.problems.map(({ what }) => what);
    expect(names).toContain("segment 1 of chunk 3 of group 1");
    expect(names).toContain("chunk 5 of group 1");
    expect(names).toContain("labels of group 1 from column 0");
    const repaired = await verifyStore(box.dir, { clock: box.clock, repair: true });
    expect(repaired.repaired.join("; ")).toContain("labels of group 1 restored from their second copy");
    await box.reopen();
    const found = Object.values(await dump(box.db, everything, T0, T0 + 1e7)).flat().length;
    expect(found).toBe(100 * 120 - 100 * 10 - 36 * 10);
    expect(box.db.stats().quarantined).toEqual([]);
  });

  test("every kind of record is looked at, and a database that is gone is damage", async () => {
    await using box = await storeBox({ chunkRows: 10 });
    await scrape(box.db, 10, 30);
    box.db.appender().describe("page", { type: "gauge", help: "", unit: "" });
    await box.db.flush();
    await box.db.close();
    const { db } = await openLevel(join(box.dir, "series"), { name: "series", compression: false });
    const kinds = new Set<string>();
    for await (const [key, record] of db.iterator()) {
      const kind = String.fromCharCode(key[0] as number);
      if (kinds.has(kind) || !"fwtmd".includes(kind)) continue;
      kinds.add(kind);
      record[record.length - 1] = (record[record.length - 1] as number) ^ 1;
      await db.put(key, record);
    }
    await db.close();
    const { problems } = await verifyStore(box.dir, { clock: box.clock });
    for (const kind of kinds) expect(problems.map(({ what }) => what).join()).toContain(`record ${kind} `);
    expect(kinds.has("w")).toBe(true);
    rmSync(join(box.dir, "series"), { recursive: true });
    await expect(verifyStore(box.dir, { clock: box.clock })).rejects.toMatchObject({ code: "store-damaged", exit: 6 });
    await box.reopen();
  });

  test("no store, and a store in use", async () => {
    const dir = temporaryDir();
    await expect(verifyStore(dir, { clock: systemClock })).rejects.toMatchObject({ code: "no-store", exit: 2 });
    rmSync(dir, { recursive: true });
    await using box = await storeBox();
    await expect(verifyStore(box.dir, { clock: box.clock })).rejects.toMatchObject({ code: "store-locked", exit: 4 });
  });
});

describe("backup", () => {
  test("taken while writing goes on, it restores to what was committed before", async () => {
    await using box = await storeBox({ chunkRows: 10 });
    await scrape(box.db, 80, 35);
    const before = await dump(box.db, everything, T0, T0 + 34_000);
    const parent = temporaryDir();
    const target = join(parent, "copy");
    const restored = join(parent, "restored");
    const backing = box.db.backup(target);
    await scrape(box.db, 80, 40, 35);
    await box.db.upkeep();
    expect((await backing).records).toBeGreaterThan(0);
    await expect(box.db.backup(target)).rejects.toMatchObject({ code: "target-not-empty" });
    await restoreStore(target, restored);
    {
      await using copy = await storeBox({ dir: restored });
      expect(await dump(copy.db, everything, T0, T0 + 34_000)).toEqual(before);
      expect(copy.db.stats().quarantined).toEqual([]);
    }
    rmSync(parent, { recursive: true });
  });

  test("an unfinished backup is not restored, and nothing is overwritten", async () => {
    const parent = temporaryDir();
    await expect(restoreStore(join(parent, "nosuch"), join(parent, "to"))).rejects.toBeInstanceOf(UserError);
    expect(existsSync(join(parent, "to"))).toBe(false);
    writeFileSync(join(parent, "backup.json"), JSON.stringify({ kind: "opsmon backup" }));
    await expect(restoreStore(parent, parent)).rejects.toMatchObject({ code: "target-not-empty" });
    expect(backupTo).toBeTypeOf("function");
    rmSync(parent, { recursive: true });
  });
});

describe("OpenMetrics", () => {
  const lines: readonly (readonly [line: string, expected: string, why: string])[] = [
    ["up 1 1700000000", "up 1 1700000000000", "no labels"],
    ['a{b="c"} 1.5 1.25', 'a{b="c"} 1.5 1250', "milliseconds"],
    ['a{b="c",} NaN -1.001', 'a{b="c"} NaN -1001', "trailing comma, NaN, before 1970"],
    ['a{b="x\\"y\\\\z\\n"} +Inf 0', 'a{b="x\\"y\\\\z\\n"} Infinity 0', "escapes"],
    ['{"odd name", b="c"} -Inf 1e3', '{"odd name", b="c"} -Infinity 1000000', "a quoted name"],
    ['a_bucket{le="1"} 5 1 # {trace="x"} 0.5 1', 'a_bucket{le="1"} 5 1000', "an exemplar is passed over"],
    ["a 1", "a sample needs a timestamp in seconds", "no time"],
    ["a x 1", '"x" is not a number', "no number"],
    ["a{b=c} 1 1", "expected a quoted value at column 5", "no quotes"],
    ['{b="c"} 1 1', "a sample needs a metric name", "no name"],
    ['a{b="c" d="e"} 1 1', 'expected "," or "}" at column 9', "no comma"],
    ["a 0x10 1", '"0x10" is not a number', "hexadecimal is not in the format"],
  ];
  test.each(lines)("line %s", (line, expected) => {
    const parsed = parseSampleLine(line);
    expect(typeof parsed === "string" ? parsed : `${parsed.labels.toString()} ${parsed.value} ${parsed.t}`).toBe(
      expected,
    );
  });

  test("what is exported comes back by import, values and metadata", async () => {
    await using box = await storeBox({ chunkRows: 10 });
    await scrape(box.db, 30, 25);
    const appender = box.db.appender();
    const odd = appender.series(Labels.from({ __name__: "odd", l: 'a"b\\c\nd' }));
    for (const [t, v] of [
      [-1500, Number.NaN],
      [0, Number.NEGATIVE_INFINITY],
      [1, 5e-324],
    ] as const)
      appender.append(odd, t, v);
    appender.describe("odd", { type: "gauge", help: 'line\n"two"', unit: "" });
    await appender.commit();
    let text = "";
    const report = await exportOpenMetrics(box.db, async (part) => void (text += part), { start: -1e6, end: T0 * 2 });
    expect(report).toMatchObject({ series: 31, samples: 753, warnings: [] });
    expect(text.endsWith("# EOF\n")).toBe(true);
    await using other = await storeBox();
    const imported = await importOpenMetrics(text.split("\n"), other.db);
    expect(imported).toMatchObject({ samples: 753, broken: 0, duplicate: 0 });
    expect(await dump(other.db, everything, -1e6, T0 * 2)).toEqual(await dump(box.db, everything, -1e6, T0 * 2));
    expect(other.db.metadata("odd").get("odd")).toEqual([{ type: "gauge", help: 'line\n"two"', unit: "" }]);
  });

  test("stale markers come back as such; for others they are NaN, as promtool writes them", async () => {
    await using box = await storeBox();
    const appender = box.db.appender();
    const refs = [1, 2].map((c) => appender.series(Labels.from({ __name__: "ends", c: String(c), text: "# {a" })));
    for (const ref of refs) {
      appender.append(ref, T0, 1);
      appender.appendStale(ref, T0 + 1_000);
      appender.append(ref, T0 + 2_000, Number.NaN);
    }
    await appender.commit();
    let text = "";
    const report = await exportOpenMetrics(box.db, async (part) => void (text += part), { start: 0, end: T0 * 2 });
    expect(report).toMatchObject({ series: 2, samples: 4, staleMarkers: 2 });
    expect(text).toContain('ends{c="1",text="# {a"} NaN 1700000001 # {opsmon="stale"} 1\n');
    await using other = await storeBox();
    await importOpenMetrics(text.split("\n"), other.db);
    const both = await Promise.all([box, other].map(({ db }) => dump(db, everything, 0, T0 * 2)));
    expect(both[0]).toEqual(both[1]);
    expect(JSON.stringify(both[0])).toContain("stale");
    // An exemplar that means something else, and a number beside ours.
    await importOpenMetrics(['m NaN 1 # {trace="x"} 1', 'n 5 1 # {opsmon="stale"} 1'], other.db);
    expect(await dump(other.db, [createMatcher("__name__", "=~", "m|n")], 0, T0)).toEqual({
      m: ["1000=NaN"],
      n: ["1000=5"],
    });
  });

  test("a family is described once, whatever its samples add to its name", async () => {
    const said = [
      "# TYPE lat histogram",
      "# HELP lat how long",
      "# TYPE req counter",
      "# HELP size_sum a gauge of its own",
    ];
    const samples = ['lat_bucket{le="1"}', "lat_bytes", "lat_count", "lat_sum", "req_created", "req_total", "size_sum"];
    await using box = await storeBox();
    await importOpenMetrics([...said, ...samples.map((name) => `${name} 1 1`)], box.db);
    let text = "";
    await exportOpenMetrics(box.db, async (part) => void (text += part), { start: 0, end: T0 });
    expect(text.split("\n").filter((line) => line.startsWith("# ") && line !== "# EOF")).toEqual(said);
    await using other = await storeBox();
    await importOpenMetrics(text.split("\n"), other.db);
    expect([...other.db.metadata()]).toEqual([...box.db.metadata()]);
  });

  test("broken lines are named and the others taken", async () => {
    const store = memoryStore();
    const report = await importOpenMetrics(["a 1 1", "b", "", "# comment", "a 2 2", "a{ 1 1"], store);
    expect(report).toMatchObject({ lines: 6, samples: 2, broken: 2 });
    expect(report.problems.map(({ line }) => line)).toEqual([2, 6]);
  });
});
