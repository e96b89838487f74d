/**
 * zstd for records, bytes as the public functions give them. Those make a compressor and its tables for each call, and
 * tell V8 of the memory, which then collects its whole heap again and again while chunks are sealed. One compressor that
 * is used again costs half, and no collection. Node keeps the door of its streams to itself, so what is behind it is
 * looked at first, and whatever is unusual (large, broken, another Node) goes the public way.
 */
import { constants, createZstdCompress, createZstdDecompress, zstdCompressSync, zstdDecompressSync } from "node:zlib";

const OPTIONS = { params: { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_contentSizeFlag]: 1 } };
/** Room for what comes out: segments are some KB. What does not fit is rare and goes the public way. */
const ROOM_BYTES = 128 * 1024;
/** What zstd adds to text it cannot shorten, and more. */
const SLACK_BYTES = 1024;

/** The part of Node's zstd streams that is used here. */
interface Worker {
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
  readonly destroyed: boolean;
}

/** One worker, made at the first call and again after one broke. */
class Kept {
  readonly #make: () => unknown;
  #worker: Worker | "none" | undefined;

  constructor(make: () => unknown) {
    this.#make = make;
  }

  /** What comes out, borrowed until the next call; undefined leaves it to the public way. */
  run(input: Uint8Array): Uint8Array | undefined {
    const worker = (this.#worker ??= this.#open());
    if (worker === "none") return undefined;
    room ??= Buffer.allocUnsafeSlow(ROOM_BYTES);
    worker.reset();
    worker._handle.writeSync(constants.ZSTD_e_end, input, 0, input.length, room, 0, room.length);
    const [left = 0, unread = 0] = worker._writeState;
    if (worker.destroyed) this.#worker = undefined;
    // A full output does not tell whether there is more to come.
    return worker.destroyed || unread > 0 || left === 0 ? undefined : room.subarray(0, room.length - left);
  }

  #open(): Worker | "none" {
    const made = this.#make() as Partial<Worker> & { on(event: "error", listener: () => void): void };
    // Broken bytes are told as an event too, later; by then they went the public way.
    made.on("error", () => undefined);
    const fits = typeof made._handle?.writeSync === "function" && made._writeState instanceof Uint32Array;
    return fits ? (made as Worker) : "none";
  }
}

let room: Buffer | undefined;
const squeezer = new Kept(() => createZstdCompress(OPTIONS));
const opener = new Kept(() => createZstdDecompress());

/** The bytes as one zstd frame; borrowed until the next call. */
export function squeeze(bytes: Uint8Array): Uint8Array {
  const short = bytes.length + SLACK_BYTES < ROOM_BYTES ? squeezer.run(bytes) : undefined;
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
  const short = size >= 0 && size < ROOM_BYTES && size <= bytesMax ? opener.run(frame) : undefined;
  // A frame that was cut off gives less, and no error.
  if (short?.length === size) return Uint8Array.from(short);
  // A copy: zlib's answer is a slice of 64 KB, and caches count what they keep by its length.
  return Uint8Array.from(zstdDecompressSync(frame, { maxOutputLength: bytesMax }));
}
