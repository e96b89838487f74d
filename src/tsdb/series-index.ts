/**
 * Which series exist and which of them a selector means. Label texts are numbered once (symbols), and so are pairs of name
 * and value; a series is a slice of pair numbers in one slab, found again through an open hash table: some 60 bytes for five
 * labels and no JavaScript object. The index lives in memory and is rebuilt from the chunks' own labels on opening.
 */
import { assert } from "../base/assert.ts";
import { nextTurn, overdue, sortedInTurns } from "../base/turns.ts";
import { compareUtf8, Labels } from "../model/labels.ts";
import type { Matcher } from "../model/matcher.ts";
import type { SeriesRef } from "../model/sample.ts";
import { KeptLabels } from "./kept-labels.ts";
import { largest } from "./largest.ts";
import type { CodedSets } from "./layout-read.ts";
import type { Cardinality } from "./options.ts";
import { orderedByPairs } from "./series-order.ts";
import { countOf, grown, MANY, type PairSlab, type PostingList, PostingLists, union } from "./postings.ts";
import { SeriesTable } from "./series-table.ts";

/** Series, and values asked of a regular expression, between two looks at the clock. */
const STRIDE = 1_024;
const REGEXP_STRIDE = 16;
/** A guess may look at so many series one by one: a tenth of a millisecond. */
const COUNTED_MAX = 5_000;

export class SeriesIndex {
  readonly #numbers = new Map<string, number>();
  readonly #texts: string[] = [];
  /** Pairs of all series, one series after the other. */
  #slab: Uint32Array<ArrayBuffer> = new Uint32Array(1024);
  /** Series `ref` is slab[starts[ref] .. starts[ref + 1]); ref 0 is nobody. */
  #starts: Uint32Array<ArrayBuffer> = new Uint32Array(256);
  #count = 0;
  readonly #table: SeriesTable = new SeriesTable();
  /** Numbers of the pairs by name and value. */
  readonly #pairs = new Map<number, Map<number, number>>();
  /** By pair: name, value, and the series that carry it. Pair 0 is none. */
  #pairNames: Uint32Array<ArrayBuffer> = new Uint32Array(256);
  #pairValues: Uint32Array<ArrayBuffer> = new Uint32Array(256);
  readonly #postings: PostingLists = new PostingLists();
  /** Series without any stored sample left; skipped by every read. */
  readonly #dead = new Set<SeriesRef>();
  #version = 0;
  #scratch: Uint32Array<ArrayBuffer> = new Uint32Array(64);
  /** The sets that were restored last: those that come next mostly differ in a few texts. */
  #restored: { readonly sets: CodedSets; readonly numbers: Uint32Array } | undefined;

  /** The newest series. */
  get last(): SeriesRef {
    return this.#count;
  }

  /** Raised when a series comes or goes. */
  get version(): number {
    return this.#version;
  }

  /** Living series. */
  get size(): number {
    return this.#count - this.#dead.size;
  }

  /** The number of a text, to name series with in `ensure`; a new one if need be. */
  symbolOf(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    this.#texts.push(text);
    this.#numbers.set(text, this.#texts.length);
    return this.#texts.length;
  }

