/**
 * The process of the disk-full test, started under a limit on file sizes that acts like a full disk. It goes on
 * appending while nothing can be written, lifts the limit of itself, and says on stdout how it went.
 */
import { spawnSync } from "node:child_process";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import { Labels } from "../../src/model/labels.ts";
import { openState } from "../../src/state/leveldb.ts";
import { openTsdb } from "../../src/tsdb/tsdb.ts";

const [, , dir = "", pages = "0"] = process.argv;
const SERIES = 200;
/** Part of util-linux, on every Debian. */
const LIMITER = "prlimit";
const db = await openTsdb({ dir, clock: systemClock, log: silentLogger, reserveBytes: 0, chunkRows: 20, tiers: [] });
const state = await openState(`${dir}/state`);
const appender = db.appender();
const refs = Float64Array.from({ length: SERIES }, (_, i) =>
  appender.series(Labels.from({ __name__: "m", i: String(i) })),
);
const seen = { ok: 0, refused: 0, stateOk: [] as number[], stateRefused: 0, readOnly: "" };
for (let page = 0; page < Number(pages); page++) {
  appender.appendRow(
    refs,
    1_700_000_000_000 + page * 1_000,
    Float64Array.from(refs, (_, c) => Math.sin(page * c)),
    SERIES,
  );
  await appender.commit().then(
    () => seen.ok++,
    () => seen.refused++,
  );
  await state.batch([{ kind: "put", key: String(page), value: "x".repeat(1_000) }]).then(
    () => seen.stateOk.push(page),
    () => seen.stateRefused++,
  );
  seen.readOnly = db.stats().readOnly ?? seen.readOnly;
  if (page % 10 === 0) await db.upkeep();
  if (page === Number(pages) - 50) spawnSync(LIMITER, ["--pid", String(process.pid), "--fsize=unlimited:unlimited"]);
}
await db.upkeep();
const after = db.stats().readOnly;
await db.close();
await state.close();
console.log(JSON.stringify({ ...seen, after }));
