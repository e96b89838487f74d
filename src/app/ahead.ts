/**
 * What other threads can do for a start while this one still loads the program: LevelDB opens both databases, which after
 * a kill means reading a journal and writing a table, and the append log is read.
 */
import path from "node:path";
import { beginLevel } from "../base/leveldb.ts";
import { STATE_LEVEL } from "../state/leveldb.ts";
import { beginLoad } from "../tsdb/load.ts";
import { beginLog } from "../tsdb/log-ahead.ts";
import { refuseNewer } from "../tsdb/newer.ts";
import { SERIES_LEVEL } from "../tsdb/options.ts";
import { startLightly } from "./light-start.ts";
import { diedReading, markStart } from "./start-mark.ts";

/** A longer log is replayed faster by code that was compiled well, even counting the time that takes. */
const LIGHT_LOG_BYTES_MAX = 32 << 20;

/**
 * Resolves when the other threads have their work. Nothing but the mark of the start is made, and nothing is refused,
 * before the engine asks.
 */
export async function workAhead(dataDir: string): Promise<void> {
  // After a start or a read that died the tables are looked through first.
  if (isNewer(dataDir) || diedReading(dataDir)) return;
  markStart(dataDir);
  beginLevel(`${dataDir}/series`, SERIES_LEVEL, beginLoad);
  beginLevel(path.join(dataDir, "state"), STATE_LEVEL);
  const logBytes = beginLog(`${dataDir}/log`);
  if (logBytes <= LIGHT_LOG_BYTES_MAX) startLightly();
  await turn();
}

/** Whether a newer opsmon wrote there: then nothing may be touched, and the engine will say so. */
function isNewer(dataDir: string): boolean {
  try {
    refuseNewer(dataDir);
    return false;
  } catch {
    return true;
  }
}

/** One turn of the loop, in which other threads are told what comes next. */
export function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
