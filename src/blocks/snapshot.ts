/**
 * What lies in a directory of Prometheus: its blocks, oldest first, its logs, and what is not read. A snapshot, a data directory and a single block are told apart by what is in them.
 */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { UserError } from "../base/errors.ts";
import { unreadable } from "../base/system-error.ts";
import type { Timestamp } from "../model/sample.ts";

/** meta.json names a few dozen sources at most. */
const META_BYTES_MAX = 16 * 1024 * 1024;
const META_VERSION = 1;

export interface BlockDir {
  readonly path: string;
  readonly minTime: Timestamp;
  readonly maxTime: Timestamp;
  /** As meta.json says; for progress and for the size of pieces, never for memory. */
  readonly samples: number;
  readonly chunks: number;
}

export interface LogDir {
  readonly path: string;
  /** Where the blocks end. */
  readonly from: Timestamp;
  /** Directory of what came out of order, of any time; it names its series in the other one. */
  readonly late: string | undefined;
}

export interface Snapshot {
  readonly blocks: readonly BlockDir[];
  /** The log of what is in no block yet. */
  readonly log: LogDir | undefined;
  /** Blocks whose meta.json cannot be read. */
  readonly damage: readonly UserError[];
  /** Sentences about what holds samples and is not read. */
  readonly notRead: readonly string[];
}

function readMeta(dir: string): BlockDir {
  const file = path.join(dir, "meta.json");
  const bad = (why: string): UserError => new UserError("bad-block", `${file}: ${why}`);
  let meta: unknown;
  try {
    if (statSync(file).size > META_BYTES_MAX) throw bad(`larger than ${META_BYTES_MAX} bytes`);
    meta = JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    if (cause instanceof SyntaxError) throw bad(`not JSON: ${cause.message}`);
    throw cause instanceof UserError ? cause : unreadable(file, cause);
  }
  const { minTime, maxTime, version, stats } = (typeof meta === "object" && meta !== null ? meta : {}) as {
    minTime?: unknown;
    maxTime?: unknown;
    version?: unknown;
    stats?: { numSamples?: unknown; numChunks?: unknown } | null;
  };
  if (version !== META_VERSION) throw bad(`a block of format ${String(version)}, and format ${META_VERSION} is read`);
  if (!Number.isSafeInteger(minTime) || !Number.isSafeInteger(maxTime))
    throw bad("minTime and maxTime are not whole numbers");
  const count = (value: unknown): number => (Number.isSafeInteger(value) && Number(value) > 0 ? Number(value) : 0);
  return {
    path: dir,
    minTime: Number(minTime),
    maxTime: Number(maxTime),
    samples: count(stats?.numSamples),
    chunks: count(stats?.numChunks),
  };
}

function isBlock(dir: string): boolean {
  return existsSync(path.join(dir, "meta.json")) && existsSync(path.join(dir, "index"));
}

/** Whether a directory of a log has anything in it. */
function filesIn(dir: string): number {
  return existsSync(dir) && statSync(dir).isDirectory() ? readdirSync(dir).length : 0;
}

/** @throws UserError `not-a-snapshot`, `unreadable`, `bad-block` when a meta.json is damaged. */
export function openSnapshot(dir: string): Snapshot {
  if (isBlock(dir)) return { blocks: [readMeta(dir)], log: undefined, damage: [], notRead: [] };
  let names: readonly string[];
  try {
    names = readdirSync(dir).sort();
  } catch (cause) {
    throw unreadable(dir, cause);
  }
  const blocks: BlockDir[] = [];
  const notRead: string[] = [];
  const damage: UserError[] = [];
  for (const name of names) {
    const inner = path.join(dir, name);
    if (/\.tmp-for-(creation|deletion)$/.test(name)) notRead.push(`${inner}: a block that is not complete`);
    else if (isBlock(inner)) {
      try {
        blocks.push(readMeta(inner));
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        damage.push(error);
      }
    }
  }
  const end = blocks.reduce((latest, { maxTime }) => Math.max(latest, maxTime), Number.NEGATIVE_INFINITY);
  const [wal, late] = ["wal", "wbl"].map((name) => path.join(dir, name)) as [string, string];
  const log = filesIn(wal) === 0 ? undefined : { path: wal, from: end, late: filesIn(late) === 0 ? undefined : late };
  if (blocks.length === 0 && log === undefined) {
    if (damage[0] !== undefined) throw damage[0];
    throw new UserError("not-a-snapshot", `${dir} holds no blocks of Prometheus`, {
      hint: "name a snapshot, a data directory of Prometheus, or one block with its meta.json and index",
    });
  }
  return { blocks: blocks.sort((a, b) => a.minTime - b.minTime || a.maxTime - b.maxTime), log, damage, notRead };
}
