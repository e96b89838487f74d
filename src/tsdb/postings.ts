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

const NONE = new Uint32Array(0);

/** Series numbers in ascending order, growing at the end. A list of one is kept as the bare number by its owner. */
export class Postings {
  #refs: Uint32Array<ArrayBuffer> = NONE;
  #length = 0;

  /** @param refs ascending; taken over. */
  static of(refs: Uint32Array<ArrayBuffer>): Postings {
    const postings = new Postings();
    postings.#refs = refs;
    postings.#length = refs.length;
    return postings;
  }

  get length(): number {
    return this.#length;
  }

  push(ref: number): void {
    if (this.#length === this.#refs.length) this.#refs = grown(this.#refs, Math.max(4, this.#length + 1));
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

/** So many series are posted one by one: arrays for all pairs would cost more. */
const FEW = 256;

/**
 * The lists of all pairs. Series are posted as far as somebody looks: those that a start brings in, all together, when
 * the first question comes.
 */
export class PostingLists {
  /** By pair; pair 0 is none. */
  readonly #lists: PostingList[] = [0];
  /** Series up to here are posted. */
  #posted = 0;

  get count(): number {
    return this.#lists.length;
  }

  /** @returns the number of a new pair. */
  add(): number {
    return this.#lists.push(0) - 1;
  }

  /** The list of a pair, to be asked for after `catchUp`. */
  list(pair: number): PostingList {
    return this.#lists[pair] as PostingList;
  }

  /**
   * Posts series up to number `count`. @param slab pairs of all series, those of `ref` from `starts[ref]` on.
   */
  catchUp(count: number, slab: Uint32Array, starts: Uint32Array): void {
    let first = this.#posted + 1;
    if (first > count) return;
    this.#posted = count;
    if (count - first < FEW) {
      for (let i = starts[first] as number; first <= count; first++)
        for (const stop = starts[first + 1] as number; i < stop; i++) this.#post(slab[i] as number, first);
      return;
    }
    const begin = starts[first] as number;
    const end = starts[count + 1] as number;
    const sizes = new Uint32Array(this.#lists.length);
    for (let i = begin; i < end; i++) sizes[slab[i] as number] = (sizes[slab[i] as number] as number) + 1;
    const rooms: (Uint32Array<ArrayBuffer> | undefined)[] = [];
    const next = new Uint32Array(sizes.length);
    for (let pair = 0; pair < sizes.length; pair++) {
      const known = this.#lists[pair] as PostingList;
      const before = countOf(known);
      const after = before + (sizes[pair] as number);
      // Few at a time take the way that leaves room for more.
      const anew = after > 1 && after > 2 * before;
      const room = anew ? new Uint32Array(after) : undefined;
      if (room !== undefined && typeof known === "number" && before === 1) room[0] = known;
      else if (room !== undefined && typeof known !== "number") room.set(known.view());
      next[pair] = before;
      rooms.push(room);
    }
    for (let ref = first, i = begin; ref <= count; ref++) {
      for (const stop = starts[ref + 1] as number; i < stop; i++) {
        const pair = slab[i] as number;
        const room = rooms[pair];
        if (room === undefined) {
          this.#post(pair, ref);
        } else {
          const at = next[pair] as number;
          room[at] = ref;
          next[pair] = at + 1;
        }
      }
    }
    rooms.forEach((room, pair) => {
      if (room !== undefined) this.#lists[pair] = Postings.of(room);
    });
  }

  #post(pair: number, ref: number): void {
    const list = this.#lists[pair] as PostingList;
    if (list === 0) {
      this.#lists[pair] = ref;
    } else if (typeof list === "number") {
      const more = new Postings();
      more.push(list);
      more.push(ref);
      this.#lists[pair] = more;
    } else {
      list.push(ref);
    }
  }
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