  #text(symbol: number): string {
    return this.#texts[symbol - 1] as string;
  }

  /** @returns 0 when there is no such pair (and `create` is false). */
  #pair(name: number, value: number, create: boolean): number {
    let values = this.#pairs.get(name);
    const known = values?.get(value);
    if (known !== undefined) return known;
    if (!create) return 0;
    if (values === undefined) this.#pairs.set(name, (values = new Map()));
    const pair = this.#postings.add();
    values.set(value, pair);
    this.#pairNames = grown(this.#pairNames, pair + 1);
    this.#pairValues = grown(this.#pairValues, pair + 1);
    this.#pairNames[pair] = name;
    this.#pairValues[pair] = value;
    return pair;
  }

  /** Fills the scratch. @returns how many pairs, or -1 when one was never seen (and `create` is false). */
  #toPairs(labels: Labels, create: boolean): number {
    this.#scratch = grown(this.#scratch, labels.size);
    let length = 0;
    for (const [name, value] of labels) {
      const n = create ? this.symbolOf(name) : (this.#numbers.get(name) ?? 0);
      const v = create ? this.symbolOf(value) : (this.#numbers.get(value) ?? 0);
      const pair = this.#pair(n, v, create);
      if (pair === 0) return -1;
      this.#scratch[length++] = pair;
    }
    return length;
  }

  /** @returns the series' number, 0 when it does not exist. A dead series that is asked for lives again. */
  find(labels: Labels): SeriesRef {
    const length = this.#toPairs(labels, false);
    if (length < 0) return 0;
    const ref = this.#table.find(this.#scratch, length, this.#all());
    if (ref !== 0 && this.#dead.delete(ref)) this.#version++;
    return ref;
  }

  /** Adds a series that `find` did not know. */
  add(labels: Labels): SeriesRef {
    const length = this.#toPairs(labels, true);
    assert(this.#table.find(this.#scratch, length, this.#all()) === 0, "a series is added once");
    const ref = ++this.#count;
    this.#version++;
    const start = this.#starts[ref] as number;
    this.#starts = grown(this.#starts, ref + 2);
    this.#slab = grown(this.#slab, start + length);
    for (let i = 0; i < length; i++) this.#slab[start + i] = this.#scratch[i] as number;
    this.#starts[ref + 1] = start + length;
    return ref;
  }

  /** The numbers of the pairs of these sets, new ones if need be. */
  #restorePairs(sets: CodedSets): Uint32Array {
    const { shape, names, values } = sets;
    const last = this.#restored?.sets.shape === shape ? this.#restored : undefined;
    const numbers = new Uint32Array(shape.pairNames.length);
    for (let pair = 0; pair < numbers.length; pair++) {
      const name = (shape.pairNames[pair] as number) - 1;
      const value = (shape.pairValues[pair] as number) - 1;
      const known = last?.sets.names[name] === names[name] && last?.sets.values[value] === values[value];
      numbers[pair] = known
        ? (last?.numbers[pair] as number)
        : this.#pair(this.symbolOf(names[name] as string), this.symbolOf(values[value] as string), true);
    }
    this.#restored = { sets, numbers };
    return numbers;
  }

  /**
   * The numbers of these series, which are different ones; new ones if need be, NO_REF for an empty set. One flat loop: a
   * start runs it before it is compiled.
   */
  ensureAll(sets: CodedSets): Uint32Array {
    const { count, starts: from, pairs } = sets.shape;
    // A series with a pair that was never seen is new.
    const firstNew = this.#postings.count;
    const numbers = this.#restorePairs(sets);
    const refs = new Uint32Array(count);
    let end = this.#starts[this.#count + 1] as number;
    const starts = (this.#starts = grown(this.#starts, this.#count + count + 2));
    const slab = (this.#slab = grown(this.#slab, end + pairs.length));
    for (let i = 0, at = 0; i < count; i++) {
      let isNew = false;
      const start = end;
      for (const stop = from[i + 1] as number; at < stop; at++) {
        const pair = numbers[pairs[at] as number] as number;
        if (pair >= firstNew) isNew = true;
        slab[end++] = pair;
      }
      if (start === end) continue;
      if (!isNew) {
        const known = this.#table.find(slab.subarray(start, end), end - start, this.#all());
        if (known !== 0) {
          if (this.#dead.delete(known)) this.#version++;
          refs[i] = known;
          end = start;
          continue;
        }
      }
      const ref = ++this.#count;
      starts[ref + 1] = end;
      refs[i] = ref;
    }
    this.#version++;
    return refs;
  }

  /** All series, for those who look among them. */
  #all(): PairSlab {
    return { count: this.#count, slab: this.#slab, starts: this.#starts };
  }

  #list(pair: number): PostingList {
    return this.#postings.list(pair, this.#all());
  }

  /** To be called when a start has brought in its series. */
  settle(): void {
    this.#restored = undefined;
    this.#postings.settle(this.#all());
    if (this.#count >= MANY) this.#table.enter(this.#all());
  }

  /** Nothing of this series is stored any more. */
  kill(ref: SeriesRef): void {
    this.#dead.add(ref);
    this.#version++;
  }

  labels(ref: SeriesRef): Labels {
    return this.kept.of(ref);
  }

  /** Like `labels`, for a single use: nothing is kept. */
  makeLabels(ref: SeriesRef): Labels {
    return Labels.fromSorted(this.#pairsOf(ref));
  }

  readonly kept: KeptLabels = new KeptLabels((ref) => this.#pairsOf(ref));

  /** Names and values in turn. A ref means the same series for ever, so this may be asked late. */
  #pairsOf(ref: SeriesRef): readonly string[] {
    const start = this.#starts[ref] as number;
    const length = (this.#starts[ref + 1] as number) - start;
    const flat: string[] = [];
    flat.length = 2 * length;
    for (let i = 0; i < length; i++) {
      const pair = this.#slab[start + i] as number;
      flat[2 * i] = this.#text(this.#pairNames[pair] as number);
      flat[2 * i + 1] = this.#text(this.#pairValues[pair] as number);
    }
    return flat;
  }

  /** These series in the order of their labels. */
  ordered(refs: Uint32Array): Promise<Uint32Array> {
    return orderedByPairs(refs, {
      starts: this.#starts,
      slab: this.#slab,
      pairs: this.#postings.count,
      name: (pair) => this.#text(this.#pairNames[pair] as number),
      value: (pair) => this.#text(this.#pairValues[pair] as number),
    });
  }

  /** The symbol of the series' value for label `name`, 0 when it has none. */
  #valueOf(ref: SeriesRef, name: number): number {
    const end = this.#starts[ref + 1] as number;
    for (let i = this.#starts[ref] as number; i < end; i++) {
      const pair = this.#slab[i] as number;
      if (this.#pairNames[pair] === name) return this.#pairValues[pair] as number;
    }
    return 0;
  }

  /** Posting lists of all values a positive matcher accepts. */
  async #lists(matcher: Matcher): Promise<PostingList[]> {
    const values = this.#pairs.get(this.#numbers.get(matcher.name) ?? 0);
    if (values === undefined) return [];
    const lists: PostingList[] = [];
    if (matcher.setMatches !== undefined) {
      for (const value of new Set(matcher.setMatches)) {
        const pair = values.get(this.#numbers.get(value) ?? 0);
        if (pair !== undefined) lists.push(this.#list(pair));
      }
      return lists;
    }
    let asked = 0;
    for (const [value, pair] of values) {
      if (++asked % REGEXP_STRIDE === 0 && overdue()) await nextTurn();
      const text = this.#text(value);
      if (text.startsWith(matcher.prefix) && matcher.matches(text)) lists.push(this.#list(pair));
    }
    return lists;
  }

  /**
   * Series that satisfy all matchers. The most selective positive matcher is answered by its posting lists; the
   * others are asked once for each distinct value among what is left. Series added meanwhile may be missing.
   */
  async match(matchers: readonly Matcher[]): Promise<Uint32Array> {
    let best: { readonly matcher: Matcher; readonly lists: readonly PostingList[]; readonly size: number } | undefined;
    for (const matcher of matchers) {
      if (matcher.matches("")) continue;
      const lists = await this.#lists(matcher);
      const size = lists.reduce<number>((sum, list) => sum + countOf(list), 0);
      if (size === 0) return new Uint32Array(0);
      if (best === undefined || size < best.size) best = { matcher, lists, size };
    }
    let refs = best === undefined ? Uint32Array.from({ length: this.#count }, (_, i) => i + 1) : union(best.lists);
    for (const matcher of matchers) if (matcher !== best?.matcher) refs = await this.#filter(refs, matcher);
    return this.#dead.size === 0 ? refs : refs.filter((ref) => !this.#dead.has(ref));
  }

  /** At most so many series satisfy all matchers, told by sizes alone, and up to `most` of those counted. */
  bound(matchers: readonly Matcher[], most: number): { readonly count: number; readonly some: readonly SeriesRef[] } {
    let count = this.#count;
    let best: readonly PostingList[] | undefined;
    for (const { name, setMatches, matches } of matchers) {
      if (setMatches === undefined || matches("")) continue;
      const values = this.#pairs.get(this.#numbers.get(name) ?? 0);
      const lists = setMatches.flatMap((value) => {
        const pair = values?.get(this.#numbers.get(value) ?? 0);
        return pair === undefined ? [] : [this.#list(pair)];
      });
      const size = lists.reduce<number>((sum, list) => sum + countOf(list), 0);
      if (size >= count) continue;
      count = size;
      best = lists;
    }
    if (best === undefined) {
      const stride = Math.max(1, Math.floor(count / most));
      return { count, some: Array.from({ length: Math.min(most, count) }, (_, i) => 1 + i * stride) };
    }
    if (count <= COUNTED_MAX) {
      const found = this.#alike(union(best), matchers);
      return { count: found.length, some: [...found.subarray(0, most)] };
    }
    const some: SeriesRef[] = [];
    for (const list of best.slice(0, most)) {
      if (typeof list === "number") some.push(list);
      else some.push(...list.first(Math.ceil(most / best.length)));
    }
    return { count, some };
  }

  /** Those of `refs` that have the values which matchers name; regular expressions are not asked. */
  #alike(refs: Uint32Array, matchers: readonly Matcher[]): Uint32Array {
    const wanted = matchers.flatMap(({ name, setMatches, matches }) =>
      setMatches === undefined || matches("")
        ? []
        : [{ name: this.#numbers.get(name) ?? 0, values: new Set(setMatches.map((text) => this.#numbers.get(text))) }],
    );
    return refs.filter((ref) => wanted.every(({ name, values }) => values.has(this.#valueOf(ref, name))));
  }

  async #filter(refs: Uint32Array, matcher: Matcher): Promise<Uint32Array> {
    const name = this.#numbers.get(matcher.name) ?? 0;
    const verdicts = new Map<number, boolean>([[0, matcher.matches("")]]);
    const kept = new Uint32Array(refs.length);
    let count = 0;
    for (let i = 0; i < refs.length; i++) {
      if (i % STRIDE === STRIDE - 1 && overdue()) await nextTurn();
      const ref = refs[i] as number;
      const value = name === 0 ? 0 : this.#valueOf(ref, name);
      let verdict = verdicts.get(value);
      if (verdict === undefined) {
        verdicts.set(value, (verdict = matcher.matches(this.#text(value))));
        if (verdicts.size % REGEXP_STRIDE === 0 && overdue()) await nextTurn();
      }
      if (verdict) kept[count++] = ref;
    }
    return kept.subarray(0, count);
  }

  /** Sorted label names of these series. */
  async names(refs: Uint32Array): Promise<readonly string[]> {
    const seen = new Set<number>();
    for (let at = 0; at < refs.length; at++) {
      if (at % STRIDE === STRIDE - 1 && overdue()) await nextTurn();
      const ref = refs[at] as number;
      const end = this.#starts[ref + 1] as number;
      for (let i = this.#starts[ref] as number; i < end; i++)
        seen.add(this.#pairNames[this.#slab[i] as number] as number);
    }
    return this.#sortedTexts(seen);
  }

  /** Sorted values of label `name` among these series. */
  async values(name: string, refs: Uint32Array): Promise<readonly string[]> {
    const symbol = this.#numbers.get(name);
    if (symbol === undefined) return [];
    const seen = new Set<number>();
    for (let at = 0; at < refs.length; at++) {
      if (at % STRIDE === STRIDE - 1 && overdue()) await nextTurn();
      seen.add(this.#valueOf(refs[at] as number, symbol));
    }
    seen.delete(0);
    return this.#sortedTexts(seen);
  }

  #sortedTexts(symbols: ReadonlySet<number>): Promise<readonly string[]> {
    const texts = Array.from(symbols, (symbol) => this.#text(symbol));
    return sortedInTurns(texts, compareUtf8);
  }

  /** The `limit` largest of each kind; dead series are counted until the index is rebuilt on opening. */
  cardinality(limit: number): Cardinality {
    const names = [...this.#pairs].map(([name, values]) => ({
      name: this.#text(name),
      values: [...values].map(([value, pair]) => ({
        name: this.#text(value),
        series: countOf(this.#list(pair)),
      })),
    }));
    return largest(names, this.size, limit);
  }
}
