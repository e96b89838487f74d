/**
 * Damage anywhere in a table: once it is mended LevelDB reads on (it would end this very process else), and what it gives
 * is what was written, or fails the checksum of its record. A damaged index costs nothing, a damaged value one record, other
 * damage its block.
 */
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mendTables } from "../../../src/app/mend-tables.ts";
import { openLevel } from "../../../src/base/leveldb.ts";
import { openRecord, sealRecord } from "../../../src/tsdb/segment.ts";
import { temporaryDir } from "../../support/tsdb.ts";

const KEYS = 900;
const FLIPS = Number(process.env["OPSMON_TORTURE_ROUNDS"] ?? 12);
const keyOf = (i: number): Buffer => Buffer.from(`b${String(i).padStart(19, "0")}`);
/** Pseudo-random, so that snappy leaves it alone; every seventh is long. Records of the store, with their checksums. */
const valueOf = (i: number): Buffer => Buffer.from(sealRecord(keyOf(i), plain(i)));
const plain = (i: number): Buffer =>
  Buffer.from(
    Array.from({ length: i % 7 === 0 ? 900 : 60 }, (_, at) => (i * 7_919 + at * at * 31 + (i >> 3) * at) & 255),
  );

const made: Record<"packed" | "plain", string> = { packed: "", plain: "" };
beforeAll(async () => {
  for (const kind of ["packed", "plain"] as const) {
    made[kind] = path.join(temporaryDir(), "series");
    const options = { name: "series", compression: kind === "packed" };
    const { db } = await openLevel(made[kind], options);
    for (let i = 0; i < KEYS; i++) await db.put(keyOf(i), valueOf(i));
    await db.close();
    // Opened once more, the journal is a table.
    await (await openLevel(made[kind], options)).db.close();
  }
});
afterAll(() => {
  for (const dir of Object.values(made)) rmSync(path.dirname(dir), { recursive: true, force: true });
});

function tableIn(dir: string): string {
  const name = readdirSync(dir).find((file) => file.endsWith(".ldb"));
  return path.join(dir, name as string);
}

/** @returns undefined for a record that fails its checksum. */
function soundRecord(key: Uint8Array, value: Uint8Array): Uint8Array | undefined {
  try {
    return openRecord(key, value);
  } catch {
    return undefined;
  }
}

/** @returns how many records are left once the table was damaged, mended and read with both kinds of reads. */
async function afterwards(kind: keyof typeof made, damage: (bytes: Buffer) => void): Promise<number> {
  const dir = path.join(temporaryDir(), "series");
  cpSync(made[kind], dir, { recursive: true });
  const table = tableIn(dir);
  const bytes = readFileSync(table);
  damage(bytes);
  writeFileSync(table, bytes);
  const { mended, left } = await mendTables(dir, { keep: true });
  expect(left).toEqual([]);
  expect(mended).toHaveLength(1);
  const { db, repaired } = await openLevel(dir, { name: "series" });
  expect(repaired).toBe(false);
  let count = 0;
  for await (const [key, value] of db.iterator()) {
    const record = soundRecord(key, value);
    if (record === undefined) continue;
    const i = Number(Buffer.from(key.subarray(1)).toString());
    expect(Buffer.from(record).equals(plain(i))).toBe(true);
    expect(await db.get(keyOf(i))).toEqual(value);
    count++;
  }
  await db.close();
  expect((await mendTables(dir, { keep: true })).mended).toEqual([]);
  rmSync(path.dirname(dir), { recursive: true, force: true });
  return count;
}

/** Where the footer says the index lies, by its first bytes. */
function indexAt(bytes: Buffer): { readonly offset: number; readonly size: number } {
  const numbers: number[] = [];
  let at = bytes.length - 48;
  while (numbers.length < 4) {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++] as number;
      value += (byte & 127) * scale;
      if (byte < 128) break;
    }
    numbers.push(value);
  }
  return { offset: numbers[2] as number, size: numbers[3] as number };
}

