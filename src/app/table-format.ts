/**
 * LevelDB's tables by their bytes: data blocks, a block that tells which keys they hold at all (the filter), one that says
 * where that lies, an index of the data blocks, a footer. In: a table's bytes. Out: what fails its checksum.
 *
 * @see https://github.com/google/leveldb/blob/main/doc/table_format.md
 */
import { crc32c, masked } from "../base/leveldb-journal.ts";
import { nextTurn, overdue } from "../base/turns.ts";
import { snappyDecode } from "../remote/snappy.ts";

export const FOOTER_BYTES: number = 48;
const MAGIC = 0xdb4775248b80fb57n;
/** Behind each block: how it is compressed, and its checksum. */
export const TRAILER_BYTES: number = 5;
const STORED = 0;
const SNAPPY = 1;
/** The smallest block. */
export const EMPTY_BYTES: number = 4;
/** LevelDB's blocks have 4 KiB; an index of a table some dozens. */
const BLOCK_BYTES_MAX = 256 * 1024 * 1024;

export interface Handle {
  readonly offset: number;
  readonly size: number;
}

export class Varints {
  readonly #data: Buffer;
  at: number;

  constructor(data: Buffer, at: number) {
    this.#data = data;
    this.at = at;
  }

  next(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#data[this.at++];
      if (byte === undefined || scale > 2 ** 53) throw new RangeError("a number runs over its end");
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  handle(): Handle {
    return { offset: this.next(), size: this.next() };
  }
}

/** Whether a block has room for what every block has, and ends before the footer. */
function fits(data: Buffer, { offset, size }: Handle): boolean {
  return size >= EMPTY_BYTES && offset + size + TRAILER_BYTES <= data.length - FOOTER_BYTES;
}

function isSound(data: Buffer, { offset, size }: Handle): boolean {
  const end = offset + size;
  if (!fits(data, { offset, size })) return false;
  return masked(crc32c(data, offset, end + 1)) === data.readUInt32LE(end + 1);
}

export interface Entry {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** What a sound block holds, in its order. @throws RangeError, UserError for one that makes no sense. */
export function entriesIn(data: Buffer, { offset, size }: Handle): Entry[] {
  const stored = data.subarray(offset, offset + size);
  const kind = data[offset + size];
  if (kind !== STORED && kind !== SNAPPY) throw new RangeError(`a block of kind ${kind}`);
  const block = kind === SNAPPY ? Buffer.from(snappyDecode(stored, BLOCK_BYTES_MAX)) : stored;
  const restarts = block.readUInt32LE(block.length - 4);
  if (restarts === 0) return [];
  const end = block.length - 4 - 4 * restarts;
  if (end < 0) throw new RangeError("more restart points than bytes");
  const found: Entry[] = [];
  const reader = new Varints(block, 0);
  let key: Buffer = Buffer.alloc(0);
  while (reader.at < end) {
    const shared = reader.next();
    const keyBytes = reader.next();
    const valueBytes = reader.next();
    const valueAt = reader.at + keyBytes;
    if (shared > key.length || valueAt + valueBytes > end) throw new RangeError("an entry runs over the end");
    key = Buffer.concat([key.subarray(0, shared), block.subarray(reader.at, valueAt)]);
    reader.at = valueAt + valueBytes;
    found.push({ key, value: block.subarray(valueAt, reader.at) });
  }
  return found;
}

/** What an entry that shares nothing with the one before points to. @throws RangeError */
export function entryAt(data: Buffer, at: number): Handle {
  const reader = new Varints(data, at);
  reader.next();
  const keyBytes = reader.next();
  reader.next();
  reader.at += keyBytes;
  return reader.handle();
}

/** Where the footer says that the index lies. @throws RangeError */
export function indexHandle(data: Buffer): Handle {
  const reader = new Varints(data, data.length - FOOTER_BYTES);
  reader.handle();
  return reader.handle();
}

export function handleIn(bytes: Buffer): Handle {
  return new Varints(bytes, 0).handle();
}

/** Between the end of the data and the index. */
interface FilterPlace {
  readonly offset: number;
  readonly index: Handle;
}

/** A block of data that fails its checksum. */
export interface DataFault extends Handle {
  /** As the index tells: its keys come after this one … */
  readonly after: Buffer | undefined;
  /** … and none after this. */
  readonly upTo: Buffer;
}

export interface TableFaults {
  readonly data: readonly DataFault[];
  /** Set when the filter cannot be trusted: keys that it denies would not be found. */
  readonly filter?: FilterPlace;
  /** Set when the table as a whole cannot be read. */
  readonly whole?: string;
  /** LevelDB refuses to read the table; damage in any other place it may die of. */
  readonly refused: boolean;
}

/** What is wrong with a table. */
export async function faultsOf(data: Buffer): Promise<TableFaults> {
  const whole = (why: string, refused = false): TableFaults => ({ data: [], whole: why, refused });
  if (data.length < FOOTER_BYTES) return whole(`it has ${data.length} bytes only`, true);
  const footer = data.length - FOOTER_BYTES;
  if (data.readBigUInt64LE(data.length - 8) !== MAGIC) return whole("its last bytes are not a table's", true);
  let blocks: readonly DataFault[];
  let meta: Handle;
  let index: Handle;
  try {
    const reader = new Varints(data, footer);
    meta = reader.handle();
    index = reader.handle();
    if (!isSound(data, index)) return whole("its index fails its checksum");
    const entries = entriesIn(data, index);
    blocks = entries.map(({ key, value }, i) => ({ ...handleIn(value), after: entries[i - 1]?.key, upTo: key }));
    if (!blocks.every((block) => fits(data, block))) throw new RangeError("a block runs over the end");
  } catch {
    return whole("its index makes no sense");
  }
  const found: DataFault[] = [];
  for (const block of blocks) {
    if (overdue()) await nextTurn();
    if (!isSound(data, block)) found.push(block);
  }
  if (filterIsSound(data, meta)) return { data: found, refused: false };
  const offset = blocks.reduce((end, block) => Math.max(end, block.offset + block.size + TRAILER_BYTES), 0);
  return { data: found, filter: { offset, index }, refused: false };
}

function filterIsSound(data: Buffer, meta: Handle): boolean {
  try {
    return isSound(data, meta) && entriesIn(data, meta).every(({ value }) => isSound(data, handleIn(value)));
  } catch {
    return false;
  }
}

/** Whether a sound table holds no record at all. */
export function isEmptyTable(data: Buffer): boolean {
  const blocks = entriesIn(data, indexHandle(data)).map(({ value }) => handleIn(value));
  return blocks.every((block) => entriesIn(data, block).length === 0);
}

/** Puts an empty block of the same size in the place of another: LevelDB finds no record in it and reads on. */
export function emptyBlock(data: Buffer, { offset, size }: Handle): void {
  // No restart points, written by the last four bytes of a block, and not compressed: LevelDB looks no further.
  data.fill(0, offset, offset + size);
  closeBlock(data, { offset, size });
}

/** Writes what stands behind a block that is not compressed. */
export function closeBlock(data: Buffer, { offset, size }: Handle): void {
  const end = offset + size;
  data[end] = STORED;
  data.writeUInt32LE(masked(crc32c(data, offset, end + 1)), end + 1);
}

/** A table without a filter: an empty block tells where none lies. */
export function dropFilter(data: Buffer, { offset, index }: FilterPlace): void {
  const meta = { offset, size: EMPTY_BYTES };
  emptyBlock(data, meta);
  writeFooter(data, meta, index);
}

/** Where the footer says that the filter's place and the index are. */
function writeFooter(data: Buffer, meta: Handle, index: Handle): void {
  const footer = data.subarray(data.length - FOOTER_BYTES);
  footer.fill(0);
  Buffer.concat([meta.offset, meta.size, index.offset, index.size].map(varint)).copy(footer);
  footer.writeBigUInt64LE(MAGIC, FOOTER_BYTES - 8);
}

export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}
