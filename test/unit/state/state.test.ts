/** One suite for both implementations of the state port, then what only the durable one promises. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { UserError } from "../../../src/base/errors.ts";
import { openState } from "../../../src/state/leveldb.ts";
import { memoryState } from "../../../src/state/memory.ts";
import type { ScanRange, StateStore } from "../../../src/state/state.ts";
import { temporaryDir } from "../../support/tsdb.ts";

async function list(state: StateStore, range: ScanRange = {}): Promise<string[]> {
  const found: string[] = [];
  for await (const [key, value] of state.scan(range)) found.push(`${key}=${value}`);
  return found;
}

async function inDir(body: (dir: string) => Promise<void>): Promise<void> {
  const dir = temporaryDir();
  try {
    await body(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const kinds = {
  memory: (body: (state: StateStore) => Promise<void>) => body(memoryState()),
  leveldb: (body: (state: StateStore) => Promise<void>) =>
    inDir(async (dir) => {
      const state = await openState(dir);
      await body(state);
      await state.close();
    }),
};

describe.each(Object.entries(kinds))("state in %s", (_, use) => {
  test("what a batch puts is there, what it deletes is gone, later operations win", () =>
    use(async (state) => {
      await state.batch([
        { kind: "put", key: "a", value: "1" },
        { kind: "put", key: "b", value: "" },
        { kind: "put", key: "a", value: "2" },
      ]);
      await state.batch([
        { kind: "del", key: "b" },
        { kind: "del", key: "nosuch" },
        { kind: "put", key: "c", value: "ü\u0000\n" },
      ]);
      await state.batch([]);
      expect(await state.get("a")).toBe("2");
      expect(await state.get("b")).toBeUndefined();
      expect(await list(state)).toEqual(["a=2", "c=ü\u0000\n"]);
      expect(state.damaged()).toEqual([]);
    }));

  const ranges: readonly (readonly [range: ScanRange, expected: readonly string[], why: string])[] = [
    [{ gte: "b", lt: "d" }, ["b=b", "c=c"], "first included, end excluded"],
    [{ reverse: true }, ["\u{1f600}=e", "\uffee=d", "c=c", "b=b", "a=a"], "backwards; above U+FFFF sorts last"],
    [{ limit: 2 }, ["a=a", "b=b"], "at most so many"],
    [{ limit: 0 }, [], "none"],
    [{ lt: "c", reverse: true, limit: 1 }, ["b=b"], "the last before a key"],
    [{ gte: "x", lt: "b" }, [], "an empty range"],
  ];
  test.each(ranges)("scan %j", (range, expected) =>
    use(async (state) => {
      const records = { a: "a", b: "b", c: "c", "\uffee": "d", "\u{1f600}": "e" };
      await state.batch(Object.entries(records).map(([key, value]) => ({ kind: "put", key, value }) as const));
      expect(await list(state, range)).toEqual(expected);
    }),
  );
});

describe("state on disk", () => {
  test("survives a restart", () =>
    inDir(async (dir) => {
      const records = fc.sample(
        fc.tuple(fc.string({ unit: "grapheme", minLength: 1 }), fc.string({ unit: "grapheme" })),
        100,
      );
      const want = new Map(records);
      let state = await openState(dir);
      await state.batch(records.map(([key, value]) => ({ kind: "put", key, value })));
      await state.close();
      state = await openState(dir);
      for (const [key, value] of want) expect(await state.get(key)).toBe(value);
      expect((await list(state)).length).toBe(want.size);
      await state.close();
    }));

  test("a flipped byte in a record is refused and named, the others are there", () =>
    inDir(async (dir) => {
      let state = await openState(dir);
      const values = { a: "alpha", b: "QWERTY", c: "gamma" };
      await state.batch(Object.entries(values).map(([key, value]) => ({ kind: "put", key, value }) as const));
      await state.close();
      // The second opening turns the journal into a table, whose values LevelDB does not check.
      await (await openState(dir)).close();
      const table = readdirSync(dir).find((name) => name.endsWith(".ldb")) ?? "";
      const bytes = readFileSync(join(dir, table));
      const at = bytes.indexOf("QWERTY");
      if (at >= 0) bytes[at] = 0x58;
      writeFileSync(join(dir, table), bytes);
      state = await openState(dir);
      expect(at).toBeGreaterThan(0);
      await expect(state.get("b")).rejects.toThrow('"b" fails its checksum');
      expect((await list(state)).map((line) => line[0])).toEqual(["a", "c"]);
      expect(state.damaged()).toEqual(["b"]);
      await state.close();
    }));

  test("a second opener is refused with the way out", () =>
    inDir(async (dir) => {
      const state = await openState(dir);
      const error = await openState(dir).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(UserError);
      expect([(error as UserError).code, (error as UserError).exit]).toEqual(["store-locked", 4]);
      await state.close();
    }));

  test("an unusable manifest is repaired, and said so", () =>
    inDir(async (dir) => {
      let state = await openState(dir);
      await state.batch([{ kind: "put", key: "a", value: "1" }]);
      await state.close();
      for (const name of readdirSync(dir)) if (name.startsWith("MANIFEST")) writeFileSync(join(dir, name), "rubbish");
      state = await openState(dir);
      expect(await state.get("a")).toBe("1");
      expect(state.damaged().join()).toContain("repaired");
      await state.close();
    }));
});
