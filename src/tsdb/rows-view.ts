/**
 * What a query sees of an open chunk: rows in blocks of 32, packed or plain, as they were when it asked. In: a view and a
 * column. Out: row-aligned values and, where there are holes, cells.
 */
import { CELL_ABSENT, CELL_VALUE } from "./column.ts";
import { PackedReader } from "./packed.ts";

export const BLOCK_SHIFT: number = 5;
export const BLOCK_ROWS: number = 1 << BLOCK_SHIFT;
export const BLOCK_MASK: number = BLOCK_ROWS - 1;

/** A frozen view of the matrix: arrays are shared, counts are not. */
export interface RowsView {
  readonly t: Float64Array;
  /** 32 rows each; row r, column c of a plain one is blocks[r >> 5][(r & 31) * stride + c]. */
  readonly blocks: readonly (Float64Array | PackedReader)[];
  /** Cells of incomplete rows of plain blocks. */
  readonly partial: readonly (Uint8Array | undefined)[];
  readonly rows: number;
  readonly columns: number;
  readonly stride: number;
}

export function makeBlock(stride: number): Float64Array {
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

/** Index of the first of `rows` times at or after `at`. */
export function lowerBound(t: Float64Array, rows: number, at: number): number {
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
  const { blocks } = view;
  let first = lowerBound(view.t, view.rows, start) >> BLOCK_SHIFT;
  let last = (lowerBound(view.t, view.rows, end + 1) + BLOCK_MASK) >> BLOCK_SHIFT;
  while (first > 0 && first < blocks.length && blocks[first] === blocks[first - 1]) first--;
  while (last > 0 && last < blocks.length && blocks[last] === blocks[last - 1]) last++;
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

/** All rows of a packed block to `out` from `first` on. @returns `cells`, made when the first hole is met. */
export function readPacked(
  reader: PackedReader,
  column: number,
  out: Float64Array,
  first: number,
  cells: Uint8Array | undefined,
  rows: number = out.length,
): Uint8Array | undefined {
  const own = reader.read(column, columnValues);
  for (let r = 0; r < reader.rows; r++) out[first + r] = columnValues[r] as number;
  if (own === undefined) return cells;
  const all = cells ?? new Uint8Array(rows).fill(CELL_VALUE);
  all.set(own, first);
  return all;
}

export function gather(
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
export function gatherCells(
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
  for (let first = 0; first < rows; ) {
    const block = blocks[first >> BLOCK_SHIFT] as Float64Array | PackedReader;
    if (block instanceof PackedReader) {
      cells = readPacked(block, column, out, first, cells, rows);
      first += block.rows;
    } else {
      const count = Math.min(BLOCK_ROWS, rows - first);
      gather(block, stride, column, out, first, count);
      cells = gatherCells(partial, column, first, count, cells, first, rows);
      first += count;
    }
  }
  return cells;
}
