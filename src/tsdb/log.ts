/**
 * The append log: numbered files of checksummed records, written with one write() a commit, so kill -9 loses nothing
 * that was committed, and forced to disk once a second. Bytes that fail their check are skipped to the next record
 * that passes, and named; only a torn tail of the newest file, the write that was in flight, is dropped in silence.
 */
import {
  closeSync,
  existsSync,
  fdatasync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
} from "node:fs";
import { statSync, truncateSync, unlinkSync, writeSync } from "node:fs";
import { crc32 } from "node:zlib";
import { assert } from "../base/assert.ts";
import { makeDirectory } from "../base/directory.ts";
import { EXIT, UserError } from "../base/errors.ts";

/** A file is replayed whole, so this bounds the memory of a restart; small enough to be freed soon. */
export const LOG_FILE_BYTES_MAX: number = 16 * 1024 * 1024;
/** One commit: two million samples of one page fit. */
const RECORD_BYTES_MAX = 256 * 1024 * 1024;
/** A larger record's memory is given back. */
const RECORD_KEPT_BYTES = 1024 * 1024;
const FILE_NAME = /^(\d{8})\.log$/;
const FILE_TEXT = "opsmon log 1\n";
const FILE_HEADER = fileHeader(FILE_TEXT);
/** Two bytes that no UTF-8 text has. */
const RECORD_MAGIC = 0xfdfe;
const MAGIC_BYTES = Buffer.of(RECORD_MAGIC & 0xff, RECORD_MAGIC >> 8);
/** Magic, check of the length, length, CRC of the payload. */
const RECORD_HEADER_BYTES = 12;
/** A position is file number * this + offset: exact in a double up to two million files. */
const POSITION_SCALE = 2 ** 32;
/** No file of ours has this number or one above it. */
const FILES_MAX = 2_000_000;

/** Where a record stands, growing with every write; comparable across files. */
export type LogPosition = number;

export function fileOf(position: LogPosition): number {
  return Math.floor(position / POSITION_SCALE);
}

export function logName(file: number): string {
  return `${String(file).padStart(8, "0")}.log`;
}

function pathOf(dir: string, file: number): string {
  return `${dir}/${logName(file)}`;
}

export interface LogFile {
  readonly number: number;
  bytes: number;
}

/** Numbered log files of the directory in order, and names that are none of ours. */
export function listLog(dir: string): { readonly files: readonly LogFile[]; readonly foreign: readonly string[] } {
  if (!existsSync(dir)) return { files: [], foreign: [] };
  const files: LogFile[] = [];
  const foreign: string[] = [];
  for (const name of readdirSync(dir).sort()) {
    const match = FILE_NAME.exec(name);
    const number = Number(match?.[1]);
    const stat = number < FILES_MAX ? statSync(`${dir}/${name}`) : undefined;
    if (stat?.isFile() !== true) foreign.push(name);
    else files.push({ number, bytes: stat.size });
  }
  return { files, foreign };
}

export interface LogReaderSink {
  /** A record that passed its check. */
  record(position: LogPosition, payload: Uint8Array): void;
  /** `bytes` bytes at `position` that hold no record. */
  damaged(position: LogPosition, bytes: number, why: string): void;
}

/** The length has a check of its own, so that a torn write and a damaged length are told apart. */
function lengthCheck(length: number): number {
  lengthBytes[0] = length & 0xff;
  lengthBytes[1] = (length >>> 8) & 0xff;
  lengthBytes[2] = (length >>> 16) & 0xff;
  lengthBytes[3] = length >>> 24;
  return crc32(lengthBytes) & 0xffff;
}

const lengthBytes = new Uint8Array(4);

function u32(data: Uint8Array, at: number): number {
  return (
    ((data[at] as number) |
      ((data[at + 1] as number) << 8) |
      ((data[at + 2] as number) << 16) |
      ((data[at + 3] as number) << 24)) >>>
    0
  );
}

