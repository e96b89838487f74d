/**
 * A block of the open chunk that is full: some rows of a group, encoded as a chunk's segments are, about one byte a
 * sample instead of eight. It lives in memory only. Holes and stale markers of its rows are inside; columns the group
 * gained later are absent from it.
 */
import { ByteWriter } from "./bytes.ts";
import { CELL_ABSENT } from "./column.ts";
import { encodeSegment, Segment, SEGMENT_COLUMNS } from "./segment.ts";

const START_BYTES = 4;

const whole = new ByteWriter(64 * 1024);

export class PackedBlock {
  readonly rows: number;
  readonly columns: number;
  /** Where each segment starts, four bytes each, then the segments: one piece of memory, because each costs 300 bytes. */
  readonly #bytes: Uint8Array<ArrayBuffer>;

  /** @param column values and cells of one column, as for `encodeSegment`. */
  constructor(
    rows: number,
    columns: number,
    column: (i: number) => { readonly values: Float64Array; readonly cells: Uint8Array | undefined },
  ) {
    this.rows = rows;
    this.columns = columns;
    const count = Math.ceil(columns / SEGMENT_COLUMNS);
    const starts = new Uint32Array(count);
    whole.reset();
    whole.bytes(new Uint8Array(count * START_BYTES));
    for (let s = 0; s < count; s++) {
      starts[s] = whole.length;
      const first = s * SEGMENT_COLUMNS;
      whole.bytes(encodeSegment(Math.min(SEGMENT_COLUMNS, columns - first), rows, (i) => column(first + i)).payload);
    }
    this.#bytes = whole.copy();
    new Uint32Array(this.#bytes.buffer, 0, count).set(starts);
  }

  segment(number: number): Segment {
    const starts = new Uint32Array(this.#bytes.buffer, 0, Math.ceil(this.columns / SEGMENT_COLUMNS));
    return new Segment(this.#bytes.subarray(starts[number], starts[number + 1]), this.rows);
  }
}

/** Reads columns of a packed block; what it opened it keeps, so it lives as long as a query. */
export class PackedReader {
  readonly #block: PackedBlock;
  readonly #segments: (Segment | undefined)[] = [];

  constructor(block: PackedBlock) {
    this.#block = block;
  }

  get rows(): number {
    return this.#block.rows;
  }

  /** One column into the first places of `out`; @returns its cells, undefined when every row has a value. */
  read(column: number, out: Float64Array): Uint8Array | undefined {
    const { rows, columns } = this.#block;
    if (column >= columns) return new Uint8Array(rows).fill(CELL_ABSENT);
    const number = Math.floor(column / SEGMENT_COLUMNS);
    return (this.#segments[number] ??= this.#block.segment(number)).read(column % SEGMENT_COLUMNS, out);
  }
}
