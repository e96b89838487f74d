/**
 * Doubles by XOR with their predecessor, bit by bit: the exact fallback for values that are not short decimals.
 * Works on the two 32-bit halves of each double, never on the number, so NaN payloads and -0 pass untouched.
 *
 * @see https://www.vldb.org/pvldb/vol8/p1816-teller.pdf section 4.1.2
 */
import { type ByteReader, ByteWriter, DamagedError } from "./bytes.ts";

class BitWriter {
  readonly out: ByteWriter;
  #byte = 0;
  #free = 8;
  constructor(out: ByteWriter) {
    this.out = out;
  }
  /** The low `count` bits of `value`, highest first; count 0 to 32. */
  bits(value: number, count: number): void {
    let left = count;
    while (left > 0) {
      const take = Math.min(left, this.#free);
      const chunk = (value >>> (left - take)) & ((1 << take) - 1);
      this.#free -= take;
      this.#byte |= chunk << this.#free;
      left -= take;
      if (this.#free === 0) {
        this.out.u8(this.#byte);
        this.#byte = 0;
        this.#free = 8;
      }
    }
  }
  end(): void {
    if (this.#free < 8) this.out.u8(this.#byte);
  }
}

class BitReader {
  readonly bytes: Uint8Array;
  #at = 0;
  #left = 8;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
  bits(count: number): number {
    let value = 0;
    let left = count;
    while (left > 0) {
      const byte = this.bytes[this.#at];
      if (byte === undefined) throw new DamagedError("xor column ends early");
      const take = Math.min(left, this.#left);
      const chunk = (byte >>> (this.#left - take)) & ((1 << take) - 1);
      value = (value << take) | chunk;
      this.#left -= take;
      left -= take;
      if (this.#left === 0) {
        this.#at++;
        this.#left = 8;
      }
    }
    return value >>> 0;
  }
}

/** Writes bits `from` (counted from the top of 64) of the given length. */
function writeWindow(bits: BitWriter, high: number, low: number, from: number, length: number): void {
  const end = from + length;
  if (from < 32) {
    const highEnd = Math.min(end, 32);
    bits.bits(high >>> (32 - highEnd), highEnd - from);
  }
  if (end > 32) {
    const lowFrom = Math.max(from, 32);
    bits.bits(low >>> (64 - end), end - lowFrom);
  }
}

const scratch = new ByteWriter(4096);

/** Appends `count` (1 or more) doubles: their length in bytes to `head`, their bits to `body`. */
export function encodeXor(head: ByteWriter, body: ByteWriter, values: Float64Array, count: number): void {
  const halves = new Uint32Array(values.buffer, values.byteOffset, count * 2);
  scratch.reset();
  const bits = new BitWriter(scratch);
  bits.bits(halves[1] as number, 32);
  bits.bits(halves[0] as number, 32);
  let leading = 65;
  let length = 0;
  for (let i = 1; i < count; i++) {
    const high = ((halves[2 * i + 1] as number) ^ (halves[2 * i - 1] as number)) >>> 0;
    const low = ((halves[2 * i] as number) ^ (halves[2 * i - 2] as number)) >>> 0;
    if (high === 0 && low === 0) {
      bits.bits(0, 1);
      continue;
    }
    const first = Math.min(high !== 0 ? Math.clz32(high) : 32 + Math.clz32(low), 31);
    const last = low !== 0 ? 31 - Math.clz32(low & -low) : 63 - Math.clz32(high & -high);
    if (first >= leading && 64 - last <= leading + length) {
      bits.bits(0b10, 2);
    } else {
      leading = first;
      length = 64 - last - first;
      bits.bits(0b11, 2);
      bits.bits(leading, 5);
      bits.bits(length - 1, 6);
    }
    writeWindow(bits, high, low, leading, length);
  }
  bits.end();
  head.varint(scratch.length);
  body.bytes(scratch.view());
}

/** Steps over a column. @returns the bytes it takes in the body. */
export function skipXor(head: ByteReader): number {
  return head.varint();
}

/** Reads `count` doubles into the first places of `out`. @throws DamagedError */
export function decodeXor(head: ByteReader, body: ByteReader, out: Float64Array, count: number): void {
  const bits = new BitReader(body.take(head.varint()));
  if (count > out.length) throw new DamagedError(`${count} rows in one column`);
  const halves = new Uint32Array(out.buffer, out.byteOffset, count * 2);
  let high = bits.bits(32);
  let low = bits.bits(32);
  let leading = 0;
  let length = 0;
  halves[1] = high;
  halves[0] = low;
  for (let i = 1; i < count; i++) {
    if (bits.bits(1) === 1) {
      if (bits.bits(1) === 1) {
        leading = bits.bits(5);
        length = bits.bits(6) + 1;
        if (leading + length > 64) throw new DamagedError("xor window past the end of a double");
      }
      const end = leading + length;
      const highEnd = Math.min(end, 32);
      if (leading < 32) high ^= bits.bits(highEnd - leading) << (32 - highEnd);
      if (end > 32) low ^= bits.bits(end - Math.max(leading, 32)) << (64 - end);
    }
    halves[2 * i + 1] = high;
    halves[2 * i] = low;
  }
}
