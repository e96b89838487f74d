/**
 * Writes what `row-changes.ts` reads. In: a row and the one before. Out: the bytes of what changes. The append log writes
 * rows this way, and the newest rows of an open chunk are kept so: a row is compared and encoded once for both.
 */
import type { ByteWriter } from "./bytes.ts";

/** A row that others are compared with. */
export interface LastRow {
  readonly last: Float64Array;
  /** The same memory. */
  readonly halves: Uint32Array;
}

/** A gap of 31 bits, a control byte, eight bytes of which some may be written past the end. */
const CHANGE_BYTES_MAX = 16;

/** Writes an XOR at `at`, not both halves 0: number of low zero bytes * 16 + bytes kept, then these. @returns its end. */
function putTrimmed(buffer: Uint8Array, view: DataView, at: number, high: number, low: number): number {
  const trailing = low !== 0 ? (31 - Math.clz32(low & -low)) >> 3 : 4 + ((31 - Math.clz32(high & -high)) >> 3);
  const leading = high !== 0 ? Math.clz32(high) >> 3 : 4 + (Math.clz32(low) >> 3);
  const kept = 8 - trailing - leading;
  buffer[at] = (trailing << 4) | kept;
  const shift = trailing << 3;
  if (shift >= 32) {
    view.setUint32(at + 1, high >>> (shift - 32), true);
  } else if (shift > 0) {
    view.setUint32(at + 1, (low >>> shift) | (high << (32 - shift)), true);
    view.setUint32(at + 5, high >>> shift, true);
  } else {
    view.setUint32(at + 1, low, true);
    view.setUint32(at + 5, high, true);
  }
  return at + 1 + kept;
}

/** Eight-byte XOR without its zero bytes; both halves must not be 0. */
export function writeTrimmed(out: ByteWriter, high: number, low: number): void {
  out.reserve(CHANGE_BYTES_MAX);
  out.length = putTrimmed(out.buffer, out.bytesView, out.length, high, low);
}

/**
 * Appends what changes from `before` to `values`, and moves `before` there.
 *
 * @param values columns 0..columns, read by their bits.
 * @param cells undefined = every column holds a value; others do not change.
 */
export function writeChanges(
  out: ByteWriter,
  { last, halves }: LastRow,
  values: Float64Array,
  cells: Uint8Array | undefined,
  columns: number,
): void {
  const now = new Uint32Array(values.buffer, values.byteOffset, columns * 2);
  let { buffer, bytesView } = out;
  let at = out.length;
  let previous = 0;
  for (let c = 0; c < columns; c++) {
    const value = values[c] as number;
    // Equal numbers have equal bits, but for the zeros; most columns are equal.
    if (value === last[c] && value !== 0) continue;
    const low = (now[2 * c] as number) ^ (halves[2 * c] as number);
    const high = (now[2 * c + 1] as number) ^ (halves[2 * c + 1] as number);
    if ((low | high) === 0 || (cells !== undefined && cells[c] !== 1)) continue;
    if (at + CHANGE_BYTES_MAX > buffer.length) {
      out.length = at;
      out.reserve(CHANGE_BYTES_MAX);
      ({ buffer, bytesView } = out);
    }
    let gap = c - previous + 1;
    for (; gap >= 128; gap >>>= 7) buffer[at++] = (gap & 127) | 128;
    buffer[at++] = gap;
    previous = c;
    at = putTrimmed(buffer, bytesView, at, high, low);
    halves[2 * c] = now[2 * c] as number;
    halves[2 * c + 1] = now[2 * c + 1] as number;
  }
  out.length = at;
  out.u8(0);
}
