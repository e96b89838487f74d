/** Series numbers in ascending order, growing at the end. A list of one is kept as the bare number by its owner. */
export class Postings {
  #refs: Uint32Array = new Uint32Array(4);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(ref: number): void {
    if (this.#length === this.#refs.length) {
      const grown = new Uint32Array(this.#refs.length * 2);
      grown.set(this.#refs);
      this.#refs = grown;
    }
    this.#refs[this.#length++] = ref;
  }

  /** Borrowed until the next push. */
  view(): Uint32Array {
    return this.#refs.subarray(0, this.#length);
  }
}

export type PostingList = number | Postings;

export function countOf(list: PostingList | undefined): number {
  return list === undefined ? 0 : typeof list === "number" ? 1 : list.length;
}

/** The union of lists in which no number occurs twice, ascending. */
export function union(lists: readonly PostingList[]): Uint32Array {
  const all = new Uint32Array(lists.reduce<number>((sum, list) => sum + countOf(list), 0));
  let at = 0;
  for (const list of lists) {
    if (typeof list === "number") all[at++] = list;
    else {
      all.set(list.view(), at);
      at += list.length;
    }
  }
  return lists.length > 1 ? all.sort() : all;
}
