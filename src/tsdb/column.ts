/**
 * One series' values in one chunk. In: doubles, in row order. Out: the first that fits of "all the same", "decimal, as
 * whole numbers", "decimal but for the last bits", and XOR. Decimal is taken only when every value comes back with the same bits (`n / 10^e`), so nothing is
 * ever rounded; -0, NaN and infinities take another way. Rows without a value and stale rows are bitmaps in front.
 */
import { type ByteReader, type ByteWriter, DamagedError } from "./bytes.ts";
import { encodeInts, encodeSameInt, INT_MAX } from "./ints.ts";
import { decodeInts, isValue, skipInts } from "./ints-read.ts";
import { decodeNearDecimals, encodeNearDecimals, nearExponent, skipNearDecimals } from "./near-decimal.ts";
import { decodeXor, encodeXor, skipXor } from "./xor.ts";

/** What one row holds for one series. */
export const CELL_ABSENT = 0;
export const CELL_VALUE = 1;
export const CELL_STALE = 2;

const MODE_NONE = 0;
const MODE_ZERO = 1;
const MODE_SAME = 2;
const MODE_DECIMAL = 3;
const MODE_XOR = 4;
const MODE_NEAR = 5;
const MODE_MASK = 7;
const FLAG_PRESENCE = 8;
const FLAG_STALE = 16;

/** Powers up to 10^12 are exact doubles and cover what exporters print; more digits gain nothing over XOR. */
const EXPONENT_MAX = 12;
const POWERS: Float64Array = Float64Array.from({ length: EXPONENT_MAX + 1 }, (_, e) => 10 ** e);

/** In a block of fewer rows the second header weighs more than it saves. */
const NEAR_COUNT_MIN = 16;

let ints: Float64Array = new Float64Array(256);

/** The decimal exponent of one value, at least `e`; -1 when it has none. */
function exponentOf(v: number, e: number): number {
  if (!(Math.abs(v) <= INT_MAX)) return -1;
  for (let more = e; more <= EXPONENT_MAX; more++) {
    const power = POWERS[more] as number;
    if (Math.round(v * power) / power === v) return more;
  }
  return -1;
}

/** Fills `ints` when all values are decimals of one exponent. @returns the exponent, or -1. */
function asDecimals(values: Float64Array, count: number): number {
  let e = 0;
  let power = 1;
  for (let i = 0; i < count; i++) {
    const v = values[i] as number;
    const n = Math.round(v * power);
    if (n / power === v && Math.abs(n) <= INT_MAX) {
      if (n === 0 && 1 / v < 0) return -1;
      ints[i] = n;
      continue;
    }
    e = exponentOf(v, e + 1);
    if (e < 0) return -1;
    power = POWERS[e] as number;
    // From the top, with more digits.
    i = -1;
  }
  return e;
}

function allSame(values: Float64Array, count: number): boolean {
  const first = values[0] as number;
  // Equal numbers have equal bits, but for the zeros; a NaN equals nothing.
  for (let i = 1; i < count; i++) if (values[i] !== first) return first !== first && sameBits(values, count);
  return first !== 0 || sameSign(values, count);
}

/** Whether all zeros are like the first of them. */
function sameSign(values: Float64Array, count: number): boolean {
  const first = values[0] as number;
  for (let i = 1; i < count; i++) if (!Object.is(values[i], first)) return false;
  return true;
}

function sameBits(values: Float64Array, count: number): boolean {
  const halves = new Uint32Array(values.buffer, values.byteOffset, count * 2);
  const low = halves[0];
  const high = halves[1];
  for (let i = 2; i < halves.length; i += 2) if (halves[i] !== low || halves[i + 1] !== high) return false;
  return true;
}

function writeMode(head: ByteWriter, mode: number, flags: number, count: number): void {
  head.u8(mode | flags);
  if (flags !== 0) head.varint(count);
}

