/**
 * A double as the shortest decimal text that reads back, written as bytes: a string for each of the numbers of a large
 * answer would cost more than computing them did.
 *
 * The way, for values from 1e-6 to 1e17: scaled by a power of ten up to 10^22, which a double holds exactly, the value
 * has 17 digits before the point. The product is kept as a sum of two doubles, so nothing of it is lost (Dekker, 1971).
 * Every decimal closer to it than half of the double's own spacing reads back as the same double; of those in reach the
 * one with the most trailing zeros is taken: a multiple of 100 if there is one (there is at most one), else the nearest
 * multiple of 10, else the nearest whole number. Whatever is too close to a border to be told in doubles, and every
 * value outside, goes to the runtime's own algorithm.
 *
 * @see https://doi.org/10.1007/BF01397083 for the exact product
 */
import { formatFloat } from "../promql/number.ts";

const ZERO = 0x30;
const MINUS = 0x2d;
const POINT = 0x2e;
/** Longest text: sign, "0.", five zeros and 17 digits (`-1.7976931348623157e+308` is shorter), and what copying spills. */
export const DECIMAL_BYTES_ROOM = 40;
/** The smallest and the largest power of ten of the range, and digits before the point after scaling. */
const EXPONENT_MIN = -6;
const EXPONENT_MAX = 16;
const DIGITS = 17;
/** Distances nearer than this to a border are not told apart: they carry an error below 2^-26. */
const UNSURE = 1e-6;
const HALF: number = 1e8;
const PER_HALF: number = 1e-8;
/** Splits a double's 53 bits into two halves: 2^27 + 1. */
const SPLITTER = 134_217_729;

const POWERS: Float64Array = Float64Array.from({ length: 23 }, (_, k) => Number(`1e${k}`));
const POWERS_HIGH: Float64Array = POWERS.map((power) => SPLITTER * power - (SPLITTER * power - power));
const POWERS_LOW: Float64Array = POWERS.map((power, k) => power - (POWERS_HIGH[k] as number));
/** 10^(i + EXPONENT_MIN). */
const BOUNDS: Float64Array = Float64Array.from({ length: EXPONENT_MAX - EXPONENT_MIN + 2 }, (_, i) =>
  Number(`1e${i + EXPONENT_MIN}`),
);
/** Half of the spacing of doubles by their biased exponent. */
const HALF_SPACING: Float64Array = Float64Array.from({ length: 1086 }, (_, biased) => 2 ** (biased - 1023 - 53));

/** "0000" to "9999", four bytes each as they lie in memory. */
const QUADS: Uint32Array = new Uint32Array(10_000);

/** Filled by the first number that is written: a program that starts need not wait for it. */
function fillQuads(): void {
  for (let n = 0; n < QUADS.length; n++) {
    const digit = (power: number): number => ZERO + (Math.floor(n / power) % 10);
    QUADS[n] = (digit(1) << 24) | (digit(10) << 16) | (digit(100) << 8) | digit(1_000);
  }
}

const bits: Float64Array = new Float64Array(1);
const words: Uint32Array = new Uint32Array(bits.buffer);
/** The digits, and room behind them for reading eight at a time. */
const digits: DataView = new DataView(new ArrayBuffer(DIGITS + 32));
/** Values to come that are not tried as thousandths: what comes together is mostly alike. */
let patience = 0;
const PATIENCE = 31;
/** Place in BOUNDS of the last value: the next one is mostly of the same size. */
let guess = -EXPONENT_MIN;

/**
 * Writes `v` at `from`, where there is room for {@link DECIMAL_BYTES_ROOM}; bytes behind the text are not kept.
 *
 * @returns the place after it.
 */
export function writeDecimal(out: DataView, from: number, v: number): number {
  if (QUADS[0] === 0) fillQuads();
  const magnitude = Math.abs(v);
  if (patience > 0) patience--;
  else {
    const at = writeThousandths(out, from, v, magnitude);
    if (at > 0) return at;
    patience = PATIENCE;
  }
  if (magnitude >= 1e-6 && magnitude < 1e17) {
    const scaled = scale(magnitude);
    if (scaled >= 0) {
      if (v > 0) return place(out, from, scaled);
      out.setUint8(from, MINUS);
      return place(out, from + 1, scaled);
    }
  }
  const text = formatFloat(v);
  for (let i = 0; i < text.length; i++) out.setUint8(from + i, text.charCodeAt(i));
  return from + text.length;
}

/**
 * Gauges and seconds with up to three decimals: of 15 digits, no two decimals are the same double, so one that reads
 * back is the shortest.
 *
 * @returns the place after it, 0 when `v` is none of them.
 */
function writeThousandths(out: DataView, from: number, v: number, magnitude: number): number {
  const n = Math.floor(magnitude * 1_000 + 0.5);
  if (n / 1_000 !== magnitude || n >= 1e15 || n === 0) return 0;
  const whole = Math.floor(n / 1_000);
  const rest = (n - whole * 1_000) | 0;
  if (v < 0) out.setUint8(from, MINUS);
  const at = writeWhole(out, v < 0 ? from + 1 : from, whole);
  if (rest === 0) return at;
  out.setUint32(at, ((QUADS[rest] as number) & ~0xff) | POINT, true);
  return at + (rest % 10 !== 0 ? 4 : rest % 100 !== 0 ? 3 : 2);
}

