/**
 * Reads. In: matchers and a time range. Out: columns. Series of one group whose chunks follow each other get their
 * values laid along one shared time axis, the very same array for all of them; everything else (late samples, series
 * that moved between groups, holes) is merged sample by sample, the first written winning.
 */
import { EXIT, UserError } from "../base/errors.ts";
import type { Matcher } from "../model/matcher.ts";
import { EMPTY_COLUMN, type SampleColumn, type SeriesRef, type Timestamp } from "../model/sample.ts";
import type { Querier, SelectHints, Series, SeriesSet } from "../storage/storage.ts";
import { CELL_ABSENT, CELL_STALE } from "./column.ts";
import type { Group } from "./group.ts";
import type { Head, Place } from "./head.ts";
import { type Part, type PartReader, touches, want } from "./parts.ts";
import { SEGMENT_COLUMNS } from "./segment.ts";

/** First index with t >= `at`, in the first `length` entries. */
function lowerBound(t: Float64Array, length: number, at: number): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((t[middle] as number) < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** All parts of a group, laid end to end. */
interface Axis {
  readonly parts: readonly Part[];
  /** Undefined when parts overlap in time. */
  readonly t: Float64Array | undefined;
  readonly from: number;
  readonly to: number;
}

function layOut(parts: readonly Part[], start: Timestamp, end: Timestamp): Axis {
  let length = 0;
  let previous = Number.NEGATIVE_INFINITY;
  for (const part of parts) {
    if (part.start <= previous) return { parts, t: undefined, from: 0, to: 0 };
    previous = part.end;
    length += part.rows;
  }
  const t = new Float64Array(length);
  let at = 0;
  for (const part of parts) {
    t.set(part.t.length === part.rows ? part.t : part.t.subarray(0, part.rows), at);
    at += part.rows;
  }
  return { parts, t, from: lowerBound(t, length, start), to: lowerBound(t, length, end + 1) };
}

/** Drops absent cells. `cells` is aligned with the axis. */
function compact(t: Float64Array, v: Float64Array, cells: Uint8Array, from: number, to: number): SampleColumn {
  let kept = 0;
  let stale = 0;
  for (let i = from; i < to; i++) {
    if (cells[i] !== CELL_ABSENT) kept++;
    if (cells[i] === CELL_STALE) stale++;
  }
  if (kept === 0) return EMPTY_COLUMN;
  if (kept === to - from) {
    const marks = stale === 0 ? undefined : cells.map((cell) => (cell === CELL_STALE ? 1 : 0));
    return { t, v, from, to, stale: marks };
  }
  const times = new Float64Array(kept);
  const values = new Float64Array(kept);
  const marks = stale === 0 ? undefined : new Uint8Array(kept);
  let at = 0;
  for (let i = from; i < to; i++) {
    if (cells[i] === CELL_ABSENT) continue;
    times[at] = t[i] as number;
    values[at] = v[i] as number;
    if (marks !== undefined && cells[i] === CELL_STALE) marks[at] = 1;
    at++;
  }
  return { t: times, v: values, from: 0, to: kept, stale: marks };
}

function alongAxis(axis: Axis, t: Float64Array, column: number): SampleColumn {
  if (axis.from >= axis.to) return EMPTY_COLUMN;
  const v = new Float64Array(t.length);
  let cells: Uint8Array | undefined;
  let at = 0;
  for (const part of axis.parts) {
    const holes = part.read(column, v.subarray(at, at + part.rows));
    if (holes !== undefined) {
      cells ??= new Uint8Array(t.length).fill(1);
      cells.set(holes, at);
    }
    at += part.rows;
  }
  if (cells === undefined) return { t, v, from: axis.from, to: axis.to, stale: undefined };
  return compact(t, v, cells, axis.from, axis.to);
}

/** Collects from every part and keeps the first written of equal times. */
function merge(
  sources: readonly { readonly part: Part; readonly column: number }[],
  start: Timestamp,
  end: Timestamp,
): SampleColumn {
  const total = sources.reduce((sum, { part }) => sum + part.rows, 0);
  const t = new Float64Array(total);
  const v = new Float64Array(total);
  const cells = new Uint8Array(total);
  const rank = new Float64Array(total);
  let count = 0;
  for (const { part, column } of sources) {
    const values = new Float64Array(part.rows);
    const holes = part.read(column, values);
    for (let r = 0; r < part.rows; r++) {
      const time = part.t[r] as number;
      if (time < start || time > end || holes?.[r] === CELL_ABSENT) continue;
      t[count] = time;
      v[count] = values[r] as number;
      cells[count] = holes === undefined ? 1 : (holes[r] as number);
      rank[count++] = part.order;
    }
  }
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  order.sort((a, b) => (t[a] as number) - (t[b] as number) || (rank[a] as number) - (rank[b] as number));
  const times = new Float64Array(count);
  const values = new Float64Array(count);
  const kinds = new Uint8Array(count);
  let kept = 0;
  for (const i of order) {
    if (kept > 0 && times[kept - 1] === t[i]) continue;
    times[kept] = t[i] as number;
    values[kept] = v[i] as number;
    kinds[kept++] = cells[i] as number;
  }
  return compact(times, values, kinds, 0, kept);
}

export interface QuerierOptions {
  readonly head: Head;
  readonly reader: PartReader;
  readonly maxSeries: number;
  /** Sentences that every answer carries, e.g. a database set aside. */
  readonly standing: () => readonly string[];
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
  #find(matchers: readonly Matcher[], start: Timestamp, end: Timestamp): { ref: SeriesRef; places: Place[] }[] {
    const { head } = this.#options;
    const touched = new Map<Group, boolean>();
    const inRange = (group: Group): boolean => {
      let known = touched.get(group);
      if (known === undefined) touched.set(group, (known = touches(group, start, end)));
      return known;
    };
    const found: { ref: SeriesRef; places: Place[] }[] = [];
    for (const ref of head.index.match(matchers)) {
      const places = this.#places(ref).filter(({ group }) => inRange(group));
      if (places.length > 0) found.push({ ref, places });
    }
    return found;
  }

  async select(matchers: readonly Matcher[], hints: SelectHints): Promise<SeriesSet> {
    const { head, reader, maxSeries, standing } = this.#options;
    const start = Math.max(this.#minT, hints.start);
    const end = Math.min(this.#maxT, hints.end);
    const found = this.#find(matchers, start, end);
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
    const found = this.#find(matchers, this.#minT, this.#maxT);
    return this.#options.head.index.names(found.map(({ ref }) => ref));
  }

  async labelValues(name: string, matchers: readonly Matcher[]): Promise<readonly string[]> {
    const found = this.#find(matchers, this.#minT, this.#maxT);
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