/** `count` values; `exponent` and what follows depend on the mode. Bitmaps are in the body already. */
function encodeValues(
  head: ByteWriter,
  body: ByteWriter,
  values: Float64Array,
  count: number,
  flags: number,
  lasting: boolean,
): void {
  if (count === 0) return writeMode(head, MODE_NONE, flags, count);
  if (ints.length < count) ints = new Float64Array(count * 2);
  const same = allSame(values, count);
  if (same && Object.is(values[0], 0)) return writeMode(head, MODE_ZERO, flags, count);
  const exponent = asDecimals(values, same ? 1 : count);
  if (exponent >= 0) {
    writeMode(head, MODE_DECIMAL, flags, count);
    head.u8(exponent);
    if (same) encodeSameInt(head, ints[0] as number);
    else encodeInts(head, body, ints, count, lasting);
  } else if (same) {
    writeMode(head, MODE_SAME, flags, count);
    body.bytes(new Uint8Array(values.buffer, values.byteOffset, 8));
  } else {
    encodeOthers(head, body, values, count, flags, lasting);
  }
}

/** What is not decimal: seldom, so that it may take its time. */
function encodeOthers(
  head: ByteWriter,
  body: ByteWriter,
  values: Float64Array,
  count: number,
  flags: number,
  lasting: boolean,
): void {
  const exponent = !lasting || count < NEAR_COUNT_MIN ? -1 : nearExponent(values, count, POWERS);
  if (exponent >= 0) {
    writeMode(head, MODE_NEAR, flags, count);
    encodeNearDecimals(head, body, exponent, count);
  } else {
    writeMode(head, MODE_XOR, flags, count);
    encodeXor(head, body, values, count);
  }
}

function writeBitmap(body: ByteWriter, cells: Uint8Array, rows: number, set: (cell: number) => boolean): void {
  for (let base = 0; base < rows; base += 8) {
    let byte = 0;
    for (let i = base; i < Math.min(base + 8, rows); i++) if (set(cells[i] as number)) byte |= 1 << (i - base);
    body.u8(byte);
  }
}

let packed: Float64Array = new Float64Array(256);

/**
 * Appends one column of `rows` rows. `cells[i]` says what row i holds; undefined means that every row holds a value.
 *
 * @param lasting false for a block of the open chunk, which is in memory for minutes: without what only looks for bytes.
 * @returns how many samples it holds, stale markers included.
 */
export function encodeColumn(
  head: ByteWriter,
  body: ByteWriter,
  values: Float64Array,
  rows: number,
  cells: Uint8Array | undefined,
  lasting = true,
): number {
  if (cells === undefined) {
    encodeValues(head, body, values, rows, 0, lasting);
    return rows;
  }
  if (packed.length < rows) packed = new Float64Array(rows * 2);
  let count = 0;
  let stale = 0;
  for (let i = 0; i < rows; i++) {
    if (cells[i] === CELL_VALUE) packed[count++] = values[i] as number;
    else if (cells[i] === CELL_STALE) stale++;
  }
  const samples = count + stale;
  if (samples === 0) {
    head.u8(MODE_NONE);
    return 0;
  }
  if (samples < rows) writeBitmap(body, cells, rows, (cell) => cell !== CELL_ABSENT);
  if (stale > 0) writeBitmap(body, cells, rows, (cell) => cell === CELL_STALE);
  encodeValues(head, body, packed, count, (samples < rows ? FLAG_PRESENCE : 0) | (stale > 0 ? FLAG_STALE : 0), lasting);
  return samples;
}

/** What the last header said: columns are read by the million, so it is not an object each time. */
let mode = 0;
let flags = 0;
let count = 0;

function readColumnHeader(head: ByteReader, rows: number): void {
  const byte = head.u8();
  mode = byte & MODE_MASK;
  flags = byte & ~MODE_MASK;
  if (mode > MODE_NEAR || (flags & ~(FLAG_PRESENCE | FLAG_STALE)) !== 0)
    throw new DamagedError(`column of mode ${byte}`);
  count = flags === 0 ? (mode === MODE_NONE ? 0 : rows) : head.varint();
  if (count > rows) throw new DamagedError(`${count} values in ${rows} rows`);
}

