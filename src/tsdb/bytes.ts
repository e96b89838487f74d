/**
 * Bytes in and out for every on-disk format of the store. Varints carry whole numbers up to 2^53, signed ones are
 * zigzagged by arithmetic because JavaScript's bit operators stop at 32 bits. A reader that runs past its end throws
 * `DamagedError`, never returns rubbish.
 */

/** Stored bytes are not what was written; caught inside the store and turned into a quarantine entry. */
export class DamagedError extends Error {
  override readonly name = "DamagedError";
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** What stands where bytes were no UTF-8, or in a text that has it. */
const REPLACEMENT = "\ufffd";

export class ByteWriter {
  buffer: Uint8Array<ArrayBuffer>;
  #view: DataView;
  length = 0;

  constructor(capacityBytes = 1024) {
    this.buffer = new Uint8Array(capacityBytes);
    this.#view = new DataView(this.buffer.buffer);
  }

  /** The buffer for writing wider numbers, by place; another one after each `reserve`, as the buffer is. */
  get bytesView(): DataView {
    return this.#view;
  }

  /** Makes room for `extra` more bytes. */
  reserve(extra: number): void {
    if (this.length + extra <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(this.buffer.length * 2, this.length + extra));
    grown.set(this.buffer.subarray(0, this.length));
    this.buffer = grown;
    this.#view = new DataView(grown.buffer);
  }

  reset(): void {
    this.length = 0;
  }

  u8(value: number): void {
    if (this.length === this.buffer.length) this.reserve(1);
    this.buffer[this.length++] = value;
  }

  u32(value: number): void {
    this.reserve(4);
    this.#view.setUint32(this.length, value, true);
    this.length += 4;
  }

  f64(value: number): void {
    this.reserve(8);
    this.#view.setFloat64(this.length, value, true);
    this.length += 8;
  }

  /** Unsigned, 0 to 2^53. */
  varint(value: number): void {
    this.reserve(8);
    let rest = value;
    while (rest >= 0x8000_0000) {
      this.buffer[this.length++] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    while (rest >= 128) {
      this.buffer[this.length++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    this.buffer[this.length++] = rest;
  }

  /** Signed, |value| up to 2^52. */
  zigzag(value: number): void {
    this.varint(value < 0 ? -value * 2 - 1 : value * 2);
  }

  bytes(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  string(text: string): void {
    const bytes = encoder.encode(text);
    this.varint(bytes.length);
    this.bytes(bytes);
  }

  /** The written bytes; valid until the next write. */
  view(): Uint8Array<ArrayBuffer> {
    return this.buffer.subarray(0, this.length);
  }

  /** A copy of the written bytes. */
  copy(): Uint8Array<ArrayBuffer> {
    return this.buffer.slice(0, this.length);
  }
}

export class ByteReader {
  readonly bytes: Uint8Array;
  position: number;
  readonly end: number;
  #view: DataView | undefined;

  constructor(bytes: Uint8Array, position = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.position = position;
    this.end = end;
  }

  get left(): number {
    return this.end - this.position;
  }

  #need(count: number): void {
    if (this.position + count > this.end) throw new DamagedError(`wanted ${count} more bytes, ${this.left} left`);
  }

  /** The same bytes for reading wider numbers, by place. Made when asked for: most readers hold none. */
  get view(): DataView {
    return (this.#view ??= new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length));
  }

  u8(): number {
    this.#need(1);
    return this.bytes[this.position++] as number;
  }

  u32(): number {
    this.#need(4);
    this.position += 4;
    return this.view.getUint32(this.position - 4, true);
  }

  f64(): number {
    this.#need(8);
    this.position += 8;
    return this.view.getFloat64(this.position - 8, true);
  }

  /** Without a call for each byte: a start reads some ten thousand before anything is compiled. */
  varint(): number {
    const { bytes, end } = this;
    let at = this.position;
    let value = 0;
    let scale = 1;
    for (const stop = Math.min(end, at + 8); at < stop; scale *= 128) {
      const byte = bytes[at++] as number;
      value += (byte & 127) * scale;
      if (byte >= 128) continue;
      this.position = at;
      return value;
    }
    this.position = at;
    if (at === end) this.#need(1);
    throw new DamagedError("a number of more than 8 bytes");
  }

  zigzag(): number {
    const raw = this.varint();
    // Never -0: a delta of -0 would be added into sums, a first value of -0 would be handed out.
    return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
  }

  /** Steps over bytes that are looked at in place. */
  skip(count: number): void {
    this.#need(count);
    this.position += count;
  }

  take(count: number): Uint8Array {
    this.#need(count);
    this.position += count;
    return this.bytes.subarray(this.position - count, this.position);
  }

  string(): string {
    const length = this.varint();
    this.skip(length);
    const { bytes, position } = this;
    // Half the time of the decoder, which is asked where this cannot tell.
    const text = bytes instanceof Buffer ? bytes.toString("utf8", position - length, position) : REPLACEMENT;
    if (!text.includes(REPLACEMENT)) return text;
    try {
      return decoder.decode(bytes.subarray(position - length, position));
    } catch {
      throw new DamagedError("text that is not UTF-8");
    }
  }
}
