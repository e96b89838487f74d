/**
 * What changes from one row of a group to the next, as the append log has it: per changed column the gap to the one before,
 * a control byte and those bytes of the XOR that are not zero; a gap of zero ends the row. In: such bytes and a row. Out: the
 * next row, in its place. A kernel does it a third as fast again where there is WebAssembly.
 */
import { type Kernel, makeKernel } from "../base/wasm.ts";
import { DamagedError } from "./bytes.ts";
import { CHANGES, LOCALS, PARAMETERS } from "./changes-kernel.ts";

/** A gap of more bytes is wider than any row. */
const GAP_SHIFT_END = 28;
const NO_END = "a row without an end";

/**
 * Applies the changes that begin at `at` to the row in `halves`. @returns where they end. @throws DamagedError; the row is
 * of no use then.
 */
export function applyChanges(
  bytes: Uint8Array,
  from: number,
  end: number,
  halves: Int32Array,
  columns: number,
): number {
  let column = 0;
  for (let at = from; ; ) {
    if (at >= end) throw new DamagedError(NO_END);
    let gap = bytes[at++] as number;
    if (gap >= 128) {
      gap &= 127;
      for (let shift = 7, byte = 128; byte >= 128; shift += 7) {
        if (shift === GAP_SHIFT_END) throw new DamagedError("a gap of more than 4 bytes");
        byte = bytes[at++] ?? 0;
        gap |= (byte & 127) << shift;
      }
    }
    if (gap === 0 && at <= end) return at;
    column += gap - 1;
    if (column >= columns) throw new DamagedError(`column ${column} of ${columns}`);
    const control = bytes[at++] ?? 0;
    let shift = (control >> 4) << 3;
    const stop = shift + ((control & 15) << 3);
    if (stop > 64) throw new DamagedError("xor of more than 8 bytes");
    let low = 0;
    for (const lowStop = stop < 32 ? stop : 32; shift < lowStop; shift += 8) low |= (bytes[at++] ?? 0) << shift;
    let high = 0;
    for (; shift < stop; shift += 8) high |= (bytes[at++] ?? 0) << (shift - 32);
    if (low !== 0) halves[2 * column] = (halves[2 * column] as number) ^ low;
    if (high !== 0) halves[2 * column + 1] = (halves[2 * column + 1] as number) ^ high;
  }
}

/** Rows of so many bytes have room in the kernel's memory (a million series), and records of so many. */
const ROWS_BYTES = 8 * 1024 * 1024;
const RECORD_BYTES_MAX = 1024 * 1024;
/** Eight bytes are read where one is meant. */
const SLACK_BYTES = 64;
const PAGE_BYTES = 64 * 1024;
/** The wide memory of a kernel: what is not touched takes no room. */
const PAGES = (RECORD_BYTES_MAX + ROWS_BYTES) / PAGE_BYTES;

interface Room {
  readonly run: Kernel["run"];
  readonly bytes: Uint8Array<ArrayBuffer>;
}

function makeRoom(): Room | undefined {
  try {
    const { run, memory } = makeKernel(PARAMETERS, LOCALS, [CHANGES], PAGES);
    return { run, bytes: new Uint8Array(memory) };
  } catch {
    // No WebAssembly, or no room for its memory.
    return undefined;
  }
}

const NO_ROW = new Float64Array(0);

/** Rows that changes are applied to. */
export class ChangingRows {
  /** Made with the first row. */
  #kernel: Room | "none" | undefined;
  /** Bytes of rows that are taken. */
  #taken = 0;
  /** Lies in the kernel's memory. */
  #record: Uint8Array | undefined;

  /** @param kernel false leaves it to `applyChanges`. */
  constructor(kernel = true) {
    this.#kernel = kernel ? undefined : "none";
  }

  /** A row of zeros, good until `clear`. */
  make(columns: number): Float64Array<ArrayBuffer> {
    if (columns === 0) return NO_ROW;
    const kernel = (this.#kernel ??= makeRoom() ?? "none");
    if (kernel === "none" || this.#taken + 8 * columns > ROWS_BYTES - SLACK_BYTES) return new Float64Array(columns);
    const row = new Float64Array(kernel.bytes.buffer, RECORD_BYTES_MAX + this.#taken, columns).fill(0);
    this.#taken += row.byteLength;
    return row;
  }

  /** Gives all rows up. */
  clear(): void {
    this.#taken = 0;
    this.#record = undefined;
  }

  /**
   * Like `applyChanges`, to the first `columns` columns of a row that was made here. `bytes` are not changed until the next
   * call with others.
   */
  apply(bytes: Uint8Array, at: number, row: Float64Array<ArrayBuffer>, columns: number): number {
    const end = bytes.length;
    const kernel = this.#kernel;
    if (
      kernel === undefined ||
      kernel === "none" ||
      row.buffer !== kernel.bytes.buffer ||
      end > RECORD_BYTES_MAX - SLACK_BYTES
    )
      return applyChanges(bytes, at, end, new Int32Array(row.buffer, row.byteOffset, 2 * row.length), columns);
    if (this.#record !== bytes) {
      kernel.bytes.set(bytes);
      this.#record = bytes;
    }
    const next = kernel.run(at, end, row.byteOffset, row.byteOffset + 8 * columns);
    if (next === 0 || next > end) throw new DamagedError("the changes of a row");
    return next;
  }
}
