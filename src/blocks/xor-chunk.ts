/**
 * Prometheus' chunks of floats: delta-of-delta times and XORed values, bit by bit. Values stay two halves of 32 bits
 * until they are known not to be the stale marker, whose bits a JS number may lose.
 * @see https://github.com/prometheus/prometheus/blob/main/tsdb/docs/format/chunks.md
 * @see https://www.vldb.org/pvldb/vol8/p1816-teller.pdf section 4.1
 */
import { STALE_NAN_BITS } from "../model/sample.ts";

const STALE_LOW = Number(STALE_NAN_BITS & 0xffff_ffffn);
const STALE_HIGH = Number(STALE_NAN_BITS >> 32n);
const COUNT_BYTES = 2;
/** Bits of a delta of deltas behind the prefixes 10, 110, 1110 and 1111. */
const DELTA_BITS = [14, 17, 20, 64] as const;

export interface ChunkSamples {
  readonly t: Float64Array;
  readonly v: Float64Array;
  /** 1 = stale marker; undefined when there is none. */
  readonly stale: Uint8Array | undefined;
}

/** How many samples a chunk of any encoding says it has. */
export function chunkCount(data: Uint8Array): number {
  return data.length < COUNT_BYTES ? 0 : ((data[0] as number) << 8) | (data[1] as number);
}

class Bits {
  readonly #bytes: Uint8Array;
  #at: number;
  constructor(bytes: Uint8Array, byteOffset: number) {
    this.#bytes = bytes;
    this.#at = byteOffset * 8;
  }

  bit(): number {
    const byte = this.#bytes[this.#at >> 3];
    if (byte === undefined) throw new RangeError("it ends in the middle of a sample");
    return (byte >> (7 - (this.#at++ & 7))) & 1;
  }

  /** @param count at most 32. */
  bits(count: number): number {
    let value = 0;
    let left = count;
    while (left > 0) {
      const byte = this.#bytes[this.#at >> 3];
      if (byte === undefined) throw new RangeError("it ends in the middle of a sample");
      const room = 8 - (this.#at & 7);
      const take = Math.min(room, left);
      value = value * 2 ** take + ((byte >> (room - take)) & ((1 << take) - 1));
      this.#at += take;
      left -= take;
    }
    return value;
  }

  uvarint(): number {
    let value = 0;
    let unit = 1;
    for (let i = 0; i < 10; i++) {
      const byte = this.bits(8);
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) return value;
      unit *= 128;
    }
    throw new RangeError("a number has more than 10 bytes");
  }

  varint(): number {
    const raw = this.uvarint();
    return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
  }

  /** Difference of the next delta from the one before. */
  deltaOfDelta(): number {
    if (this.bit() === 0) return 0;
    let kind = 0;
    while (kind < 3 && this.bit() === 1) kind++;
    const width = DELTA_BITS[kind] as number;
    if (width === 64) return (this.bits(32) | 0) * 2 ** 32 + this.bits(32);
    const raw = this.bits(width);
    // The smallest number of the width is not used: its bits mean the largest.
    return raw > 2 ** (width - 1) ? raw - 2 ** width : raw;
  }
}

/** The value at hand, and the window of bits the next one may reuse. */
class Values {
  high = 0;
  low = 0;
  #leading = 0;
  #width = 0;

  next(bits: Bits): void {
    if (bits.bit() === 0) return;
    if (bits.bit() === 1) {
      this.#leading = bits.bits(5);
      // 64 does not fit into six bits and is written as 0.
      this.#width = bits.bits(6) || 64;
    }
    const trailing = 64 - this.#leading - this.#width;
    if (trailing < 0 || this.#width === 0) throw new RangeError("a value has an impossible width");
    const upper = this.#width > 32 ? bits.bits(this.#width - 32) : 0;
    const lower = bits.bits(Math.min(32, this.#width));
    if (trailing >= 32) {
      this.high ^= lower << (trailing - 32);
    } else if (trailing > 0) {
      this.high ^= (upper << trailing) | (lower >>> (32 - trailing));
      this.low ^= lower << trailing;
    } else {
      this.high ^= upper;
      this.low ^= lower;
    }
  }
}

const view = new DataView(new ArrayBuffer(8));

/** A double by its halves, which tell the stale marker from other NaNs. */
export class FloatBits {
  readonly isStale: boolean;
  /** 0 for a stale marker. */
  readonly number: number;

  constructor(high: number, low: number) {
    this.isStale = high === STALE_HIGH && low === STALE_LOW;
    view.setUint32(0, high);
    view.setUint32(4, low);
    const value = this.isStale ? 0 : view.getFloat64(0);
    this.number = Number.isNaN(value) ? Number.NaN : value;
  }
}

/** @throws RangeError with what is wrong, when the bits are not a chunk's. */
export function decodeXorChunk(data: Uint8Array): ChunkSamples {
  const count = chunkCount(data);
  // A sample takes two bits at least: a count that lies allocates nothing.
  if (count > data.length * 4) throw new RangeError(`it says ${count} samples in ${data.length} bytes`);
  const t = new Float64Array(count);
  const v = new Float64Array(count);
  let stale: Uint8Array | undefined;
  const bits = new Bits(data, COUNT_BYTES);
  const values = new Values();
  let time = 0;
  let delta = 0;
  for (let i = 0; i < count; i++) {
    if (i === 0) {
      time = bits.varint();
      values.high = bits.bits(32) | 0;
      values.low = bits.bits(32) | 0;
    } else {
      delta = i === 1 ? bits.uvarint() : delta + bits.deltaOfDelta();
      time += delta;
      values.next(bits);
    }
    if (!Number.isSafeInteger(time)) throw new RangeError("a time is beyond what a clock can say");
    t[i] = time;
    const { isStale, number } = new FloatBits(values.high >>> 0, values.low >>> 0);
    v[i] = number;
    if (!isStale) continue;
    stale ??= new Uint8Array(count);
    stale[i] = 1;
  }
  return { t, v, stale };
}
