/**
 * Gzip bodies into lent memory. `gunzipSync` makes an inflater and new memory for each body, and that memory makes V8
 * collect its whole heap every few seconds; one inflater that is used again costs half, and no garbage. Node keeps the
 * inflater's own door to itself, so what is behind it is looked at first, and whatever is unusual (a broken body, a
 * size that is not what the trailer says, another Node) goes the public way.
 */
import { constants, createGunzip, type Gunzip, gunzipSync } from "node:zlib";
import { ownedPage, type PageBuffers, type PageBytes } from "./page-buffers.ts";

/** A larger page is rare, and memory for it is not taken on the word of a trailer. */
const SHORT_BYTES_MAX = 4 * 1024 * 1024;
/** Header and trailer. */
const GZIP_BYTES_MIN = 18;

/** The part of Node's inflater that is used here. */
interface Inflater extends Gunzip {
  readonly _handle: {
    writeSync(
      flush: number,
      from: Uint8Array,
      at: number,
      length: number,
      to: Uint8Array,
      toAt: number,
      room: number,
    ): void;
  };
  reset(): void;
  /** After a write: room left in the output, bytes left of the input. */
  readonly _writeState: Uint32Array;
}

let kept: Inflater | "none" | undefined;

/** The inflater, or undefined when this Node has another inside. */
function inflater(): Inflater | undefined {
  if (kept === undefined) {
    const made = createGunzip() as Partial<Inflater> as Inflater;
    const fits = typeof made._handle?.writeSync === "function" && made._writeState instanceof Uint32Array;
    // A broken body is told as an event too, later; by then it went the public way.
    made.on("error", () => undefined);
    kept = fits ? made : "none";
  }
  return kept === "none" ? undefined : kept;
}

/** The whole body in lent memory; undefined leaves it to the public way. */
function inflateShort(packed: Uint8Array, bytesMax: number, buffers: PageBuffers): PageBytes | undefined {
  if (packed.length < GZIP_BYTES_MIN) return undefined;
  const trailer = new DataView(packed.buffer, packed.byteOffset + packed.length - 4, 4);
  const expected = trailer.getUint32(0, true);
  if (expected > Math.min(bytesMax, SHORT_BYTES_MAX)) return undefined;
  const made = inflater();
  if (made === undefined) return undefined;
  // One byte more, because a full output does not tell whether there is more to come.
  const out = buffers.take(expected + 1);
  made.reset();
  made._handle.writeSync(constants.Z_FINISH, packed, 0, packed.length, out, 0, out.length);
  const length = out.length - (made._writeState[0] as number);
  if (!made.destroyed && length === expected) return buffers.page(out, length);
  if (made.destroyed) kept = undefined;
  buffers.give(out);
  return undefined;
}

/** @throws the system's error; its code is ERR_BUFFER_TOO_LARGE when there is more than `bytesMax`. */
export function inflate(packed: Uint8Array, bytesMax: number, buffers: PageBuffers): PageBytes {
  return inflateShort(packed, bytesMax, buffers) ?? ownedPage(gunzipSync(packed, { maxOutputLength: bytesMax }));
}
