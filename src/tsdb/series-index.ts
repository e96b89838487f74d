/**
 * Which series exist and which of them a selector means. Label texts are numbered once (symbols); a series is a slice
 * of symbol numbers in one slab, found again through an open hash table, so a series costs some 130 bytes and no
 * JavaScript object. The whole index lives in memory and is rebuilt from the chunks' own labels on opening.
 */
import { assert } from "../base/assert.ts";
import { nextTurn, overdue, sortedInTurns } from "../base/turns.ts";
import { compareUtf8, Labels } from "../model/labels.ts";
import type { Matcher } from "../model/matcher.ts";
import type { SeriesRef } from "../model/sample.ts";
import type { Cardinality, CardinalityEntry } from "./options.ts";
import { countOf, type PostingList, Postings, union } from "./postings.ts";

/** Labels objects kept for repeated queries before the lot is forgotten: about 20 MB. */
const LABELS_CACHED_MAX = 60_000;
const NAME_LABEL = "__name__";
/** Series, and values asked of a regular expression, between two looks at the clock. */
const STRIDE = 1_024;
const REGEXP_STRIDE = 16;

function grown(array: Uint32Array<ArrayBuffer>, least: number): Uint32Array<ArrayBuffer> {
  if (array.length >= least) return array;
  const bigger = new Uint32Array(Math.max(array.length * 2, least));
  bigger.set(array);
  return bigger;
}

export class SeriesIndex {
  readonly #numbers = new Map<string, number>();
  readonly #texts: string[] = [];
  /** name, value, name, value … of all series, one after the other. */
  #slab: Uint32Array<ArrayBuffer> = new Uint32Array(1024);
  /** Series `ref` is slab[starts[ref] .. starts[ref + 1]); ref 0 is nobody. */
  #starts: Uint32Array<ArrayBuffer> = new Uint32Array(256);
  #count = 0;
  /** Open addressing, 0 = free; at most half full. */
  #table: Uint32Array<ArrayBuffer> = new Uint32Array(1024);
  readonly #postings = new Map<number, Map<number, PostingList>>();
  /** Series without any stored sample left; skipped by every read. */
  readonly #dead = new Set<SeriesRef>();
  #cached: (Labels | undefined)[] = [];
  #cachedCount = 0;
  #version = 0;

  /** Raised when a series comes or goes. */
  get version(): number {
    return this.#version;
  }

  /** Living series. */
  get size(): number {
    return this.#count - this.#dead.size;
  }

  /** Largest number given out. */
  get lastRef(): SeriesRef {
    return this.#count;
  }

