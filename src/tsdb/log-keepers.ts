/**
 * Which open chunks alone keep the oldest files of the append log alive, and have to be sealed for that. Groups often
 * begin together; so that they do not end together as well, and nobody waits while all are packed, some of those that
 * would be due with the next two files go in each round before. Once they are spread out nobody goes early.
 */
import type { Group } from "./group.ts";
import { fileOf, type LogPosition } from "./log.ts";

/** More files are a slow restart. */
const LOG_FILES_MAX = 8;
const EARLY_FILES = 2;
/** Of all groups, a round of upkeep: at a million samples a second two log files last some ten rounds. */
const EARLY_SHARE = 1 / 8;

export interface Keeper {
  readonly group: Group;
  readonly late: boolean;
}

/** @param position where the next record will stand. */
export function keepersOf(groups: ReadonlyMap<number, Group>, position: LogPosition): readonly Keeper[] {
  const oldest = fileOf(position) - LOG_FILES_MAX;
  const due: Keeper[] = [];
  const soon: Keeper[] = [];
  for (const group of groups.values()) {
    if (group.open !== undefined && group.open.rows > 0) {
      const file = fileOf(group.openSince);
      if (file <= oldest) due.push({ group, late: false });
      else if (file <= oldest + EARLY_FILES) soon.push({ group, late: false });
    }
    if (group.late !== undefined && group.late.rows > 0 && fileOf(group.lateSince) <= oldest)
      due.push({ group, late: true });
  }
  // As many as began in one file when all are spread evenly may wait for their time.
  const crowd = Math.max(0, soon.length - Math.ceil(groups.size / LOG_FILES_MAX));
  return [...due, ...soon.slice(0, Math.min(crowd, Math.ceil(groups.size * EARLY_SHARE)))];
}
