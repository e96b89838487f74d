/**
 * Backup while serving, and its way back. The append log is copied first and the database after it, so that a chunk
 * sealed in between is in the copy twice rather than not at all. The copy is a store like any other: it can be opened,
 * checked and reviewed where it stands.
 */
import { existsSync, readdirSync } from "node:fs";
import { copyFile, cp, readFile, rename, writeFile } from "node:fs/promises";
import { makeDirectory } from "../base/directory.ts";
import { EXIT, UserError } from "../base/errors.ts";
import { type ByteLevel, type LevelOp, openLevel } from "../base/leveldb.ts";
import { listLog, logName } from "./log.ts";
import { MARKS_FILE } from "./marks.ts";

/** Written last: a copy without it is not complete. */
const SEAL_FILE = "backup.json";
const BACKUP_VERSION = 1;
const BATCH_BYTES_MAX = 4 * 1024 * 1024;

export interface BackupReport {
  readonly records: number;
  readonly bytes: number;
}

export interface BackupOptions {
  readonly onProgress?: (records: number, bytes: number) => void;
  /** Puts more into the copy before it counts as complete, e.g. the records of other rooms. */
  readonly beside?: (target: string) => Promise<void>;
}

function emptyTarget(target: string): void {
  makeDirectory(target);
  if (readdirSync(target).length === 0) return;
  throw new UserError("target-not-empty", `"${target}" is not empty`, {
    hint: "name a directory that does not exist yet",
    exit: EXIT.usage,
  });
}

async function copyRecords(
  from: ByteLevel,
  targetDir: string,
  onProgress?: BackupOptions["onProgress"],
): Promise<BackupReport> {
  const { db } = await openLevel(targetDir, { name: "backup", compression: false });
  let records = 0;
  let bytes = 0;
  try {
    let ops: LevelOp[] = [];
    let pending = 0;
    const write = async (): Promise<void> => {
      await db.batch(ops, { sync: true });
      onProgress?.(records, bytes);
      ops = [];
      pending = 0;
    };
    // One iterator is one moment of the database, whatever is written meanwhile.
    for await (const [key, value] of from.iterator()) {
      ops.push({ type: "put", key, value });
      records++;
      pending += key.length + value.length;
      bytes += key.length + value.length;
      if (pending >= BATCH_BYTES_MAX) await write();
    }
    await write();
  } finally {
    await db.close();
  }
  return { records, bytes };
}

/**
 * Copies a store that may be in use. The caller keeps log files from being dropped meanwhile.
 *
 * @throws UserError `target-not-empty`.
 */
export async function backupTo(
  dir: string,
  db: ByteLevel,
  target: string,
  createdAt: number,
  { onProgress, beside }: BackupOptions = {},
): Promise<BackupReport> {
  emptyTarget(target);
  makeDirectory(`${target}/log`);
  // Before the log, as they say where its files end. Written in place: of a half just being written the copy has the other one.
  if (existsSync(`${dir}/${MARKS_FILE}`)) await copyFile(`${dir}/${MARKS_FILE}`, `${target}/${MARKS_FILE}`);
  let newest = 0;
  for (const { number } of listLog(`${dir}/log`).files) {
    await copyFile(`${dir}/log/${logName(number)}`, `${target}/log/${logName(number)}`);
    newest = number;
  }
  const report = await copyRecords(db, `${target}/series`, onProgress);
  // The records may speak of files begun meanwhile: empty ones stand for them, what is in no chunk came after the copy.
  for (const { number } of listLog(`${dir}/log`).files)
    if (number > newest) await writeFile(`${target}/log/${logName(number)}`, "");
  await beside?.(target);
  await writeFile(
    `${target}/${SEAL_FILE}.part`,
    JSON.stringify({ kind: "opsmon backup", version: BACKUP_VERSION, createdAt, ...report }),
  );
  await rename(`${target}/${SEAL_FILE}.part`, `${target}/${SEAL_FILE}`);
  return report;
}

/**
 * Puts a backup into an empty data directory.
 *
 * @throws UserError `not-a-backup` when it was never finished; `store-format` for one of a newer opsmon; `target-not-empty`.
 */
export async function restoreStore(backup: string, dir: string): Promise<void> {
  const seal = await readFile(`${backup}/${SEAL_FILE}`, "utf8").catch(() => undefined);
  if (seal === undefined || !seal.includes('"opsmon backup"')) {
    throw new UserError("not-a-backup", `"${backup}" is not a finished backup`, {
      hint: `a finished one has a file ${SEAL_FILE}; make it with opsmon backup`,
      exit: EXIT.invalid,
    });
  }
  const version = Number(/"version":(\d+)/.exec(seal)?.[1] ?? BACKUP_VERSION);
  if (version > BACKUP_VERSION) {
    throw new UserError(
      "store-format",
      `"${backup}" is a backup of format ${version}, this opsmon reads up to ${BACKUP_VERSION}`,
      {
        hint: "restore it with the newer opsmon that made it",
        exit: EXIT.damaged,
      },
    );
  }
  emptyTarget(dir);
  if (existsSync(`${backup}/${MARKS_FILE}`)) await copyFile(`${backup}/${MARKS_FILE}`, `${dir}/${MARKS_FILE}`);
  for (const part of ["series", "log"]) {
    await cp(`${backup}/${part}`, `${dir}/${part}`, { recursive: true, filter: (source) => !source.endsWith("/LOCK") });
  }
}
