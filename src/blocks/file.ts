/**
 * A file read in pieces: index files of a month are larger than what should be in memory. Bytes handed out are borrowed
 * until the next read.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { unreadable } from "../base/system-error.ts";
import { damaged } from "./cursor.ts";

/** Read ahead: neighbours are read next, in the index as in a segment of chunks. */
const WINDOW_BYTES = 256 * 1024;
/** No section, series or chunk of an honest block is larger. */
export const PIECE_BYTES_MAX: number = 1024 * 1024 * 1024;

export class BlockFile implements Disposable {
  readonly path: string;
  readonly size: number;
  readonly #handle: number;
  #window: Buffer = Buffer.alloc(0);
  #start = 0;

  /** @throws UserError `unreadable`. */
  constructor(path: string) {
    this.path = path;
    try {
      this.#handle = openSync(path, "r");
    } catch (cause) {
      throw unreadable(path, cause);
    }
    this.size = fstatSync(this.#handle).size;
  }

  /** As many bytes from `at` as are there, up to `length`. @throws UserError `unreadable`, `bad-block`. */
  some(at: number, length: number): Buffer {
    const end = Math.min(at + length, this.size);
    if (!(at >= 0 && at <= this.size)) throw damaged(this.path, at, `the file has ${this.size} bytes only`);
    if (at < this.#start || end > this.#start + this.#window.length) this.#load(at, end - at);
    return this.#window.subarray(at - this.#start, end - this.#start);
  }

  /** Exactly `length` bytes. @throws UserError `unreadable`, `bad-block` where the file is shorter. */
  read(at: number, length: number): Buffer {
    if (!(length <= PIECE_BYTES_MAX)) throw damaged(this.path, at, `a piece of ${length} bytes is too large`);
    if (!(at + length <= this.size))
      throw damaged(this.path, at, `${length} bytes are wanted, the file has ${this.size} in all`);
    return this.some(at, length);
  }

  #load(at: number, length: number): void {
    const window = Buffer.allocUnsafe(Math.min(Math.max(length, WINDOW_BYTES), this.size - at));
    let done = 0;
    try {
      while (done < window.length) {
        const got = readSync(this.#handle, window, done, window.length - done, at + done);
        if (got === 0) break;
        done += got;
      }
    } catch (cause) {
      throw unreadable(this.path, cause);
    }
    if (done < length) throw damaged(this.path, at + done, "the file became shorter while it was read");
    this.#window = window.subarray(0, done);
    this.#start = at;
  }

  [Symbol.dispose](): void {
    closeSync(this.#handle);
  }
}
