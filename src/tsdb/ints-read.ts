/** Reads what ints.ts writes. */
import { type ByteReader, DamagedError } from "./bytes.ts";
import { DELTA, DELTA2, PATCHED, TWO_TO, VALUE } from "./ints.ts";

/** More rows in one column than any chunk may have; a larger count is damage. */
export const COLUMN_ROWS_MAX: number = 1 << 16;
/** Of the packed bits: an offset of two deltas of deltas of INT_MAX. */
const WIDTH_MAX = 54;
const SHIFT_MAX = 31;

/** Whether a column that begins with this byte is one number again and again. */
export function isValue(first: number | undefined): boolean {
  return first === VALUE;
}

function packedBytes(n: number, width: number): number {
  return width <= 32 ? Math.ceil((n * width) / 8) : Math.ceil((n * 32) / 8) + Math.ceil((n * (width - 32)) / 8);
}

/** What the last header said: columns are read by the million, so it is not an object each time. */
let kind = 0;
let first = 0;
let second = 0;
let least = 0;
let width = 0;
let scale = 1;
let patchBytes = 0;

function readHeader(head: ByteReader, count: number): void {
  let byte = head.u8();
  const patched = (byte & 3) === PATCHED;
  if (patched) byte = head.u8();
  kind = byte & 3;
  width = byte >> 2;
  if (kind > DELTA2 || width > WIDTH_MAX || count < kind + 1) throw new DamagedError(`integer column of kind ${kind}`);
  first = kind === VALUE ? 0 : head.zigzag();
  second = kind === DELTA2 ? head.zigzag() : 0;
  least = head.zigzag();
  const shift = width === 0 && !patched ? 0 : head.u8();
  if (shift > SHIFT_MAX) throw new DamagedError(`integer column shifted by ${shift}`);
  scale = TWO_TO[shift] as number;
  patchBytes = patched ? head.varint() : 0;
}

/** Steps over a column. @returns the bytes it takes in the body. */
export function skipInts(head: ByteReader, count: number): number {
  readHeader(head, count);
  return packedBytes(count - kind, width) + patchBytes;
}

const NO_ROW = 0xffff_ffff;
/** Rows of the last column's patches and what is added there; a row beyond all ends the list. */
let patchRows: Uint32Array = new Uint32Array(64);
let patchAmounts: Float64Array = new Float64Array(64);

/** Reads the patches, which lie behind the packed bits, and leaves `body` where it is. */
function readPatches(body: ByteReader, n: number): void {
  const { position } = body;
  const begin = position + packedBytes(n, width);
  body.position = begin;
  const unit = scale * (TWO_TO[width] as number);
  let row = kind - 1;
  let found = 0;
  while (body.position < begin + patchBytes) {
    row += body.varint() + 1;
    if (row >= n + kind) throw new DamagedError("a patch beyond the last row");
    if (found + 1 >= patchRows.length) {
      patchRows = Uint32Array.from([...patchRows, ...patchRows]);
      patchAmounts = Float64Array.from([...patchAmounts, ...patchAmounts]);
    }
    patchRows[found] = row;
    patchAmounts[found++] = body.zigzag() * unit;
  }
  if (body.position !== begin + patchBytes) throw new DamagedError("patches of another length");
  patchRows[found] = NO_ROW;
  body.position = position;
}

/** Widest numbers that four bytes hold wherever in the first byte they begin. */
const WORD_WIDTH_MAX = 25;

/**
 * Puts `n` packed numbers of up to 32 bits, times `by`, on top of what `out` holds from `at`. Five bytes are looked at
 * for each; the last ones of the body, where five are not left, are put together byte by byte.
 */
function unpack(body: ByteReader, out: Float64Array, at: number, n: number, bits: number, by: number): void {
  const { view, position, end } = body;
  body.skip(packedBytes(n, bits));
  const mask = bits === 32 ? -1 : (1 << bits) - 1;
  const sure = Math.max(0, Math.min(n, Math.floor(((end - position - 5) * 8) / bits)));
  let byte = position;
  let bit = 0;
  for (let i = 0; i < n; i++) {
    let word: number;
    let next: number;
    if (i < sure) {
      word = view.getUint32(byte, true);
      next = view.getUint8(byte + 4);
    } else {
      word = 0;
      for (let k = 0; k < 4 && byte + k < end; k++) word |= view.getUint8(byte + k) << (8 * k);
      next = byte + 4 < end ? view.getUint8(byte + 4) : 0;
    }
    // A shift by 32 would be one by 0.
    const value = (((word >>> bit) | (bit === 0 ? 0 : next << (32 - bit))) & mask) >>> 0;
    bit += bits;
    byte += bit >> 3;
    bit &= 7;
    out[at + i] = (out[at + i] as number) + value * by;
  }
}

/**
 * Reads `count` numbers into the first places of `out`, each divided by `power`.
 *
 * @throws DamagedError
 */
export function decodeInts(head: ByteReader, body: ByteReader, out: Float64Array, count: number, power = 1): void {
  if (count > COLUMN_ROWS_MAX || count > out.length) throw new DamagedError(`${count} rows in one column`);
  readHeader(head, count);
  const n = count - kind;
  if (patchBytes > 0) readPatches(body, n);
  else patchRows[0] = NO_ROW;
  if (kind === DELTA && width <= WORD_WIDTH_MAX && body.left >= packedBytes(n, width) + 4) {
    sumDeltas(body, out, count, power);
    body.skip(patchBytes);
    return;
  }
  out.fill(least, kind, count);
  if (width > 32) {
    unpack(body, out, kind, n, 32, scale);
    unpack(body, out, kind, n, width - 32, 0x1_0000_0000 * scale);
  } else if (width > 0) {
    unpack(body, out, kind, n, width, scale);
  }
  body.skip(patchBytes);
  for (let i = 0, row = patchRows[0] as number; row < count; row = patchRows[++i] as number)
    out[row] = (out[row] as number) + (patchAmounts[i] as number);
  if (kind === VALUE) {
    if (power !== 1) for (let i = 0; i < count; i++) out[i] = (out[i] as number) / power;
    return;
  }
  let value = first;
  out[0] = value / power;
  if (kind === DELTA) {
    for (let i = 1; i < count; i++) {
      value += out[i] as number;
      out[i] = value / power;
    }
    return;
  }
  let d = second;
  value += d;
  out[1] = value / power;
  for (let i = 2; i < count; i++) {
    d += out[i] as number;
    value += d;
    out[i] = value / power;
  }
}

/** Counters, which are most of what is read: deltas of few bits, in one pass from packed bits to sums. */
function sumDeltas(body: ByteReader, out: Float64Array, count: number, power: number): void {
  const { view } = body;
  const bits = width;
  const mask = (1 << bits) - 1;
  const base = least;
  const by = scale;
  let byte = body.position;
  let bit = 0;
  let value = first;
  body.take(packedBytes(count - 1, bits));
  out[0] = value / power;
  let i = 1;
  for (let patch = 0; ; patch++) {
    const stop = Math.min(patchRows[patch] as number, count);
    for (; i < stop; i++) {
      value += base + ((view.getUint32(byte, true) >>> bit) & mask) * by;
      bit += bits;
      byte += bit >> 3;
      bit &= 7;
      out[i] = value / power;
    }
    if (stop === count) return;
    value += patchAmounts[patch] as number;
  }
}
