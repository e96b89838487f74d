/**
 * A block of the open chunk that is full: some rows of a group, encoded as a chunk's segments are, about one byte a
 * sample instead of eight. It lives in memory only. Holes and stale markers of its rows are inside; columns the group
 * gained later are absent from it.
 */
import { type ByteReader, ByteWriter } from "./bytes.ts";
import { CELL_ABSENT, CELL_VALUE, decodeColumn, encodeColumn, isHolding, isSteady, skipColumn } from "./column.ts";
import { openPayload, Segment, SEGMENT_COLUMNS, writePayload } from "./segment.ts";

const START_BYTES = 4;

const head = new ByteWriter(4096);
const body = new ByteWriter(64 * 1024);
const whole = new ByteWriter(64 * 1024);

/** Appends one column to `head` and `body`. */
export type PackColumn = (head: ByteWriter, body: ByteWriter, column: number) => void;

export class PackedBlock {
  readonly rows: number;
  readonly columns: number;
  /** Where each segment starts, four bytes each, then the segments: one piece of memory, because each costs 300 bytes. */
  readonly #bytes: Uint8Array<ArrayBuffer>;

  /** @param pack is asked for each column once, in order. */
  constructor(rows: number, columns: number, pack: PackColumn) {
    this.rows = rows;
    this.columns = columns;
    const count = Math.ceil(columns / SEGMENT_COLUMNS);
    const starts = new Uint32Array(count);
    whole.reset();
    whole.bytes(new Uint8Array(count * START_BYTES));
    for (let s = 0; s < count; s++) {
      starts[s] = whole.length;
      const first = s * SEGMENT_COLUMNS;
      const end = Math.min(first + SEGMENT_COLUMNS, columns);
      head.reset();
      body.reset();
      for (let c = first; c < end; c++) pack(head, body, c);
      writePayload(whole, end - first, head, body);
    }
    this.#bytes = whole.copy();
    new Uint32Array(this.#bytes.buffer, 0, count).set(starts);
  }

  segment(number: number): Segment {
    return new Segment(this.payload(number), this.rows);
  }

  /** A segment's bytes. */
  payload(number: number): Uint8Array {
    const starts = new Uint32Array(this.#bytes.buffer, 0, Math.ceil(this.columns / SEGMENT_COLUMNS));
    return this.#bytes.subarray(starts[number], starts[number + 1]);
  }
}

/** Reads columns of a packed block; what it opened it keeps, so it lives as long as a query. */
export class PackedReader {
  readonly block: PackedBlock;
  readonly #segments: (Segment | undefined)[] = [];

  constructor(block: PackedBlock) {
    this.block = block;
  }

  get rows(): number {
    return this.block.rows;
  }

  /** One column into the first places of `out`; @returns its cells, undefined when every row has a value. */
  read(column: number, out: Float64Array): Uint8Array | undefined {
    const { rows, columns } = this.block;
    if (column >= columns) return new Uint8Array(rows).fill(CELL_ABSENT);
    const number = Math.floor(column / SEGMENT_COLUMNS);
    return (this.#segments[number] ??= this.block.segment(number)).read(column % SEGMENT_COLUMNS, out);
  }
}

/** Goes through the columns of a packed block in order. */
class PackedCursor {
  readonly #block: PackedBlock;
  #heads: ByteReader | undefined;
  #bits: ByteReader | undefined;
  /** Where the header of the column at hand starts and ends, and its bits. */
  #from = 0;
  #to = 0;
  #at = 0;
  #next = 0;

  constructor(block: PackedBlock) {
    this.#block = block;
  }

  /** Steps to `column`, which follows the one before. @returns whether it is the same in any number of rows. */
  step(column: number): boolean {
    if (!this.#enter(column)) return false;
    const heads = this.#heads as ByteReader;
    const size = skipColumn(heads, this.#block.rows);
    this.#to = heads.position;
    this.#next += size;
    return size === 0 && isSteady(heads.bytes, this.#from, this.#to);
  }

  /** As `step` where `other` stands at a steady column. @returns whether this one says the same, in the same bytes. */
  stepAs(column: number, other: PackedCursor): boolean {
    if (!this.#enter(column)) return false;
    const heads = this.#heads as ByteReader;
    const { bytes } = heads;
    const theirs = (other.#heads as ByteReader).bytes;
    const length = other.#to - other.#from;
    // A header tells by itself where it ends, so what begins like one is one.
    let same = 0;
    if (heads.left >= length) while (same < length && bytes[this.#from + same] === theirs[other.#from + same]) same++;
    if (same === length) heads.position += length;
    else this.#next += skipColumn(heads, this.#block.rows);
    this.#to = heads.position;
    return same === length;
  }

  /** @returns whether the block has such a column. */
  #enter(column: number): boolean {
    if (column >= this.#block.columns) {
      this.#heads = undefined;
      return false;
    }
    if (column % SEGMENT_COLUMNS === 0) {
      const { heads, bits } = openPayload(this.#block.payload(column / SEGMENT_COLUMNS));
      this.#heads = heads;
      this.#bits = bits;
      this.#next = bits.position;
    }
    this.#from = (this.#heads as ByteReader).position;
    this.#at = this.#next;
    return true;
  }

  /** Whether the steady column at hand holds values. */
  get holds(): boolean {
    const heads = this.#heads as ByteReader;
    return isHolding(heads.bytes[this.#from] as number);
  }

  copyHeader(out: ByteWriter): void {
    const { bytes } = this.#heads as ByteReader;
    for (let i = this.#from; i < this.#to; i++) out.u8(bytes[i] as number);
  }

  /** The column at hand into the first places of `out`; @returns its cells as `PackedReader.read`. */
  read(out: Float64Array): Uint8Array | undefined {
    const { rows } = this.#block;
    const heads = this.#heads;
    if (heads === undefined) return new Uint8Array(rows).fill(CELL_ABSENT);
    const bits = this.#bits as ByteReader;
    heads.position = this.#from;
    bits.position = this.#at;
    return decodeColumn(heads, bits, out, rows);
  }
}

/**
 * Packed blocks that follow each other as one. Most columns of a page never move: those are copied as they are, since
 * their few bytes are right for any number of rows.
 *
 * @param lasting whether this is how it will be stored.
 * @param counts is told the samples of each column.
 */
export function mergePacked(blocks: readonly PackedBlock[], lasting = false, counts?: Uint32Array): PackedBlock {
  const rows = blocks.reduce((sum, block) => sum + block.rows, 0);
  const cursors = blocks.map((block) => new PackedCursor(block));
  const [first] = cursors as [PackedCursor];
  const values = new Float64Array(rows);
  let start = 0;
  const parts = blocks.map((block) => values.subarray(start, (start += block.rows)));
  const { columns } = blocks.at(-1) as PackedBlock;
  return new PackedBlock(rows, columns, (heads, bits, column) => {
    let steady = first.step(column);
    for (let i = 1; i < cursors.length; i++) {
      const cursor = cursors[i] as PackedCursor;
      if (steady) steady = cursor.stepAs(column, first);
      else cursor.step(column);
    }
    if (steady) {
      if (counts !== undefined) counts[column] = first.holds ? rows : 0;
      return first.copyHeader(heads);
    }
    let cells: Uint8Array | undefined;
    for (let i = 0, at = 0; i < cursors.length; at += (blocks[i++] as PackedBlock).rows) {
      const own = (cursors[i] as PackedCursor).read(parts[i] as Float64Array);
      if (own === undefined) continue;
      cells ??= new Uint8Array(rows).fill(CELL_VALUE);
      cells.set(own, at);
    }
    const samples = encodeColumn(heads, bits, values, rows, cells, lasting);
    if (counts !== undefined) counts[column] = samples;
  });
}

/**
 * All rows of a view as one packed block; undefined where some of them are plain.
 *
 * @param counts is told the samples of each column.
 */
export function packedWhole(
  { blocks, rows, columns }: { readonly blocks: readonly unknown[]; readonly rows: number; readonly columns: number },
  counts: Uint32Array,
): PackedBlock | undefined {
  const parts: PackedBlock[] = [];
  let held = 0;
  for (const block of blocks) {
    if (!(block instanceof PackedReader)) return undefined;
    parts.push(block.block);
    held += block.rows;
  }
  return held === rows && parts.at(-1)?.columns === columns ? mergePacked(parts, true, counts) : undefined;
}
