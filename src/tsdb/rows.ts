/**
 * The open chunk of a group: a matrix of doubles, one row a time, one column a series, in blocks of 8 rows. The newest
 * block holds plain doubles; a block that is full is packed to about one byte a sample, unless the group is narrow. A
 * row with holes or stale markers carries one byte a column beside it. Rows are ascending in time; a write into the
 * past unpacks the chunk for good. Nothing a query's view shares is ever changed under it.
 */
import { CELL_ABSENT, CELL_STALE, CELL_VALUE } from "./column.ts";
import { PackedBlock, PackedReader } from "./packed.ts";

const ROWS_START = 8;
const BLOCK_SHIFT = 3;
const BLOCK_ROWS = 1 << BLOCK_SHIFT;
const BLOCK_MASK = BLOCK_ROWS - 1;
/** Below so many columns a packed block's own objects weigh more than packing saves. */
const PACK_COLUMNS_MIN = 32;
/** Cells of a row nothing is known of yet: what lies past the end of cells is absent. */
const NO_CELLS = new Uint8Array(0);

/** What became of one cell. */
export const SET = 1;
export const SAME = 2;
const DIFFERENT = 3;

/** A frozen view of the matrix: arrays are shared, counts are not. */
export interface RowsView {
  readonly t: Float64Array;
  /** 8 rows each; row r, column c of a plain one is blocks[r >> 3][(r & 7) * stride + c]. */
  readonly blocks: readonly (Float64Array | PackedReader)[];
  /** Cells of incomplete rows of plain blocks. */
  readonly partial: readonly (Uint8Array | undefined)[];
  readonly rows: number;
  readonly columns: number;
  readonly stride: number;
}

function makeBlock(stride: number): Float64Array {
  return new Float64Array(stride << BLOCK_SHIFT);
}

/** Empty blocks for a view that is filled by hand. */
export function makeBlocks(rows: number, columns: number): Float64Array[] {
  return Array.from({ length: (rows + BLOCK_MASK) >> BLOCK_SHIFT }, () => makeBlock(columns));
}

/** Sets one double of such blocks. */
export function setCell(
  blocks: readonly Float64Array[],
  columns: number,
  row: number,
  column: number,
  value: number,
): void {
  (blocks[row >> BLOCK_SHIFT] as Float64Array)[(row & BLOCK_MASK) * columns + column] = value;
}

const columnValues = new Float64Array(BLOCK_ROWS);

export class Rows {
  t: Float64Array;
  /** Packed ones first. */
  #blocks: (Float64Array | PackedBlock)[] = [];
  #packed = 0;
  #packs = true;
  /** Cells of each incomplete row of a plain block. */
  partial: (Uint8Array | undefined)[] = [];
  /** Absent cells of such a row; stale ones count too, so that the row stays incomplete. */
  readonly #missing: number[] = [];
  rows = 0;
  columns: number;
  stride: number;
  samples = 0;
  /** Full blocks stay plain until the next one is begun after this is false again: a restart has no time to pack. */
  packsLater = false;
  /** A plain block for later use, which no view shares. */
  #spare: Float64Array | undefined;
  /** Whether a view may share the newest block. */
  #lent = false;
  /** Rows whose cells a view may share, but for one that got cells of its own since. */
  #lentRows = 0;
  #ownRow = -1;

  /** @param spare a block that another matrix does not need any more. */
  constructor(columns: number, spare?: Float64Array) {
    this.columns = columns;
    this.stride = columns;
    this.t = new Float64Array(ROWS_START);
    this.#spare = spare;
  }

  get firstT(): number {
    return this.t[0] as number;
  }
  get lastT(): number {
    return this.t[this.rows - 1] as number;
  }

  /** Index of the first row at or after `t`. */
  lowerBound(t: number): number {
    return lowerBound(this.t, this.rows, t);
  }

  /** @returns whether a row at exactly `t` exists. */
  has(t: number): boolean {
    const at = this.lowerBound(t);
    return at < this.rows && this.t[at] === t;
  }

  /** The row of time `t`, made when it does not exist: then all its cells are absent. */
  row(t: number): number {
    const at = this.lowerBound(t);
    if (at < this.rows && this.t[at] === t) return at;
    if (at < this.rows) {
      this.#unpack();
      this.#rebuild(at, this.columns, this.stride);
      this.#lentRows++;
      this.#ownRow = -1;
    } else {
      this.#extend();
    }
    this.rows++;
    this.t[at] = t;
    this.partial.splice(at, 0, NO_CELLS);
    this.#missing.splice(at, 0, this.columns);
    return at;
  }

  /** Room for one more row at the end. */
  #extend(): void {
    if (this.rows === this.t.length) {
      const t = new Float64Array(this.rows * 2);
      t.set(this.t);
      this.t = t;
    }
    if (this.rows >> BLOCK_SHIFT < this.#blocks.length) return;
    if (!this.packsLater) this.#pack();
    this.#blocks.push(this.#spare?.length === this.stride << BLOCK_SHIFT ? this.#spare : makeBlock(this.stride));
    this.#spare = undefined;
    this.#lent = false;
  }