/** Writes a whole number below 10^15, on either side of zero; room and answer as for {@link writeDecimal}. */
export function writeInteger(out: DataView, from: number, v: number): number {
  if (QUADS[0] === 0) fillQuads();
  if (v > 0) return writeWhole(out, from, v);
  if (Object.is(v, 0)) {
    out.setUint8(from, ZERO);
    return from + 1;
  }
  out.setUint8(from, MINUS);
  return writeWhole(out, from + 1, -v);
}

function writeWhole(out: DataView, from: number, n: number): number {
  if (n < HALF) return writeUpToEight(out, from, n | 0);
  const upper = Math.floor(n / HALF);
  const at = writeUpToEight(out, from, upper | 0);
  const lower = (n - upper * HALF) | 0;
  const high = (lower / 10_000) | 0;
  out.setUint32(at, QUADS[high] as number, true);
  out.setUint32(at + 4, QUADS[lower - high * 10_000] as number, true);
  return at + 8;
}

function writeUpToEight(out: DataView, from: number, n: number): number {
  if (n < 10_000) return writeUpToFour(out, from, n);
  const high = (n / 10_000) | 0;
  const at = writeUpToFour(out, from, high);
  out.setUint32(at, QUADS[n - high * 10_000] as number, true);
  return at + 4;
}

/** The zeros in front are shifted out; what comes behind the digits is written over. */
function writeUpToFour(out: DataView, from: number, n: number): number {
  const count = n < 100 ? (n < 10 ? 1 : 2) : n < 1_000 ? 3 : 4;
  out.setUint32(from, (QUADS[n] as number) >>> (8 * (4 - count)), true);
  return from + count;
}

/** Fills `digits`. @returns the power of ten the value was scaled by, -1 when it cannot be told. */
function scale(v: number): number {
  let exponent = guess;
  while (v >= (BOUNDS[exponent + 1] as number)) exponent++;
  while (v < (BOUNDS[exponent] as number)) exponent--;
  guess = exponent;
  const k = DIGITS - 1 - (exponent + EXPONENT_MIN);
  bits[0] = v;
  const low = words[0] as number;
  const high = words[1] as number;
  // Below a power of two doubles stand closer than above it.
  if (low === 0 && (high & 0xf_ffff) === 0) return -1;
  const power = POWERS[k] as number;
  const reach = (HALF_SPACING[high >>> 20] as number) * power;
  const product = v * power;
  const split = SPLITTER * v;
  const vHigh = split - (split - v);
  const vLow = v - vHigh;
  const pHigh = POWERS_HIGH[k] as number;
  const pLow = POWERS_LOW[k] as number;
  const rest = vHigh * pHigh - product + vHigh * pLow + vLow * pHigh + vLow * pLow;
  let upper = Math.floor(product * PER_HALF);
  let lower = product - upper * HALF + rest;
  if (lower < 0) {
    upper--;
    lower += HALF;
  }
  // A product that rounds another way than the quotient does so half-way between two candidates, where neither is in reach.
  let nearest = Math.floor(lower * 0.01 + 0.5) * 100;
  let distance = Math.abs(nearest - lower);
  if (Math.abs(distance - reach) < UNSURE) return -1;
  if (distance > reach) {
    nearest = Math.floor(lower * 0.1 + 0.5) * 10;
    distance = Math.abs(nearest - lower);
    if (Math.abs(distance - reach) < UNSURE || 5 - distance < UNSURE) return -1;
    if (distance > reach) {
      nearest = Math.floor(lower + 0.5);
      if (0.5 - Math.abs(nearest - lower) < UNSURE) return -1;
    }
  }
  if (nearest >= HALF) {
    upper++;
    nearest -= HALF;
  }
  // One digit more or less than was meant, just beside a power of ten.
  if (upper < HALF || upper >= 10 * HALF) return -1;
  spell(upper, nearest);
  return k;
}

/** `upper` of nine digits and `lower` of eight. */
function spell(upper: number, lower: number): void {
  const whole = upper | 0;
  const top = (whole / HALF) | 0;
  digits.setUint8(0, ZERO + top);
  spellEight(1, whole - top * HALF);
  spellEight(9, lower);
}

function spellEight(at: number, n: number): void {
  const whole = n | 0;
  const high = (whole / 10_000) | 0;
  digits.setUint32(at, QUADS[high] as number, true);
  digits.setUint32(at + 4, QUADS[whole - high * 10_000] as number, true);
}

/** All digits from `first` on, eight at a time: bytes of ASCII are never a NaN, so they pass through a double. */
function copyDigits(out: DataView, at: number, first: number): void {
  out.setFloat64(at, digits.getFloat64(first));
  out.setFloat64(at + 8, digits.getFloat64(first + 8));
  out.setUint8(at + 16, digits.getUint8(first + 16));
}

/** The 17 digits with the point before the last `k` of them, without zeros that say nothing. */
function place(out: DataView, from: number, k: number): number {
  let end = DIGITS;
  while (digits.getUint8(end - 1) === ZERO) end--;
  const whole = DIGITS - k;
  if (whole <= 0) {
    out.setUint8(from, ZERO);
    out.setUint8(from + 1, POINT);
    for (let i = whole; i < 0; i++) out.setUint8(from + 2 - i - 1, ZERO);
    copyDigits(out, from + 2 - whole, 0);
    return from + 2 - whole + end;
  }
  copyDigits(out, from, 0);
  if (end <= whole) return from + whole;
  out.setUint8(from + whole, POINT);
  copyDigits(out, from + whole + 1, whole);
  return from + 1 + end;
}
