/**
 * The open chunk of a group: a matrix of doubles, one row a time, one column a series. Most rows are complete and
 * cost eight bytes a sample; a row with holes or stale markers carries one byte a column beside it. Rows are ascending
 * in time; inserting one in the middle makes new arrays, so that a query's snapshot never moves under it. The doubles
 * lie in blocks of 16 rows: nothing is copied as the chunk grows, and the allocator gets back pieces of one size.
 */
import { CELL_ABSENT, CELL_STALE, CELL_VALUE } from "./column.ts";

const ROWS_START = 8;
const BLOCK_SHIFT = 4;
const BLOCK_MASK = (1 << BLOCK_SHIFT) - 1;

/** What became of one cell. */
export const SET = 1;
export const SAME = 2;
const DIFFERENT = 3;

/** A frozen view of the matrix: arrays are shared, counts are not. */
export interface RowsView {
  readonly t: Float64Array;
  /** 16 rows each; row r, column c is blocks[r >> 4][(r & 15) * stride + c]. */
  readonly blocks: readonly Float64Array[];
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

export class Rows {
  t: Float64Array;
  #blocks: Float64Array[] = [];
  /** Cells of each incomplete row. */
  partial: (Uint8Array | undefined)[] = [];
  /** Absent cells of each incomplete row; stale ones count too, so that the row stays incomplete. */
  readonly #missing: number[] = [];
  rows = 0;
  columns: number;
  stride: number;
  samples = 0;

  constructor(columns: number) {
    this.columns = columns;
    this.stride = columns;
    this.t = new Float64Array(ROWS_START);
  }

  get firstT(): number {
    return this.t[0] as number;
  }
  get lastT(): number {
    return this.t[this.rows - 1] as number;
  }

  /** Index of the first row at or after `t`. */
  lowerBound(t: number): number {
    if (this.rows === 0 || t > this.lastT) return this.rows;
    let low = 0;
    let high = this.rows;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.t[middle] as number) < t) low = middle + 1;
      else high = middle;
    }
    return low;
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
    if (at < this.rows) this.#rebuild(at, this.columns, this.stride);
    else this.#extend();
    this.rows++;
    this.t[at] = t;
    this.partial.splice(at, 0, new Uint8Array(this.stride));
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
    if (this.rows >> BLOCK_SHIFT === this.#blocks.length) this.#blocks.push(makeBlock(this.stride));
  }

  /** New arrays: room for one more row at `gap` (-1: none), and `stride` columns. */
  #rebuild(gap: number, columns: number, stride: number): void {
    const t = new Float64Array(this.rows === this.t.length ? this.t.length * 2 : this.t.length);
    const blocks = Array.from({ length: (this.rows >> BLOCK_SHIFT) + 1 }, () => makeBlock(stride));
    for (let r = 0; r < this.rows; r++) {
      const to = gap >= 0 && r >= gap ? r + 1 : r;
      t[to] = this.t[r] as number;
      const from = (r & BLOCK_MASK) * this.stride;
      const source = this.#blocks[r >> BLOCK_SHIFT] as Float64Array;
      const target = blocks[to >> BLOCK_SHIFT] as Float64Array;
      target.set(source.subarray(from, from + this.columns), (to & BLOCK_MASK) * stride);
    }
    this.t = t;
    this.#blocks = blocks;
    this.columns = columns;
    this.stride = stride;
  }

  /** Makes room for more columns; rows that exist have no value there. */
  widen(columns: number): void {
    if (columns <= this.columns) return;
    const before = this.columns;
    if (columns > this.stride) this.#rebuild(-1, columns, columns + (columns >> 3) + 4);
    this.columns = columns;
    this.partial = Array.from({ length: this.rows }, (_, r) => {
      const cells = new Uint8Array(this.stride);
      const old = this.partial[r];
      if (old === undefined) cells.fill(CELL_VALUE, 0, before);
      else cells.set(old.subarray(0, before));
      this.#missing[r] = (old === undefined ? 0 : (this.#missing[r] as number)) + columns - before;
      return cells;
    });
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
    (this.partial[row] as Uint8Array).fill(CELL_VALUE, 0, count);
    this.#missing[row] = this.columns - count;
  }

  /** Sets one cell unless it is taken. @returns SET, SAME or DIFFERENT. */
  set(row: number, column: number, value: number, stale: boolean): number {
    const cells = this.partial[row];
    const block = this.#blocks[row >> BLOCK_SHIFT] as Float64Array;
    const at = (row & BLOCK_MASK) * this.stride + column;
    const cell = cells === undefined ? CELL_VALUE : (cells[column] as number);
    if (cell === CELL_STALE) return stale ? SAME : DIFFERENT;
    if (cell === CELL_VALUE) return !stale && Object.is(block[at], value) ? SAME : DIFFERENT;
    block[at] = value;
    this.samples++;
    (cells as Uint8Array)[column] = stale ? CELL_STALE : CELL_VALUE;
    if (!stale && (this.#missing[row] = (this.#missing[row] as number) - 1) === 0) this.partial[row] = undefined;
    return SET;
  }

  view(): RowsView {
    const { t, rows, columns, stride } = this;
    return { t, blocks: this.#blocks.slice(), partial: this.partial.slice(), rows, columns, stride };
  }
}

/** Row-aligned values of one column into `out`; @returns its cells, undefined when every row has a value. */
export function readColumn(view: RowsView, column: number, out: Float64Array): Uint8Array | undefined {
  const { blocks, rows, stride, partial } = view;
  if (column >= view.columns) return new Uint8Array(rows);
  for (let first = 0; first < rows; first += 1 << BLOCK_SHIFT) {
    const block = blocks[first >> BLOCK_SHIFT] as Float64Array;
    const end = Math.min(rows, first + (1 << BLOCK_SHIFT));
    for (let r = first, at = column; r < end; r++, at += stride) out[r] = block[at] as number;
  }
  let cells: Uint8Array | undefined;
  for (let r = 0; r < rows; r++) {
    const row = partial[r];
    if (row === undefined || row[column] === CELL_VALUE) continue;
    if (cells === undefined) {
      cells = new Uint8Array(rows);
      cells.fill(CELL_VALUE);
    }
    cells[r] = column < row.length ? (row[column] as number) : CELL_ABSENT;
  }
  return cells;
}
