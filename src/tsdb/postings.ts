/** Posting lists, and how the index's arrays grow. */

/** Arrays up to here double; larger ones grow by a quarter, because what is not used yet is memory all the same. */
const DOUBLED_MAX = 4_096;

export function grown(array: Uint32Array<ArrayBuffer>, least: number): Uint32Array<ArrayBuffer> {
  const { length } = array;
  if (length >= least) return array;
  const bigger = new Uint32Array(Math.max(least, length <= DOUBLED_MAX ? length * 2 : length + (length >> 2)));
  bigger.set(array);
  return bigger;
}

/** Series numbers in ascending order, growing at the end. A list of one is kept as the bare number by its owner. */
export class Postings {
  #refs: Uint32Array<ArrayBuffer> = new Uint32Array(4);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(ref: number): void {
    if (this.#length === this.#refs.length) this.#refs = grown(this.#refs, this.#length + 1);
    this.#refs[this.#length++] = ref;
  }

  /** Borrowed until the next push. */
  view(): Uint32Array {
    return this.#refs.subarray(0, this.#length);
  }
}

/** 0 = nobody. */
export type PostingList = number | Postings;

export function countOf(list: PostingList): number {
  return typeof list === "number" ? Math.min(list, 1) : list.length;
}

/** The union of lists in which no number occurs twice, ascending. */
export function union(lists: readonly PostingList[]): Uint32Array {
  const all = new Uint32Array(lists.reduce<number>((sum, list) => sum + countOf(list), 0));
  let at = 0;
  for (const list of lists) {
    if (list === 0) continue;
    if (typeof list === "number") all[at++] = list;
    else {
      all.set(list.view(), at);
      at += list.length;
    }
  }
  return lists.length > 1 ? all.sort() : all;
}
