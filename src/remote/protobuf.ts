/**
 * The few shapes of protobuf that remote write and read use, over bytes. Reading never goes past its end, and a
 * field that is not known is passed over, so newer clients are understood.
 * @see https://protobuf.dev/programming-guides/encoding/
 */
import { UserError } from "../base/errors.ts";

export const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

function broken(what: string): never {
  throw new UserError("bad-protobuf", `the message is not the protobuf it should be: ${what}`);
}

export class ProtoReader {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  #end: number;
  #pos = 0;
  /** Of the field that `next` stopped at. */
  field = 0;
  wire = 0;
  /** Of the last `bits`. */
  low = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#end = bytes.length;
  }

  /** Moves to the next field. @returns false at the end. @throws UserError `bad-protobuf`. */
  next(): boolean {
    if (this.#pos >= this.#end) return false;
    const tag = this.#varint();
    // Field numbers have 29 bits; a larger tag wraps into one that is not known and is passed over or refused.
    this.field = tag >>> 3;
    this.wire = tag & 7;
    if (this.field === 0) broken("field number 0");
    return true;
  }

  /** Unsigned, exact up to 2^53; larger ones are refused. */
  number(): number {
    this.#expect(WIRE.varint);
    const value = this.#varint();
    if (!Number.isSafeInteger(value)) broken("a number beyond 2^53");
    return value;
  }

  /** Repeated numbers, packed or one by one as older writers send them. */
  numbers(into: number[]): void {
    if (this.wire === WIRE.varint) {
      into.push(this.#varint());
      return;
    }
    const [from, to] = this.#span();
    this.#pos = from;
    const around = this.#end;
    this.#end = to;
    while (this.#pos < to) into.push(this.#varint());
    this.#end = around;
  }

  /** int64: negative numbers are written as 2^64 - n. */
  int64(): number {
    this.#expect(WIRE.varint);
    let low = 0;
    let high = 0;
    let unit = 1;
    for (let i = 0; i < 10; i++) {
      const byte = this.#byte();
      if (i === 4) unit = 1;
      if (i < 4) low += (byte & 0x7f) * unit;
      else high += (byte & 0x7f) * unit;
      unit *= 128;
      if (byte < 0x80) {
        // `high` holds bits 28 to 63: the sign is its bit 35.
        const signed = high >= 2 ** 35 ? high - 2 ** 36 : high;
        const value = signed * 2 ** 28 + low;
        if (!Number.isSafeInteger(value)) broken("a number beyond 2^53");
        return value;
      }
    }
    return broken("a number of more than 10 bytes");
  }

  double(): number {
    return this.#view.getFloat64(this.#fixed64(), true);
  }

  /**
   * The upper half of a fixed64 as it is on the wire; the lower half is in `low`. Read this way a double keeps the
   * bits of a NaN.
   */
  bits(): number {
    const at = this.#fixed64();
    this.low = this.#view.getUint32(at, true);
    return this.#view.getUint32(at + 4, true);
  }

  text(): string {
    const [from, to] = this.#span();
    return this.#bytes.toString("utf8", from, to);
  }

  /**
   * Goes into a nested message: `next` ends where it ends.
   *
   * @returns what `leave` needs to go back to the message around it.
   */
  enter(): number {
    const [from, to] = this.#span();
    const around = this.#end;
    this.#pos = from;
    this.#end = to;
    return around;
  }

  leave(around: number): void {
    this.#pos = this.#end;
    this.#end = around;
  }

  skip(): void {
    switch (this.wire) {
      case WIRE.varint:
        this.#varint();
        return;
      case WIRE.fixed64:
        this.#advance(8);
        return;
      case WIRE.bytes:
        this.#span();
        return;
      case WIRE.fixed32:
        this.#advance(4);
        return;
      default:
        broken(`wire type ${this.wire}`);
    }
  }

  #expect(wire: number): void {
    if (this.wire !== wire) broken(`field ${this.field} has wire type ${this.wire}, not ${wire}`);
  }

  #byte(): number {
    if (this.#pos >= this.#end) broken("it ends inside a field");
    return this.#bytes[this.#pos++] as number;
  }

  #advance(size: number): number {
    const at = this.#pos;
    if (size > this.#end - at) broken("it ends inside a field");
    this.#pos = at + size;
    return at;
  }

  #varint(): number {
    let value = 0;
    let unit = 1;
    for (let i = 0; i < 10; i++) {
      const byte = this.#byte();
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) return value;
      unit *= 128;
    }
    return broken("a number of more than 10 bytes");
  }

  #fixed64(): number {
    this.#expect(WIRE.fixed64);
    return this.#advance(8);
  }

  #span(): [from: number, to: number] {
    this.#expect(WIRE.bytes);
    const size = this.#varint();
    const from = this.#advance(size);
    return [from, from + size];
  }
}

const CHUNK_BYTES_FIRST = 1_024;

/** Grows as it is written. */
export class ProtoWriter {
  #bytes: Buffer = Buffer.allocUnsafe(CHUNK_BYTES_FIRST);
  #size = 0;

  /** An int64 within 2^53. */
  int64(field: number, value: number): this {
    this.#tag(field, WIRE.varint);
    this.#room(10);
    if (value < 0) this.#bigVarint(BigInt.asUintN(64, BigInt(value)));
    else this.#varint(value);
    return this;
  }

  double(field: number, value: number): this {
    this.#tag(field, WIRE.fixed64);
    this.#room(8);
    this.#bytes.writeDoubleLE(value, this.#size);
    this.#size += 8;
    return this;
  }

  /** A double by its bits: the only way to write a NaN that stays the NaN it is. */
  bits(field: number, low: number, high: number): this {
    this.#tag(field, WIRE.fixed64);
    this.#room(8);
    this.#bytes.writeUInt32LE(low, this.#size);
    this.#bytes.writeUInt32LE(high, this.#size + 4);
    this.#size += 8;
    return this;
  }

  text(field: number, value: string): this {
    const size = Buffer.byteLength(value, "utf8");
    this.#tag(field, WIRE.bytes);
    this.#room(size + 10);
    this.#varint(size);
    this.#size += this.#bytes.write(value, this.#size, "utf8");
    return this;
  }

  /** A nested message: written in place behind one byte for its length, and moved when the length needs more. */
  message(field: number, write: (inner: this) => void): this {
    this.#tag(field, WIRE.bytes);
    this.#room(1);
    const start = ++this.#size;
    write(this);
    const length = this.#size - start;
    let extra = 0;
    for (let rest = length; rest > 127; rest = Math.floor(rest / 128)) extra++;
    if (extra > 0) {
      this.#room(extra);
      this.#bytes.copyWithin(start + extra, start, this.#size);
    }
    this.#size = start - 1;
    this.#varint(length);
    this.#size += length;
    return this;
  }

  finish(): Buffer {
    return this.#bytes.subarray(0, this.#size);
  }

  #tag(field: number, wire: number): void {
    this.#room(5);
    this.#varint(field * 8 + wire);
  }

  /** @param value from 0 to 2^53; there is room. */
  #varint(value: number): void {
    let rest = value;
    while (rest > 127) {
      this.#bytes[this.#size++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#size++] = rest;
  }

  #bigVarint(value: bigint): void {
    let rest = value;
    while (rest > 127n) {
      this.#bytes[this.#size++] = Number(rest & 127n) | 0x80;
      rest >>= 7n;
    }
    this.#bytes[this.#size++] = Number(rest);
  }

  #room(size: number): void {
    if (this.#size + size <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#size + size));
    larger.set(this.#bytes.subarray(0, this.#size));
    this.#bytes = larger;
  }
}
