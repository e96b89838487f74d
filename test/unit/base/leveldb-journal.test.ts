/** The journal check: what LevelDB would drop is found, what it would keep is not complained about. */
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { crc32c, damagedBlocks } from "../../../src/base/leveldb-journal.ts";
import { openLevel } from "../../../src/base/leveldb.ts";
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
  expect(damagedBlocks(data)).toEqual([]);
  const complaints: number[] = [];
  for (let length = 0; length < data.length; length += 97)
    if (damagedBlocks(data.subarray(0, length)).length > 0) complaints.push(length);
  expect(complaints).toEqual([]);
  const missed: number[] = [];
  for (let at = 11; at < 60_000; at += 1_013) {
    const copy = Buffer.from(data);
    copy[at] = (copy[at] as number) ^ 4;
    if (damagedBlocks(copy).length === 0) missed.push(at);
  }
  expect(missed).toEqual([]);
});
