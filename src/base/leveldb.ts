/**
 * The one door to LevelDB. In: a directory. Out: an open database of bytes, opened exactly once per process, and
 * what had to be done to open it. A damaged database is repaired; one that cannot be repaired is set aside under a
 * new name and an empty one takes its place, because a monitor that refuses to start helps nobody. Nothing is ever
 * deleted here.
 */
import { existsSync, readdirSync, statSync } from "node:fs";
import { rename } from "node:fs/promises";
import { dirname } from "node:path";
import type { ClassicLevel } from "classic-level";
import { Level } from "level";
import { makeDirectory } from "./directory.ts";
import { EXIT, UserError, errorText } from "./errors.ts";
import { tellingReads } from "./leveldb-reads.ts";
import { readyJournals } from "./leveldb-journal.ts";

/** Under Node `level` is classic-level; its own types leave out what browsers lack, `repair` among it. */
const NodeLevel = tellingReads(Level as unknown as typeof ClassicLevel);

/** Keys and values are bytes; keys sort bytewise. */
export type ByteLevel = ClassicLevel<Uint8Array, Uint8Array>;

/** One step of an atomic batch. */
export type LevelOp =
  | { readonly type: "put"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: "del"; readonly key: Uint8Array };

export interface LevelOptions {
  /** Snappy on tables; false where values are compressed already. */
  readonly compression?: boolean;
  readonly cacheBytes?: number;
  /** Memtable size: up to two of them stay in memory. */
  readonly writeBufferBytes?: number;
  readonly maxFileBytes?: number;
  /** Reads enough to notice damage that opening alone does not; a throw means "damaged". */
  readonly probe?: (db: ByteLevel) => Promise<void>;
  /** What the error and the log call this database, e.g. `series`. */
  readonly name: string;
}

export interface OpenedLevel {
  readonly db: ByteLevel;
  readonly repaired: boolean;
  /** Where the unrepairable database went; undefined in the usual case. */
  readonly setAside: string | undefined;
  /** Why it was repaired or set aside. */
  readonly reason: string | undefined;
  /** Journal records that LevelDB passed over because they fail their checksum, or that were taken out, one sentence each. */
  readonly passedOver: readonly string[];
}

const DATA_FILE = /^(?:\d+\.(?:ldb|sst|log)|MANIFEST-\d+)$/;

/** The innermost `code` that classic-level put on the error, e.g. `LEVEL_LOCKED`. */
function levelCode(error: unknown): string {
  let code = "";
  for (let e: unknown = error; e instanceof Error; e = e.cause) code = (e as { code?: string }).code ?? code;
  return code;
}

function levelText(error: unknown): string {
  let inner = error;
  while (inner instanceof Error && inner.cause instanceof Error) inner = inner.cause;
  return errorText(inner);
}

/** What the system says when not the bytes but the surroundings are at fault; repairing would not help. */
const OUTSIDE_CAUSE =
  /permission denied|no space left|quota|read-only file system|too many open files|input\/output error|cannot allocate/i;

const FULL_CAUSE = /no space left|quota/i;
/** Twice a journal and a little more. */
const FULL_HINT =
  "free 16 MB there and start again: opening turns a database's journal into a table. " +
  "Nothing that was stored is lost, and a stopped directory answers queries meanwhile (--data)";

/** A database whose bytes are wrong, as opposed to one that is busy, unreadable or on a full disk. */
export function isLevelDamage(error: unknown): boolean {
  const code = levelCode(error);
  return code === "LEVEL_CORRUPTION" || (code === "LEVEL_IO_ERROR" && !OUTSIDE_CAUSE.test(levelText(error)));
}

async function openOnce(dir: string, options: LevelOptions): Promise<ByteLevel> {
  // LevelDB takes a directory without CURRENT for a new database and removes the tables it finds there.
  if (!existsSync(`${dir}/CURRENT`) && existsSync(dir) && readdirSync(dir).some((file) => DATA_FILE.test(file))) {
    throw Object.assign(new Error("CURRENT is missing beside data files"), { code: "LEVEL_CORRUPTION" });
  }
  const db = begun.get(dir)?.db ?? levelIn(dir, options);
  begun.delete(dir);
  await db.open();
  try {
    await options.probe?.(db);
  } catch (error) {
    await db.close();
    throw error;
  }
  return db;
}

/** A database that begins to open by itself. */
function levelIn(dir: string, options: LevelOptions): ByteLevel {
  return new NodeLevel<Uint8Array, Uint8Array>(dir, {
    // A directory that is there need not be made, which takes a turn of its own.
    createIfMissing: !existsSync(`${dir}/CURRENT`),
    keyEncoding: "view",
    valueEncoding: "view",
    compression: options.compression ?? true,
    cacheSize: options.cacheBytes ?? 8 << 20,
    writeBufferSize: options.writeBufferBytes ?? 4 << 20,
    maxFileSize: options.maxFileBytes ?? 2 << 20,
  });
}

