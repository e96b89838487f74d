/**
 * The newest rows of an open chunk as what changes from one to the next: most columns of a page do not move within a
 * second, so sixteen rows take some 45 bytes a column instead of 128. The last row lies as doubles, older ones are found by taking
 * the changes back, which are kept as the halves of doubles that change. Whole rows only, one at the end.
 */
import { BLOCK_ROWS } from "./rows-view.ts";

/** Room for so many changes at first; a varint of 31 bits and two words at most each. */
const CHANGES_FIRST = 256;
const GAP_BYTES_MAX = 5;
/** Which halves of a double change, beside the gap. */
const LOW = 1;
const HIGH = 2;
const GAP_SHIFT = 2;

export class NewestRows {
  readonly columns: number;
  rows = 0;
  readonly #last: Float64Array<ArrayBuffer>;
  readonly #lastHalves: Int32Array;
  /** Of each change: columns between it and the one before, and which halves, as a varint … */
  #gaps: Uint8Array = new Uint8Array(0);
  /** … and those halves, before XOR after. */
  #halves: Int32Array = new Int32Array(0);
  /** Where the changes from row i to row i + 1 end: at 2 i the gaps, at 2 i + 1 the halves. */
  readonly #ends: Uint32Array = new Uint32Array(2 * BLOCK_ROWS);
  /** All rows as doubles, while a query looks at them: as many as it had when it looked last. */
  #plain: WeakRef<Float64Array> | undefined;
  #plainRows = 0;

  constructor(columns: number) {
    this.columns = columns;
    this.#last = new Float64Array(columns);
    this.#lastHalves = new Int32Array(this.#last.buffer);
  }

  /** Forgets all rows, and keeps the memory. */
  clear(): void {
    this.rows = 0;
    this.#plain = undefined;
    this.#plainRows = 0;
  }

  /** Adds a row; at most BLOCK_ROWS. */
  push(values: Float64Array): void {
    if (this.rows > 0) this.#change(values);
    this.#last.set(values.length === this.columns ? values : values.subarray(0, this.columns));
    this.rows++;
  }

  /** Writes what changes from the last row to `values`. */
  #change(values: Float64Array): void {
    const last = this.#last;
    const before = this.#lastHalves;
    const now = new Int32Array(values.buffer, values.byteOffset, 2 * this.columns);
    const row = this.rows - 1;
    let gaps = this.#gaps;
    let halves = this.#halves;
    let at = row > 0 ? (this.#ends[2 * row - 2] as number) : 0;
    let half = row > 0 ? (this.#ends[2 * row - 1] as number) : 0;
    let next = 0;
    for (let c = 0; c < last.length; c++) {
      const value = values[c] as number;
      // Equal numbers have equal bits, but for the zeros.
      if (value === last[c] && value !== 0) continue;
      const low = (now[2 * c] as number) ^ (before[2 * c] as number);
      const high = (now[2 * c + 1] as number) ^ (before[2 * c + 1] as number);
      if ((low | high) === 0) continue;
      if (at + GAP_BYTES_MAX > gaps.length || half + 2 > halves.length) {
        this.#grow();
        gaps = this.#gaps;
        halves = this.#halves;
      }
      let word = ((c - next) << GAP_SHIFT) | (low === 0 ? 0 : LOW) | (high === 0 ? 0 : HIGH);
      for (; word >= 128; word >>>= 7) gaps[at++] = 128 | (word & 127);
      gaps[at++] = word;
      next = c + 1;
      if (low !== 0) halves[half++] = low;
      if (high !== 0) halves[half++] = high;
    }
    this.#ends[2 * row] = at;
    this.#ends[2 * row + 1] = half;
  }

  #grow(): void {
    const gaps = new Uint8Array(this.#gaps.length + Math.max(CHANGES_FIRST, this.#gaps.length >> 3));
    const halves = new Int32Array(this.#halves.length + Math.max(CHANGES_FIRST, this.#halves.length >> 3));
    gaps.set(this.#gaps);
    halves.set(this.#halves);
    this.#gaps = gaps;
    this.#halves = halves;
  }

  /** A copy of the last row. */
  last(): Float64Array {
    return this.#last.slice();
  }

  /** Writes rows `from` and later to `out`, row r at r * stride. */
  read(out: Float64Array, stride: number, from = 0): void {
    const { rows, columns } = this;
    if (rows <= from) return;
    out.set(this.#last, (rows - 1) * stride);
    const bits = new Int32Array(out.buffer, out.byteOffset);
    for (let row = rows - 2; row >= from; row--) {
      const to = row * stride;
      out.copyWithin(to, to + stride, to + stride + columns);
      this.#takeBack(row, bits, 2 * to);
    }
  }

  /** Turns the row after `row`, which lies at `to`, into it. */
  #takeBack(row: number, bits: Int32Array, to: number): void {
    const gaps = this.#gaps;
    const halves = this.#halves;
    const end = this.#ends[2 * row] as number;
    let at = row > 0 ? (this.#ends[2 * row - 2] as number) : 0;
    let half = row > 0 ? (this.#ends[2 * row - 1] as number) : 0;
    let cell = to;
    while (at < end) {
      let word = gaps[at++] as number;
      if (word >= 128) {
        word &= 127;
        for (let shift = 7, byte = 128; byte >= 128; shift += 7) {
          byte = gaps[at++] as number;
          word |= (byte & 127) << shift;
        }
      }
      cell += (word >>> GAP_SHIFT) << 1;
      if ((word & LOW) !== 0) bits[cell] = (bits[cell] as number) ^ (halves[half++] as number);
      if ((word & HIGH) !== 0) bits[cell + 1] = (bits[cell + 1] as number) ^ (halves[half++] as number);
      cell += 2;
    }
  }

  /** All rows as a block of doubles, row r at r * stride, for those who look at it now: rows that come later are added to it. */
  plain(stride: number): Float64Array {
    let plain = this.#plain?.deref();
    if (plain?.length !== stride * BLOCK_ROWS) {
      plain = new Float64Array(stride * BLOCK_ROWS);
      this.#plain = new WeakRef(plain);
      this.#plainRows = 0;
    }
    this.read(plain, stride, this.#plainRows);
    this.#plainRows = this.rows;
    return plain;
  }
}
