/** A database that was begun before it is asked for opens, is repaired and is refused as any other. */
import { rmSync, writeFileSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { beginLevel, openLevel } from "../../../src/base/leveldb.ts";
import { temporaryDir } from "../../support/tsdb.ts";

const OPTIONS = { name: "test" };
const KEY = Uint8Array.of(1);

async function filled(): Promise<string> {
  const dir = `${temporaryDir()}/level`;
  const { db } = await openLevel(dir, OPTIONS);
  await db.put(KEY, Uint8Array.of(42));
  await db.close();
  return dir;
}

async function valueIn(dir: string): Promise<number | undefined> {
  const { db } = await openLevel(dir, OPTIONS);
  try {
    return (await db.get(KEY))?.[0];
  } finally {
    await db.close();
  }
}

test("what was written is there, the second time as well", async () => {
  const dir = await filled();
  beginLevel(dir, OPTIONS);
  beginLevel(dir, OPTIONS);
  await turn();
  expect(await valueIn(dir)).toBe(42);
  expect(await valueIn(dir)).toBe(42);
  rmSync(dir, { recursive: true });
});

test("nothing is made where there is no database", async () => {
  const dir = `${temporaryDir()}/level`;
  beginLevel(dir, OPTIONS);
  await turn();
  expect(await valueIn(dir)).toBeUndefined();
  rmSync(dir, { recursive: true });
});

test("one that somebody holds is refused, and opened once it is free", async () => {
  const dir = await filled();
  const { db } = await openLevel(dir, OPTIONS);
  beginLevel(dir, OPTIONS);
  await turn();
  await expect(openLevel(dir, OPTIONS)).rejects.toMatchObject({ code: "store-locked" });
  beginLevel(dir, OPTIONS);
  await turn();
  await db.close();
  expect(await valueIn(dir)).toBe(42);
  rmSync(dir, { recursive: true });
});

test("a damaged one is repaired", async () => {
  const dir = await filled();
  writeFileSync(`${dir}/CURRENT`, "MANIFEST-999999\n");
  beginLevel(dir, OPTIONS);
  await turn();
  const { db, repaired } = await openLevel(dir, OPTIONS);
  expect([repaired, (await db.get(KEY))?.[0]]).toEqual([true, 42]);
  await db.close();
  rmSync(dir, { recursive: true });
});
