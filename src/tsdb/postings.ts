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

const NONE = new Uint8Array(0);
/** A step below 2^31 in groups of seven bits. */
const STEP_BYTES_MAX = 5;

/**
 * Series numbers in ascending order, growing at the end. A list of one is kept as the bare number by its owner.
 * Kept as steps from one number to the next, seven bits a byte, the last byte of a step below 128: series of a target
 * are neighbours, so most steps are a byte where numbers are four.
 */
export class Postings {
  #steps: Uint8Array<ArrayBuffer> = NONE;
  #bytes = 0;
  #length = 0;
  #last = 0;

  /** @param refs ascending. */
  static of(refs: Uint32Array): Postings {
    const postings = new Postings();
    let bytes = STEP_BYTES_MAX;
    let last = 0;
    for (const ref of refs) {
      for (let step = ref - last; step >= 128; step >>>= 7) bytes++;
      bytes++;
      last = ref;
    }
    postings.#steps = new Uint8Array(bytes);
    for (const ref of refs) postings.push(ref);
    return postings;
  }

  get length(): number {
    return this.#length;
  }

  /** @param ref larger than all before. */
  push(ref: number): void {
    if (this.#bytes + STEP_BYTES_MAX > this.#steps.length) this.#grow();
    let step = ref - this.#last;
    for (; step >= 128; step >>>= 7) this.#steps[this.#bytes++] = 128 | (step & 127);
    this.#steps[this.#bytes++] = step;
    this.#last = ref;
    this.#length++;
  }

  /** Writes the first `count` numbers to `out` from `at` on. */
  read(out: Uint32Array, at = 0, count: number = this.#length): void {
    const steps = this.#steps;
    let place = 0;
    let ref = 0;
    for (let i = 0; i < count; i++) {
      let byte = steps[place++] as number;
      let step = byte & 127;
      for (let shift = 7; byte >= 128; shift += 7) {
        byte = steps[place++] as number;
        step |= (byte & 127) << shift;
      }
      ref += step;
      out[at + i] = ref;
    }
  }

  /** The first `most` numbers. */
  first(most: number): Uint32Array {
    const refs = new Uint32Array(Math.min(most, this.#length));
    this.read(refs, 0, refs.length);
    return refs;
  }

  #grow(): void {
    const { length } = this.#steps;
    const steps = new Uint8Array(length + STEP_BYTES_MAX + (length <= DOUBLED_MAX ? length : length >> 2));
    steps.set(this.#steps);
    this.#steps = steps;
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
      else if (room !== undefined && typeof known !== "number") known.read(room);
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
      list.read(all, at);
      at += list.length;
    }
  }
  return lists.length > 1 ? all.sort() : all;
}
