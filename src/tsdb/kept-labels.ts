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
    if (++this.#count > KEPT_MAX) {
      this.#sets = [];
      this.#count = 1;
    }
    this.#sets[ref] = labels;
    return labels;
  }
}
