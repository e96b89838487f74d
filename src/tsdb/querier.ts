/**
 * Reads. In: matchers and a time range. Out: columns, of raw samples or of a tier. Matching and fetching happen in
 * `select`, decoding when a column is asked for.
 */
import { EXIT, UserError } from "../base/errors.ts";
import { nextTurn, overdue } from "../base/turns.ts";
import type { Labels } from "../model/labels.ts";
import type { Matcher } from "../model/matcher.ts";
import { EMPTY_COLUMN, type SampleColumn, type SeriesRef, type Timestamp } from "../model/sample.ts";
import type {
  ColumnScratch,
  Querier,
  SelectHints,
  Series,
  SeriesColumns,
  SeriesSet,
  Tally,
} from "../storage/storage.ts";
import { AlikeTimes, Axis, merge } from "./columns.ts";
import type { Group } from "./group.ts";
import type { Head, Place } from "./head.ts";
import type { Rung } from "./ladder.ts";
import type { MatchCache } from "./matched.ts";
import { type Part, type PartReader, touches, want } from "./parts.ts";
import { SEGMENT_COLUMNS } from "./segment.ts";
import { tally } from "./tally.ts";
import { type Kept, loadTier, pickRung, tierCaveat } from "./tiers.ts";

export interface QuerierOptions {
  readonly head: Head;
  readonly matches: MatchCache;
  readonly reader: PartReader;
  readonly maxSeries: number;
  readonly ladder: readonly Rung[];
  /** What retention has left. */
  readonly kept: () => Kept;
  /** Sentences that an answer over that range carries, e.g. a database set aside. */
  readonly standing: (minT: Timestamp, maxT: Timestamp) => readonly string[];
}

/** Series between two looks at the clock. */
const STRIDE = 1_024;
/** Series looked at one by one where the others are only counted; for more of them there is `select`. */
const LOOKED_AT_MAX = 4_096;

/** Matching series that may hold samples in the range, in the order of their labels. */
interface Found {
  readonly refs: Uint32Array;
  readonly labels: readonly Labels[];
}

/** Series of the set, objects only for those who want them. */
class StoredSeries implements SeriesSet {
  readonly sorted = true;
  readonly resolutionMs = 0;
  readonly warnings: readonly string[];
  readonly columns: SeriesColumns;
  #series: readonly Series[] | undefined;

  constructor(columns: SeriesColumns, warnings: ReadonlySet<string>) {
    this.columns = columns;
    this.warnings = [...warnings];
  }

  get series(): readonly Series[] {
    this.#series ??= this.columns.labels.map(
      (labels, i): Series => ({ labels, samples: () => this.columns.samples(i, { v: new Float64Array(0) }) }),
    );
    return this.#series;
  }
}

/** Notes that a column's segment has to be read. */
function wanted(segments: Map<Group, Set<number>>, group: Group, column: number): void {
  const segment = Math.floor(column / SEGMENT_COLUMNS);
  const set = segments.get(group);
  if (set === undefined) segments.set(group, new Set([segment]));
  else set.add(segment);
}

/** Where the series of a selection were when it was made. */
interface Homes {
  /** Number of the home group, by series … */
  readonly homes: Uint32Array;
  /** … and column there. */
  readonly columns: Uint32Array;
  /** All places of those that have moved. */
  readonly moved: ReadonlyMap<number, readonly Place[]>;
}

