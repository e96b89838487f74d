/**
 * A log file that is cut behind a record, or gone, looks like nothing at all: the marks know where closed files end. What
 * is missing is named at every start and by fsck until a repair settles it; what was dropped on purpose is not missed.
 */
import { cpSync, existsSync, readdirSync, rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import { Labels } from "../../../src/model/labels.ts";
import type { Tsdb } from "../../../src/tsdb/tsdb.ts";
import { verifyStore } from "../../../src/tsdb/verify.ts";
import { tempDir } from "../../support/process.ts";
import { type StoreBox, storeBox, T0, temporaryDir } from "../../support/tsdb.ts";

const FILE_BYTES_MAX = 500;
const UPKEEP_MS = 60_000;

async function write(db: Tsdb, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) {
    const appender = db.appender();
    for (let s = 0; s < 3; s++)
      appender.append(appender.series(Labels.from({ __name__: "n", s: String(s) })), T0 + i, i);
    await appender.commit();
  }
}

const open = (dir: string): Promise<StoreBox> => storeBox({ dir, keep: true, logFileBytes: FILE_BYTES_MAX });
const saidOf = (db: Tsdb): string =>
  db
    .stats()
    .quarantined.map(({ what, why }) => `${what}: ${why}`)
    .join();

let original = "";
beforeAll(async () => {
  original = temporaryDir();
  const box = await open(original);
  await write(box.db, 0, 50);
  await box.db.close();
});
afterAll(() => rmSync(original, { recursive: true, force: true }));

async function damaged(damage: (log: string) => void, check: (dir: string) => Promise<void>): Promise<void> {
  const dir = temporaryDir();
  try {
    cpSync(original, dir, { recursive: true });
    damage(join(dir, "log"));
    await check(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Offsets at which records end, the newest file's among them: nothing inside such a file tells that it was longer. */
const cuts: readonly (readonly [why: string, damage: (log: string) => void, said: RegExp])[] = [
  ["emptied", (log) => truncateSync(join(log, "00000001.log"), 0), /log\/00000001\.log: its last \d+ bytes are gone/],
  ["cut to its header", (log) => truncateSync(join(log, "00000002.log"), 16), /log\/00000002\.log: its last \d+ bytes/],
  [
    "the newest, after a clean end",
    (log) => {
      const newest = readdirSync(log).sort().at(-1) as string;
      truncateSync(join(log, newest), 16);
    },
    /its last \d+ bytes are gone/,
  ],
  ["the oldest, removed", (log) => rmSync(join(log, "00000001.log")), /log\/00000001\.log: gone/],
  [
    "the newest, removed after a clean end",
    (log) => rmSync(join(log, readdirSync(log).sort().at(-1) as string)),
    /log\/0000000\d\.log: gone/,
  ],
];

test("nothing is said of the original, which has several files", () =>
  damaged(
    (log) => expect(readdirSync(log).length).toBeGreaterThan(3),
    async (dir) => {
      await using box = await open(dir);
      expect(saidOf(box.db)).toBe("");
    },
  ));

test.each(cuts)("a log file that is %s is named by the start", (_, damage, said) =>
  damaged(damage, async (dir) => {
    await using box = await open(dir);
    expect(saidOf(box.db)).toMatch(said);
  }),
);

test.each(cuts)("a log file that is %s is named by fsck until it is settled", (_, damage, said) =>
  damaged(damage, async (dir) => {
    const check = async (repair: boolean): Promise<string> =>
      (await verifyStore(dir, { clock: systemClock, repair })).problems
        .map(({ what, why }) => `${what}: ${why}`)
        .join();
    expect(await check(false)).toMatch(said);
    expect(await check(true)).toMatch(said);
    expect(await check(false)).toBe("");
    await using box = await open(dir);
    expect(saidOf(box.db)).toBe("");
  }),
);

test("nothing is missed of a log that is whole, of files that were dropped, and where the marks are gone", () =>
  damaged(
    (log) => rmSync(join(log, "..", "marks")),
    async (dir) => {
      for (let start = 0; start < 4; start++) {
        await using box = await open(dir);
        expect(saidOf(box.db)).toBe("");
        await write(box.db, 2_000 + 100 * start, 2_100 + 100 * start);
        if (start === 1) await box.db.flush();
        await box.clock.advance(UPKEEP_MS);
      }
      expect(existsSync(join(dir, "log", "00000002.log"))).toBe(false);
    },
  ));

test("a backup taken while files are closed misses nothing once restored", async () => {
  using temporary = tempDir();
  const target = join(temporary.path, "backup");
  await using box = await open(join(temporary.path, "data"));
  await write(box.db, 0, 40);
  await box.clock.advance(UPKEEP_MS);
  await Promise.all([box.db.backup(target), write(box.db, 100, 200), box.clock.advance(UPKEEP_MS)]);
  await using restored = await open(target);
  expect(saidOf(restored.db)).toBe("");
});
