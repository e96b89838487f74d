/**
 * Records of Prometheus' write-ahead log: segment files of 32 KiB pages, records cut into fragments, each with a CRC-32C.
 * A damaged fragment costs its record and the rest of its page; a record that the last segment ends in was being written.
 * @see https://github.com/prometheus/prometheus/blob/main/tsdb/docs/format/wal.md
 */
import { readdirSync } from "node:fs";
import path from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { errorText } from "../base/errors.ts";
import { unreadable } from "../base/system-error.ts";
import { snappyDecode } from "../remote/snappy.ts";
import { crc32c } from "./crc32c.ts";
import { damaged } from "./cursor.ts";
import { BlockFile } from "./file.ts";

const PAGE_BYTES = 32 * 1024;
const HEADER_BYTES = 7;
/** Prometheus' own records have some hundred KB. */
const RECORD_BYTES_MAX = 64 * 1024 * 1024;
const FRAGMENT = { pad: 0, full: 1, first: 2, middle: 3, last: 4 } as const;
const SNAPPY = 8;
const ZSTD = 16;

export interface WalRecord {
  readonly bytes: Uint8Array;
  readonly file: string;
  /** Of its first fragment. */
  readonly offset: number;
}

function unpack(parts: readonly Uint8Array[], flags: number): Uint8Array {
  const whole = parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
  if ((flags & SNAPPY) !== 0) return snappyDecode(whole, RECORD_BYTES_MAX);
  return (flags & ZSTD) === 0 ? whole : zstdDecompressSync(whole, { maxOutputLength: RECORD_BYTES_MAX });
}

/** Numbers of the segment files in a directory, ascending. */
function segmentsIn(dir: string): readonly number[] {
  try {
    return readdirSync(dir)
      .filter((name) => /^\d{8,}$/.test(name))
      .map(Number)
      .sort((a, b) => a - b);
  } catch (cause) {
    throw unreadable(dir, cause);
  }
}

/** Segment files in the order they are to be read: of the newest checkpoint, then those after it. */
export function walSegments(dir: string): readonly string[] {
  const file = (inner: string, number: number): string => path.join(inner, String(number).padStart(8, "0"));
  const checkpoints = readdirSync(dir)
    .flatMap((name) => /^checkpoint\.(\d+)$/.exec(name)?.[1] ?? [])
    .sort((a, b) => Number(a) - Number(b));
  const newest = checkpoints.at(-1);
  const before = newest === undefined ? -1 : Number(newest);
  const inner = path.join(dir, `checkpoint.${newest}`);
  return [
    ...(newest === undefined ? [] : segmentsIn(inner).map((number) => file(inner, number))),
    ...segmentsIn(dir)
      .filter((number) => number > before)
      .map((number) => file(dir, number)),
  ];
}

/** Fragments becoming records, and what is wrong with their order. */
class Assembly {
  #parts: Uint8Array[] = [];
  #size = 0;
  /** A fragment before was damaged: what follows it has no beginning, which is no news. */
  #broken = false;
  readonly #file: string;
  readonly #tell: (error: unknown) => void;
  offset = 0;

  constructor(file: string, tell: (error: unknown) => void) {
    this.#file = file;
    this.#tell = tell;
  }

  get isOpen(): boolean {
    return this.#parts.length > 0;
  }

  fail(offset: number, what: string): void {
    this.#tell(damaged(this.#file, offset, what));
    this.#parts = [];
    this.#broken = true;
  }

  /** @returns the record that `data` completes. */
  add(kind: number, flags: number, data: Uint8Array, offset: number): WalRecord | undefined {
    if (kind === FRAGMENT.full || kind === FRAGMENT.first) {
      if (this.isOpen) this.fail(this.offset, "a record has no end");
      this.#broken = false;
      this.#parts = [];
      this.#size = 0;
      this.offset = offset;
    } else if (!this.isOpen) {
      if (!this.#broken) this.fail(offset, "a record has no beginning");
      return undefined;
    }
    this.#parts.push(data);
    this.#size += data.length;
    if (this.#size > RECORD_BYTES_MAX) {
      this.fail(this.offset, `a record of more than ${RECORD_BYTES_MAX} bytes`);
      return undefined;
    }
    if (kind !== FRAGMENT.full && kind !== FRAGMENT.last) return undefined;
    const parts = this.#parts;
    this.#parts = [];
    try {
      return { bytes: unpack(parts, flags), file: this.#file, offset: this.offset };
    } catch (error) {
      this.fail(this.offset, `a record cannot be unpacked: ${errorText(error)}`);
      return undefined;
    }
  }
}

/**
 * All records of one segment.
 *
 * @param newest the segment is the one that was being written.
 * @param tell gets what is damaged, as an error with file and offset.
 */
export function* walRecords(file: string, newest: boolean, tell: (error: unknown) => void): Generator<WalRecord> {
  using segment = new BlockFile(file);
  const assembly = new Assembly(file, tell);
  for (let page = 0; page < segment.size; page += PAGE_BYTES) {
    // A copy: a record may be put together of several pages.
    const bytes = Buffer.from(segment.some(page, PAGE_BYTES));
    let at = 0;
    while (at + HEADER_BYTES <= bytes.length) {
      const head = bytes[at] as number;
      const kind = head & 7;
      if (kind === FRAGMENT.pad) {
        if (bytes.subarray(at).some((byte) => byte !== 0)) assembly.fail(page + at, "a page is not empty to its end");
        break;
      }
      const length = bytes.readUInt16BE(at + 1);
      const from = at + HEADER_BYTES;
      if (from + length > bytes.length) {
        // The write that was in flight is no damage.
        if (newest && page + PAGE_BYTES >= segment.size) return;
        assembly.fail(page + at, "a record runs over the end of its page");
        break;
      }
      const data = bytes.subarray(from, from + length);
      if (kind > FRAGMENT.last || crc32c(data) !== bytes.readUInt32BE(at + 3)) {
        assembly.fail(page + at, "the checksum of a record does not fit; the rest of its page is passed over");
        break;
      }
      const record = assembly.add(kind, head, data, page + at);
      if (record !== undefined) yield record;
      at = from + length;
    }
  }
  if (assembly.isOpen && !newest) assembly.fail(assembly.offset, "a record has no end");
}
