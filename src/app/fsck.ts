/** fsck of a whole data directory: every sample, every record of the state, what is missing and what is foreign. */
import { existsSync } from "node:fs";
import path from "node:path";
import { systemClock } from "../base/clock.ts";
import { lockedError, repairLevel } from "../base/leveldb.ts";
import { openState } from "../state/leveldb.ts";
import { STATE_HOLDS, type StateStore } from "../state/state.ts";
import { marksOf } from "../tsdb/marks.ts";
import { refuseNewer } from "../tsdb/newer.ts";
import { type VerifyOptions, type VerifyReport, verifyStore } from "../tsdb/verify.ts";
import { foreignFiles } from "./foreign.ts";
import { type MendReport, mendTables } from "./mend-tables.ts";
import { inPlaceOf, isHeld, takePicture } from "./picture.ts";
import { damagedTables, type TableDamage } from "./tables.ts";

/** How the state speaks of itself where it does not name one record. */
const DATABASE = /^(?:the |records )/;

/** Records that LevelDB fails to give, as the state says it. */
const UNREADABLE = /^records after /;

export interface CheckReport extends VerifyReport {
  readonly stateRecords: number;
  /** Left alone, and no damage. */
  readonly foreign: readonly string[];
}

/**
 * Without `repair` nothing in the directory changes: pictures of its databases are read.
 *
 * @throws UserError `no-store`, `store-damaged` (exit 6), `store-locked` (exit 4), `store-unusable`, `store-format`.
 */
export async function checkDirectory(dir: string, wishes: Omit<VerifyOptions, "clock">): Promise<CheckReport> {
  const options = { ...wishes, clock: systemClock };
  if (!existsSync(path.join(dir, "series"))) return check(dir, dir, options);
  if (isHeld(dir)) throw lockedError(dir);
  if (options.repair === true) return check(dir, dir, options);
  const picture = takePicture(dir, { only: ["series", "state"], locked: true });
  try {
    const report = await check(dir, picture.path, { ...options, series: path.join(picture.path, "series") });
    const named = (text: string): string => text.replaceAll(picture.path, dir);
    return { ...report, problems: report.problems.map(({ what, why }) => ({ what: named(what), why: named(why) })) };
  } catch (error) {
    throw inPlaceOf(picture, dir, error);
  } finally {
    picture.forget();
  }
}

async function check(dir: string, databases: string, options: VerifyOptions): Promise<CheckReport> {
  const stateDir = path.join(databases, "state");
  const tables = ["series", "state"].map((name) => ({ name, dir: path.join(databases, name) }));
  const inPlace = databases === dir;
  const before: { readonly place: string; readonly name: string; readonly report: MendReport }[] = [];
  if (inPlace) refuseNewer(dir);
  // Before LevelDB reads them: some damage would end the process.
  for (const one of inPlace && options.repair !== true ? [] : tables)
    before.push({ place: one.dir, name: one.name, report: await mendTables(one.dir, { keep: inPlace }) });
  const verified = await verifyStore(dir, options);
  const mended = inPlace ? before.flatMap(({ report: { mended } }) => mended) : [];
  const report = { ...verified, repaired: [...mended, ...verified.repaired] };
  const foreign = foreignFiles(dir);
  /** What an engine left half-written is gone since the database was opened. */
  const blocks = async (): Promise<readonly TableDamage[]> =>
    (
      await Promise.all(
        before.map(async ({ place, name, report: { damage, left } }) => [
          ...damage,
          ...(await damagedTables(place, name, left)),
        ]),
      )
    ).flat();
  if (!existsSync(path.join(stateDir, "CURRENT")) && marksOf(dir).companions.includes("state")) {
    const gone = { what: "state/", why: `it is gone, with ${STATE_HOLDS}` };
    return { ...report, stateRecords: 0, foreign, problems: [...report.problems, ...(await blocks()), gone] };
  }
  if (!existsSync(stateDir))
    return { ...report, stateRecords: 0, foreign, problems: [...report.problems, ...(await blocks())] };
  let state = await openState(stateDir);
  try {
    let stateRecords = await countIn(state);
    const damaged = state
      .damaged()
      .map((key) =>
        DATABASE.test(key)
          ? { what: "the state database", why: key }
          : { what: `state record "${key}"`, why: "checksum does not fit" },
      );
    const told = await blocks();
    const lost = options.repair === true && state.damaged().some((key) => UNREADABLE.test(key));
    if (lost) {
      await state.close();
      await repairLevel(stateDir);
      state = await openState(stateDir);
      stateRecords = await countIn(state);
      report.repaired.push("the state database: tables that cannot be read are taken out");
    }
    const moved = options.repair === true ? await state.repair() : [];
    const repaired = [...report.repaired, ...moved.map((key) => `state record "${key}" moved aside`)];
    const all = [...report.problems, ...told, ...damaged];
    return { ...report, repaired, stateRecords, foreign, problems: all };
  } finally {
    await state.close();
  }
}

async function countIn(state: StateStore): Promise<number> {
  let count = 0;
  for await (const _ of state.scan({})) count++;
  return count;
}
