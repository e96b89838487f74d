/**
 * Where the changing texts of a page are: values, timestamps, exemplars. Everything between two tokens (names,
 * labels, HELP and TYPE lines) is a gap, and two pages with equal gaps have the same series.
 */

export const TOKEN = { value: 0, timestamp: 1, exemplar: 2 } as const;
export type TokenKind = (typeof TOKEN)[keyof typeof TOKEN];

const TOKENS_FIRST = 256;

/** Growing columns of tokens; `starts[k]` and `ends[k]` are byte offsets into the page. */
export class TokenList {
  starts: Uint32Array = new Uint32Array(TOKENS_FIRST);
  ends: Uint32Array = new Uint32Array(TOKENS_FIRST);
  kinds: Uint8Array = new Uint8Array(TOKENS_FIRST);
  length = 0;

  push(kind: TokenKind, start: number, end: number): void {
    if (this.length === this.kinds.length) this.#grow();
    this.starts[this.length] = start;
    this.ends[this.length] = end;
    this.kinds[this.length] = kind;
    this.length++;
  }

  /** Gives the memory back. */
  clear(): void {
    this.length = 0;
    this.starts = new Uint32Array(0);
    this.ends = new Uint32Array(0);
    this.kinds = new Uint8Array(0);
  }

  #grow(): void {
    const size = this.kinds.length * 2;
    const starts = new Uint32Array(size);
    const ends = new Uint32Array(size);
    const kinds = new Uint8Array(size);
    starts.set(this.starts);
    ends.set(this.ends);
    kinds.set(this.kinds);
    this.starts = starts;
    this.ends = ends;
    this.kinds = kinds;
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

  reset(): void {
    this.length = 0;
    this.timed = false;
  }

  #fit(): void {
    if (this.timestamps.length >= this.values.length) return;
    const timestamps = new Float64Array(this.values.length).fill(Number.NaN);
    timestamps.set(this.timestamps);
    this.timestamps = timestamps;
  }
}