describe.each(["packed", "plain"] as const)("a %s table", (kind) => {
  const size = (): number => readFileSync(tableIn(made[kind])).length;

  test.each(Array.from({ length: FLIPS }, (_, i) => i))("with a flipped byte, %i", async (i) => {
    const at = Math.floor(((i + 0.5) / FLIPS) * (size() - 48));
    const count = await afterwards(kind, (bytes) => void (bytes[at] = (bytes[at] as number) ^ (1 << (i % 8))));
    expect(count).toBeGreaterThan(KEYS - 100);
  });

  test.each([0, 0.2, 0.5, 0.8, 0.95])("with 512 zeros after %d of it", async (share) => {
    const at = Math.floor(share * (size() - 560));
    expect(await afterwards(kind, (bytes) => void bytes.fill(0, at, at + 512))).toBeLessThanOrEqual(KEYS);
  });

  test("with its index and its first and fourth block damaged", async () => {
    const count = await afterwards(kind, (bytes) => {
      const { offset, size } = indexAt(bytes);
      for (const at of [10, 13_000, offset + size - 300]) bytes.fill(0, at, at + 40);
    });
    // A packed index cannot be unpacked any more: what follows a damaged block is not found then.
    expect(count).toBeGreaterThanOrEqual(kind === "plain" ? KEYS - 100 : 0);
  });

  test.each([
    ["its first byte", (bytes: Buffer) => indexAt(bytes).offset],
    ["its middle", (bytes: Buffer) => indexAt(bytes).offset + (indexAt(bytes).size >> 1)],
    ["its restart points", (bytes: Buffer) => indexAt(bytes).offset + indexAt(bytes).size - 1],
    ["the footer", (bytes: Buffer) => bytes.length - 48],
    ["the footer's second byte", (bytes: Buffer) => bytes.length - 47],
    ["the footer's fifth byte", (bytes: Buffer) => bytes.length - 44],
    ["the footer's last number", (bytes: Buffer) => bytes.length - 42],
  ])("loses nothing with its index damaged in %s", async (_, where) => {
    const count = await afterwards(kind, (bytes) => {
      const at = where(bytes);
      bytes[at] = (bytes[at] as number) ^ 0x55;
    });
    expect(count).toBe(KEYS);
  });
});

test("a flipped bit in a value loses that record alone", async () => {
  const at = readFileSync(tableIn(made.plain)).indexOf(valueOf(400)) + 50;
  expect(await afterwards("plain", (bytes) => void (bytes[at] = (bytes[at] as number) ^ 1))).toBe(KEYS - 1);
});

describe("a repair by LevelDB", () => {
  /** Two tables, of which the first is damaged; a third one is missing, so that the database asks for a repair. */
  async function repaired(damage: (table: string) => void): Promise<{ count: number; dir: string }> {
    const dir = path.join(temporaryDir(), "series");
    for (let part = 0; part < 3; part++) {
      const { db } = await openLevel(dir, { name: "series", compression: false });
      for (let i = part * 300; i < part * 300 + 300; i++) await db.put(keyOf(i), valueOf(i));
      await db.close();
    }
    await (await openLevel(dir, { name: "series" })).db.close();
    const tables = readdirSync(dir).filter((file) => file.endsWith(".ldb"));
    expect(tables).toHaveLength(3);
    damage(path.join(dir, tables[0] as string));
    rmSync(path.join(dir, tables[1] as string));
    const opened = await openLevel(dir, { name: "series", compression: false });
    expect(opened).toMatchObject({ repaired: true, setAside: undefined });
    let count = 0;
    for await (const [key, value] of opened.db.iterator()) if (soundRecord(key, value) !== undefined) count++;
    await opened.db.close();
    return { count, dir };
  }

  test.each([
    ["a table of zeros at its keys", (bytes: Buffer) => bytes.fill(0, 0, 512), 540, 600],
    ["a table without a sound block", (bytes: Buffer) => bytes.fill(0, 0, bytes.length - 600), 300, 300],
    ["a table cut in its middle", (bytes: Buffer) => bytes.subarray(0, bytes.length >> 1), 400, 560],
    ["a table cut behind its data", (bytes: Buffer) => bytes.subarray(0, bytes.length - 60), 600, 600],
    ["a table of nothing", () => Buffer.alloc(0), 300, 300],
  ])("survives %s, which is kept", async (_, damage, least, most) => {
    const { count, dir } = await repaired((table) => writeFileSync(table, damage(readFileSync(table))));
    expect(count).toBeGreaterThanOrEqual(least);
    expect(count).toBeLessThanOrEqual(most);
    expect(readdirSync(path.dirname(dir)).join()).toContain("series.damaged-1");
    rmSync(path.dirname(dir), { recursive: true, force: true });
  });
});
