/**
 * The next page of a target beside the last one. Both are compared from the top, eight bytes at a time; where they
 * differ must stand a value, a timestamp or an exemplar, which is read anew, and the comparison goes on behind it.
 * So a value that did not change is never parsed, and never even looked for. A difference anywhere else means that the
 * page is another one, and the caller reads it in full.
 */
import type { PageFormat } from "./page.ts";
import { parseFloatInto, readShortFloat } from "./float.ts";
import { endOfValue, readExemplar, readTimestamp, startsExemplar } from "./suffix.ts";
import { type SampleList, TOKEN, type TokenList } from "./tokens.ts";

export class PageReplay {
  readonly #format: PageFormat;
  readonly #samples: SampleList;
  /** Of each token: where it stands in the last page, its kind, and whose it is, when there are others than values. */
  readonly #starts: Uint32Array;
  readonly #ends: Uint32Array;
  readonly #kinds: Uint8Array;
  readonly #owners: Uint32Array | undefined;
  #page: Uint8Array;
  #view: DataView;

  /** @param page must hold no NUL byte, see `equalBytes`; it is kept to compare the next one with. */
  constructor(page: Uint8Array, tokens: TokenList, samples: SampleList, format: PageFormat) {
    const { length } = tokens;
    this.#format = format;
    this.#samples = samples;
    this.#starts = tokens.starts.slice(0, length);
    this.#ends = tokens.ends.slice(0, length);
    this.#kinds = tokens.kinds.slice(0, length);
    this.#owners = length === samples.length ? undefined : ownersOf(this.#kinds);
    this.#page = page;
    this.#view = viewOf(page);
  }

  /**
   * Takes the page's numbers over when nothing else of it changed. Otherwise it gives false, and what it knew is
   * undefined from then on.
   */
  take(page: Uint8Array): boolean {
    const view = viewOf(page);
    const oldView = this.#view;
    const starts = this.#starts;
    const ends = this.#ends;
    const count = starts.length;
    const end = page.length;
    const oldEnd = this.#page.length;
    let k = 0;
    let pos = 0;
    let old = 0;
    for (;;) {
      const same = equalBytes(view, pos, oldView, old, Math.min(end - pos, oldEnd - old));
      pos += same;
      old += same;
      const shift = pos - old;
      const done = pos === end && old === oldEnd;
      const before = done ? count : this.#endsBefore(k, old);
      // Tokens that lie before the difference are where they were, or moved with what changed before them.
      for (; k < before; k++) {
        starts[k] = (starts[k] as number) + shift;
        ends[k] = (ends[k] as number) + shift;
      }
      if (done) break;
      if (k === count || (starts[k] as number) > old) return false;
      const start = (starts[k] as number) + shift;
      const stop = this.#read(k, page, start);
      if (stop < 0) return false;
      pos = stop;
      old = ends[k] as number;
      starts[k] = start;
      ends[k] = stop;
      k++;
    }
    this.#page = page;
    this.#view = view;
    return true;
  }

  /** The first token from `k` on that does not end before `at` of the last page. */
  #endsBefore(k: number, at: number): number {
    let next = k;
    while (next < this.#ends.length && (this.#ends[next] as number) < at) next++;
    return next;
  }

  /** Reads token `k` at `start` of the new page. @returns its end there, or -1 when it is not one of that kind. */
  #read(k: number, page: Uint8Array, start: number): number {
    const end = page.length;
    const format = this.#format;
    const kind = this.#kinds[k] as number;
    const owner = this.#owners === undefined ? k : (this.#owners[k] as number);
    const { values, timestamps } = this.#samples;
    if (kind === TOKEN.value) {
      const short = readShortFloat(values, owner, page, start, end);
      if (short >= 0) return short;
      const stop = endOfValue(page, start, end, format);
      return stop > start && parseFloatInto(values, owner, page, start, stop) ? stop : -1;
    }
    if (kind === TOKEN.exemplar) return startsExemplar(page, start) ? readExemplar(page, start, end) : -1;
    const stop = endOfValue(page, start, end, format);
    return readTimestamp(timestamps, owner, page, start, stop, format) ? stop : -1;
  }
}

/** The sample each token belongs to: a value begins one. */
function ownersOf(kinds: Uint8Array): Uint32Array {
  let sample = -1;
  return Uint32Array.from(kinds, (kind) => (kind === TOKEN.value ? ++sample : sample));
}

function viewOf(page: Uint8Array): DataView {
  return new DataView(page.buffer, page.byteOffset, page.byteLength);
}

/**
 * How many of `length` bytes are equal before the first that differs. Sixteen at a time, as float64: UTF-8 text never
 * makes a NaN, which would differ from itself and only cost a closer look, and the older page has no NUL bytes, which
 * could make the two zeros that are equal and not the same.
 */
function equalBytes(a: DataView, aFrom: number, b: DataView, bFrom: number, length: number): number {
  let i = 0;
  for (;;) {
    while (
      i + 16 <= length &&
      a.getFloat64(aFrom + i, true) === b.getFloat64(bFrom + i, true) &&
      a.getFloat64(aFrom + i + 8, true) === b.getFloat64(bFrom + i + 8, true)
    )
      i += 16;
    const stop = Math.min(length, i + 16);
    while (i < stop && a.getUint8(aFrom + i) === b.getUint8(bFrom + i)) i++;
    if (i < stop || i === length) return i;
  }
}
