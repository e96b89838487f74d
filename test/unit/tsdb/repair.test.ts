/** After a repair the store is sound for good: what was lost is told once, with its time, and no start names it again. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { describe, expect, test } from "vitest";
import { standingItems } from "../../../src/app/store-items.ts";
import { type ByteLevel, openLevel } from "../../../src/base/leveldb.ts";
import { Labels } from "../../../src/model/labels.ts";
import { createMatcher } from "../../../src/model/matcher.ts";
import { chunkKey, groupKey, metadataKey, rangeOf, segmentKey, watermarkKey } from "../../../src/tsdb/keys.ts";
import { verifyStore } from "../../../src/tsdb/verify.ts";
import { hints } from "../../support/storage-conformance.ts";
import { type StoreBox, storeBox, T0 } from "../../support/tsdb.ts";

const PAGES = 60;
const CHUNK_ROWS = 10;
const DAY_MS = 86_400_000;
/** The first chunk of a group is half as long. */
const chunk = (seq: number) => ({ tier: 0, start: T0 + 8_000 + (seq - 2) * 10_000, group: 1, seq });

async function spoil(db: ByteLevel, key: Uint8Array): Promise<void> {
  const record = await db.get(key);
  if (record === undefined) throw new Error(`nothing under ${Buffer.from(key).toString("hex")}`);
  record[record.length - 1] = (record[record.length - 1] as number) ^ 1;
  await db.put(key, record);
}

async function firstLabels(db: ByteLevel): Promise<void> {
  await spoil(db, groupKey("g", 1, 0));
  await db.del(groupKey("h", 1, 0));
}

interface Case {
  readonly name: string;
  readonly damage: (db: ByteLevel) => Promise<void>;
  readonly problem: RegExp;
  /** Rows of 100 series that are gone, as told; none when nothing is lost. */
  readonly lost?: { readonly from: number; readonly to: number; readonly series: number };
}

const cases: readonly Case[] = [
  {
    name: "a damaged header",
    damage: (db) => spoil(db, chunkKey(chunk(3))),
    problem: /^chunk 3 of group 1: checksum/,
    lost: { from: T0 + 17_000, to: T0 + 28_000, series: 100 },
  },
  {
    name: "a header that is gone without a trace",
    damage: (db) => db.del(chunkKey(chunk(3))),
    problem: /^chunk number 2 of group 1: its record is missing/,
    lost: { from: T0 + 17_000, to: T0 + 28_000, series: 100 },
  },
  {
    name: "a chunk that is gone with its segments",
    damage: async (db) => {
      for (const key of [chunkKey(chunk(3)), segmentKey(chunk(3), 0), segmentKey(chunk(3), 1)]) await db.del(key);
    },
    problem: /^chunk number 2 of group 1: its record is missing/,
    lost: { from: T0 + 17_000, to: T0 + 28_000, series: 100 },
  },
  {
    name: "a damaged segment",
    damage: (db) => spoil(db, segmentKey(chunk(4), 1)),
    problem: /^segment 1 of chunk 4 of group 1: checksum/,
    lost: { from: T0 + 28_000, to: T0 + 37_000, series: 64 },
  },
  {
    name: "a segment that is gone",
    damage: (db) => db.del(segmentKey(chunk(4), 0)),
    problem: /^segment 0 of chunk 4 of group 1: its record is missing/,
    lost: { from: T0 + 28_000, to: T0 + 37_000, series: 64 },
  },
  {
    name: "labels without a second copy",
    damage: firstLabels,
    problem: /the labels of its series are lost/,
    lost: { from: T0, to: T0 + 57_000, series: 100 },
  },
  { name: "a log position", damage: (db) => spoil(db, watermarkKey(1)), problem: /^record w/ },
  { name: "metadata", damage: (db) => spoil(db, metadataKey("page")), problem: /^record m "page"/ },
];

async function filled(): Promise<StoreBox> {
  const box = await storeBox({ chunkRows: CHUNK_ROWS });
  const appender = box.db.appender();
  appender.describe("page", { type: "gauge", help: "", unit: "" });
  const refs = Float64Array.from({ length: 100 }, (_, c) =>
    appender.series(Labels.from({ __name__: "page", c: String(c) })),
  );
  for (let i = 0; i < PAGES; i++) {
    appender.appendRow(
      refs,
      T0 + i * 1_000,
      Float64Array.from(refs, (_, c) => i * c),
      refs.length,
    );
    await appender.commit();
  }
  await box.db.upkeep();
  return box;
}

