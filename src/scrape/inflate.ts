/**
 * Gzip bodies into lent memory, by an inflater that is kept (see `base/kept-zlib.ts`). A body that is broken, or not of the
 * size its trailer says, goes the public way.
 */
import { constants, createGunzip, gunzipSync } from "node:zlib";
import { KeptZlib } from "../base/kept-zlib.ts";
import { ownedPage, type PageBuffers, type PageBytes } from "./page-buffers.ts";

/** A larger page is rare, and memory for it is not taken on the word of a trailer. */
const SHORT_BYTES_MAX = 4 * 1024 * 1024;
/** Header and trailer. */
const GZIP_BYTES_MIN = 18;

const inflater = new KeptZlib(() => createGunzip(), constants.Z_FINISH);

/** The whole body in lent memory; undefined leaves it to the public way. */
function inflateShort(packed: Uint8Array, bytesMax: number, buffers: PageBuffers): PageBytes | undefined {
  if (packed.length < GZIP_BYTES_MIN) return undefined;
  const trailer = new DataView(packed.buffer, packed.byteOffset + packed.length - 4, 4);
  const expected = trailer.getUint32(0, true);
  if (expected > Math.min(bytesMax, SHORT_BYTES_MAX)) return undefined;
  // One byte more, because a full output does not tell whether there is more to come.
  const out = buffers.take(expected + 1);
  const length = inflater.run(packed, out);
  if (length === expected) return buffers.page(out, length);
  buffers.give(out);
  return undefined;
}

/** @throws the system's error; its code is ERR_BUFFER_TOO_LARGE when there is more than `bytesMax`. */
export function inflate(packed: Uint8Array, bytesMax: number, buffers: PageBuffers): PageBytes {
  return inflateShort(packed, bytesMax, buffers) ?? ownedPage(gunzipSync(packed, { maxOutputLength: bytesMax }));
}