const bitmapBytes = (rows: number): number => (rows + 7) >> 3;

/** Steps over one column. @returns the bytes it takes in the body. */
export function skipColumn(head: ByteReader, rows: number): number {
  readColumnHeader(head, rows);
  const maps =
    ((flags & FLAG_PRESENCE) !== 0 ? bitmapBytes(rows) : 0) + ((flags & FLAG_STALE) !== 0 ? bitmapBytes(rows) : 0);
  if (mode === MODE_SAME) return maps + 8;
  if (mode === MODE_XOR) return maps + skipXor(head);
  if (mode < MODE_DECIMAL) return maps;
  head.u8();
  return maps + (mode === MODE_NEAR ? skipNearDecimals(head, count) : skipInts(head, count));
}

/** Whether the header in `bytes[from..to)`, with nothing in the body, says the same of any number of rows. */
export function isSteady(bytes: Uint8Array, from: number, to: number): boolean {
  const first = bytes[from] as number;
  // Absent, zero, or a whole number without offsets, which is the same in each row when it is kept as a value.
  return to - from === 1
    ? first === MODE_NONE || first === MODE_ZERO
    : first === MODE_DECIMAL && isValue(bytes[from + 2]);
}

/** Whether a steady column whose header begins with this byte holds values. */
export function isHolding(first: number): boolean {
  return first !== MODE_NONE;
}

function decodeValues(head: ByteReader, body: ByteReader, out: Float64Array): void {
  if (mode === MODE_NONE || mode === MODE_ZERO) {
    out.fill(0, 0, count);
  } else if (mode === MODE_SAME) {
    const bits = new Uint8Array(out.buffer, out.byteOffset, count * 8);
    const one = body.take(8);
    for (let i = 0; i < count; i++) bits.set(one, i * 8);
  } else if (mode === MODE_XOR) {
    decodeXor(head, body, out, count);
  } else {
    const power = POWERS[head.u8()];
    if (power === undefined) throw new DamagedError("decimal exponent out of range");
    if (mode === MODE_NEAR) decodeNearDecimals(head, body, out, count, power);
    else decodeInts(head, body, out, count, power);
  }
}

/** Marks in `cells` the rows whose bit is set. */
function readBitmap(bytes: Uint8Array, cells: Uint8Array, rows: number, cell: number): void {
  for (let i = 0; i < rows; i++) if (((bytes[i >> 3] as number) >> (i & 7)) & 1) cells[i] = cell;
}

/**
 * Reads one column into `out[0..rows)`, row by row; a row without a value has an undefined number there.
 * @returns the cells, or undefined when every row holds a value.
 * @throws DamagedError
 */
export function decodeColumn(
  head: ByteReader,
  body: ByteReader,
  out: Float64Array,
  rows: number,
): Uint8Array | undefined {
  readColumnHeader(head, rows);
  if (flags === 0) {
    decodeValues(head, body, out);
    return mode === MODE_NONE ? new Uint8Array(rows) : undefined;
  }
  const cells = new Uint8Array(rows);
  if ((flags & FLAG_PRESENCE) !== 0) readBitmap(body.take(bitmapBytes(rows)), cells, rows, CELL_VALUE);
  else cells.fill(CELL_VALUE);
  if ((flags & FLAG_STALE) !== 0) readBitmap(body.take(bitmapBytes(rows)), cells, rows, CELL_STALE);
  decodeValues(head, body, out);
  // Values are packed at the front: spread them from the back, so that none is overwritten before it moved.
  let next = count - 1;
  for (let i = rows - 1; i >= 0; i--) {
    if (cells[i] !== CELL_VALUE) continue;
    if (next < 0) break;
    out[i] = out[next--] as number;
  }
  if (next >= 0) throw new DamagedError("more values than the presence bitmap says");
  return cells;
}
