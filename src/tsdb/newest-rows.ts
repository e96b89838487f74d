/**
 * The newest rows of an open chunk as what changes from one to the next: most columns of a page do not move within a
 * second. The last row lies as doubles, older ones are found by taking the changes back, which are kept as the append log
 * writes them; what the log has just written of a row is copied. Whole rows only, one at the end.
 */
import { ByteWriter } from "./bytes.ts";
import type { Chain, WrittenRow } from "./log-format.ts";
import { applyChanges } from "./row-changes.ts";
import { type LastRow, writeChanges } from "./write-changes.ts";
import { BLOCK_ROWS } from "./rows-view.ts";

/** Room for so many more bytes of changes at least. */
const CHANGES_FIRST = 1_024;
/** After so many rows it is known how much one takes. */
const SURE_ROWS = 4;
/** For rows the log does not write. */
const scratch = new ByteWriter(4 * CHANGES_FIRST);

export class NewestRows {
  readonly columns: number;
  rows = 0;
  readonly #last: Float64Array<ArrayBuffer>;
  readonly #lastRow: LastRow;
  #changes: Uint8Array = new Uint8Array(0);
  /** Where the changes from row i to row i + 1 end. */
  readonly #ends: Uint32Array = new Uint32Array(BLOCK_ROWS);
  /** The last row is the last one of this chain, when so many were written to it. */
  #chain: Chain | undefined;
  #written = 0;
  /** All rows as doubles, while a query looks at them: as many as it had when it looked last. */
  #plain: WeakRef<Float64Array> | undefined;
  #plainRows = 0;

  constructor(columns: number) {
    this.columns = columns;
    this.#last = new Float64Array(columns);
    this.#lastRow = { last: this.#last, halves: new Uint32Array(this.#last.buffer) };
  }

  /** Forgets all rows, and keeps the memory. */
  clear(): void {
    this.rows = 0;
    this.#chain = undefined;
    this.#plain = undefined;
    this.#plainRows = 0;
  }

  /**
   * Adds a row; at most BLOCK_ROWS.
   * @param written what the log says of the very same row, whole.
   */
  push(values: Float64Array, written?: WrittenRow): void {
    const { columns } = this;
    if (this.rows > 0) {
      const known = written !== undefined && written.from >= 0 && this.#follows(written);
      if (known) this.#keep(written.out.buffer, written.from, written.to);
      else this.#compare(values);
    }
    this.#last.set(values.length === columns ? values : values.subarray(0, columns));
    this.rows++;
    this.#chain = written?.chain;
    this.#written = written?.chain.written ?? 0;
  }

  /** Whether the row before was the one the log has compared with. */
  #follows({ chain }: WrittenRow): boolean {
    return chain === this.#chain && chain.written === this.#written + 1;
  }

  #compare(values: Float64Array): void {
    scratch.reset();
    writeChanges(scratch, this.#lastRow, values, undefined, this.columns);
    this.#keep(scratch.buffer, 0, scratch.length);
  }

  /** Keeps the changes from the last row to the next. */
  #keep(bytes: Uint8Array, from: number, to: number): void {
    const row = this.rows - 1;
    const at = row > 0 ? (this.#ends[row - 1] as number) : 0;
    const end = at + to - from;
    if (end > this.#changes.length) {
      // Rows of a page change alike: after a few there is room made for those of a block.
      const likely = end + (to - from) * (BLOCK_ROWS - row);
      const grown = new Uint8Array((row < SURE_ROWS ? Math.min(2 * end, likely) : likely) + CHANGES_FIRST);
      grown.set(this.#changes.subarray(0, at));
      this.#changes = grown;
    }
    this.#changes.set(bytes.subarray(from, to), at);
    this.#ends[row] = end;
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
    for (let row = rows - 2; row >= from; row--) {
      const to = row * stride;
      out.copyWithin(to, to + stride, to + stride + columns);
      const begin = row > 0 ? (this.#ends[row - 1] as number) : 0;
      const halves = new Int32Array(out.buffer, out.byteOffset + 8 * to, 2 * columns);
      applyChanges(this.#changes, begin, this.#ends[row] as number, halves, columns);
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
