/**
 * The open chunk of a group: a matrix of doubles, one row a time, one column a series, in blocks of 32 rows. The newest
 * block holds one row and what changes from row to row; from the first row with holes or stale markers on, which carries
 * one byte a column beside it, it holds plain doubles. A full block is packed to about one byte a sample, unless the group
 * is narrow. Rows are ascending in time; a write into the past unpacks the chunk for good. Nothing a query's view shares
 * is ever changed under it.
 */
import { type Block, readersOf, type SpareBlock, timesFor } from "./blocks.ts";
import { CELL_ABSENT, CELL_STALE, CELL_VALUE, encodeColumn } from "./column.ts";
import type { WrittenRow } from "./log-format.ts";
import { holesOf, type LoggedRow, LoggedRows } from "./logged-rows.ts";
import { NewestRows } from "./newest-rows.ts";
import { PackedBlock, PackedReader } from "./packed.ts";
import {
  BLOCK_MASK,
  BLOCK_ROWS,
  BLOCK_SHIFT,
  gather,
  gatherCells,
  lowerBound,
  makeBlock,
  type RowsView,
} from "./rows-view.ts";

const ROWS_START = 8;
/** Below so many columns a packed block's own objects weigh more than packing saves. */
const PACK_COLUMNS_MIN = 32;
/** Rows of a plain block that are turned into changes. */
const FEW_ROWS = 8;
/** Cells of a row nothing is known of yet: what lies past the end of cells is absent. */
const NO_CELLS = new Uint8Array(0);

/** What became of one cell. */
export const SET = 1;
export const SAME = 2;
const DIFFERENT = 3;

const columnValues = new Float64Array(BLOCK_ROWS);

export class Rows {
  t: Float64Array;
  /** Packed ones first. Only the last may hold changes. */
  #blocks: Block[] = [];
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
  /** And one for changes. */
  #changes: NewestRows | undefined;
  /** All rows, while they lie as the log has them: then there are no blocks. */
  #logged: LoggedRows | undefined;
  /** Whether a view may share the newest block. */
  #lent = false;
  /** Rows whose cells a view may share, but for one that got cells of its own since. */
  #lentRows = 0;
  #ownRow = -1;

  /** @param spare a block that another matrix does not need any more. */
  constructor(columns: number, spare?: SpareBlock) {
    this.columns = columns;
    this.stride = columns;
    this.t = new Float64Array(ROWS_START);
    this.#changes = spare;
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
    this.#settle();
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

  /** Where a row of that time may stay as the log has it: at the end, and while all rows do. */
  loggedFor(t: number): LoggedRows | undefined {
    if (this.rows === 0) return (this.#logged ??= new LoggedRows());
    return t > this.lastT ? this.#logged : undefined;
  }

  /** Adds such a row, of columns 0..columns. */
  log(t: number, row: LoggedRow | Float64Array, cells: Uint8Array | undefined, columns: number): void {
    this.#logged?.push(row, columns);
    this.t = timesFor(this.t, this.rows);
    this.t[this.rows++] = t;
    const holes = holesOf(cells, columns, this.columns, this.stride);
    this.partial.push(holes?.cells);
    this.#missing.push(holes?.missing ?? 0);
    this.samples += holes?.samples ?? columns;
  }

  /** Logged rows become plain ones. */
  #settle(): void {
    const logged = this.#logged;
    if (logged === undefined) return;
    this.#logged = undefined;
    this.#blocks = logged.blocks(this.stride);
  }

  /** Room for one more row at the end. */
  #extend(): void {
    this.t = timesFor(this.t, this.rows);
    if (this.rows >> BLOCK_SHIFT < this.#blocks.length) return;
    // Rows with holes come as cells, and those that follow one mostly have holes as well.
    const whole = this.rows === 0 || this.partial[this.rows - 1] === undefined;
    if (!this.packsLater) this.#pack();
    if (whole && this.#packs && !this.packsLater && this.columns >= PACK_COLUMNS_MIN) {
      if (this.#changes?.columns !== this.columns) this.#changes = new NewestRows(this.columns);
      this.#changes.clear();
      this.#blocks.push(this.#changes);
      this.#spare = undefined;
    } else {
      this.#blocks.push(this.#plainBlock());
      this.#changes = undefined;
    }
  }

  #plainBlock(): Float64Array {
    const spare = this.#spare?.length === this.stride << BLOCK_SHIFT ? this.#spare : makeBlock(this.stride);
    this.#spare = undefined;
    this.#lent = false;
    return spare;
  }

  /** Makes the newest block plain. */
  #makePlain(): void {
    const newest = this.#blocks.at(-1);
    this.#changes = undefined;
    if (!(newest instanceof NewestRows)) return;
    const plain = this.#plainBlock();
    newest.read(plain, this.stride);
    this.#blocks[this.#blocks.length - 1] = plain;
  }

