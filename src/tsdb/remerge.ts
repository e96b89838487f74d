/**
 * Buckets that are there already and samples that came after them. A bucket made from more samples wins, so taking the
 * same samples twice changes nothing, and a bucket whose raw samples retention has dropped is not made smaller by a few
 * that came late. Counters go on from bucket to bucket whichever was taken.
 */
import type { SampleColumn } from "../model/sample.ts";
import type { Aggregate } from "../storage/storage.ts";
import { type Buckets, bucketize, type Carry } from "./rollup.ts";

/** One series' stored planes in a window. */
export type StoredPlanes = Readonly<Record<Aggregate, SampleColumn>>;

interface Stored {
  readonly count: number;
  readonly stale: boolean;
  readonly value: (which: Aggregate) => number;
}

/** Stored buckets by their end. */
function storedBuckets(planes: StoredPlanes): Map<number, Stored> {
  const found = new Map<number, Stored>();
  const { last, count } = planes;
  const places = new Map<Aggregate, Map<number, number>>();
  const placeOf = (which: Aggregate): Map<number, number> => {
    let known = places.get(which);
    if (known !== undefined) return known;
    known = new Map();
    const column = planes[which];
    for (let i = column.from; i < column.to; i++) known.set(column.t[i] as number, i);
    places.set(which, known);
    return known;
  };
  for (let i = last.from; i < last.to; i++) {
    const t = last.t[i] as number;
    const counted = placeOf("count").get(t);
    found.set(t, {
      count: counted === undefined ? 0 : (count.v[counted] as number),
      stale: last.stale?.[i] === 1,
      value: (which) => planes[which].v[placeOf(which).get(t) ?? -1] ?? Number.NaN,
    });
  }
  return found;
}

function slice({ t, v, stale, from, to }: SampleColumn, after: number, upTo: number): SampleColumn {
  let first = from;
  while (first < to && (t[first] as number) <= after) first++;
  let last = first;
  while (last < to && (t[last] as number) <= upTo) last++;
  return { t, v, stale, from: first, to: last };
}

/**
 * How much a counter rose up to the end of a bucket of which only the planes are known.
 * @param now where it stands before the bucket; @param stood where it stood when the bucket was made.
 */
function rise(now: Carry | undefined, stood: Carry | undefined, bucket: Stored): number {
  const end = bucket.value("counter");
  if (stood !== undefined && stood.last === now?.last) return end - stood.total;
  const last = bucket.value("last");
  if (now === undefined) return end;
  return last >= now.last ? last - now.last : last;
}

/** Where the counter stood at the end of a stored bucket. */
function after(bucket: Stored, before: Carry | undefined): Carry | undefined {
  const last = bucket.value("last");
  return bucket.count === 0 || Number.isNaN(last) ? before : { last, total: bucket.value("counter") };
}

/**
 * The buckets of one series in one window.
 * @param carry where its counter stands before it; @param stood where it stood when the stored buckets were made.
 */
export function remerge(
  planes: StoredPlanes,
  raw: SampleColumn,
  resolutionMs: number,
  carry: Carry | undefined,
  stood: Carry | undefined,
): Buckets {
  const fresh = bucketize(raw, resolutionMs, carry);
  const stored = storedBuckets(planes);
  const freshAt = new Map(Array.from({ length: fresh.length }, (_, i) => [fresh.t[i] as number, i]));
  const keeps = (t: number): boolean => {
    const at = freshAt.get(t);
    return at === undefined || (fresh.planes.count[at] as number) < (stored.get(t)?.count ?? -1);
  };
  if (![...stored.keys()].some(keeps)) return fresh;
  const times = Float64Array.from(new Set([...stored.keys(), ...freshAt.keys()])).sort();
  const make = (): Float64Array => new Float64Array(times.length);
  const merged = { last: make(), min: make(), max: make(), sum: make(), count: make(), counter: make() };
  const stale = new Uint8Array(times.length);
  let standing = carry;
  let before = stood;
  times.forEach((t, i) => {
    const old = stored.get(t);
    if (old === undefined || !keeps(t)) {
      const one = bucketize(slice(raw, t - resolutionMs, t), resolutionMs, standing);
      for (const which of Object.keys(merged) as Aggregate[]) merged[which][i] = one.planes[which][0] ?? Number.NaN;
      stale[i] = one.stale[0] ?? 0;
      standing = one.carry;
      before = old === undefined ? before : after(old, before);
      return;
    }
    for (const which of Object.keys(merged) as Aggregate[]) merged[which][i] = old.value(which);
    merged.count[i] = old.count;
    stale[i] = old.stale ? 1 : 0;
    if (old.count === 0) return;
    const last = old.value("last");
    const total = (standing?.total ?? 0) + rise(standing, before, old);
    merged.counter[i] = total;
    if (!Number.isNaN(last)) standing = { last, total };
    before = after(old, before);
  });
  return { length: times.length, t: times, planes: merged, stale, carry: standing };
}
