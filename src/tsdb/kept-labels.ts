/** Label sets that were handed out, so that repeated queries get the very same ones; their texts are read at the first look. */
import { Labels, type ReadPairs } from "../model/labels.ts";
import type { SeriesRef } from "../model/sample.ts";

/** Label sets kept before the lot is forgotten: about 20 MB. */
const KEPT_MAX = 60_000;

export class KeptLabels {
  readonly #read: ReadPairs;
  #sets: (Labels | undefined)[] = [];
  #count = 0;

  /** @param read a ref means the same series for ever, so it may be asked late. */
  constructor(read: ReadPairs) {
    this.#read = read;
  }

  of(ref: SeriesRef): Labels {
    const known = this.#sets[ref];
    if (known !== undefined) return known;
    const labels = Labels.kept(this.#read, ref);
    this.#keep(ref, labels);
    return labels;
  }

  /** Puts those of `refs` from place `from` to `to` behind `out`. One flat loop: the first query of a start waits for it. */
  append(refs: Uint32Array, from: number, to: number, out: Labels[]): void {
    const read = this.#read;
    for (let i = from; i < to; i++) {
      const ref = refs[i] as number;
      let labels = this.#sets[ref];
      if (labels === undefined) this.#keep(ref, (labels = Labels.kept(read, ref)));
      out.push(labels);
    }
  }

  #keep(ref: SeriesRef, labels: Labels): void {
    if (++this.#count > KEPT_MAX) {
      this.#sets = [];
      this.#count = 1;
    }
    // Without gaps the array stays one, whatever order they come in.
    while (this.#sets.length < ref) this.#sets.push(undefined);
    this.#sets[ref] = labels;
  }
}
