/**
 * Which series selectors matched, remembered: sorting ten thousand label sets costs more than reading their samples.
 * The list of one selector lives until a series comes or goes, and even then only what is new is sorted. Everything
 * downstream (groupings, names dropped) hangs on the identity of `labels`, so the same series give the same array.
 */
import { compareLabels, type Labels } from "../model/labels.ts";
import type { Matcher } from "../model/matcher.ts";
import type { SeriesRef } from "../model/sample.ts";
import type { SeriesIndex } from "./series-index.ts";

/** Series in all remembered lists: about 100 MB of label sets at most, and only when they are asked for. */
const SERIES_MAX = 250_000;
const SELECTORS_MAX = 1_000;
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
  readonly matched: Matched;
  version: number;
}

function equal(a: Uint32Array, b: Uint32Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

export class MatchCache {
  readonly #index: SeriesIndex;
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>();
  #series = 0;

  constructor(index: SeriesIndex) {
    this.#index = index;
  }

  of(matchers: readonly Matcher[]): Matched {
    const key = JSON.stringify(matchers.map(({ name, op, value }) => [name, op, value]));
    const known = this.#entries.get(key);
    const { version } = this.#index;
    if (known !== undefined) {
      this.#entries.delete(key);
      if (known.version !== version) {
        const found = this.#index.match(matchers);
        if (!equal(found, known.found)) {
          this.#series -= known.found.length;
          return this.#keep(key, { found, matched: this.#sorted(found, known.matched), version });
        }
        known.version = version;
      }
      this.#entries.set(key, known);
      return known.matched;
    }
    const found = this.#index.match(matchers);
    return this.#keep(key, { found, matched: this.#sorted(found, undefined), version });
  }

  #keep(key: string, entry: Entry): Matched {
    if (entry.found.length > SERIES_MAX) return entry.matched;
    this.#entries.set(key, entry);
    this.#series += entry.found.length;
    for (const [oldest, { found }] of this.#entries) {
      if (this.#series <= SERIES_MAX && this.#entries.size <= SELECTORS_MAX) break;
      this.#entries.delete(oldest);
      this.#series -= found.length;
    }
    return entry.matched;
  }

  /** What `before` has sorted already keeps its order. */
  #sorted(found: Uint32Array, before: Matched | undefined): Matched {
    const old: number[] = [];
    const fresh = new Set<SeriesRef>(found);
    before?.refs.forEach((ref, place) => {
      if (fresh.delete(ref)) old.push(place);
    });
    const added = Array.from(fresh, (ref) => ({ ref, labels: this.#index.labels(ref) }));
    added.sort((a, b) => compareLabels(a.labels, b.labels));
    const refs = new Uint32Array(found.length);
    const labels: Labels[] = [];
    let next = 0;
    const take = (ref: SeriesRef, own: Labels): void => {
      refs[labels.length] = ref;
      labels.push(own);
    };
    for (const { ref, labels: own } of added) {
      for (; next < old.length; next++) {
        const place = old[next] as number;
        const other = (before as Matched).labels[place] as Labels;
        if (compareLabels(other, own) > 0) break;
        take((before as Matched).refs[place] as number, other);
      }
      take(ref, own);
    }
    for (; next < old.length; next++) {
      const place = old[next] as number;
      take((before as Matched).refs[place] as number, (before as Matched).labels[place] as Labels);
    }
    return new Matched(refs, labels);
  }
}
