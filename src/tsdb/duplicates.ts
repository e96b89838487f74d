/**
 * Samples that sealed chunks hold already: the same value again is no news, another one is refused, as in Prometheus.
 * Only samples older than what is sealed are looked up; whoever writes the present pays one comparison a row.
 */
import { EMPTY_COLUMN, NO_REF, type SampleColumn, type SeriesRef, type Timestamp } from "../model/sample.ts";
import { type Axis, layOut, readSeries } from "./columns.ts";
import type { Group } from "./group.ts";
import type { Head, Place } from "./head.ts";
import { emptyLoose, type LooseInput, type RowInput, type Tally } from "./ingest.ts";
import { type PartReader, touches, want } from "./parts.ts";
import { SEGMENT_COLUMNS } from "./segment.ts";

/** One commit. */
export interface Incoming {
  readonly rows: readonly RowInput[];
  readonly loose: LooseInput;
}

/** Whether sealed samples of the group may stand at that time. */
function sealedAt(group: Group, t: Timestamp): boolean {
  return group.isLate(t) && touches(group, t, t, 0);
}

function push(to: LooseInput, ref: SeriesRef, t: Timestamp, v: number, stale: boolean): void {
  to.refs.push(ref);
  to.t.push(t);
  to.v.push(v);
  to.stale.push(stale);
}

/** Parts what may be there already from what cannot be. */
function sift(head: Head, { rows, loose }: Incoming): { readonly fresh: Incoming; readonly doubtful: LooseInput } {
  const doubtful = emptyLoose();
  const freshRows = rows.filter(({ plan, t, values, stale }) => {
    if (!sealedAt(plan.group, t)) return true;
    plan.refs.forEach((ref, i) => {
      if (ref !== NO_REF) push(doubtful, ref, t, values[i] as number, stale?.[i] === 1);
    });
    return false;
  });
  const { refs, t, v, stale } = loose;
  const late = refs.map((ref, i) => {
    const group = head.groups.get(head.homeGroupId(ref));
    return group !== undefined && sealedAt(group, t[i] as Timestamp);
  });
  if (!late.includes(true)) return { fresh: { rows: freshRows, loose }, doubtful };
  const kept = emptyLoose();
  late.forEach((isLate, i) =>
    push(isLate ? doubtful : kept, refs[i] as number, t[i] as number, v[i] as number, stale[i] as boolean),
  );
  return { fresh: { rows: freshRows, loose: kept }, doubtful };
}

interface Range {
  start: Timestamp;
  end: Timestamp;
  readonly segments: Set<number>;
}

function placesOf(head: Head, ref: SeriesRef): readonly Place[] {
  const home = head.home(ref);
  return [...(head.former(ref) ?? []), ...(home === undefined ? [] : [home])];
}

/** Loads what stands where the doubtful samples would go. */
async function load(head: Head, reader: PartReader, { refs, t }: LooseInput): Promise<ReadonlyMap<Group, Axis>> {
  const ranges = new Map<Group, Range>();
  refs.forEach((ref, i) => {
    const time = t[i] as number;
    for (const { group, column } of placesOf(head, ref)) {
      let range = ranges.get(group);
      if (range === undefined) ranges.set(group, (range = { start: time, end: time, segments: new Set() }));
      range.start = Math.min(range.start, time);
      range.end = Math.max(range.end, time);
      range.segments.add(Math.floor(column / SEGMENT_COLUMNS));
    }
  });
  const wants = [...ranges].map(([group, { segments, start, end }]) => want(group, segments, start, end));
  const parts = await reader.load(wants, new Set());
  return new Map(
    [...parts].map(([group, list]) => {
      const { start, end } = ranges.get(group) as Range;
      return [group, layOut(list, start, end)];
    }),
  );
}

/** Index of the sample at exactly `t`, or -1. */
function indexAt({ t, from, to }: SampleColumn, time: Timestamp): number {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((t[middle] as number) < time) low = middle + 1;
    else high = middle;
  }
  return low < to && t[low] === time ? low : -1;
}

/** Whether a commit has anything to look up: the usual one has not. */
function hasLate(head: Head, { rows, loose }: Incoming): boolean {
  return (
    rows.some(({ plan, t }) => plan.group.isLate(t)) ||
    loose.refs.some((ref, i) => head.groups.get(head.homeGroupId(ref))?.isLate(loose.t[i] as number) === true)
  );
}

/**
 * Leaves out what sealed chunks have; at once where nothing has to be looked up.
 *
 * @param tally counts it: accepted where it is the same, duplicate where it is not.
 */
export function withoutSealed(
  { head, reader }: { readonly head: Head; readonly reader: PartReader },
  incoming: Incoming,
  tally: Tally,
): Incoming | Promise<Incoming> {
  return hasLate(head, incoming) ? lookUp(head, reader, incoming, tally) : incoming;
}

async function lookUp(head: Head, reader: PartReader, incoming: Incoming, tally: Tally): Promise<Incoming> {
  const { fresh, doubtful } = sift(head, incoming);
  const { refs, t, v, stale } = doubtful;
  if (refs.length === 0) return fresh;
  const axes = await load(head, reader, doubtful);
  const columns = new Map<SeriesRef, readonly SampleColumn[]>();
  const columnsOf = (ref: SeriesRef): readonly SampleColumn[] => {
    let known = columns.get(ref);
    if (known !== undefined) return known;
    known = placesOf(head, ref).map(({ group, column }) => {
      const axis = axes.get(group);
      return axis === undefined
        ? EMPTY_COLUMN
        : readSeries(axis, column, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);
    });
    columns.set(ref, known);
    return known;
  };
  refs.forEach((ref, i) => {
    const time = t[i] as number;
    const isStale = stale[i] as boolean;
    for (const column of columnsOf(ref)) {
      const at = indexAt(column, time);
      if (at < 0) continue;
      const stood = column.stale?.[at] === 1;
      if (stood === isStale && (isStale || Object.is(column.v[at], v[i]))) tally.accepted++;
      else tally.duplicate++;
      return;
    }
    push(fresh.loose, ref, time, v[i] as number, isStale);
  });
  return fresh;
}
