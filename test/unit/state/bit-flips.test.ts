/** A flipped bit in any file of the state: it opens, no record has another value, and what is missing is named. */
import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { watchTables } from "../../../src/app/tables.ts";
import { openState } from "../../../src/state/leveldb.ts";
import { temporaryDir } from "../../support/tsdb.ts";

const RECORDS = 300;
const FLIPS_PER_FILE = Number(process.env["OPSMON_TORTURE_ROUNDS"] ?? 8);
const valueOf = (i: number): string => `value ${i} ${"x".repeat(i % 50)}`;

async function put(dir: string, from: number, to: number): Promise<void> {
  const state = await openState(dir);
  for (let i = from; i < to; i++) await state.batch([{ kind: "put", key: `k${i}`, value: valueOf(i) }]);
  await state.close();
}

test("a flipped bit anywhere", { timeout: 300_000 }, async () => {
  const original = temporaryDir();
  // Opened twice: the first half is in a table, the second in the journal.
  await put(path.join(original, "state"), 0, RECORDS / 2);
  await put(path.join(original, "state"), RECORDS / 2, RECORDS);
  const trouble: string[] = [];
  for (const name of readdirSync(path.join(original, "state"))) {
    const { size } = statSync(path.join(original, "state", name));
    for (let n = 0; n < (size > 0 ? FLIPS_PER_FILE : 0); n++) {
      const dir = temporaryDir();
      cpSync(original, dir, { recursive: true });
      const file = path.join(dir, "state", name);
      const bytes = readFileSync(file);
      const at = Math.floor(Math.random() * size);
      bytes[at] = (bytes[at] as number) ^ (1 << Math.floor(Math.random() * 8));
      writeFileSync(file, bytes);
      try {
        const tables = watchTables(path.join(dir, "state"), "state", Number.POSITIVE_INFINITY);
        const state = await openState(path.join(dir, "state"));
        await tables.check();
        let found = 0;
        for await (const [key, value] of state.scan({})) {
          found++;
          if (value !== valueOf(Number(key.slice(1)))) trouble.push(`${name} at ${at}: ${key} is ${value}`);
        }
        const said = state.damaged().length + tables.items().length;
        if (found < RECORDS && said === 0)
          trouble.push(`${name} at ${at}: ${RECORDS - found} records are missing without a word`);
        await state.close();
      } catch (error) {
        trouble.push(`${name} at ${at}: ${String(error)}`);
      }
      rmSync(dir, { recursive: true });
    }
  }
  rmSync(original, { recursive: true });
  expect(trouble).toEqual([]);
});
