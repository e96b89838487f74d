/**
 * Whole numbers, packed: the codec under timestamps and under decimal values. It tries values, deltas and deltas of
 * deltas, subtracts the smallest (frame of reference), drops the zero bits all of them end in, and packs what is
 * left at the width of the largest. A header goes to `head`, bits go to `body`, so that zstd sees like beside like.
 */
import { type ByteReader, type ByteWriter, DamagedError } from "./bytes.ts";

/** Largest magnitude taken: a delta of deltas then reaches 2^52 and its zigzag 2^53, the last exact double. */
export const INT_MAX: number = 2 ** 50;

const VALUE = 0;
const DELTA = 1;
const DELTA2 = 2;
/** More rows in one column than any chunk may have; a larger count is damage. */
export const COLUMN_ROWS_MAX: number = 1 << 16;

let offsets: Float64Array = new Float64Array(256);
let words: Uint32Array = new Uint32Array(256);
let wordBytes: Uint8Array = new Uint8Array(words.buffer);

function reserve(count: number): void {
  if (offsets.length < count) offsets = new Float64Array(count * 2);
  if (words.length < count * 2 + 4) {
    words = new Uint32Array(count * 4 + 4);
    wordBytes = new Uint8Array(words.buffer);
  }
}

/** Bits needed for `range`, 0 to 53. */
function widthOf(range: number): number {
  return range < 0x1_0000_0000 ? 32 - Math.clz32(range) : 64 - Math.clz32(Math.floor(range / 0x1_0000_0000));
}

/** How the numbers are represented, as the last `choose` found it: columns come by the million. */
let chosen = VALUE;
let chosenMin = 0;
let chosenMax = 0;

function take(representation: number, min: number, max: number): void {
  chosen = representation;
  chosenMin = min;
  chosenMax = max;
}

/** Chooses the representation with the fewest bits; ties go to the simpler one. */
function choose(x: Float64Array, count: number): void {
  let min = x[0] as number;
  let max = min;
  let minD = Number.POSITIVE_INFINITY;
  let maxD = Number.NEGATIVE_INFINITY;
  let minDD = Number.POSITIVE_INFINITY;
  let maxDD = Number.NEGATIVE_INFINITY;
  let previous = min;
  let previousD = 0;
  for (let i = 1; i < count; i++) {
    const value = x[i] as number;
    const d = value - previous;
    if (value < min) min = value;
    else if (value > max) max = value;
    if (d < minD) minD = d;
    if (d > maxD) maxD = d;
    if (i > 1) {
      const dd = d - previousD;
      if (dd < minDD) minDD = dd;
      if (dd > maxDD) maxDD = dd;
    }
    previous = value;
    previousD = d;
  }
  const bits = widthOf(max - min) * count;
  const bitsD = count > 1 ? widthOf(maxD - minD) * (count - 1) + 8 : Number.POSITIVE_INFINITY;
  const bitsDD = count > 2 ? widthOf(maxDD - minDD) * (count - 2) + 16 : Number.POSITIVE_INFINITY;
  if (bits <= bitsD && bits <= bitsDD) take(VALUE, min, max);
  else if (bitsD <= bitsDD) take(DELTA, minD, maxD);
  else take(DELTA2, minDD, maxDD);
}

/** Fills `offsets` with what is left above the smallest; @returns how many. */
function fillOffsets(x: Float64Array, count: number): number {
  const min = chosenMin;
  if (chosen === VALUE) {
    for (let i = 0; i < count; i++) offsets[i] = (x[i] as number) - min;
    return count;
  }
  if (chosen === DELTA) {
    for (let i = 1; i < count; i++) offsets[i - 1] = (x[i] as number) - (x[i - 1] as number) - min;
    return count - 1;
  }
  for (let i = 2; i < count; i++) {
    offsets[i - 2] = (x[i] as number) - 2 * (x[i - 1] as number) + (x[i - 2] as number) - min;
  }
  return count - 2;
}

/** How many zero bits all `n` offsets end in, at most 31. */
function commonShift(n: number): number {
  let or = 0;
  for (let i = 0; i < n; i++) or |= offsets[i] as number;
  return or === 0 ? 0 : 31 - Math.clz32(or & -or);
}

