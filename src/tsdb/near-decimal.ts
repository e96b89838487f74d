/**
 * Doubles that are decimals but for their last bits: an exporter that divides microseconds by a thousand twice, or
 * multiplies by 0.001, or adds seconds up, shows numbers one or two units in the last place beside what their digits
 * say. They are kept as the decimal, a whole number, and the distance to it, a small whole number; both packed.
 */
import type { ByteReader, ByteWriter } from "./bytes.ts";
import { encodeInts } from "./ints.ts";
import { decodeInts, skipInts } from "./ints-read.ts";

/** Units in the last place: what two divisions or some additions do. */
const DISTANCE_MAX = 7;
/** Above, decimals lie so close together that noise would pass for them. */
const WHOLE_MAX: number = 2 ** 46;

let wholes: Float64Array = new Float64Array(256);
let distances: Float64Array = new Float64Array(256);
const pair: Float64Array = new Float64Array(2);
const halves: Uint32Array = new Uint32Array(pair.buffer);

/** From `a` to `b` in units of the last place; far away when their signs differ. */
function distance(a: number, b: number): number {
  pair[0] = a;
  pair[1] = b;
  return (
    ((halves[3] as number) - (halves[1] as number)) * 0x1_0000_0000 + ((halves[2] as number) - (halves[0] as number))
  );
}

function takeApart(values: Float64Array, count: number, power: number): boolean {
  for (let i = 0; i < count; i++) {
    const v = values[i] as number;
    // Plus zero: -0 is not near any decimal.
    const whole = Math.round(v * power) + 0;
    if (!(Math.abs(whole) <= WHOLE_MAX)) return false;
    const far = distance(whole / power, v);
    if (!(Math.abs(far) <= DISTANCE_MAX)) return false;
    wholes[i] = whole;
    distances[i] = far;
  }
  return true;
}

function reserve(count: number): void {
  if (wholes.length >= count) return;
  wholes = new Float64Array(count * 2);
  distances = new Float64Array(count * 2);
}

/**
 * Takes the values apart when all are near decimals of one exponent; `encodeNearDecimals` writes what was found.
 * @returns the exponent, the smallest there is, or -1.
 */
export function nearExponent(values: Float64Array, count: number, powers: Float64Array): number {
  reserve(count);
  return powers.findIndex((power) => takeApart(values, count, power));
}

export function encodeNearDecimals(head: ByteWriter, body: ByteWriter, exponent: number, count: number): void {
  head.u8(exponent);
  encodeInts(head, body, wholes, count);
  encodeInts(head, body, distances, count);
}

/** Steps over a column, its exponent read already. @returns the bytes it takes in the body. */
export function skipNearDecimals(head: ByteReader, count: number): number {
  const bytes = skipInts(head, count);
  return bytes + skipInts(head, count);
}

/** Reads `count` doubles into the first places of `out`. @throws DamagedError */
export function decodeNearDecimals(
  head: ByteReader,
  body: ByteReader,
  out: Float64Array,
  count: number,
  power: number,
): void {
  decodeInts(head, body, out, count, power);
  reserve(count);
  decodeInts(head, body, distances, count);
  const parts = new Uint32Array(out.buffer, out.byteOffset, count * 2);
  for (let i = 0; i < count; i++) {
    const far = distances[i] as number;
    if (far === 0) continue;
    const low = (parts[2 * i] as number) + far;
    parts[2 * i] = low;
    parts[2 * i + 1] = (parts[2 * i + 1] as number) + Math.floor(low / 0x1_0000_0000);
  }
}