let beforeRepair: ((dir: string) => Promise<void>) | undefined;

/** Has each database looked through before LevelDB repairs it: a repair reads all tables, and may die of one. */
export function guardRepairs(look: (dir: string) => Promise<void>): void {
  beforeRepair = look;
}

/** Lists the tables of a closed database anew, without those that cannot be read at all; what was taken out is kept. */
export async function repairLevel(dir: string): Promise<void> {
  await beforeRepair?.(dir);
  await NodeLevel.repair(dir);
}

/** Databases on their way before `openLevel` asks for them, by directory. */
const begun = new Map<string, { readonly db: ByteLevel; readonly passedOver: readonly string[] }>();

/**
 * Begins to open the database in `dir`, if there is one, with the options that `openLevel` will give: LevelDB reads its
 * journal on another thread while this one loads what else a start needs. What goes wrong is told to `openLevel`.
 *
 * @param whenOpen is given the database once it is open.
 */
export function beginLevel(dir: string, options: LevelOptions, whenOpen?: (db: ByteLevel) => void): void {
  if (begun.has(dir) || !existsSync(`${dir}/CURRENT`)) return;
  let passedOver: readonly string[];
  try {
    passedOver = readyJournals(dir, asideName);
  } catch {
    return;
  }
  const db = levelIn(dir, options);
  db.open().then(
    () => whenOpen?.(db),
    () => undefined,
  );
  begun.set(dir, { db, passedOver });
}

/** What is said of a directory that a process holds. */
export function lockedError(dir: string, cause?: unknown): UserError {
  return new UserError("store-locked", `"${dir}" is in use by another process`, {
    hint: "an engine is running on this data: ask it through its socket (--socket), or point --data at another directory",
    exit: EXIT.unreachable,
    cause,
  });
}

function refusal(dir: string, name: string, error: unknown): UserError {
  if (error instanceof UserError) return error;
  if (levelCode(error) === "LEVEL_LOCKED") {
    return lockedError(dir, error);
  }
  const isFull = FULL_CAUSE.test(levelText(error));
  return new UserError("store-unusable", `cannot open the ${name} database "${dir}": ${levelText(error)}`, {
    hint: isFull ? FULL_HINT : "check the owner and the permissions of the directory and the free space of its disk",
    exit: OUTSIDE_CAUSE.test(levelText(error)) ? EXIT.unreachable : EXIT.damaged,
    cause: error,
  });
}

/** `<dir>.damaged-1`, the first such name that is free. */
export function asideName(dir: string): string {
  for (let n = 1; ; n++) if (!existsSync(`${dir}.damaged-${n}`)) return `${dir}.damaged-${n}`;
}

function readied(dir: string, name: string): readonly string[] {
  try {
    return readyJournals(dir, asideName);
  } catch (error) {
    throw refusal(dir, name, error);
  }
}

/**
 * Opens or creates the database in `dir`; a damaged one is repaired, else renamed to `<dir>.damaged-N`.
 *
 * @throws UserError `store-locked` (exit 4) while another process, or this one, holds it; `store-unusable` when the
 *   directory cannot be used at all.
 */
export async function openLevel(dir: string, options: LevelOptions): Promise<OpenedLevel> {
  if (existsSync(dir) && !statSync(dir).isDirectory()) {
    throw new UserError("store-unusable", `"${dir}" is not a directory`, {
      hint: "point --data at a directory that opsmon may fill",
      exit: EXIT.invalid,
    });
  }
  makeDirectory(dirname(dir));
  const passedOver = begun.get(dir)?.passedOver ?? readied(dir, options.name);
  let reason: string;
  try {
    return { db: await openOnce(dir, options), repaired: false, setAside: undefined, reason: undefined, passedOver };
  } catch (error) {
    if (!isLevelDamage(error)) throw refusal(dir, options.name, error);
    reason = levelText(error);
  }
  try {
    await repairLevel(dir);
    return { db: await openOnce(dir, options), repaired: true, setAside: undefined, reason, passedOver };
  } catch (error) {
    if (!isLevelDamage(error)) throw refusal(dir, options.name, error);
    const setAside = asideName(dir);
    await rename(dir, setAside);
    try {
      return { db: await openOnce(dir, options), repaired: false, setAside, reason, passedOver };
    } catch (again) {
      throw refusal(dir, options.name, again);
    }
  }
}
