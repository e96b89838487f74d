/**
 * Bytes of a Prometheus file with the place they came from. Everything is big-endian or a varint; a cursor never leaves
 * its bytes, and says file and offset when it would have to.
 */
import { UserError } from "../base/errors.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });
/** A varint of 64 bits has at most so many bytes. */
const VARINT_BYTES_MAX = 10;

/** Something in a block is not what Prometheus wrote. */
export function damaged(file: string, offset: number, what: string): UserError {
  return new UserError("bad-block", `${file} at byte ${offset}: ${what}`);
}

export class Cursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #file: string;
  readonly #base: number;
  #at = 0;

  /** @param base offset of the first byte in the file. */
  constructor(bytes: Uint8Array, file: string, base: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#file = file;
    this.#base = base;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** Bytes read so far. */
  get read(): number {
    return this.#at;
  }

  fail(what: string): never {
    throw damaged(this.#file, this.#base + this.#at, what);
  }

  #take(size: number): number {
    if (!(size <= this.left)) this.fail(`${size} bytes are wanted, ${this.left} are there`);
    const at = this.#at;
    this.#at = at + size;
    return at;
  }

  u8(): number {
    return this.#bytes[this.#take(1)] as number;
  }
  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }
  /** Exact up to 2^53, which no offset or series number reaches. */
  u64(): number {
    const at = this.#take(8);
    return this.#view.getUint32(at) * 0x1_0000_0000 + this.#view.getUint32(at + 4);
  }

  /** Exact up to 2^53 either way. */
  i64(): number {
    const at = this.#take(8);
    return this.#view.getInt32(at) * 0x1_0000_0000 + this.#view.getUint32(at + 4);
  }

  /** Exact up to 2^53; larger ones are rounded, and refused by whoever cannot use them. */
  uvarint(): number {
    let value = 0;
    let unit = 1;
    for (let i = 0; i < VARINT_BYTES_MAX; i++) {
      const byte = this.u8();
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) return value;
      unit *= 128;
    }
    return this.fail(`a number of more than ${VARINT_BYTES_MAX} bytes`);
  }

  varint(): number {
    const raw = this.uvarint();
    return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
  }

  bytes(size: number): Uint8Array {
    const at = this.#take(size);
    return this.#bytes.subarray(at, at + size);
  }

  text(): string {
    const bytes = this.bytes(this.uvarint());
    try {
      return decoder.decode(bytes);
    } catch {
      return this.fail("a text that is not UTF-8");
    }
  }
}
