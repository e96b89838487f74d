/** A damaged table of the state that a compaction meets: LevelDB refuses every write from then on; it is mended, and named. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { mendTables } from "../../../src/app/mend-tables.ts";
import { openState } from "../../../src/state/leveldb.ts";
import type { StateStore } from "../../../src/state/state.ts";
import { tempDir } from "../../support/process.ts";

/** Level 0 is compacted at this many tables. */
const TABLES = 4;

function put(state: StateStore, run: number): Promise<void> {
  const keys = ["a", "m", "z", `run ${run}`];
  return state.batch(keys.map((key) => ({ kind: "put", key, value: `${run} `.repeat(40) })));
}

/** One table for each run that wrote, the oldest of them damaged, with one more to come before LevelDB reads it. */
async function damaged(dir: string, spoil: (bytes: Buffer) => Buffer): Promise<string> {
  for (let run = 0; run < TABLES; run++) {
    const state = await openState(dir);
    await put(state, run);
    await state.close();
  }
  const oldest = readdirSync(dir).find((name) => name.endsWith(".ldb")) ?? "";
  writeFileSync(path.join(dir, oldest), spoil(readFileSync(path.join(dir, oldest))));
  return oldest;
}

/** Writes until a compaction has met the damage. @returns what was refused. */
async function writeOn(state: StateStore): Promise<string[]> {
  const refused: string[] = [];
  for (let run = TABLES; run < TABLES + 10_000 && state.damaged().length === 0 && refused.length === 0; run++)
    await put(state, run).catch((error: unknown) => refused.push(String(error)));
  return refused;
}

const zeros = (bytes: Buffer): Buffer => bytes.fill(0, 10, 60);
const nothing = (bytes: Buffer): Buffer => bytes.subarray(0, 0);

test.each([
  ["mended", zeros, 0, /0\d+\.ldb: damaged blocks taken out/],
  ["mended, also when nothing is left of it", nothing, 0, /repaired, tables that cannot be read are taken out/],
  ["refused where nobody can mend", zeros, 1, /^$/],
] as const)("writes behind a damaged table are %s", async (_, spoil, refusals, said) => {
  using temporary = tempDir();
  const dir = path.join(temporary.path, "state");
  const oldest = await damaged(dir, spoil);
  const mend = async (): Promise<readonly string[]> => (await mendTables(dir, { keep: true })).mended;
  const state = await openState(dir, refusals === 0 ? mend : undefined);
  expect(await writeOn(state)).toHaveLength(refusals);
  expect(state.damaged().join()).toMatch(said);
  expect(readdirSync(temporary.path).includes("state.damaged-1")).toBe(refusals === 0);
  if (refusals === 0) {
    await put(state, 1_000);
    expect(readdirSync(path.join(temporary.path, "state.damaged-1"))).toContain(oldest);
    expect(await state.get("a")).toBe("1000 ".repeat(40));
    expect(await state.get("run 2")).toBe("2 ".repeat(40));
  }
  await state.close();
});
