/**
 * Rows of an open chunk as the append log has them: what a start finds there. The first question needs the newest of them
 * at most, so the others stay as they are until a query looks at them or the next row comes.
 */
import { CELL_ABSENT, CELL_VALUE } from "./column.ts";
import { ChangingRows } from "./row-changes.ts";
import { BLOCK_MASK, BLOCK_SHIFT, makeBlock } from "./rows-view.ts";

/** What changes to it from the row before, or from nothing when it is whole. */
export interface LoggedRow {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly end: number;
  readonly whole: boolean;
  readonly columns: number;
}

let changing: ChangingRows | undefined;

/** The same where the row before is none that was kept: values of all columns that later rows may build on. */
interface KnownRow {
  readonly values: Float64Array;
  readonly whole: true;
  readonly columns: number;
}

export class LoggedRows {
  readonly #rows: (LoggedRow | KnownRow)[] = [];
  #newest: Float64Array | undefined;

  /** @param row `values` of a row of `columns` columns where none of these is the one before. */
  push(row: LoggedRow | Float64Array, columns: number): void {
    this.#rows.push(row instanceof Float64Array ? { values: row, whole: true, columns } : row);
    this.#newest = undefined;
  }

  /** Keeps the values of the newest row for those who will ask. */
  know(newest: Float64Array): void {
    const row = this.#rows.at(-1);
    if (row !== undefined) this.#newest = newest.slice(0, row.columns);
  }

  /** The newest row; nobody may change it. */
  newest(): Float64Array {
    if (this.#newest !== undefined) return this.#newest;
    let from = this.#rows.length - 1;
    while (from > 0 && this.#rows[from]?.whole === false) from--;
    let newest: Float64Array = new Float64Array(0);
    this.#read(from, (values, row) => {
      if (row === this.#rows.length - 1) newest = values.slice();
    });
    return (this.#newest = newest);
  }

  /** All rows as blocks of doubles, row r at (r & BLOCK_MASK) * stride. */
  blocks(stride: number): Float64Array[] {
    const blocks: Float64Array[] = [];
    this.#read(0, (values, row) => {
      if ((row & BLOCK_MASK) === 0) blocks.push(makeBlock(stride));
      (blocks[row >> BLOCK_SHIFT] as Float64Array).set(values, (row & BLOCK_MASK) * stride);
    });
    return blocks;
  }

  /** Hands over rows `from` and later, one after the other; row `from` needs none before. Values are borrowed. */
  #read(from: number, take: (values: Float64Array, row: number) => void): void {
    changing ??= new ChangingRows();
    changing.clear();
    let widest = 0;
    for (const row of this.#rows) widest = Math.max(widest, "values" in row ? row.values.length : row.columns);
    const values = changing.make(widest);
    for (let i = from; i < this.#rows.length; i++) {
      const row = this.#rows[i] as LoggedRow | KnownRow;
      if (row.whole) values.fill(0);
      if ("values" in row) values.set(row.values);
      // Of a record of many groups the bytes of this row only.
      else changing.apply(row.bytes.subarray(row.at, row.end), 0, values, row.columns);
      take(values.subarray(0, row.columns), i);
    }
    // What it read last may be a log file.
    changing.clear();
  }
}

/** Cells of a row of `columns` columns where there are `width`, in an array of `stride`; undefined when it has no holes. */
export function holesOf(
  cells: Uint8Array | undefined,
  columns: number,
  width: number,
  stride: number,
): { readonly cells: Uint8Array; readonly missing: number; readonly samples: number } | undefined {
  if (cells === undefined && columns === width) return undefined;
  const own = new Uint8Array(stride);
  if (cells === undefined) own.fill(CELL_VALUE, 0, columns);
  else own.set(cells);
  let values = 0;
  let samples = 0;
  for (let c = 0; c < columns; c++) {
    if (own[c] === CELL_VALUE) values++;
    if (own[c] !== CELL_ABSENT) samples++;
  }
  return values === width ? undefined : { cells: own, missing: width - values, samples };
}
