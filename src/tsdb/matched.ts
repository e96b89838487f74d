/**
 * Which series selectors matched, remembered: sorting ten thousand label sets costs more than reading their samples.
 * The list of one selector lives until a series comes or goes, and even then only what is new is sorted. Everything
 * downstream (groupings, names dropped) hangs on the identity of `labels`, so the same series give the same array.
 */
import { nextTurn, overdue } from "../base/turns.ts";
import type { Labels } from "../model/labels.ts";
import type { Matcher } from "../model/matcher.ts";
import type { SeriesRef } from "../model/sample.ts";
import type { SeriesIndex } from "./series-index.ts";

/** Series in all remembered lists: about 100 MB of label sets at most, and only when they are asked for. */
const SERIES_MAX = 250_000;
const SELECTORS_MAX = 1_000;
/** Series between two looks at the clock; those whose texts are not touched. */
const STRIDE = 256;
const AT_ONCE = 4_096;
/** Which part of a list holds samples depends on the time asked for; so many parts are remembered for each list. */
const PARTS_MAX = 4;

/** A selector's series in the order of their labels. */
export class Matched {
  readonly refs: Uint32Array;
  readonly labels: readonly Labels[];
  readonly #parts: { readonly places: Uint32Array; readonly labels: readonly Labels[] }[] = [];

  constructor(refs: Uint32Array, labels: readonly Labels[]) {
    this.refs = refs;
    this.labels = labels;
  }

  /** The label sets at some places of the list, ascending; the same array for the same places. */
  part(places: Uint32Array): readonly Labels[] {
    if (places.length === this.labels.length) return this.labels;
    const known = this.#parts.find((one) => equal(one.places, places));
    if (known !== undefined) return known.labels;
    const labels = Array.from(places, (place) => this.labels[place] as Labels);
    if (this.#parts.length === PARTS_MAX) this.#parts.shift();
    this.#parts.push({ places, labels });
    return labels;
  }
}

interface Entry {
  /** As the index gave them. */
  readonly found: Uint32Array;
  /** In their order, once somebody asked for that; of an earlier `found` when it is `outdated`. */
  readonly matched: Matched | undefined;
  readonly outdated: boolean;
  version: number;
}

function equal(a: Uint32Array, b: Uint32Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function keyOf(matchers: readonly Matcher[]): string {
  return JSON.stringify(matchers.map(({ name, op, value }) => [name, op, value]));
}

export class MatchCache {
  readonly #index: SeriesIndex;
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>();
  readonly #making = new Map<string, Promise<Matched>>();
  #series = 0;

  constructor(index: SeriesIndex) {
    this.#index = index;
  }

  /** What these matchers gave when they were last asked; undefined when that is not remembered. */
  known(matchers: readonly Matcher[]): Uint32Array | undefined {
    return this.#entries.get(keyOf(matchers))?.found;
  }

  /** As the index gives them: for those who ask neither for an order nor for labels. */
  async refs(matchers: readonly Matcher[]): Promise<Uint32Array> {
    const key = keyOf(matchers);
    return (this.#current(key) ?? (await this.#look(key, matchers))).found;
  }

  /** What is remembered and still true. */
  #current(key: string): Entry | undefined {
    const known = this.#entries.get(key);
    if (known?.version !== this.#index.version) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, known);
    return known;
  }

  async #look(key: string, matchers: readonly Matcher[]): Promise<Entry> {
    const { version } = this.#index;
    const found = await this.#index.match(matchers);
    const known = this.#entries.get(key);
    if (known !== undefined && equal(found, known.found)) {
      known.version = version;
      return known;
    }
    return this.#keep(key, { found, matched: known?.matched, outdated: true, version });
  }

  /** Long lists are matched and sorted in turns with others. */
  async of(matchers: readonly Matcher[]): Promise<Matched> {
    const key = keyOf(matchers);
    const known = this.#current(key);
    if (known?.matched !== undefined && !known.outdated) return known.matched;
    // Who asks the same meanwhile waits for the same list.
    let making = this.#making.get(key);
    if (making === undefined) {
      making = this.#make(key, matchers).finally(() => this.#making.delete(key));
      this.#making.set(key, making);
    }
    return making;
  }

  async #make(key: string, matchers: readonly Matcher[]): Promise<Matched> {
    const entry = this.#current(key) ?? (await this.#look(key, matchers));
    const { found, version } = entry;
    if (entry.matched !== undefined && !entry.outdated) return entry.matched;
    const matched = await this.#sorted(found, entry.matched);
    this.#keep(key, { found, matched, outdated: false, version });
    return matched;
  }

  #forget(key: string): void {
    this.#series -= this.#entries.get(key)?.found.length ?? 0;
    this.#entries.delete(key);
  }

  #keep(key: string, entry: Entry): Entry {
    this.#forget(key);
    if (entry.found.length > SERIES_MAX) return entry;
    this.#entries.set(key, entry);
    this.#series += entry.found.length;
    for (const oldest of this.#entries.keys()) {
      if (this.#series <= SERIES_MAX && this.#entries.size <= SELECTORS_MAX) break;
      this.#forget(oldest);
    }
    return entry;
  }

  /** What `before` has sorted already keeps its order. */
  async #sorted(found: Uint32Array, before: Matched | undefined): Promise<Matched> {
    if (before === undefined) {
      const added = await this.#index.ordered(found);
      const all: Labels[] = [];
      for (let from = 0; from < added.length; from += AT_ONCE) {
        if (from > 0 && overdue()) await nextTurn();
        this.#index.kept.append(added, from, Math.min(added.length, from + AT_ONCE), all);
      }
      return new Matched(added, all);
    }
    const old: number[] = [];
    const left = new Set<SeriesRef>(found);
    before.refs.forEach((ref, place) => {
      if (left.delete(ref)) old.push(place);
    });
    const added = await this.#index.ordered(Uint32Array.from(left));
    const refs = new Uint32Array(found.length);
    const labels: Labels[] = [];
    let next = 0;
    const take = (ref: SeriesRef, own: Labels): void => {
      refs[labels.length] = ref;
      labels.push(own);
    };
    for (let i = 0; i < added.length; i++) {
      const ref = added[i] as number;
      if (labels.length % STRIDE === STRIDE - 1 && overdue()) await nextTurn();
      const own = this.#index.labels(ref);
      for (; next < old.length; next++) {
        const place = old[next] as number;
        const other = before.labels[place] as Labels;
        if (other.compare(own) > 0) break;
        take(before.refs[place] as number, other);
      }
      take(ref, own);
    }
    for (; next < old.length; next++) {
      const place = old[next] as number;
      take(before.refs[place] as number, before.labels[place] as Labels);
    }
    return new Matched(refs, labels);
  }
}
