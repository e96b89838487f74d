/** The journal check: what LevelDB would drop is found, what it would keep is not complained about. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { crc32c, journalFaults } from "../../../src/base/leveldb-journal.ts";
import { type ByteLevel, openLevel } from "../../../src/base/leveldb.ts";
import { temporaryDir } from "../../support/tsdb.ts";

test("CRC-32C of the known vectors", () => {
  expect(crc32c(Buffer.from("123456789")).toString(16)).toBe("e3069283");
  expect(crc32c(new Uint8Array(32)).toString(16)).toBe("8a9136aa");
  expect(crc32c(Buffer.from("xx123456789yy"), 2, 11).toString(16)).toBe("e3069283");
});

test("a real journal is sound, torn at any byte it is still sound, and a flipped bit is found", async () => {
  const dir = temporaryDir();
  const { db } = await openLevel(dir, { name: "test" });
  for (let i = 0; i < 60; i++) await db.put(Uint8Array.of(i), new Uint8Array(1_500).fill(i));
  await db.close();
  const journal = readdirSync(dir).find((name) => /^\d+\.log$/.test(name)) ?? "";
  const data = readFileSync(join(dir, journal));
  rmSync(dir, { recursive: true });
  expect(data.length).toBeGreaterThan(80_000);
  expect(journalFaults(data)).toEqual({ dropped: [], repeats: undefined });
  const complaints: number[] = [];
  for (let length = 0; length < data.length; length += 97)
    if (journalFaults(data.subarray(0, length)).dropped.length > 0) complaints.push(length);
  expect(complaints).toEqual([]);
  const missed: number[] = [];
  for (let at = 11; at < 60_000; at += 1_013) {
    const copy = Buffer.from(data);
    copy[at] = (copy[at] as number) ^ 4;
    if (journalFaults(copy).dropped.length === 0) missed.push(at);
  }
  expect(missed).toEqual([]);
});

const BLOCK_BYTES = 32_768;
const twice = (data: Buffer): Buffer => Buffer.concat([data, data]);

/** LevelDB ends the process that opens such a journal. */
const repeats: readonly (readonly [why: string, bytes: number, spoil: (data: Buffer) => Buffer])[] = [
  ["a short one, whole", 20, twice],
  ["a long one, where the second does not fit the blocks", 1_500, twice],
  ["a long one, thrice", 1_500, (data) => Buffer.concat([data, data, data])],
  [
    "one block, in the middle: what follows is newer",
    1_500,
    (data) => Buffer.concat([data.subarray(0, BLOCK_BYTES), data]),
  ],
  [
    "whole blocks of records that are longer than one",
    70_000,
    (data) => Buffer.concat([data.subarray(0, 7 * BLOCK_BYTES), data]),
  ],
];

test.each(repeats)(
  "records that are there twice are taken out before LevelDB reads them: %s",
  async (_, size, spoil) => {
    const dir = temporaryDir();
    const place = join(dir, "some");
    const value = (i: number): Buffer => Buffer.alloc(size, i);
    const put = async (db: ByteLevel): Promise<void> => {
      for (let i = 0; i < 40; i += 2)
        await db.batch([i, i + 1].map((key) => ({ type: "put", key: Uint8Array.of(key), value: value(key) })));
      await db.put(Uint8Array.of(7), value(99));
    };
    try {
      const { db } = await openLevel(place, { name: "test" });
      await put(db);
      await db.close();
      const journal = readdirSync(place).find((name) => /^\d+\.log$/.test(name)) ?? "";
      const spoiled = spoil(readFileSync(join(place, journal)));
      writeFileSync(join(place, journal), spoiled);
      const opened = await openLevel(place, { name: "test" });
      expect(opened.passedOver.join("\n")).toMatch(/some\/\d+\.log" from byte \d+ on are there twice/);
      expect(opened.setAside).toBeUndefined();
      for (let i = 0; i < 40; i++)
        expect(value(i === 7 ? 99 : i).equals((await opened.db.get(Uint8Array.of(i))) ?? Buffer.alloc(0)), `${i}`).toBe(
          true,
        );
      await opened.db.close();
      expect(readFileSync(join(`${place}.damaged-1`, journal)).equals(spoiled)).toBe(true);
      const again = await openLevel(place, { name: "test" });
      expect(again.passedOver).toEqual([]);
      await again.db.close();
      expect(existsSync(`${place}.damaged-2`)).toBe(false);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  },
);