/** Packs the low 32 bits of `n` offsets, without their last `shift`, at `width` bits each, 1 to 32, little end first. */
function pack(body: ByteWriter, n: number, width: number, shift: number): void {
  let at = 0;
  let word = 0;
  let fill = 0;
  for (let i = 0; i < n; i++) {
    const value = (offsets[i] as number) >>> shift;
    word |= value << fill;
    fill += width;
    if (fill >= 32) {
      words[at++] = word;
      fill -= 32;
      word = fill > 0 ? value >>> (width - fill) : 0;
    }
  }
  words[at] = word;
  const size = (n * width + 7) >> 3;
  body.reserve(size);
  const { buffer } = body;
  const begin = body.length;
  for (let i = 0; i < size; i++) buffer[begin + i] = wordBytes[i] as number;
  body.length = begin + size;
}

/** As `encodeInts` for one number again and again. */
export function encodeSameInt(head: ByteWriter, value: number): void {
  head.u8(VALUE);
  head.zigzag(value);
}

/** Appends `count` (1 or more) whole numbers of magnitude up to INT_MAX. */
export function encodeInts(head: ByteWriter, body: ByteWriter, x: Float64Array, count: number): void {
  reserve(count);
  choose(x, count);
  const n = fillOffsets(x, count);
  const wide = widthOf(chosenMax - chosenMin);
  const shift = wide > 0 && wide <= 32 ? commonShift(n) : 0;
  const width = wide - shift;
  head.u8(chosen | (width << 2));
  if (chosen !== VALUE) head.zigzag(x[0] as number);
  if (chosen === DELTA2) head.zigzag((x[1] as number) - (x[0] as number));
  head.zigzag(chosenMin);
  if (width === 0) return;
  head.u8(shift);
  if (width <= 32) {
    pack(body, n, width, shift);
    return;
  }
  pack(body, n, 32, 0);
  for (let i = 0; i < n; i++) offsets[i] = Math.floor((offsets[i] as number) / 0x1_0000_0000);
  pack(body, n, width - 32, 0);
}

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

function readHeader(head: ByteReader, count: number): void {
  const byte = head.u8();
  kind = byte & 3;
  width = byte >> 2;
  if (kind > DELTA2 || width > 54 || count < kind + 1) throw new DamagedError(`integer column of kind ${kind}`);
  first = kind === VALUE ? 0 : head.zigzag();
  second = kind === DELTA2 ? head.zigzag() : 0;
  least = head.zigzag();
  scale = width === 0 ? 1 : 2 ** head.u8();
}

/** Steps over a column. @returns the bytes it takes in the body. */
export function skipInts(head: ByteReader, count: number): number {
  readHeader(head, count);
  return packedBytes(count - kind, width);
}

/** Widest numbers that four bytes hold wherever in the first byte they begin. */
const WORD_WIDTH_MAX = 25;

/**
 * Puts `n` packed numbers of up to 32 bits, times `by`, on top of what `out` holds from `at`. Five bytes are looked at
 * for each; the last ones of the body, where five are not left, are put together byte by byte.
 */
function unpack(body: ByteReader, out: Float64Array, at: number, n: number, bits: number, by: number): void {
  const { view, position, end } = body;
  body.take(packedBytes(n, bits));
  const mask = bits === 32 ? -1 : 2 ** bits - 1;
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
  if (kind === DELTA && width <= WORD_WIDTH_MAX && body.left >= packedBytes(n, width) + 4) {
    sumDeltas(body, out, count, power);
    return;
  }
  out.fill(least, kind, count);
  if (width > 32) {
    unpack(body, out, kind, n, 32, 1);
    unpack(body, out, kind, n, width - 32, 0x1_0000_0000);
  } else if (width > 0) {
    unpack(body, out, kind, n, width, scale);
  }
  let value = 0;
  let d = 0;
  if (kind === VALUE) {
    if (power !== 1) for (let i = 0; i < count; i++) out[i] = (out[i] as number) / power;
    return;
  }
  value = first;
  out[0] = value / power;
  if (kind === DELTA) {
    for (let i = 1; i < count; i++) {
      value += out[i] as number;
      out[i] = value / power;
    }
    return;
  }
  d = second;
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
  const mask = 2 ** bits - 1;
  const base = least;
  const by = scale;
  let byte = body.position;
  let bit = 0;
  let value = first;
  body.take(packedBytes(count - 1, bits));
  out[0] = value / power;
  for (let i = 1; i < count; i++) {
    value += base + ((view.getUint32(byte, true) >>> bit) & mask) * by;
    bit += bits;
    byte += bit >> 3;
    bit &= 7;
    out[i] = value / power;
  }
}
