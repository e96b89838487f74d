/** Posting lists, and how the index's arrays grow. */

/** Arrays up to here double; larger ones grow by a quarter, because what is not used yet is memory all the same. */
const DOUBLED_MAX = 32_768;
/** The same for a posting list, of which there are many. */
const LIST_DOUBLED_MAX = 4_096;

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
    const steps = new Uint8Array(length + STEP_BYTES_MAX + (length <= LIST_DOUBLED_MAX ? length : length >> 2));
    steps.set(this.#steps);
    this.#steps = steps;
  }
}

/** Series of a pair as they were looked for: a plain list, made in a fraction of the time. */
class Found {
  readonly refs: Uint32Array<ArrayBuffer>;

  constructor(refs: Uint32Array<ArrayBuffer>) {
    this.refs = refs;
  }

  get length(): number {
    return this.refs.length;
  }

  read(out: Uint32Array, at = 0): void {
    out.set(this.refs, at);
  }

  first(most: number): Uint32Array {
    return this.refs.subarray(0, most);
  }
}

/** 0 = nobody. */
export type PostingList = number | Postings | Found;

export function countOf(list: PostingList): number {
  return typeof list === "number" ? Math.min(list, 1) : list.length;
}

/** Up to so many series are posted for the first question; of more only the pairs it asks for are looked for. */
const FEW = 256;
/** Pairs looked for one by one, until all are posted. */
const SCANS_MAX = 16;
/** From so many series on a start posts them: no question should wait for that. */
export const MANY: number = 20_000;

/** Series as their pairs: those of `ref` lie in `slab` from `starts[ref]` to `starts[ref + 1]`; numbers 1 to `count`. */
export interface PairSlab {
  readonly count: number;
  readonly slab: Uint32Array;
  readonly starts: Uint32Array;
}

/**
 * The lists of all pairs. Series are posted when somebody looks, and those that a start brings in not even then: looking
 * for one pair in all of them takes a fiftieth of posting them, and an engine that comes back is asked at once.
 */
export class PostingLists {
  /** By pair; pair 0 is none. */
  readonly #lists: (number | Postings)[] = [0];
  /** Series up to here are posted. */
  #posted = 0;
  /** Before any is posted: pairs that were looked for, and among how many series. */
  readonly #scanned = new Map<number, { readonly count: number; readonly list: Found }>();

  get count(): number {
    return this.#lists.length;
  }

  /** @returns the number of a new pair. */
  add(): number {
    return this.#lists.push(0) - 1;
  }

  /** All series of a pair. */
  list(pair: number, pairs: PairSlab): PostingList {
    const scans = this.#posted === 0 && pairs.count > FEW;
    if (scans && (this.#scanned.size < SCANS_MAX || this.#scanned.has(pair))) return this.#scan(pair, pairs);
    if (pairs.count > this.#posted) this.#catchUp(pairs);
    return this.#lists[pair] as PostingList;
  }

  /** To be called when a start has brought in its series. */
  settle(pairs: PairSlab): void {
    if (pairs.count - this.#posted >= MANY) this.#catchUp(pairs);
  }

  #scan(pair: number, pairs: PairSlab): Found {
    const known = this.#scanned.get(pair);
    if (known?.count === pairs.count) return known.list;
    const fresh = having(pair, pairs, known === undefined ? 1 : known.count + 1);
    const list = known === undefined ? new Found(fresh) : new Found(joined(known.list.refs, fresh));
    this.#scanned.set(pair, { count: pairs.count, list });
    return list;
  }

  #catchUp({ count, slab, starts }: PairSlab): void {
    const first = this.#posted + 1;
    this.#posted = count;
    this.#scanned.clear();
    for (let ref = first, i = starts[first] as number; ref <= count; ref++) {
      for (const stop = starts[ref + 1] as number; i < stop; i++) this.#post(slab[i] as number, ref);
    }
  }

  #post(pair: number, ref: number): void {
    const list = this.#lists[pair] as number | Postings;
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

function joined(a: Uint32Array<ArrayBuffer>, b: Uint32Array): Uint32Array<ArrayBuffer> {
  if (b.length === 0) return a;
  const both = new Uint32Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/** Series from `first` on that have this pair. Neighbours mostly have it in the same place, or not at all. */
function having(pair: number, pairs: PairSlab, first: number): Uint32Array<ArrayBuffer> {
  const { count, slab, starts } = pairs;
  const found = new Uint32Array(Math.max(0, count + 1 - first));
  const end = starts[count + 1] as number;
  let length = 0;
  let place = 0;
  for (let ref = first; ref <= count; ) {
    const start = starts[ref] as number;
    if (slab[start + place] !== pair || start + place >= (starts[ref + 1] as number)) {
      const at = slab.indexOf(pair, start);
      if (at < 0 || at >= end) break;
      ref = seriesAt(at, pairs, ref);
      place = at - (starts[ref] as number);
    }
    found[length++] = ref++;
  }
  return found.slice(0, length);
}

/** The series whose pairs hold place `at` of the slab: `from` or a later one, most likely a near one. */
function seriesAt(at: number, { count, starts }: PairSlab, from: number): number {
  let step = 1;
  while (from + step <= count && (starts[from + step] as number) <= at) step *= 2;
  let low = from + (step >> 1);
  let high = Math.min(from + step, count + 1);
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((starts[middle] as number) <= at) low = middle;
    else high = middle;
  }
  return low;
}

/** The union of lists in which no number occurs twice, ascending; not to be written to. */
export function union(lists: readonly PostingList[]): Uint32Array {
  const [only] = lists;
  if (only instanceof Found && lists.length === 1) return only.refs;
  const all = new Uint32Array(lists.reduce<number>((sum, list) => sum + countOf(list), 0));
  let at = 0;
  let ascending = true;
  for (const list of lists) {
    if (list === 0) continue;
    const from = at;
    if (typeof list === "number") all[at++] = list;
    else {
      list.read(all, at);
      at += list.length;
    }
    ascending &&= from === 0 || (all[from] as number) > (all[from - 1] as number);
  }
  return ascending ? all : all.sort();
}
