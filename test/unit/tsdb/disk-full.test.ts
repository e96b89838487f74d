/** A disk that refuses writes: nothing in memory is lost, and everything that was promised is on the disk afterwards. */
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { createMatcher } from "../../../src/model/matcher.ts";
import { openState } from "../../../src/state/leveldb.ts";
import { dump } from "../../support/storage-conformance.ts";
import { storeBox, T0, temporaryDir } from "../../support/tsdb.ts";

const child = fileURLToPath(new URL("../../support/tsdb-full-child.ts", import.meta.url));
const PAGES = 300;
const LIMIT_KIB = 96;

test("writes refused by the system: read-only and back, store and state keep what they promised", {
  timeout: 60_000,
}, async () => {
  const dir = temporaryDir();
  const script = `trap "" XFSZ; ulimit -S -f ${LIMIT_KIB}; exec "$0" "$@"`;
  const run = spawnSync("bash", ["-c", script, process.execPath, child, dir, String(PAGES)], {
    encoding: "utf8",
    timeout: 50_000,
  });
  expect(run.status, run.stderr).toBe(0);
  const seen = JSON.parse(run.stdout) as {
    ok: number;
    refused: number;
    stateOk: number[];
    stateRefused: number;
    readOnly: string;
    after?: string;
  };
  expect(seen.after).toBeUndefined();
  expect(seen.refused).toBeGreaterThan(0);
  expect(seen.stateRefused).toBeGreaterThan(0);
  expect(seen.readOnly).toMatch(/cannot be written|refuses writes/);
  await using box = await storeBox({ dir });
  const found = await dump(box.db, [createMatcher("__name__", "=", "m")], T0, T0 + PAGES * 1_000);
  expect(new Set(Object.values(found).map((list) => list.length))).toEqual(new Set([PAGES]));
  expect(box.db.stats().quarantined).toEqual([]);
  const state = await openState(`${dir}/state`);
  const missing: number[] = [];
  for (const page of seen.stateOk) if ((await state.get(String(page))) === undefined) missing.push(page);
  expect(missing).toEqual([]);
  await state.close();
  rmSync(dir, { recursive: true, force: true });
});