/** Reads newest samples out of the rows that hold those of whole groups, and what such a row does not tell from the columns. */
function newestReader(
  { homes, columns, moved }: Homes,
  parts: ReadonlyMap<Group, readonly Part[]>,
  samples: SeriesColumns["samples"],
): NonNullable<SeriesColumns["newest"]> {
  const rows = new Map<number, Float64Array>();
  for (const [{ id }, [part, more]] of parts)
    if (part?.only !== undefined && more === undefined) rows.set(id, part.only);
  const scratch = { v: new Float64Array(0) };
  return (first, end, values, present) => {
    let read = 0;
    let lastHome = 0;
    let row: Float64Array | undefined;
    for (let i = first, at = 0; i < end; i++, at++) {
      const home = homes[i] as number;
      if (home !== lastHome) row = rows.get((lastHome = home));
      const column = columns[i] as number;
      if (row !== undefined && column < row.length && (moved.size === 0 || !moved.has(i))) {
        values[at] = row[column] as number;
        present[at] = 1;
        read++;
        continue;
      }
      const { v, from, to, stale } = samples(i, scratch);
      read += to - from;
      if (from === to || stale?.[to - 1] === 1) continue;
      values[at] = v[to - 1] as number;
      present[at] = 1;
    }
    return read;
  };
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

  /** Where a series' samples are, oldest first. */
  #places(ref: SeriesRef): Place[] {
    const { head } = this.#options;
    const home = head.home(ref);
    const former = head.former(ref) ?? [];
    return home === undefined ? [...former] : [...former, home];
  }

  async #find(matchers: readonly Matcher[], start: Timestamp, end: Timestamp, tier: number): Promise<Found> {
    const { head, matches } = this.#options;
    const touched = new Map<number, boolean>();
    const inRange = (id: number): boolean => {
      let known = touched.get(id);
      if (known === undefined) {
        const group = head.groups.get(id);
        touched.set(id, (known = group !== undefined && touches(group, start, end, tier)));
      }
      return known;
    };

    const matched = await matches.of(matchers);

    const { refs } = matched;
    const places = new Uint32Array(refs.length);
    let count = 0;
    let lastHome = 0;
    let lastIn = inRange(0);
    for (let i = 0; i < refs.length; i++) {
      if (i % STRIDE === STRIDE - 1 && overdue()) await nextTurn();
      const ref = refs[i] as number;
      const home = head.homeGroupId(ref);
      if (home !== lastHome) lastIn = inRange((lastHome = home));
      if (lastIn || head.former(ref)?.some(({ group }) => inRange(group.id)) === true) places[count++] = i;
    }
    if (count === refs.length) return matched;
    const kept = places.slice(0, count);
    return { refs: Uint32Array.from(kept, (place) => refs[place] as number), labels: matched.part(kept) };
  }

  /** For labels: in raw samples, or in the tier that reaches back far enough. */
  #findAnywhere(matchers: readonly Matcher[]): Promise<Found> {
    const tier = this.#minT < this.#options.kept().rawFrom ? this.#options.ladder.length : 0;
    return this.#find(matchers, this.#minT, this.#maxT, tier);
  }

  async select(matchers: readonly Matcher[], hints: SelectHints): Promise<SeriesSet> {
    const { standing } = this.#options;
    const { start, end, tier } = this.#reach(hints);
    const found = await this.#find(matchers, start, end, tier);
    const { refs, labels } = found;
    this.#mayGive(refs.length);
    const warnings = new Set<string>(standing(start, end));
    if (hints.labelsOnly === true) return new StoredSeries({ labels, samples: () => EMPTY_COLUMN }, warnings);
    const rung = this.#options.ladder[tier - 1];
    if (rung === undefined) return this.#raw(found, start, end, hints.newestOnly === true, warnings);
    const { resolutionMs } = rung;
    const caveat = tierCaveat(hints.func, resolutionMs);
    if (caveat !== undefined) warnings.add(caveat);
    const placed = Array.from(refs, (ref, i) => ({
      labels: labels[i] as Labels,
      places: this.#places(ref).filter(({ group }) => touches(group, start, end, tier)),
    }));
    const segments = new Map<Group, Set<number>>();
    for (const { places } of placed) for (const place of places) wanted(segments, place.group, place.column);
    const { reader } = this.#options;
    const series = await loadTier(placed, { reader, segments, tier, resolutionMs, start, end, warnings });
    return { series, sorted: true, resolutionMs, warnings: [...warnings] };
  }

  async tally(matchers: readonly Matcher[], hints: SelectHints): Promise<Tally | undefined> {
    const { head, matches, standing } = this.#options;
    const { start, end, tier } = this.#reach(hints);
    if (tier !== 0 || hints.stepMs !== 0 || hints.rangeMs !== 0) return undefined;
    const { series, whole, rest } = await tally(head, await matches.refs(matchers), start, end);
    if (rest.length > LOOKED_AT_MAX) return undefined;
    this.#mayGive(series);
    const warnings = new Set<string>(standing(start, end));
    let present = whole;
    let samplesRead = whole;
    if (rest.length > 0) {
      const { columns } = await this.#raw({ refs: rest, labels: [] }, start, end, true, warnings);
      const found = new Uint8Array(rest.length);
      samplesRead += columns.newest?.(0, rest.length, new Float64Array(rest.length), found) ?? 0;
      for (const one of found) present += one;
    }
    return { series, present, samplesRead, warnings: [...warnings] };
  }

  /** What is read for these hints, and of which tier. */
  #reach(hints: SelectHints): { readonly start: Timestamp; readonly end: Timestamp; readonly tier: number } {
    const start = Math.max(this.#minT, hints.start);
    const end = Math.min(this.#maxT, hints.end);
    return { start, end, tier: pickRung(this.#options.ladder, { ...hints, start, end }, this.#options.kept()) };
  }

  #mayGive(series: number): void {
    const { maxSeries } = this.#options;
    if (series <= maxSeries) return;
    throw new UserError("too-many-series", `the selector matches ${series} series, the limit is ${maxSeries}`, {
      hint: "add matchers, or ask for a shorter time",
      exit: EXIT.limit,
    });
  }

  async #raw(
    found: Found,
    start: Timestamp,
    end: Timestamp,
    newestOnly: boolean,
    warnings: Set<string>,
  ): Promise<StoredSeries> {
    const { head, reader } = this.#options;
    const { refs, labels } = found;
    if (refs.length > STRIDE && overdue()) await nextTurn();
    const segments = new Map<Group, Set<number>>();
    // Writes may house series anew while records are read: what is read is where they were when it began.
    const homes = new Uint32Array(refs.length);
    const columns = new Uint32Array(refs.length);
    const moved = new Map<number, readonly Place[]>();
    let lastHome = 0;
    let lastSegment = -1;
    for (let i = 0; i < refs.length; i++) {
      const ref = refs[i] as number;
      const home = head.homeGroupId(ref);
      const column = head.homeColumn(ref);
      homes[i] = home;
      columns[i] = column;
      const segment = Math.floor(column / SEGMENT_COLUMNS);
      // Neighbours mostly lie in one segment.
      if (home !== lastHome || segment !== lastSegment) {
        const group = head.groups.get(home);
        if (group !== undefined) wanted(segments, group, column);
        lastHome = home;
        lastSegment = segment;
      }
      const former = head.former(ref);
      if (former === undefined) continue;
      for (const place of former) wanted(segments, place.group, place.column);
      moved.set(i, this.#places(ref));
    }
    const wants = [...segments].map(([group, set]) => want(group, set, start, end, newestOnly));

    const parts = await reader.load(wants, warnings);

    const alike = new AlikeTimes();
    const axes = new Map<number, Axis>([...parts].map(([{ id }, list]) => [id, new Axis(list, start, end, alike)]));
    const samples = (i: number, scratch: ColumnScratch): SampleColumn => {
      const places = moved.get(i);
      if (places === undefined)
        return axes.get(homes[i] as number)?.read(columns[i] as number, scratch) ?? EMPTY_COLUMN;
      const sources = places.flatMap(({ group, column }) => axes.get(group.id)?.sources(column) ?? []);
      return merge(sources, start, end);
    };
    if (!newestOnly) return new StoredSeries({ labels, samples }, warnings);
    const newest = newestReader({ homes, columns, moved }, parts, samples);
    return new StoredSeries({ labels, samples, newest }, warnings);
  }

  async labelNames(matchers: readonly Matcher[]): Promise<readonly string[]> {
    const found = await this.#findAnywhere(matchers);
    return this.#options.head.index.names(found.refs);
  }

  async labelValues(name: string, matchers: readonly Matcher[]): Promise<readonly string[]> {
    const found = await this.#findAnywhere(matchers);
    return this.#options.head.index.values(name, found.refs);
  }

  [Symbol.dispose](): void {
    // Columns are ordinary arrays; nothing is held open.
  }
}

export function createQuerier(options: QuerierOptions, minT: Timestamp, maxT: Timestamp): Querier {
  return new StoreQuerier(options, minT, maxT);
}
