/**
 * The index of a block, format 2: symbols, series and the list of all series. Sections are checked against their
 * CRC-32C before a number of them is believed; one damaged series costs that series, damage elsewhere the block.
 * @see https://github.com/prometheus/prometheus/blob/main/tsdb/docs/format/index.md
 */
import type { Timestamp } from "../model/sample.ts";
import { crc32c } from "./crc32c.ts";
import { Cursor, damaged } from "./cursor.ts";
import { BlockFile } from "./file.ts";

const MAGIC = 0xbaaa_d700;
const VERSION = 2;
const HEADER_BYTES = 5;
const TOC_BYTES = 52;
const CRC_BYTES = 4;
/** A series' number is its offset in units of this. */
const SERIES_ALIGN = 16;
/** Room for the length and entry of nearly all series; longer ones are read twice. */
const SERIES_BYTES_USUAL = 4_096;

export interface ChunkRef {
  readonly start: Timestamp;
  readonly end: Timestamp;
  /** Number of the segment file in order of names, from 0, and the offset in it. */
  readonly segment: number;
  readonly offset: number;
}

export interface SeriesEntry {
  /** Numbers of symbols: name, value, name, value … */
  readonly symbols: readonly number[];
  readonly chunks: readonly ChunkRef[];
}

interface Toc {
  readonly symbols: number;
  readonly series: number;
  readonly postingsTable: number;
}

function checkCrc(file: BlockFile, at: number, bytes: Uint8Array, stored: number, what: string): void {
  if (crc32c(bytes) !== stored) throw damaged(file.path, at, `the checksum of ${what} does not fit`);
}

/** A section that begins with the length of what is between length and checksum. */
function section(file: BlockFile, at: number, what: string): Cursor {
  const length = file.read(at, 4).readUInt32BE();
  const whole = file.read(at + 4, length + CRC_BYTES);
  // A copy: the next read takes the window away.
  const body = Uint8Array.from(whole.subarray(0, length));
  checkCrc(file, at, body, whole.readUInt32BE(length), what);
  return new Cursor(body, file.path, at + 4);
}

function readToc(file: BlockFile): Toc {
  if (file.size < HEADER_BYTES + TOC_BYTES) throw damaged(file.path, file.size, "the file is too short for an index");
  const head = new Cursor(file.read(0, HEADER_BYTES), file.path, 0);
  const magic = head.u32();
  if (magic !== MAGIC) throw damaged(file.path, 0, "this is not an index of Prometheus");
  const version = head.u8();
  if (version !== VERSION) throw damaged(file.path, 4, `an index of format ${version}, and format ${VERSION} is read`);
  const at = file.size - TOC_BYTES;
  const bytes = Uint8Array.from(file.read(at, TOC_BYTES));
  const toc = new Cursor(bytes, file.path, at);
  const [symbols = 0, series = 0, , , , postingsTable = 0] = Array.from({ length: 6 }, () => toc.u64());
  checkCrc(file, at, bytes.subarray(0, TOC_BYTES - CRC_BYTES), toc.u32(), "the table of contents");
  return { symbols, series, postingsTable };
}

export class IndexFile implements Disposable {
  readonly #file: BlockFile;
  readonly #symbols: readonly string[];
  /** Numbers of all series, ascending by labels. */
  readonly series: Float64Array;

  /** @throws UserError `unreadable`, `bad-block`. */
  constructor(path: string) {
    this.#file = new BlockFile(path);
    try {
      const toc = readToc(this.#file);
      this.#symbols = this.#readSymbols(toc.symbols);
      this.series = this.#readAllPostings(toc.postingsTable);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  get path(): string {
    return this.#file.path;
  }

  #readSymbols(at: number): readonly string[] {
    const cursor = section(this.#file, at, "the symbols");
    const count = cursor.u32();
    if (count > cursor.left) cursor.fail(`${count} symbols do not fit`);
    return Array.from({ length: count }, () => cursor.text());
  }

  /** The postings of the empty name and value: all series. */
  #readAllPostings(table: number): Float64Array {
    const cursor = section(this.#file, table, "the table of postings");
    const count = cursor.u32();
    for (let i = 0; i < count; i++) {
      const keys = cursor.uvarint();
      if (keys !== 2) cursor.fail(`an entry of ${keys} keys`);
      const name = cursor.text();
      const value = cursor.text();
      const offset = cursor.uvarint();
      if (name !== "" || value !== "") continue;
      const postings = section(this.#file, offset, "the list of all series");
      const length = postings.u32();
      if (length * 4 > postings.left) postings.fail(`${length} series do not fit`);
      return Float64Array.from({ length }, () => postings.u32());
    }
    return cursor.fail("the list of all series is missing");
  }

  symbol(number: number): string | undefined {
    return this.#symbols[number];
  }

  /** Labels and chunks of one series. @throws UserError `bad-block` when this entry is damaged. */
  entry(number: number): SeriesEntry {
    const at = number * SERIES_ALIGN;
    const head = new Cursor(this.#file.some(at, SERIES_BYTES_USUAL), this.#file.path, at);
    const length = head.uvarint();
    const from = at + head.read;
    const whole = this.#file.read(from, length + CRC_BYTES);
    const body = whole.subarray(0, length);
    checkCrc(this.#file, at, body, whole.readUInt32BE(length), "the series");
    return this.#parse(new Cursor(body, this.#file.path, from));
  }

  #parse(cursor: Cursor): SeriesEntry {
    const labels = cursor.uvarint();
    if (labels * 2 > cursor.left) cursor.fail(`${labels} labels do not fit`);
    const symbols = Array.from({ length: labels * 2 }, () => {
      const symbol = cursor.uvarint();
      return symbol < this.#symbols.length ? symbol : cursor.fail(`there is no symbol ${symbol}`);
    });
    const count = cursor.uvarint();
    if (count * 3 > cursor.left) cursor.fail(`${count} chunks do not fit`);
    const chunks: ChunkRef[] = [];
    let end = 0;
    // The reference is kept in halves: segment and offset have 32 bits each.
    let ref = 0n;
    for (let i = 0; i < count; i++) {
      const start = i === 0 ? cursor.varint() : end + cursor.uvarint();
      end = start + cursor.uvarint();
      const step = i === 0 ? cursor.uvarint() : cursor.varint();
      if (!Number.isSafeInteger(step) || !Number.isSafeInteger(end)) cursor.fail("a chunk with impossible numbers");
      ref += BigInt(step);
      if (ref < 0n) cursor.fail("a chunk before the first segment");
      chunks.push({ start, end, segment: Number(ref >> 32n), offset: Number(ref & 0xffff_ffffn) });
    }
    return { symbols, chunks };
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }
}
