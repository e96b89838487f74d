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
  readonly #end: number;
  #pos: number;
  /** Of the field that `next` stopped at. */
  field = 0;
  wire = 0;

  constructor(bytes: Uint8Array, start: number = 0, end: number = bytes.length) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#pos = start;
    this.#end = end;
  }

  /** Moves to the next field. @returns false at the end. @throws UserError `bad-protobuf`. */
  next(): boolean {
    if (this.#pos >= this.#end) return false;
    const tag = this.#varint();
    this.field = Math.floor(tag / 8);
    this.wire = tag % 8;
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

  /** int64: negative numbers are written as 2^64 - n. */
  int64(): number {
    this.#expect(WIRE.varint);
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#byte();
      const bits = byte & 0x7f;
      if (shift < 28) low += bits * 2 ** shift;
      else high += bits * 2 ** (shift - 28);
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

  /** The two halves of a fixed64 as they are on the wire; a double read this way keeps the bits of a NaN. */
  bits(): { readonly low: number; readonly high: number } {
    const at = this.#fixed64();
    return { low: this.#view.getUint32(at, true), high: this.#view.getUint32(at + 4, true) };
  }

  text(): string {
    const [from, to] = this.#span();
    return this.#bytes.toString("utf8", from, to);
  }

  /** A nested message. */
  message(): ProtoReader {
    const [from, to] = this.#span();
    return new ProtoReader(this.#bytes, from, to);
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
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
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

/** Grows as it is written; messages are written into a writer of their own and then copied in. */
export class ProtoWriter {
  #bytes: Buffer = Buffer.allocUnsafe(CHUNK_BYTES_FIRST);
  #size = 0;

  /** Unsigned or negative int64. */
  int64(field: number, value: number): this {
    this.#tag(field, WIRE.varint);
    let rest = BigInt.asUintN(64, BigInt(value));
    this.#room(10);
    while (rest > 127n) {
      this.#bytes[this.#size++] = Number(rest & 127n) | 0x80;
      rest >>= 7n;
    }
    this.#bytes[this.#size++] = Number(rest);
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
    return this.bytes(field, Buffer.from(value, "utf8"));
  }

  bytes(field: number, value: Uint8Array): this {
    this.#tag(field, WIRE.bytes);
    this.#varint(value.length);
    this.#room(value.length);
    this.#bytes.set(value, this.#size);
    this.#size += value.length;
    return this;
  }

  message(field: number, write: (inner: ProtoWriter) => void): this {
    const inner = new ProtoWriter();
    write(inner);
    return this.bytes(field, inner.finish());
  }

  finish(): Buffer {
    return this.#bytes.subarray(0, this.#size);
  }

  #tag(field: number, wire: number): void {
    this.#varint(field * 8 + wire);
  }

  /** @param value below 2^31. */
  #varint(value: number): void {
    this.#room(5);
    let rest = value;
    while (rest > 127) {
      this.#bytes[this.#size++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#size++] = rest;
  }

  #room(size: number): void {
    if (this.#size + size <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#size + size));
    larger.set(this.#bytes.subarray(0, this.#size));
    this.#bytes = larger;
  }
}
