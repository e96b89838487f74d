/**
 * zstd for records, by streams that are kept (see `base/kept-zlib.ts`): bytes as the public functions give them.
 */
import { constants, createZstdCompress, createZstdDecompress, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { KeptZlib } from "../base/kept-zlib.ts";

const OPTIONS = { params: { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_contentSizeFlag]: 1 } };
/** Room for what comes out: segments are some KB. What does not fit is rare and goes the public way. */
const ROOM_BYTES = 128 * 1024;
/** What zstd adds to text it cannot shorten, and more. */
const SLACK_BYTES = 1024;

let room: Buffer | undefined;
const squeezer = new KeptZlib(() => createZstdCompress(OPTIONS), constants.ZSTD_e_end);
const opener = new KeptZlib(() => createZstdDecompress(), constants.ZSTD_e_end);

/** What comes out, borrowed until the next call. */
function run(kept: KeptZlib, input: Uint8Array): Uint8Array | undefined {
  room ??= Buffer.allocUnsafeSlow(ROOM_BYTES);
  const length = kept.run(input, room);
  return length === undefined ? undefined : room.subarray(0, length);
}

/** The bytes as one zstd frame; borrowed until the next call. */
export function squeeze(bytes: Uint8Array): Uint8Array {
  const short = bytes.length + SLACK_BYTES < ROOM_BYTES ? run(squeezer, bytes) : undefined;
  return short ?? zstdCompressSync(bytes, OPTIONS);
}

/**
 * How much a frame holds, as the frames of `squeeze` say it; -1 when this one says it otherwise or not at all.
 * @see https://www.rfc-editor.org/rfc/rfc8878#name-frame-header
 */
function contentSize(frame: Uint8Array): number {
  const told = frame[4] ?? 0;
  // A single segment without a dictionary: the size follows in 1, 2 or 4 bytes.
  if ((told & 0b0010_0011) !== 0b0010_0000 || frame.length < 9) return -1;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  if (told >> 6 === 0) return view.getUint8(5);
  if (told >> 6 === 1) return view.getUint16(5, true) + 256;
  return told >> 6 === 2 ? view.getUint32(5, true) : -1;
}

/** What `squeeze` was given; its owner's. @throws the system's error for bytes that are no whole frame, or a larger one. */
export function unsqueeze(frame: Uint8Array, bytesMax: number): Uint8Array {
  const size = contentSize(frame);
  const short = size >= 0 && size < ROOM_BYTES && size <= bytesMax ? run(opener, frame) : undefined;
  // A frame that was cut off gives less, and no error.
  if (short?.length === size) return Uint8Array.from(short);
  // A copy: zlib's answer is a slice of 64 KB, and caches count what they keep by its length.
  return Uint8Array.from(zstdDecompressSync(frame, { maxOutputLength: bytesMax }));
}
