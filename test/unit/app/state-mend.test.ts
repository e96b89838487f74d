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
async function damaged(dir: string): Promise<string> {
  for (let run = 0; run < TABLES; run++) {
    const state = await openState(dir);
    await put(state, run);
    await state.close();
  }
  const oldest = readdirSync(dir).find((name) => name.endsWith(".ldb")) ?? "";
  const bytes = readFileSync(path.join(dir, oldest));
  bytes.fill(0, 10, 60);
  writeFileSync(path.join(dir, oldest), bytes);
  return oldest;
}

/** Writes until a compaction has met the damage. @returns what was refused. */
async function writeOn(state: StateStore): Promise<string[]> {
  const refused: string[] = [];
  for (let run = TABLES; run < TABLES + 10_000 && state.damaged().length === 0 && refused.length === 0; run++)
    await put(state, run).catch((error: unknown) => refused.push(String(error)));
  return refused;
}

test.each([
  ["mended", 0, /damaged blocks taken out/],
  ["refused where nobody can mend", 1, /^$/],
] as const)("writes behind a damaged table are %s", async (_, refusals, said) => {
  using temporary = tempDir();
  const dir = path.join(temporary.path, "state");
  const oldest = await damaged(dir);
  const mend = async (): Promise<readonly string[]> => (await mendTables(dir, { keep: true })).mended;
  const state = await openState(dir, refusals === 0 ? mend : undefined);
  expect(await writeOn(state)).toHaveLength(refusals);
  expect(state.damaged().join()).toMatch(said);
  expect(readdirSync(temporary.path).includes("state.damaged-1")).toBe(refusals === 0);
  if (refusals === 0) {
    await put(state, 1_000);
    expect(state.damaged().join()).toContain(oldest);
    expect(await state.get("a")).toBe("1000 ".repeat(40));
    expect(await state.get("run 2")).toBe("2 ".repeat(40));
  }
  await state.close();
});
