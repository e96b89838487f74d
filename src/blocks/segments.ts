/**
 * Segment files of a block: chunks one after the other, each with its length, its encoding and a CRC-32C.
 * @see https://github.com/prometheus/prometheus/blob/main/tsdb/docs/format/chunks.md
 */
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { unreadable } from "../base/system-error.ts";
import { crc32c } from "./crc32c.ts";
import { Cursor, damaged } from "./cursor.ts";
import { BlockFile } from "./file.ts";
import type { ChunkRef } from "./index-file.ts";

const MAGIC = 0x85bd_40dd;
const VERSION = 1;
const HEADER_BYTES = 8;
const CRC_BYTES = 4;
/** Length, encoding and data of nearly all chunks. */
const CHUNK_BYTES_USUAL = 2_048;
/** Open at once: a block of a month has some dozens of 512 MB. */
const OPEN_MAX = 64;

/** Encodings by their number in the file. */
export const ENCODING = { xor: 1, histogram: 2, floatHistogram: 3 } as const;

export interface StoredChunk {
  readonly encoding: number;
  /** Borrowed until the next chunk is read. */
  readonly data: Uint8Array;
}

export class Segments implements Disposable {
  readonly #dir: string;
  readonly #names: readonly string[];
  readonly #open = new Map<number, BlockFile>();

  /** @throws UserError `unreadable`. */
  constructor(dir: string) {
    this.#dir = dir;
    try {
      // A block of series without samples has no directory.
      this.#names = existsSync(dir)
        ? readdirSync(dir)
            .filter((name) => /^\d+$/.test(name))
            .sort()
        : [];
    } catch (cause) {
      throw unreadable(dir, cause);
    }
  }

  #file(segment: number): BlockFile {
    const known = this.#open.get(segment);
    if (known !== undefined) return known;
    const name = this.#names[segment];
    if (name === undefined)
      throw damaged(this.#dir, 0, `segment file ${segment + 1} is missing, there are ${this.#names.length}`);
    const file = new BlockFile(path.join(this.#dir, name));
    try {
      const head = new Cursor(file.read(0, HEADER_BYTES), file.path, 0);
      if (head.u32() !== MAGIC) throw damaged(file.path, 0, "this is not a segment of chunks");
      const version = head.u8();
      if (version !== VERSION)
        throw damaged(file.path, 4, `a segment of format ${version}, and format ${VERSION} is read`);
    } catch (error) {
      file[Symbol.dispose]();
      throw error;
    }
    if (this.#open.size >= OPEN_MAX) this.#closeOldest();
    this.#open.set(segment, file);
    return file;
  }

  #closeOldest(): void {
    const [oldest] = this.#open;
    if (oldest === undefined) return;
    this.#open.delete(oldest[0]);
    oldest[1][Symbol.dispose]();
  }

  /** Where a chunk is, for messages. */
  placeOf({ segment, offset }: ChunkRef): string {
    return `${path.join(this.#dir, this.#names[segment] ?? String(segment + 1))} at byte ${offset}`;
  }

  /** @throws UserError `bad-block` when the chunk is damaged. */
  read({ segment, offset }: ChunkRef): StoredChunk {
    const file = this.#file(segment);
    const head = new Cursor(file.some(offset, CHUNK_BYTES_USUAL), file.path, offset);
    const length = head.uvarint();
    const from = offset + head.read;
    const whole = file.read(from, 1 + length + CRC_BYTES);
    const body = whole.subarray(0, 1 + length);
    if (crc32c(body) !== whole.readUInt32BE(1 + length))
      throw damaged(file.path, offset, "the checksum of the chunk does not fit");
    return { encoding: body[0] as number, data: body.subarray(1) };
  }

  [Symbol.dispose](): void {
    for (const file of this.#open.values()) file[Symbol.dispose]();
    this.#open.clear();
  }
}