  /** Packs the plain blocks, the newest one included. */
  #pack(): void {
    if (!this.#packs || this.columns < PACK_COLUMNS_MIN) return;
    for (; this.#packed < this.#blocks.length; this.#packed++) {
      const first = this.#packed << BLOCK_SHIFT;
      const plain = this.#blocks[this.#packed] as Float64Array;
      const rows = Math.min(BLOCK_ROWS, this.rows - first);
      const holes = this.partial.slice(first, first + rows);
      this.#blocks[this.#packed] = new PackedBlock(rows, this.columns, (column) => ({
        values: gather(plain, this.stride, column, columnValues, 0, rows),
        cells: gatherCells(holes, column, 0, rows, undefined, 0, rows),
      }));
      this.partial.fill(undefined, first, first + rows);
      if (!this.#lent) this.#spare = plain;
    }
  }

  /** Makes all blocks plain again, for good: what is written into the past once is written there again. */
  #unpack(): void {
    this.#packs = false;
    for (; this.#packed > 0; this.#packed--) {
      const first = (this.#packed - 1) << BLOCK_SHIFT;
      const packed = this.#blocks[this.#packed - 1] as PackedBlock;
      const reader = new PackedReader(packed);
      const plain = makeBlock(this.stride);
      const missing = new Uint32Array(packed.rows).fill(this.columns);
      const cells = Array.from({ length: packed.rows }, () => new Uint8Array(this.stride));
      for (let column = 0; column < packed.columns; column++) {
        const own = reader.read(column, columnValues);
        for (let r = 0; r < packed.rows; r++) {
          plain[r * this.stride + column] = columnValues[r] as number;
          const cell = own === undefined ? CELL_VALUE : (own[r] as number);
          (cells[r] as Uint8Array)[column] = cell;
          if (cell === CELL_VALUE) missing[r] = (missing[r] as number) - 1;
        }
      }
      this.#blocks[this.#packed - 1] = plain;
      for (let r = 0; r < packed.rows; r++) {
        this.#missing[first + r] = missing[r] as number;
        this.partial[first + r] = missing[r] === 0 ? undefined : cells[r];
      }
    }
  }

  /** New plain blocks: room for one more row at `gap` (-1: none), and `stride` columns. Packed blocks stay. */
  #rebuild(gap: number, columns: number, stride: number): void {
    const t = new Float64Array(this.rows === this.t.length ? this.t.length * 2 : this.t.length);
    t.set(gap < 0 ? this.t.subarray(0, this.rows) : this.t.subarray(0, gap));
    if (gap >= 0) t.set(this.t.subarray(gap, this.rows), gap + 1);
    const from = this.#packed << BLOCK_SHIFT;
    const blocks = this.#blocks.slice(0, this.#packed);
    while (blocks.length << BLOCK_SHIFT <= this.rows) blocks.push(makeBlock(stride));
    for (let r = from; r < this.rows; r++) {
      const to = gap >= 0 && r >= gap ? r + 1 : r;
      const source = this.#blocks[r >> BLOCK_SHIFT] as Float64Array;
      const target = blocks[to >> BLOCK_SHIFT] as Float64Array;
      const at = (r & BLOCK_MASK) * this.stride;
      target.set(source.subarray(at, at + this.columns), (to & BLOCK_MASK) * stride);
    }
    this.t = t;
    this.#blocks = blocks;
    this.#spare = undefined;
    this.#lent = false;
    this.columns = columns;
    this.stride = stride;
  }

  /** Makes room for more columns; rows that exist have no value there. */
  widen(columns: number): void {
    if (columns <= this.columns) return;
    const before = this.columns;
    if (columns > this.stride) this.#rebuild(-1, columns, columns + (columns >> 3) + 4);
    this.columns = columns;
    const partial = this.partial.slice();
    for (let r = this.#packed << BLOCK_SHIFT; r < this.rows; r++) {
      const old = this.partial[r];
      this.#missing[r] = (old === undefined ? 0 : (this.#missing[r] as number)) + columns - before;
      if (old === NO_CELLS) continue;
      const cells = new Uint8Array(this.stride);
      if (old === undefined) cells.fill(CELL_VALUE, 0, before);
      else cells.set(old.subarray(0, before));
      partial[r] = cells;
    }
    this.partial = partial;
  }

  /** Cells of an incomplete row, to be written. */
  #cellsOf(row: number): Uint8Array {
    const known = this.partial[row];
    if (known !== NO_CELLS && known !== undefined && (row >= this.#lentRows || row === this.#ownRow)) return known;
    const cells = new Uint8Array(this.stride);
    if (known !== undefined) cells.set(known);
    this.partial[row] = cells;
    this.#ownRow = row;
    return cells;
  }

  /** A whole new row at once: `values[0..count)` belong to columns 0..count. The row must be fresh from `row`. */
  fill(row: number, values: Float64Array, count: number): void {
    const block = this.#blocks[row >> BLOCK_SHIFT] as Float64Array;
    block.set(values.length === count ? values : values.subarray(0, count), (row & BLOCK_MASK) * this.stride);
    this.samples += count;
    if (count === this.columns) {
      this.partial[row] = undefined;
      return;
    }
    this.#cellsOf(row).fill(CELL_VALUE, 0, count);
    this.#missing[row] = this.columns - count;
  }

  /** Sets one cell unless it is taken. @returns SET, SAME or DIFFERENT. */
  set(row: number, column: number, value: number, stale: boolean): number {
    if (row >> BLOCK_SHIFT < this.#packed) this.#unpack();
    const cells = this.partial[row];
    const block = this.#blocks[row >> BLOCK_SHIFT] as Float64Array;
    const at = (row & BLOCK_MASK) * this.stride + column;
    const cell = cells === undefined ? CELL_VALUE : (cells[column] ?? CELL_ABSENT);
    if (cell === CELL_STALE) return stale ? SAME : DIFFERENT;
    if (cell === CELL_VALUE) return !stale && Object.is(block[at], value) ? SAME : DIFFERENT;
    block[at] = value;
    this.samples++;
    this.#cellsOf(row)[column] = stale ? CELL_STALE : CELL_VALUE;
    if (!stale && (this.#missing[row] = (this.#missing[row] as number) - 1) === 0) this.partial[row] = undefined;
    return SET;
  }

  view(): RowsView {
    const { t, rows, columns, stride } = this;
    this.#lent = true;
    this.#lentRows = rows;
    this.#ownRow = -1;
    const blocks = this.#blocks.map((block) => (block instanceof PackedBlock ? new PackedReader(block) : block));
    return { t, blocks, partial: this.partial.slice(), rows, columns, stride };
  }

  /** A view of the chunk that takes no more rows: as small as it gets. */
  finish(): RowsView {
    this.#pack();
    return this.view();
  }

  /** A block that `finish` left over, for the next chunk of the group. */
  takeSpare(): Float64Array | undefined {
    const spare = this.#spare;
    this.#spare = undefined;
    return spare;
  }
}

function lowerBound(t: Float64Array, rows: number, at: number): number {
  if (rows === 0 || at > (t[rows - 1] as number)) return rows;
  let low = 0;
  let high = rows;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((t[middle] as number) < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The part of a view that holds `start` to `end`, in whole blocks: what lies outside is not decoded. */
export function narrow(view: RowsView, start: number, end: number): RowsView {
  const first = lowerBound(view.t, view.rows, start) >> BLOCK_SHIFT;
  const last = (lowerBound(view.t, view.rows, end + 1) + BLOCK_MASK) >> BLOCK_SHIFT;
  if (first === 0 && last >= view.blocks.length) return view;
  const from = first << BLOCK_SHIFT;
  const to = Math.min(view.rows, last << BLOCK_SHIFT);
  return {
    ...view,
    t: view.t.subarray(from, to),
    blocks: view.blocks.slice(first, last),
    partial: view.partial.slice(from, to),
    rows: to - from,
  };
}

function gather(
  block: Float64Array,
  stride: number,
  column: number,
  out: Float64Array,
  from: number,
  rows: number,
): Float64Array {
  for (let r = 0, at = column; r < rows; r++, at += stride) out[from + r] = block[at] as number;
  return out;
}

/** Cells of one column in `count` incomplete or complete rows from `first`, put at `at` of `cells`, made when needed. */
function gatherCells(
  partial: readonly (Uint8Array | undefined)[],
  column: number,
  first: number,
  count: number,
  cells: Uint8Array | undefined,
  at: number,
  rows: number,
): Uint8Array | undefined {
  let own = cells;
  for (let r = 0; r < count; r++) {
    const row = partial[first + r];
    if (row === undefined || row[column] === CELL_VALUE) continue;
    own ??= new Uint8Array(rows).fill(CELL_VALUE);
    own[at + r] = row[column] ?? CELL_ABSENT;
  }
  return own;
}

/** Row-aligned values of one column into `out`; @returns its cells, undefined when every row has a value. */
export function readColumn(view: RowsView, column: number, out: Float64Array): Uint8Array | undefined {
  const { blocks, rows, stride, partial } = view;
  if (column >= view.columns) return new Uint8Array(rows);
  let cells: Uint8Array | undefined;
  for (let first = 0; first < rows; first += BLOCK_ROWS) {
    const block = blocks[first >> BLOCK_SHIFT] as Float64Array | PackedReader;
    const count = Math.min(BLOCK_ROWS, rows - first);
    if (block instanceof PackedReader) {
      const own = block.read(column, columnValues);
      for (let r = 0; r < count; r++) out[first + r] = columnValues[r] as number;
      if (own === undefined) continue;
      cells ??= new Uint8Array(rows).fill(CELL_VALUE);
      cells.set(own, first);
    } else {
      gather(block, stride, column, out, first, count);
      cells = gatherCells(partial, column, first, count, cells, first, rows);
    }
  }
  return cells;
}
