/**
 * Memory for pages, lent and given back. A fresh buffer for each page is memory outside V8's heap, and every few dozen
 * megabytes of that make V8 collect the whole heap: with a hundred targets a second that cost more than all the rest.
 */

/** Sizes are rounded up to this, so that a page which grows by a few bytes finds the same buffers. */
const STEP_BYTES = 16 * 1024;
/** Buffers kept for later: as many as pages are usually under way at once, see the slots of `schedule.ts`. */
const FREE_MAX = 32;
/** A larger page is rare, and its buffer is not kept. */
const KEPT_BYTES_MAX = 2 * 1024 * 1024;

/** A page's bytes, and the way to say that nobody looks at them any more. */
export interface PageBytes {
  readonly bytes: Buffer;
  /** The page for whoever needs it longer than until his first wait. */
  keep(): PageBytes;
  release(): void;
}

function nothing(): void {}

function itself(this: PageBytes): PageBytes {
  return this;
}

/** Bytes that nobody gets back. */
export function ownedPage(bytes: Buffer): PageBytes {
  return { bytes, keep: itself, release: nothing };
}

function copied(this: PageBytes): PageBytes {
  return ownedPage(Buffer.from(this.bytes));
}

/** Bytes that others write over as soon as whoever gets them waits for anything. */
export function borrowedPage(bytes: Buffer): PageBytes {
  return { bytes, keep: copied, release: nothing };
}

export class PageBuffers {
  readonly #free: Buffer[] = [];

  /** A buffer of at least so many bytes, with anything in it. */
  take(least: number): Buffer {
    let best = -1;
    for (const [i, buffer] of this.#free.entries()) {
      const fits = buffer.length >= least && buffer.length <= 2 * least + STEP_BYTES;
      if (fits && (best < 0 || buffer.length < (this.#free[best] as Buffer).length)) best = i;
    }
    if (best >= 0) return this.#free.splice(best, 1)[0] as Buffer;
    return Buffer.allocUnsafeSlow(Math.ceil(Math.max(1, least) / STEP_BYTES) * STEP_BYTES);
  }

  give(buffer: Buffer): void {
    if (buffer.length > KEPT_BYTES_MAX) return;
    if (this.#free.length >= FREE_MAX) this.#free.shift();
    this.#free.push(buffer);
  }

  /** The first `length` bytes of a lent buffer as a page. */
  page(buffer: Buffer, length: number): PageBytes {
    let lent = true;
    const release = (): void => {
      if (lent) this.give(buffer);
      lent = false;
    };
    return { bytes: buffer.subarray(0, length), keep: itself, release };
  }
}
