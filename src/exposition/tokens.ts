/**
 * What may change from one page of a target to the next: values, timestamps, exemplars. Everything between two tokens
 * (names, labels, HELP and TYPE lines) is a gap, and two pages with equal gaps have the same series.
 */
import { VALUES_SPARE } from "./page.ts";

export const TOKEN = { value: 0, timestamp: 1, exemplar: 2 } as const;
export type TokenKind = (typeof TOKEN)[keyof typeof TOKEN];

const TOKENS_FIRST = 256;
/** Longer texts are not kept: most of them move with every page. */
export const TEXT_BYTES_MAX = 8;

/**
 * The texts of a page's tokens: eight bytes of the page from where each starts, of which `sizes[k]` are the token's;
 * size 0: a longer text, which is read anew each time.
 */
export class TokenTexts {
  words: Uint32Array = new Uint32Array(2 * TOKENS_FIRST);
  sizes: Uint8Array = new Uint8Array(TOKENS_FIRST);
  length = 0;

  push(page: DataView, start: number, end: number): void {
    if (this.length === this.sizes.length) this.#resize(2 * this.length);
    this.set(this.length++, page, start, end);
  }

  set(k: number, page: DataView, start: number, end: number): void {
    const size = end - start;
    const fits = size <= TEXT_BYTES_MAX && start + TEXT_BYTES_MAX <= page.byteLength;
    this.sizes[k] = fits ? size : 0;
    if (!fits) return;
    this.words[2 * k] = page.getUint32(start, true);
    this.words[2 * k + 1] = page.getUint32(start + 4, true);
  }

  /** Gives back what is not used. */
  trim(): void {
    this.#resize(this.length);
  }

  #resize(size: number): void {
    const words = new Uint32Array(2 * size);
    const sizes = new Uint8Array(size);
    words.set(this.words.subarray(0, 2 * this.length));
    sizes.set(this.sizes.subarray(0, this.length));
    this.words = words;
    this.sizes = sizes;
  }
}

/** Growing columns of samples. */
export class SampleList {
  values: Float64Array = new Float64Array(TOKENS_FIRST);
  timestamps: Float64Array = new Float64Array(0);
  timed = false;
  length = 0;

  /** Makes room for one more sample and returns its index; the sample has no timestamp yet. */
  add(): number {
    if (this.length === this.values.length) {
      const values = new Float64Array(this.length * 2);
      values.set(this.values);
      this.values = values;
    }
    if (this.timed) this.#fit();
    return this.length++;
  }

  setTimestamp(index: number, t: number): void {
    this.timed = true;
    this.#fit();
    this.timestamps[index] = t;
  }

  /** Gives back what is not used. */
  trim(): void {
    const values = new Float64Array(this.length + VALUES_SPARE);
    values.set(this.values.subarray(0, this.length));
    this.values = values;
    this.timestamps = this.timed ? this.timestamps.slice(0, this.length) : this.timestamps;
  }

  #fit(): void {
    if (this.timestamps.length >= this.values.length) return;
    const timestamps = new Float64Array(this.values.length).fill(Number.NaN);
    timestamps.set(this.timestamps);
    this.timestamps = timestamps;
  }
}