/** @returns the payload of the record at `at`, or why there is none. A torn record has a sound header and runs past the end. */
function look(data: Buffer, at: number): Uint8Array | "torn" | "nothing" {
  if (at + RECORD_HEADER_BYTES > data.length) return "torn";
  const length = u32(data, at + 4);
  if (data[at] !== MAGIC_BYTES[0] || data[at + 1] !== MAGIC_BYTES[1]) return "nothing";
  if (((data[at + 2] as number) | ((data[at + 3] as number) << 8)) !== lengthCheck(length)) return "nothing";
  if (length > RECORD_BYTES_MAX) return "nothing";
  const end = at + RECORD_HEADER_BYTES + length;
  if (end > data.length) return "torn";
  const payload = data.subarray(at + RECORD_HEADER_BYTES, end);
  return crc32(payload) === u32(data, at + 8) ? payload : "nothing";
}

/** The text that names format and version, and 24 bits of its CRC, so that a flipped byte is no newer version. */
function fileHeader(text: string): Buffer {
  const header = Buffer.alloc(16);
  header.write(text, "latin1");
  header.writeUIntLE(crc32(text) & 0xff_ffff, 13, 3);
  return header;
}

/** Refuses log files of a newer version by their first bytes. @throws UserError `store-format`. */
export function refuseNewerLog(dir: string, files: readonly LogFile[]): void {
  const first = Buffer.alloc(FILE_HEADER.length);
  for (const { number } of files) {
    const path = pathOf(dir, number);
    const fd = openSync(path, "r");
    try {
      refuseNewer(path, first.subarray(0, readSync(fd, first, 0, first.length, 0)));
    } finally {
      closeSync(fd);
    }
  }
}

function refuseNewer(path: string, data: Buffer): void {
  const text = data.toString("latin1", 0, FILE_TEXT.length);
  const version = /^opsmon log (\d+)\n$/.exec(text)?.[1];
  if (version === undefined || version === "1" || !fileHeader(text).equals(data.subarray(0, 16))) return;
  throw new UserError("store-format", `"${path}" has log format ${version}, this opsmon reads format 1`, {
    hint: "a newer opsmon wrote this data: run that version, or restore a backup made with this one",
    exit: EXIT.damaged,
  });
}

/**
 * Reads one file to its end. @param data its bytes, when they have been read. @param newest its torn tail is the write in flight when the process died; it is cut off.
 * @returns bytes cut off.
 * @throws UserError `store-format` for a file of a newer version.
 */
export function readLogFile(
  dir: string,
  file: number,
  newest: boolean,
  sink: LogReaderSink,
  data: Buffer = readFileSync(pathOf(dir, file)),
): number {
  const path = pathOf(dir, file);
  refuseNewer(path, data);
  const base = file * POSITION_SCALE;
  let at = FILE_HEADER.length;
  if (data.length < at || !data.subarray(0, at).equals(FILE_HEADER)) {
    if (data.length >= at) sink.damaged(base, at, "file header");
    else if (!newest && data.length > 0) sink.damaged(base, data.length, "file shorter than its header");
  }
  while (at < data.length) {
    const found = look(data, at);
    if (typeof found !== "string") {
      sink.record(base + at, found);
      at += RECORD_HEADER_BYTES + found.length;
      continue;
    }
    if (found === "torn" && newest) {
      truncateSync(path, at);
      return data.length - at;
    }
    const next = nextRecord(data, at);
    sink.damaged(base + at, next - at, found === "torn" ? "the file ends within a record" : "checksum does not fit");
    at = next;
  }
  return 0;
}

/** Where the next sound record starts, or the end of the data. */
function nextRecord(data: Buffer, at: number): number {
  for (let next = data.indexOf(MAGIC_BYTES, at + 1); next >= 0; next = data.indexOf(MAGIC_BYTES, next + 1)) {
    if (typeof look(data, next) !== "string") return next;
  }
  return data.length;
}

export class AppendLog {
  readonly #dir: string;
  readonly #files: LogFile[];
  #fd = -1;
  #dirty = false;
  /** Files before this one that were written to since the last sync. */
  readonly #unsynced: number[] = [];
  #broken = false;
  #record: Buffer = Buffer.alloc(0);
  readonly #after: number;

  /**
   * Continues after `files`; the new file is made by the first `rotate`.
   *
   * @param after number above which new files stand, also when no file up to it is left: positions never come again.
   */
  constructor(dir: string, files: readonly LogFile[], after = 0) {
    this.#dir = dir;
    this.#files = [...files];
    this.#after = after;
    makeDirectory(dir);
  }