  /** Packs the plain blocks, the newest one included. */
  #pack(): void {
    if (!this.#packs || this.columns < PACK_COLUMNS_MIN) return;
    for (; this.#packed < this.#blocks.length; this.#packed++) {
      const first = this.#packed << BLOCK_SHIFT;
      const rows = Math.min(BLOCK_ROWS, this.rows - first);
      const newest = this.#blocks[this.#packed];
      // A row that was begun and never written.
      if (newest instanceof NewestRows && newest.rows !== rows) this.#makePlain();
      const plain = this.#doubles(this.#packed);
      const holes = this.partial.slice(first, first + rows);
      const whole = holes.every((cells) => cells === undefined);
      this.#blocks[this.#packed] = new PackedBlock(rows, this.columns, (head, body, column) => {
        gather(plain, this.stride, column, columnValues, 0, rows);
        const cells = whole ? undefined : gatherCells(holes, column, 0, rows, undefined, 0, rows);
        encodeColumn(head, body, columnValues, rows, cells, false);
      });
      this.partial.fill(undefined, first, first + rows);
      if (!this.#lent && !(newest instanceof NewestRows)) this.#spare = plain;
    }
  }

  /** A block that is not packed, to look at: borrowed until the next one is asked for. */
  #doubles(place: number): Float64Array {
    const block = this.#blocks[place] as Float64Array | NewestRows;
    if (!(block instanceof NewestRows)) return block;
    if (doubles.length < this.stride << BLOCK_SHIFT) doubles = makeBlock(this.stride);
    block.read(doubles, this.stride);
    return doubles;
  }

  /** Makes all blocks plain again, for good: what is written into the past once is written there again. */
  #unpack(): void {
    this.#makePlain();
    this.#packs = false;
    for (let place = 0; place < this.#packed; place++) this.#unpackBlock(place);
    this.#packed = 0;
  }

  #unpackBlock(place: number): void {
    const { stride } = this;
    const packed = this.#blocks[place] as PackedBlock;
    const first = place << BLOCK_SHIFT;
    const reader = new PackedReader(packed);
    const plain = makeBlock(stride);
    const missing = new Uint32Array(packed.rows).fill(this.columns);
    const cells = Array.from({ length: packed.rows }, () => new Uint8Array(stride));
    for (let column = 0; column < packed.columns; column++) {
      const own = reader.read(column, columnValues);
      for (let r = 0; r < packed.rows; r++) {
        plain[r * stride + column] = columnValues[r] as number;
        const cell = own === undefined ? CELL_VALUE : (own[r] as number);
        (cells[r] as Uint8Array)[column] = cell;
        if (cell === CELL_VALUE) missing[r] = (missing[r] as number) - 1;
      }
    }
    this.#blocks[place] = plain;
    for (let r = 0; r < packed.rows; r++) {
      this.#missing[first + r] = missing[r] as number;
      this.partial[first + r] = missing[r] === 0 ? undefined : cells[r];
    }
  }

  /** New plain blocks: room for one more row at `gap` (-1: none), and `stride` columns. Packed blocks stay. */
  #rebuild(gap: number, columns: number, stride: number): void {
    if (this.#logged !== undefined) return void (this.stride = stride);
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
    this.#makePlain();
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
    this.#makeChanges();
  }

  /**
   * Makes the newest block one of changes where it has few rows: a target that did not answer at first has no more than
   * its `up` in them, and plain ones would take four times the memory until the block is full.
   */
  #makeChanges(): void {
    const place = this.#blocks.length - 1;
    const plain = this.#blocks[place];
    const rows = this.rows - (place << BLOCK_SHIFT);
    if (!(plain instanceof Float64Array) || rows > FEW_ROWS || this.columns < PACK_COLUMNS_MIN) return;
    if (!this.#packs || this.packsLater) return;
    const changes = new NewestRows(this.columns);
    for (let at = 0; at < rows * this.stride; at += this.stride) changes.push(plain.subarray(at, at + this.columns));
    this.#blocks[place] = changes;
    this.#changes = changes;
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

  /**
   * A whole new row at once: `values[0..count)` belong to columns 0..count. The row must be fresh from `row`.
   * @param written what the log has just written of it.
   */
  fill(row: number, values: Float64Array, count: number, written?: WrittenRow): void {
    this.samples += count;
    const newest = this.#blocks[row >> BLOCK_SHIFT];
    if (newest instanceof NewestRows) {
      if (count === this.columns && newest.rows === (row & BLOCK_MASK)) {
        newest.push(values, written);
        this.partial[row] = undefined;
        return;
      }
      this.#makePlain();
    }
    const block = this.#blocks[row >> BLOCK_SHIFT] as Float64Array;
    block.set(values.length === count ? values : values.subarray(0, count), (row & BLOCK_MASK) * this.stride);
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
    else if (this.#changes !== undefined) this.#makePlain();
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

  /**
   * The newest row up to `end`, when it lies plain and all its columns have values: then no older one need be looked at
   * for what was true at that time. Shared; a whole row is never changed.
   */
  wholeRow(end: number): { readonly t: number; readonly values: Float64Array } | undefined {
    const row = this.lowerBound(end + 1) - 1;
    if (row < 0 || row >> BLOCK_SHIFT < this.#packed || this.partial[row] !== undefined) return undefined;
    if (this.#logged !== undefined && row === this.rows - 1) return { t: this.lastT, values: this.#logged.newest() };
    this.#settle();
    const newest = this.#blocks[row >> BLOCK_SHIFT];
    if (newest instanceof NewestRows && row === this.rows - 1) return { t: this.lastT, values: newest.last() };
    this.#lent = true;
    const at = (row & BLOCK_MASK) * this.stride;
    const block = newest instanceof NewestRows ? newest.plain(this.stride) : (newest as Float64Array);
    return { t: this.t[row] as number, values: block.subarray(at, at + this.columns) };
  }

  view(): RowsView {
    this.#settle();
    const { t, rows, columns, stride } = this;
    this.#lent = true;
    this.#lentRows = rows;
    this.#ownRow = -1;
    return { t, blocks: readersOf(this.#blocks, stride), partial: this.partial.slice(), rows, columns, stride };
  }

  /** A view of the chunk that takes no more rows: as small as it gets. */
  finish(): RowsView {
    this.#settle();
    this.#pack();
    return this.view();
  }

  /** A block that `finish` left over, for the next chunk of the group. */
  takeSpare(): SpareBlock | undefined {
    const spare = this.#changes;
    this.#changes = undefined;
    return spare;
  }
}

/** Rows of one block, for a moment. */
let doubles: Float64Array = new Float64Array(0);