  #symbol(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    this.#texts.push(text);
    this.#numbers.set(text, this.#texts.length);
    return this.#texts.length;
  }

  #text(symbol: number): string {
    return this.#texts[symbol - 1] as string;
  }

  #equal(ref: SeriesRef, symbols: Uint32Array, length: number): boolean {
    const start = this.#starts[ref] as number;
    if ((this.#starts[ref + 1] as number) - start !== length) return false;
    for (let i = 0; i < length; i++) if (this.#slab[start + i] !== symbols[i]) return false;
    return true;
  }

  static #hash(symbols: Uint32Array, from: number, to: number): number {
    let hash = 0x811c9dc5;
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ (symbols[i] as number), 0x01000193) ^ (hash >>> 15);
    return hash >>> 0;
  }

  /** @returns the place of the series in the table, or of the free cell where it belongs. */
  #probe(symbols: Uint32Array, length: number): number {
    const mask = this.#table.length - 1;
    let at = SeriesIndex.#hash(symbols, 0, length) & mask;
    for (;;) {
      const ref = this.#table[at] as number;
      if (ref === 0 || this.#equal(ref, symbols, length)) return at;
      at = (at + 1) & mask;
    }
  }

  #scratch: Uint32Array<ArrayBuffer> = new Uint32Array(64);

  /** @returns how many symbols, or -1 when a text was never seen (and `create` is false). */
  #toSymbols(labels: Labels, create: boolean): number {
    this.#scratch = grown(this.#scratch, labels.size * 2);
    let length = 0;
    for (const [name, value] of labels) {
      const n = create ? this.#symbol(name) : this.#numbers.get(name);
      const v = create ? this.#symbol(value) : this.#numbers.get(value);
      if (n === undefined || v === undefined) return -1;
      this.#scratch[length++] = n;
      this.#scratch[length++] = v;
    }
    return length;
  }

  /** @returns the series' number, 0 when it does not exist. A dead series that is asked for lives again. */
  find(labels: Labels): SeriesRef {
    const length = this.#toSymbols(labels, false);
    if (length < 0) return 0;
    const ref = this.#table[this.#probe(this.#scratch, length)] as number;
    if (ref !== 0 && this.#dead.delete(ref)) this.#version++;
    return ref;
  }

  /** Adds a series that `find` did not know. */
  add(labels: Labels): SeriesRef {
    return this.#insert(this.#toSymbols(labels, true));
  }

  /** The number of a text, to name series with in `ensure`. */
  symbolOf(text: string): number {
    return this.#symbol(text);
  }

  /** The number of the series of these symbols, name and value in turn, in order of the names; a new one if need be. */
  ensure(symbols: readonly number[]): SeriesRef {
    const { length } = symbols;
    this.#scratch = grown(this.#scratch, length);
    for (let i = 0; i < length; i++) this.#scratch[i] = symbols[i] as number;
    const ref = this.#table[this.#probe(this.#scratch, length)] as number;
    if (ref === 0) return this.#insert(length);
    return this.#dead.has(ref) ? this.find(this.makeLabels(ref)) : ref;
  }

  /** Adds the series in the scratch. */
  #insert(length: number): SeriesRef {
    if (this.#count * 2 >= this.#table.length) this.#rehash();
    const place = this.#probe(this.#scratch, length);
    assert(this.#table[place] === 0, "a series is added once");
    const ref = ++this.#count;
    this.#version++;
    const start = this.#starts[ref] as number;
    this.#starts = grown(this.#starts, ref + 2);
    this.#slab = grown(this.#slab, start + length);
    this.#slab.set(this.#scratch.subarray(0, length), start);
    this.#starts[ref + 1] = start + length;
    this.#table[place] = ref;
    for (let i = 0; i < length; i += 2) this.#post(this.#scratch[i] as number, this.#scratch[i + 1] as number, ref);
    return ref;
  }

  #post(name: number, value: number, ref: SeriesRef): void {
    let values = this.#postings.get(name);
    if (values === undefined) this.#postings.set(name, (values = new Map()));
    const list = values.get(value);
    if (list === undefined) {
      values.set(value, ref);
    } else if (typeof list === "number") {
      const more = new Postings();
      more.push(list);
      more.push(ref);
      values.set(value, more);
    } else {
      list.push(ref);
    }
  }

  #rehash(): void {
    const table = new Uint32Array(this.#table.length * 2);
    const mask = table.length - 1;
    for (let ref = 1; ref <= this.#count; ref++) {
      let at = SeriesIndex.#hash(this.#slab, this.#starts[ref] as number, this.#starts[ref + 1] as number) & mask;
      while (table[at] !== 0) at = (at + 1) & mask;
      table[at] = ref;
    }
    this.#table = table;
  }

  /** Nothing of this series is stored any more. */
  kill(ref: SeriesRef): void {
    this.#dead.add(ref);
    this.#version++;
  }

  isDead(ref: SeriesRef): boolean {
    return this.#dead.has(ref);
  }

  labels(ref: SeriesRef): Labels {
    const cached = this.#cached[ref];
    if (cached !== undefined) return cached;
    const labels = this.makeLabels(ref);
    if (++this.#cachedCount > LABELS_CACHED_MAX) {
      this.#cached = [];
      this.#cachedCount = 1;
    }
    this.#cached[ref] = labels;
    return labels;
  }

  /** Like `labels`, for a single use: nothing is kept. */
  makeLabels(ref: SeriesRef): Labels {
    const flat: string[] = [];
    for (let i = this.#starts[ref] as number; i < (this.#starts[ref + 1] as number); i++) {
      flat.push(this.#text(this.#slab[i] as number));
    }
    return Labels.fromSorted(flat);
  }

  /** The symbol of the series' value for label `name`, 0 when it has none. */
  #valueOf(ref: SeriesRef, name: number): number {
    const end = this.#starts[ref + 1] as number;
    for (let i = this.#starts[ref] as number; i < end; i += 2) {
      if (this.#slab[i] === name) return this.#slab[i + 1] as number;
    }
    return 0;
  }

  /** Posting lists of all values a positive matcher accepts. */
  async #lists(matcher: Matcher): Promise<PostingList[]> {
    const values = this.#postings.get(this.#numbers.get(matcher.name) ?? 0);
    if (values === undefined) return [];
    const lists: PostingList[] = [];
    if (matcher.setMatches !== undefined) {
      for (const value of new Set(matcher.setMatches)) {
        const list = values.get(this.#numbers.get(value) ?? 0);
        if (list !== undefined) lists.push(list);
      }
      return lists;
    }
    let asked = 0;
    for (const [value, list] of values) {
      if (++asked % REGEXP_STRIDE === 0 && overdue()) await nextTurn();
      const text = this.#text(value);
      if (text.startsWith(matcher.prefix) && matcher.matches(text)) lists.push(list);
    }
    return lists;
  }

  #everyone(): Uint32Array {
    return Uint32Array.from({ length: this.#count }, (_, i) => i + 1);
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
    let refs = best === undefined ? this.#everyone() : union(best.lists);
    for (const matcher of matchers) if (matcher !== best?.matcher) refs = await this.#filter(refs, matcher);
    return this.#dead.size === 0 ? refs : refs.filter((ref) => !this.#dead.has(ref));
  }

  /** At most so many series satisfy all matchers, told by sizes alone, and up to `most` of those counted. */
  bound(matchers: readonly Matcher[], most: number): { readonly count: number; readonly some: readonly SeriesRef[] } {
    let count = this.#count;
    let best: readonly PostingList[] | undefined;
    for (const { name, setMatches, matches } of matchers) {
      if (setMatches === undefined || matches("")) continue;
      const values = this.#postings.get(this.#numbers.get(name) ?? 0);
      const lists = setMatches.flatMap((value) => values?.get(this.#numbers.get(value) ?? 0) ?? []);
      const size = lists.reduce<number>((sum, list) => sum + countOf(list), 0);
      if (size >= count) continue;
      count = size;
      best = lists;
    }
    if (best === undefined) {
      const stride = Math.max(1, Math.floor(count / most));
      return { count, some: Array.from({ length: Math.min(most, count) }, (_, i) => 1 + i * stride) };
    }
    const some: SeriesRef[] = [];
    for (const list of best.slice(0, most)) {
      if (typeof list === "number") some.push(list);
      else some.push(...list.view().subarray(0, Math.ceil(most / best.length)));
    }
    return { count, some };
  }

  async #filter(refs: Uint32Array, matcher: Matcher): Promise<Uint32Array> {
    const name = this.#numbers.get(matcher.name) ?? 0;
    const verdicts = new Map<number, boolean>([[0, matcher.matches("")]]);
    const kept = new Uint32Array(refs.length);
    let count = 0;
    for (let i = 0; i < refs.length; i++) {
      if (i % STRIDE === 0 && overdue()) await nextTurn();
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
      if (at % STRIDE === 0 && overdue()) await nextTurn();
      const ref = refs[at] as number;
      const end = this.#starts[ref + 1] as number;
      for (let i = this.#starts[ref] as number; i < end; i += 2) seen.add(this.#slab[i] as number);
    }
    return this.#sortedTexts(seen);
  }

  /** Sorted values of label `name` among these series. */
  async values(name: string, refs: Uint32Array): Promise<readonly string[]> {
    const symbol = this.#numbers.get(name);
    if (symbol === undefined) return [];
    const seen = new Set<number>();
    for (let at = 0; at < refs.length; at++) {
      if (at % STRIDE === 0 && overdue()) await nextTurn();
      seen.add(this.#valueOf(refs[at] as number, symbol));
    }
    seen.delete(0);
    return this.#sortedTexts(seen);
  }

  #sortedTexts(symbols: ReadonlySet<number>): Promise<readonly string[]> {
    return sortedInTurns(
      Array.from(symbols, (symbol) => this.#text(symbol)),
      compareUtf8,
    );
  }

  /** The `limit` largest of each kind; dead series are counted until the index is rebuilt on opening. */
  cardinality(limit: number): Cardinality {
    const top = (entries: CardinalityEntry[]): CardinalityEntry[] =>
      entries.sort((a, b) => b.series - a.series || compareUtf8(a.name, b.name)).slice(0, limit);
    const metrics: CardinalityEntry[] = [];
    const labelNames: CardinalityEntry[] = [];
    const pairs: CardinalityEntry[] = [];
    for (const [nameSymbol, values] of this.#postings) {
      const name = this.#text(nameSymbol);
      labelNames.push({ name, series: values.size });
      for (const [value, list] of values) {
        const entry = { name: this.#text(value), series: countOf(list) };
        if (name === NAME_LABEL) metrics.push(entry);
        pairs.push({ name: `${name}=${entry.name}`, series: entry.series });
      }
    }
    const labelPairs = pairs.length;
    return { series: this.size, labelPairs, metrics: top(metrics), labelNames: top(labelNames), pairs: top(pairs) };
  }
}