async function warnings(box: StoreBox): Promise<readonly string[]> {
  using querier = box.db.querier(T0, T0 + 100_000);
  const found = await querier.select([createMatcher("__name__", "=", "page")], hints(T0, T0 + 100_000));
  return found.warnings;
}

describe("a repair settles", () => {
  test.each(cases)("$name", async ({ damage, problem, lost }) => {
    await using box = await filled();
    await box.reopen(async () => {
      const { db } = await openLevel(join(box.dir, "series"), { name: "series", compression: false });
      await damage(db);
      await db.close();
      const said = (await verifyStore(box.dir, box)).problems.map(({ what, why }) => `${what}: ${why}`);
      expect(
        said.some((text) => problem.test(text)),
        said.join("\n"),
      ).toBe(true);
      await verifyStore(box.dir, { ...box, repair: true });
      expect((await verifyStore(box.dir, box)).problems).toEqual([]);
    });
    const { quarantined, losses } = box.db.stats();
    const shown = (now: number): readonly string[] =>
      standingItems(box.db.stats(), box.dir, now).map(({ state, text }) => `${state} ${text}`);
    const warned = await warnings(box);
    expect(quarantined).toEqual([]);
    expect(box.db.stats().quarantined, "nor does an answer find damage").toEqual([]);
    const now = box.clock.now();
    if (lost === undefined) {
      expect(losses).toEqual([]);
      expect(warned).toEqual([]);
      expect(shown(now)).toEqual([]);
      return;
    }
    expect(losses).toMatchObject([{ at: now, ...lost }]);
    expect(warned.filter((text) => text.includes(`up to ${lost.series} series lack samples`))).toHaveLength(1);
    expect(shown(now)).toEqual([
      expect.stringMatching(/^warn \d+ blocks? of up to \d+ series from .* taken out by fsck/),
    ]);
    expect(shown(now + 8 * DAY_MS).map((text) => text.slice(0, 3))).toEqual(["ok "]);
  });

  test("damaged marks", async () => {
    await using box = await filled();
    await box.reopen(async () => {
      const file = join(box.dir, "marks");
      const bytes = readFileSync(file);
      for (const half of [0, 4096]) bytes[half + 2] = 0;
      writeFileSync(file, bytes);
      expect((await verifyStore(box.dir, box)).problems).toMatchObject([{ what: "marks" }]);
      await verifyStore(box.dir, { ...box, repair: true });
      expect((await verifyStore(box.dir, box)).problems).toEqual([]);
    });
    expect(box.db.stats().quarantined).toEqual([]);
  });
});

test("damage that was not repaired is critical at every start", async () => {
  await using box = await filled();
  for (let i = 0; i < 2; i++) {
    await box.reopen(async () => {
      const { db } = await openLevel(join(box.dir, "series"), { name: "series", compression: false });
      for await (const key of db.keys({ ...rangeOf("c"), limit: 1 })) await db.del(key);
      await db.close();
    });
    expect(box.db.stats().quarantined.length).toBe(i + 1);
  }
});

test.each([
  ["no JSON", "{"],
  ["no object", "5"],
  ["a list that is none", '{"gaps":5}'],
  ["gaps without times", '{"gaps":[{"reason":"x"}]}'],
  ["what is no text", '{"companions":[{}]}'],
  ["an end that is no pair", '{"log":[[1]]}'],
  ["more than fits", JSON.stringify({ companions: Array.from({ length: 3 }, () => "x".repeat(1_300)) })],
])("marks with a checksum that fits and %s: the store opens, and they can be written again", async (_, text) => {
  await using box = await filled();
  await box.reopen(() => {
    const crc = crc32(text, crc32("7")).toString(16).padStart(8, "0");
    writeFileSync(join(box.dir, "marks"), `opsmon marks 1 7 ${text.length} ${crc}\n${text}`.padEnd(8_192, "\n"));
  });
  box.db.accompany("state", true, "");
  await box.reopen();
  expect(box.db.stats().gaps).toEqual([]);
});
