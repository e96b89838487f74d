/**
 * Whole numbers, packed: the codec under timestamps and under decimal values. It tries values, deltas and deltas of
 * deltas, subtracts the smallest (frame of reference), drops the zero bits all of them end in, and packs what is
 * left at the width of the largest, or at a smaller one when few numbers need more: those are named one by one (the
 * patches). A header goes to `head`, bits go to `body`, so that zstd sees like beside like. Read by ints-read.ts.
 */
import { ByteWriter } from "./bytes.ts";
import { FRAME_COUNT_MIN, FRAME_WIDTH_MAX, findFrame, frameBits, frameLow, frameWidth } from "./frame.ts";

/** Largest magnitude taken: a delta of deltas then reaches 2^52 and its zigzag 2^53, the last exact double. */
export const INT_MAX: number = 2 ** 50;

/** Powers, which the language computes by logarithms. */
export const TWO_TO: Float64Array = Float64Array.from({ length: 64 }, (_, i) => 2 ** i);

export const VALUE = 0;
export const DELTA = 1;
export const DELTA2 = 2;
/** The kind follows in a second byte, and some numbers need more than the packed bits. */
export const PATCHED = 3;
/** What a patched column's header has more, about. */
const PATCH_HEAD_BITS = 24;
/** A range of fewer average deviations has no numbers far from the rest: normal noise spans six, a uniform one four. */
const EVEN_RANGE = 10;
let offsets: Float64Array = new Float64Array(256);
let words: Uint32Array = new Uint32Array(256);
let wordBytes: Uint8Array = new Uint8Array(words.buffer);
const patches: ByteWriter = new ByteWriter(256);

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
let chosenBits = 0;
/** Smallest and largest by representation. */
const least: Float64Array = new Float64Array(3);
const most: Float64Array = new Float64Array(3);
/** How far the numbers of the closest representation lie from their middle on average. */
let deviation = 0;

/** Extremes of values, deltas and deltas of deltas. */
function measure(x: Float64Array, count: number): void {
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
  least[VALUE] = min;
  most[VALUE] = max;
  least[DELTA] = minD;
  most[DELTA] = maxD;
  least[DELTA2] = minDD;
  most[DELTA2] = maxDD;
}

/** Which representation's numbers lie closest together, were it not for a few of them. */
function closest(x: Float64Array, count: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += x[i] as number;
  const mean = sum / count;
  const step = ((x[count - 1] as number) - (x[0] as number)) / (count - 1);
  let ofValues = 0;
  let ofDeltas = 0;
  let ofDelta2s = 0;
  let previousD = step;
  for (let i = 1; i < count; i++) {
    const value = x[i] as number;
    const d = value - (x[i - 1] as number);
    ofValues += Math.abs(value - mean);
    ofDeltas += Math.abs(d - step);
    ofDelta2s += Math.abs(d - previousD);
    previousD = d;
  }
  const closest = Math.min(ofValues, ofDeltas, ofDelta2s);
  deviation = closest / count;
  return closest === ofValues ? VALUE : closest === ofDeltas ? DELTA : DELTA2;
}

/** Bits of a column without exceptions. */
function plainBits(kind: number, count: number): number {
  if (count <= kind) return Number.POSITIVE_INFINITY;
  return widthOf((most[kind] as number) - (least[kind] as number)) * (count - kind) + 8 * kind;
}

function take(kind: number, bits: number): void {
  chosen = kind;
  chosenMin = least[kind] as number;
  chosenMax = most[kind] as number;
  chosenBits = bits;
}

/** Chooses the representation with the fewest bits; ties go to the simpler one. */
function choose(x: Float64Array, count: number): void {
  measure(x, count);
  take(VALUE, plainBits(VALUE, count));
  for (const kind of [DELTA, DELTA2]) {
    const bits = plainBits(kind, count);
    if (bits < chosenBits) take(kind, bits);
  }
}

/** Fills `offsets` with what is left above the smallest; @returns how many. */
function fillOffsets(x: Float64Array, count: number, kind: number, min: number): number {
  if (kind === VALUE) {
    for (let i = 0; i < count; i++) offsets[i] = (x[i] as number) - min;
    return count;
  }
  if (kind === DELTA) {
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

/** Packs the low `width` bits of `n` offsets: above 32 bits the low 32 of all first. */
function packAll(body: ByteWriter, n: number, width: number, shift: number): void {
  if (width <= 32) return pack(body, n, width, shift);
  pack(body, n, 32, 0);
  for (let i = 0; i < n; i++) offsets[i] = Math.floor((offsets[i] as number) / 0x1_0000_0000);
  pack(body, n, width - 32, 0);
}

/**
 * Appends the numbers in a window that leaves some of them outside, when that is smaller.
 * @returns false when it is not; `offsets` is spent.
 */
function encodePatched(head: ByteWriter, body: ByteWriter, x: Float64Array, count: number): boolean {
  const kind = closest(x, count);
  const min = least[kind] as number;
  const range = (most[kind] as number) - min;
  const wide = widthOf(range);
  if (wide > FRAME_WIDTH_MAX || (kind === chosen && range < deviation * EVEN_RANGE)) return false;
  const n = fillOffsets(x, count, kind, min);
  const shift = commonShift(n);
  const unit = TWO_TO[shift] as number;
  if (shift > 0) for (let i = 0; i < n; i++) offsets[i] = (offsets[i] as number) / unit;
  findFrame(offsets, n, wide - shift);
  if (frameBits + PATCH_HEAD_BITS + 8 * kind >= chosenBits) return false;
  const [low, width] = [frameLow, frameWidth];
  const size = TWO_TO[width] as number;
  patches.reset();
  let previous = -1;
  for (let i = 0; i < n; i++) {
    const offset = (offsets[i] as number) - low;
    const above = Math.floor(offset / size);
    offsets[i] = offset - above * size;
    if (above === 0) continue;
    patches.varint(i - previous - 1);
    patches.zigzag(above);
    previous = i;
  }
  head.u8(PATCHED);
  writeHead(head, x, kind, width, min + low * unit);
  head.u8(shift);
  head.varint(patches.length);
  if (width > 0) packAll(body, n, width, 0);
  body.bytes(patches.view());
  return true;
}

function writeHead(head: ByteWriter, x: Float64Array, kind: number, width: number, min: number): void {
  head.u8(kind | (width << 2));
  if (kind !== VALUE) head.zigzag(x[0] as number);
  if (kind === DELTA2) head.zigzag((x[1] as number) - (x[0] as number));
  head.zigzag(min);
}

/**
 * Appends `count` (1 or more) whole numbers of magnitude up to INT_MAX.
 * @param lasting false looks for no patches, which takes as long as all the rest.
 */
export function encodeInts(head: ByteWriter, body: ByteWriter, x: Float64Array, count: number, lasting = true): void {
  reserve(count);
  choose(x, count);
  const wide = widthOf(chosenMax - chosenMin);
  if (lasting && wide > 0 && count >= FRAME_COUNT_MIN && encodePatched(head, body, x, count)) return;
  const n = fillOffsets(x, count, chosen, chosenMin);
  const shift = wide > 0 && wide <= 32 ? commonShift(n) : 0;
  const width = wide - shift;
  writeHead(head, x, chosen, width, chosenMin);
  if (width === 0) return;
  head.u8(shift);
  packAll(body, n, width, shift);
}