  /** Where the next record will stand. */
  get position(): LogPosition {
    const current = this.#files.at(-1);
    return current === undefined ? POSITION_SCALE : current.number * POSITION_SCALE + current.bytes;
  }

  /** Number of the oldest file. */
  get oldest(): number {
    return this.#files[0]?.number ?? 0;
  }

  get fileNumber(): number {
    return this.#files.at(-1)?.number ?? 0;
  }

  get fileBytes(): number {
    return this.#files.at(-1)?.bytes ?? 0;
  }

  get bytes(): number {
    return this.#files.reduce((sum, file) => sum + file.bytes, 0);
  }

  get fileCount(): number {
    return this.#files.length;
  }

  /** Files that nothing is written to any more, as long as they are on the disk. */
  closed(): readonly LogFile[] {
    return this.#files.slice(0, this.#fd < 0 ? undefined : -1).map(({ number }) => {
      const found = statSync(pathOf(this.#dir, number), { throwIfNoEntry: false });
      return { number, bytes: found?.size ?? 0 };
    });
  }

  /** Starts the next file. @throws the system's error when the disk is full. */
  rotate(): void {
    const number = Math.max(this.fileNumber, this.#after) + 1;
    const fd = openSync(pathOf(this.#dir, number), "wx", 0o600);
    const file = { number, bytes: 0 };
    this.#files.push(file);
    // What was written since the last sync must reach the disk as soon as what follows.
    if (this.#dirty && this.#fd >= 0) this.#unsynced.push(this.#fd);
    else this.#close();
    this.#fd = fd;
    this.#broken = false;
    file.bytes = writeSync(fd, FILE_HEADER, 0, FILE_HEADER.length);
    assert(file.bytes === FILE_HEADER.length, "a file header is written whole");
  }

  /**
   * Writes one record. After an error nothing of it is left in the file, or the file is given up until `rotate`.
   *
   * @throws the system's error, e.g. ENOSPC.
   */
  write(payload: Uint8Array): void {
    const file = this.#files.at(-1);
    if (file === undefined || this.#fd < 0 || this.#broken) throw new Error("the append log has no usable file");
    const record = this.#recordOf(RECORD_HEADER_BYTES + payload.length);
    record.writeUInt16LE(RECORD_MAGIC, 0);
    record.writeUInt16LE(lengthCheck(payload.length), 2);
    record.writeUInt32LE(payload.length, 4);
    record.writeUInt32LE(crc32(payload), 8);
    record.set(payload, RECORD_HEADER_BYTES);
    try {
      let written = 0;
      while (written < record.length)
        written += writeSync(this.#fd, record, written, record.length - written, file.bytes + written);
    } catch (error) {
      try {
        ftruncateSync(this.#fd, file.bytes);
      } catch {
        this.#broken = true;
      }
      throw error;
    }
    file.bytes += record.length;
    this.#dirty = true;
  }

  /** Memory for one record; that of a page's size is used again and again. */
  #recordOf(size: number): Buffer {
    if (size > RECORD_KEPT_BYTES) return Buffer.allocUnsafeSlow(size);
    if (this.#record.length < size) this.#record = Buffer.allocUnsafeSlow(Math.min(RECORD_KEPT_BYTES, size * 2));
    return this.#record.subarray(0, size);
  }

  /** Forces what was written to the disk; at once when nothing was. */
  async sync(): Promise<void> {
    if (!this.#dirty || this.#fd < 0) return;
    this.#dirty = false;
    const before = this.#unsynced.splice(0);
    try {
      for (const fd of [...before, this.#fd]) await dataSync(fd);
    } finally {
      for (const fd of before) closeSync(fd);
    }
  }

  /** Removes files that hold only what is sealed: all before number `file`, never the current one. */
  dropBefore(file: number): void {
    while (this.#files.length > 1 && (this.#files[0] as LogFile).number < file) {
      unlinkSync(pathOf(this.#dir, (this.#files[0] as LogFile).number));
      this.#files.shift();
    }
  }

  #close(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }

  close(): void {
    this.#close();
    for (const fd of this.#unsynced.splice(0)) closeSync(fd);
  }
}

/** A file that was closed meanwhile has nothing to wait for. */
function dataSync(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fdatasync(fd, (error) => (error === null || error.code === "EBADF" ? resolve() : reject(error)));
  });
}
