/**
 * Reads. In: matchers and a time range. Out: columns, of raw samples or of a tier. Matching and fetching happen in
 * `select`, decoding when a column is asked for.
 */
import { EXIT, UserError } from "../base/errors.ts";
import type { Matcher } from "../model/matcher.ts";
import { EMPTY_COLUMN, type SeriesRef, type Timestamp } from "../model/sample.ts";
import type { Querier, SelectHints, Series, SeriesSet } from "../storage/storage.ts";
import { type Axis, alongAxis, layOut, merge } from "./columns.ts";
import type { Group } from "./group.ts";
import type { Head, Place } from "./head.ts";
import type { Rung } from "./ladder.ts";
import { type PartReader, touches, want } from "./parts.ts";
import { SEGMENT_COLUMNS } from "./segment.ts";
import { loadTier, pickRung } from "./tiers.ts";

export interface QuerierOptions {
  readonly head: Head;
  readonly reader: PartReader;
  readonly maxSeries: number;
  readonly ladder: readonly Rung[];
  /** Before this raw samples are gone; tiers may still have them. */
  readonly rawFrom: () => Timestamp;
  /** Sentences that every answer carries, e.g. a database set aside. */
  readonly standing: () => readonly string[];
}

/** A matching series with the places that may hold samples in the range. */
interface Found {
  readonly ref: SeriesRef;
  readonly places: readonly Place[];
}

class StoreQuerier implements Querier {
  readonly #options: QuerierOptions;
  readonly #minT: Timestamp;
  readonly #maxT: Timestamp;

  constructor(options: QuerierOptions, minT: Timestamp, maxT: Timestamp) {
    this.#options = options;
    this.#minT = minT;
    this.#maxT = maxT;
  }

  #places(ref: SeriesRef): Place[] {
    const { head } = this.#options;
    const home = head.home(ref);
    const former = head.former(ref) ?? [];
    return home === undefined ? [...former] : [...former, home];
  }

  /** Matching series with the places that may hold samples in the range. */
  #find(matchers: readonly Matcher[], start: Timestamp, end: Timestamp, tier: number): Found[] {
    const { head } = this.#options;
    const touched = new Map<Group, boolean>();
    const inRange = (group: Group): boolean => {
      let known = touched.get(group);
      if (known === undefined) touched.set(group, (known = touches(group, start, end, tier)));
      return known;
    };
    const found: Found[] = [];
    for (const ref of head.index.match(matchers)) {
      const places = this.#places(ref).filter(({ group }) => inRange(group));
      if (places.length > 0) found.push({ ref, places });
    }
    return found;
  }

  /** For labels: in raw samples, or in the tier that reaches back far enough. */
  #findAnywhere(matchers: readonly Matcher[]): Found[] {
    const tier = this.#minT < this.#options.rawFrom() ? this.#options.ladder.length : 0;
    return this.#find(matchers, this.#minT, this.#maxT, tier);
  }

  async select(matchers: readonly Matcher[], hints: SelectHints): Promise<SeriesSet> {
    const { head, reader, maxSeries, standing } = this.#options;
    const start = Math.max(this.#minT, hints.start);
    const end = Math.min(this.#maxT, hints.end);
    const tier = pickRung(this.#options.ladder, { ...hints, start, end }, this.#options.rawFrom());
    const found = this.#find(matchers, start, end, tier);
    if (found.length > maxSeries) {
      throw new UserError("too-many-series", `the selector matches ${found.length} series, the limit is ${maxSeries}`, {
        hint: "add matchers, or ask for a shorter time",
        exit: EXIT.limit,
      });
    }
    const warnings = new Set<string>(standing());
    if (hints.labelsOnly === true) {
      const series = found.map(({ ref }): Series => ({ labels: head.index.labels(ref), samples: () => EMPTY_COLUMN }));
      return { series, sorted: false, resolutionMs: 0, warnings: [...warnings] };
    }
    const segments = new Map<Group, Set<number>>();
    for (const { places } of found) {
      for (const { group, column } of places) {
        const set = segments.get(group);
        const segment = Math.floor(column / SEGMENT_COLUMNS);
        if (set === undefined) segments.set(group, new Set([segment]));
        else set.add(segment);
      }
    }
    const rung = this.#options.ladder[tier - 1];
    if (rung !== undefined) {
      const load = { reader, segments, tier, resolutionMs: rung.resolutionMs, start, end, warnings };
      const series = await loadTier(found, load, (ref) => head.index.labels(ref));
      return { series, sorted: false, resolutionMs: rung.resolutionMs, warnings: [...warnings] };
    }
    const wants = [...segments].map(([group, set]) => want(group, set, start, end));
    const parts = await reader.load(wants, warnings);
    const axes = new Map<Group, Axis>([...parts].map(([group, list]) => [group, layOut(list, start, end)]));
    const series = found.map(({ ref, places }) => this.#series(ref, places, axes, start, end));
    return { series, sorted: false, resolutionMs: 0, warnings: [...warnings] };
  }

  #series(
    ref: SeriesRef,
    places: readonly Place[],
    axes: ReadonlyMap<Group, Axis>,
    start: Timestamp,
    end: Timestamp,
  ): Series {
    const labels = this.#options.head.index.labels(ref);
    const [only] = places;
    const axis = only === undefined ? undefined : axes.get(only.group);
    if (places.length === 1 && only !== undefined && axis?.t !== undefined) {
      const { t } = axis;
      return { labels, samples: () => alongAxis(axis, t, only.column) };
    }
    const sources = places.flatMap(({ group, column }) =>
      (axes.get(group)?.parts ?? []).map((part) => ({ part, column })),
    );
    return { labels, samples: () => merge(sources, start, end) };
  }

  async labelNames(matchers: readonly Matcher[]): Promise<readonly string[]> {
    const found = this.#findAnywhere(matchers);
    return this.#options.head.index.names(found.map(({ ref }) => ref));
  }

  async labelValues(name: string, matchers: readonly Matcher[]): Promise<readonly string[]> {
    const found = this.#findAnywhere(matchers);
    return this.#options.head.index.values(
      name,
      found.map(({ ref }) => ref),
    );
  }

  [Symbol.dispose](): void {
    // Columns are ordinary arrays; nothing is held open.
  }
}

export function createQuerier(options: QuerierOptions, minT: Timestamp, maxT: Timestamp): Querier {
  return new StoreQuerier(options, minT, maxT);
}
