/**
 * The mark of a start under way: a file `starting` that goes when the start has come to its end, well or not. Who finds
 * another's knows that the process died meanwhile. That may have been LevelDB, which ends the process over damage in
 * some places of a table; so the tables are looked through, and mended, before they are opened once more.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Logger } from "../base/log.ts";
import { systemCode } from "../base/system-error.ts";
import { mendTables } from "./mend-tables.ts";
import { isHeld } from "./picture.ts";
import { lastEnd } from "./read-mark.ts";
import type { TableDamage } from "./tables.ts";

/** Process ids come again, in a container at every start. */
const OWN = `${process.pid} ${performance.timeOrigin}\n`;

function markIn(dataDir: string): string {
  return path.join(dataDir, "starting");
}

/** Whether an earlier start in this directory never came to its end, or an earlier run ended at a read. */
export function diedReading(dataDir: string): boolean {
  return lastEnd(dataDir) === "reading" || diedStarting(dataDir);
}

function diedStarting(dataDir: string): boolean {
  try {
    return readFileSync(markIn(dataDir), "utf8") !== OWN;
  } catch {
    return false;
  }
}

/** Where nothing can be written, nothing is: opening the store has better words for it. */
export function markStart(dataDir: string): void {
  try {
    writeFileSync(markIn(dataDir), OWN, { flag: "wx" });
  } catch (error) {
    if (systemCode(error) === "EEXIST") replaceMark(dataDir);
    // Else there is no directory yet, or the disk is full or read-only: on a full one an empty file was made.
    else if (systemCode(error) === "ENOSPC") rmSync(markIn(dataDir), { force: true });
  }
}

/** A start that died left a mark; one under way keeps its own. Asked here only: the kernel takes 12 ms to say who holds what. */
function replaceMark(dataDir: string): void {
  if (!diedStarting(dataDir) || isHeld(dataDir)) return;
  try {
    writeFileSync(markIn(dataDir), OWN);
  } catch {
    // As above.
  }
}

/** The mark of another process stays. */
export function clearStart(dataDir: string): void {
  try {
    if (readFileSync(markIn(dataDir), "utf8") === OWN) rmSync(markIn(dataDir));
  } catch {
    // None was made, or it cannot go: then the next start looks through the tables for nothing.
  }
}

/**
 * Looks through the tables, and mends them, when the last start died, or a run at a read. Nothing may have opened the
 * databases yet. @returns what was damaged.
 */
export async function mendAfterDeath(dataDir: string, log: Logger): Promise<readonly TableDamage[]> {
  if (!diedReading(dataDir) || isHeld(dataDir)) return [];
  const found: TableDamage[] = [];
  for (const name of ["series", "state"]) {
    const { damage, mended } = await mendTables(path.join(dataDir, name), { keep: true });
    for (const what of mended) log.error("the last run died at a read; stored data is damaged", { what });
    found.push(...damage);
  }
  return found;
}
