/**
 * Snappy's block format, as remote write and read wrap their messages in.
 *
 * Decoding is written here: the npm decoder follows lengths that point backwards for ever, and says nothing when a
 * block is longer or shorter than it claims. Encoding is the library's.
 * @see https://github.com/google/snappy/blob/main/format_description.txt
 */
import { compress } from "snappyjs";
import { UserError } from "../base/errors.ts";

function broken(what: string): never {
  throw new UserError("bad-snappy", `the body is not snappy's block format: ${what}`);
}

/**
 * Decodes one block.
 *
 * @param bytesMax largest decoded size, checked before anything is allocated.
 * @throws UserError `bad-snappy`, `body-limit`.
 */
export function snappyDecode(packed: Uint8Array, bytesMax: number): Buffer {
  let pos = 0;
  let size = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = packed[pos++];
    if (byte === undefined || shift > 28) broken("it does not say its length");
    size += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  if (size > bytesMax) {
    throw new UserError("body-limit", `the message has ${size} bytes when decoded, at most ${bytesMax} are taken`);
  }
  // A copy of two bytes makes at most 64: a block that claims more than that lies.
  if (size > packed.length * 64) broken("it is too short for the length it says");
  const out = Buffer.allocUnsafe(size);
  let at = 0;
  while (pos < packed.length) {
    const tag = packed[pos++] as number;
    if ((tag & 3) === 0) {
      let length = (tag >>> 2) + 1;
      if (length > 60) {
        const bytes = length - 60;
        length = littleEndian(packed, pos, bytes) + 1;
        pos += bytes;
      }
      if (length > packed.length - pos || length > size - at) broken("a literal runs over its end");
      out.set(packed.subarray(pos, pos + length), at);
      pos += length;
      at += length;
      continue;
    }
    const wide = tag & 3;
    const bytes = wide === 3 ? 4 : wide;
    const length = wide === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1;
    const offset = littleEndian(packed, pos, bytes) + (wide === 1 ? (tag >>> 5) * 256 : 0);
    pos += bytes;
    if (offset === 0 || offset > at) broken("a copy points before the start");
    if (length > size - at) broken("a copy runs over the end");
    copyWithin(out, at, offset, length);
    at += length;
  }
  if (at !== size) broken(`it has ${at} bytes and says ${size}`);
  return out;
}

function littleEndian(bytes: Uint8Array, at: number, count: number): number {
  if (count > bytes.length - at) broken("it ends inside an element");
  let value = 0;
  for (let i = 0; i < count; i++) value += (bytes[at + i] as number) * 2 ** (8 * i);
  return value;
}

/** A copy may overlap itself: then it repeats what it has just written. */
function copyWithin(out: Buffer, at: number, offset: number, length: number): void {
  if (offset >= length) out.copyWithin(at, at - offset, at - offset + length);
  else for (let i = 0; i < length; i++) out[at + i] = out[at + i - offset] as number;
}

export function snappyEncode(plain: Uint8Array): Uint8Array {
  // The library answers a Buffer with a Buffer of its own pool; a plain view gives a plain, exact array.
  return compress(new Uint8Array(plain.buffer, plain.byteOffset, plain.byteLength));
}
