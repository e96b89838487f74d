/**
 * Parts of a store that are gone altogether. Database and log know of each other: a log position in the database names
 * a file, and a log that begins late had a database before it. What is missing is named, and numbers go on above it.
 */
import { readdirSync, statSync } from "node:fs";
import type { Damage } from "./damage.ts";
import type { Head } from "./head.ts";
import { fileOf, logName, type LogFile } from "./log.ts";

const DATABASE_FILE = /^CURRENT$|^MANIFEST-|\.(?:ldb|sst|log)$/;

/** Whether `dir` holds nothing of a database yet; asked before it is opened. */
export function isBlank(dir: string): boolean {
  const found = statSync(dir, { throwIfNoEntry: false });
  return found === undefined || (found.isDirectory() && !readdirSync(dir).some((name) => DATABASE_FILE.test(name)));
}

/** Names a database that is gone: log files are dropped only after their samples went there. */
export function nameLostDatabase(files: readonly LogFile[], damage: Damage): void {
  const oldest = files[0];
  if (oldest === undefined || oldest.number === 1) return;
  damage.add("the series database", `it is gone, with all samples from before log/${logName(oldest.number)}`);
}

export const LOST_LOG = "gone, with the samples that were in no chunk yet";

/**
 * Names of log files that are gone.
 *
 * @param known number of the newest file that the database knows of.
 * @param noted numbers of files that were there and never dropped.
 */
export function lostLogFiles(files: readonly LogFile[], known: number, noted: readonly number[]): readonly string[] {
  const last = Math.max(known, ...noted);
  const lost: string[] = [];
  const add = (from: number, to: number): void =>
    void lost.push(`log/${logName(from)}${from === to ? "" : ` to ${logName(to)}`}`);
  const oldest = files[0]?.number ?? last;
  for (const number of noted) if (number < oldest) add(number, number);
  files.slice(1).forEach(({ number }, i) => {
    const before = (files[i] as LogFile).number;
    if (number > before + 1) add(before + 1, number - 1);
  });
  const newest = files.at(-1)?.number ?? 0;
  // Without any file left it cannot be told how many there were.
  if (last > newest) add(files.length === 0 ? last : newest + 1, last);
  return lost;
}

/** What is wrong with a log file of that size; undefined when nothing is. @param end where it ended when it was closed. */
export function cutLog(bytes: number, end: number | undefined): string | undefined {
  return end === undefined || bytes >= end ? undefined : `its last ${end - bytes} bytes are gone`;
}

/** Names log files that are gone. @returns number of the newest file that ever was; new records stand behind it. */
export function nameLostLog(files: readonly LogFile[], noted: readonly number[], head: Head, damage: Damage): number {
  let last = Math.max(files.at(-1)?.number ?? 0, ...noted);
  for (const { openUntil, lateUntil } of head.groups.values())
    last = Math.max(last, fileOf(openUntil), fileOf(lateUntil));
  for (const names of lostLogFiles(files, last, noted)) damage.add(names, LOST_LOG);
  return last;
}
