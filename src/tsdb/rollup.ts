/**
 * Raw samples to buckets. In: one series' samples. Out: per bucket min, max, sum, count, last, and a counter that only
 * grows: increases are added up across resets, so a rate over buckets equals the rate over the samples they hold. A
 * bucket is left-open like a PromQL window, (end - resolution, end], and stands at its end.
 */
import type { SampleColumn, Timestamp } from "../model/sample.ts";
import type { Aggregate } from "../storage/storage.ts";

/** Order of the planes in the database; appended to, never changed. */
export const PLANES: readonly Aggregate[] = ["last", "min", "max", "sum", "count", "counter"];

/** What a counter needs from the bucket before. */
export interface Carry {
  /** Last raw value. */
  readonly last: number;
  /** The growing total at that sample. */
  readonly total: number;
}

export interface Buckets {
  readonly length: number;
  readonly t: Float64Array;
  readonly planes: Readonly<Record<Aggregate, Float64Array>>;
  /** 1 where the bucket's last sample is a stale marker; such a bucket may have a count of 0. */
  readonly stale: Uint8Array;
  readonly carry: Carry | undefined;
}

/**
 * Where a counter stood, from stored planes. A bucket that ends in a stale marker has no last value, so both numbers
 * are taken from the newest bucket that has one; what came after it is in the next difference.
 */
export function carryOf(last: SampleColumn, counter: SampleColumn): Carry | undefined {
  for (let i = last.to - 1; i >= last.from; i--) {
    if (last.stale?.[i] === 1 || Number.isNaN(last.v[i] ?? Number.NaN)) continue;
    let k = counter.to - 1;
    while (k >= counter.from && (counter.t[k] as number) > (last.t[i] as number)) k--;
    if (k < counter.from || counter.t[k] !== last.t[i]) return undefined;
    return { last: last.v[i] as number, total: counter.v[k] as number };
  }
  return undefined;
}

function bucketEnd(t: Timestamp, resolutionMs: number): Timestamp {
  return Math.ceil(t / resolutionMs) * resolutionMs;
}

function countBuckets({ t, from, to }: SampleColumn, resolutionMs: number): number {
  let count = 0;
  let current = Number.NEGATIVE_INFINITY;
  for (let i = from; i < to; i++) {
    if ((t[i] as number) <= current) continue;
    current = bucketEnd(t[i] as number, resolutionMs);
    count++;
  }
  return count;
}

/** Buckets of a column. @param carry the state after the sample before the column. */
export function bucketize(column: SampleColumn, resolutionMs: number, carry: Carry | undefined): Buckets {
  const length = countBuckets(column, resolutionMs);
  const make = (): Float64Array => new Float64Array(length);
  const planes = { last: make(), min: make(), max: make(), sum: make(), count: make(), counter: make() };
  const times = make();
  const marks = new Uint8Array(length);
  const { t, v, stale } = column;
  let last = carry?.last;
  let total = carry?.total ?? 0;
  let at = -1;
  let current = Number.NEGATIVE_INFINITY;
  for (let i = column.from; i < column.to; i++) {
    const time = t[i] as number;
    if (time > current) {
      current = bucketEnd(time, resolutionMs);
      times[++at] = current;
      planes.min[at] = Number.NaN;
      planes.max[at] = Number.NaN;
      planes.counter[at] = total;
      planes.last[at] = Number.NaN;
    }
    if (stale?.[i] === 1) {
      marks[at] = 1;
      continue;
    }
    const value = v[i] as number;
    marks[at] = 0;
    // The first comparison with NaN is false, so a real number always replaces it.
    if (!(value >= (planes.min[at] as number)))
      planes.min[at] = Number.isNaN(value) ? (planes.min[at] as number) : value;
    if (!(value <= (planes.max[at] as number)))
      planes.max[at] = Number.isNaN(value) ? (planes.max[at] as number) : value;
    planes.sum[at] = (planes.sum[at] as number) + value;
    planes.count[at] = (planes.count[at] as number) + 1;
    planes.last[at] = value;
    if (last === undefined) total = value;
    else if (!Number.isNaN(value)) total += value >= last ? value - last : value;
    if (!Number.isNaN(value)) last = value;
    planes.counter[at] = total;
  }
  return { length, t: times, planes, stale: marks, carry: last === undefined ? undefined : { last, total } };
}
