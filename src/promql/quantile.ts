/** Quantiles: of numbers, and of classic histograms' cumulative buckets. */

/**
 * Quantile of numbers by linear interpolation between closest ranks; NaN counts as the smallest.
 *
 * @param values sorted in place.
 * @returns NaN for no values or a NaN quantile, -Inf below 0, +Inf above 1.
 */
export function quantile(q: number, values: Float64Array): number {
  if (values.length === 0 || Number.isNaN(q)) return Number.NaN;
  if (q < 0) return Number.NEGATIVE_INFINITY;
  if (q > 1) return Number.POSITIVE_INFINITY;
  sortNanFirst(values);
  const rank = q * (values.length - 1);
  const lower = Math.max(0, Math.floor(rank));
  const upper = Math.min(values.length - 1, lower + 1);
  const weight = rank - Math.floor(rank);
  return (values[lower] as number) * (1 - weight) + (values[upper] as number) * weight;
}

/** Below this insertion is faster than the typed array's own sort. */
const INSERTION_MAX = 48;

function sortNanFirst(values: Float64Array): void {
  if (values.length <= INSERTION_MAX) {
    insertionSort(values);
    return;
  }
  values.sort(); // numeric; NaN last
  let first = values.length;
  while (first > 0 && Number.isNaN(values[first - 1])) first--;
  const nans = values.length - first;
  if (nans === 0) return;
  values.copyWithin(nans, 0, first);
  values.fill(Number.NaN, 0, nans);
}

function insertionSort(values: Float64Array): void {
  for (let i = 1; i < values.length; i++) {
    const value = values[i] as number;
    let at = i - 1;
    // A NaN goes below everything, and nothing goes below a NaN.
    while (at >= 0 && ((values[at] as number) > value || (Number.isNaN(value) && !Number.isNaN(values[at])))) {
      values[at + 1] = values[at] as number;
      at--;
    }
    values[at + 1] = value;
  }
}

/** Cumulative count of observations up to a bound. */
export interface Bucket {
  readonly upper: number;
  count: number;
}

/** Differences below this share of the counts are rounding, not a shrinking counter. */
const SMALL_DELTA = 1e-12;

export interface BucketAnswer {
  readonly value: number;
  /** A bucket was smaller than one inside it and had to be raised. */
  readonly forced: boolean;
}

/**
 * Quantile of a classic histogram, linear inside a bucket.
 *
 * @param unsorted changed in place.
 * @see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile
 */
export function bucketQuantile(q: number, unsorted: readonly Bucket[]): BucketAnswer {
  const plain = (value: number): BucketAnswer => ({ value, forced: false });
  if (Number.isNaN(q)) return plain(Number.NaN);
  if (q < 0) return plain(Number.NEGATIVE_INFINITY);
  if (q > 1) return plain(Number.POSITIVE_INFINITY);
  const buckets = coalesce(unsorted);
  if (buckets.at(-1)?.upper !== Number.POSITIVE_INFINITY) return plain(Number.NaN);
  const forced = makeMonotonic(buckets);
  const last = buckets.length - 1;
  const total = (buckets[last] as Bucket).count;
  if (buckets.length < 2 || total === 0 || Number.isNaN(total)) return { value: Number.NaN, forced };
  let rank = q * total;
  let at = 0;
  while (at < last && !((buckets[at] as Bucket).count >= rank)) at++;
  const bucket = buckets[at] as Bucket;
  if (at === last) return { value: (buckets[last - 1] as Bucket).upper, forced };
  if (at === 0 && bucket.upper <= 0) return { value: bucket.upper, forced };
  let start = 0;
  let count = bucket.count;
  if (at > 0) {
    const below = buckets[at - 1] as Bucket;
    start = below.upper;
    count -= below.count;
    rank -= below.count;
  }
  return { value: start + (bucket.upper - start) * (rank / count), forced };
}

/** Share of a classic histogram's observations between two values; `unsorted` is changed in place. */
export function bucketFraction(lower: number, upper: number, unsorted: readonly Bucket[]): number {
  const buckets = coalesce(unsorted);
  const top = buckets.at(-1);
  if (top?.upper !== Number.POSITIVE_INFINITY) return Number.NaN;
  const total = top.count;
  if (total === 0 || Number.isNaN(total) || Number.isNaN(lower) || Number.isNaN(upper)) return Number.NaN;
  if (lower >= upper) return 0;
  return (rankOf(upper, buckets, total) - rankOf(lower, buckets, total)) / total;
}

/** Observations at or below a value, linear inside a bucket. */
function rankOf(value: number, buckets: readonly Bucket[], total: number): number {
  let rank = 0;
  // The first bucket of positive bounds starts at zero, as for quantiles.
  let start = (buckets[0] as Bucket).upper > 0 ? 0 : Number.NEGATIVE_INFINITY;
  if (value < start) return 0;
  for (const bucket of buckets) {
    if (start === value) return Math.min(rank, total);
    if (start < value && bucket.upper > value) {
      if (start === Number.NEGATIVE_INFINITY || bucket.upper === Number.POSITIVE_INFINITY) {
        // Nothing says where inside an unbounded bucket the observations are.
        return Math.min(bucket.upper === Number.POSITIVE_INFINITY ? rank : bucket.count, total);
      }
      const inside = rank + ((bucket.count - rank) * (value - start)) / (bucket.upper - start);
      return Math.min(inside, total);
    }
    rank = bucket.count;
    start = bucket.upper;
  }
  return total;
}

/** Sorted by bound, equal bounds added together; the buckets are the caller's no more. */
function coalesce(buckets: readonly Bucket[]): Bucket[] {
  const sorted = buckets.every((bucket, i) => i === 0 || (buckets[i - 1] as Bucket).upper <= bucket.upper)
    ? buckets
    : [...buckets].sort((a, b) => (a.upper < b.upper ? -1 : a.upper > b.upper ? 1 : 0));
  const out: Bucket[] = [];
  for (const bucket of sorted) {
    const previous = out.at(-1);
    if (previous !== undefined && previous.upper === bucket.upper) previous.count += bucket.count;
    else out.push(bucket);
  }
  return out;
}

/** @returns whether a count had to be raised by more than rounding. */
function makeMonotonic(buckets: readonly Bucket[]): boolean {
  let forced = false;
  let previous = (buckets[0] as Bucket).count;
  for (const bucket of buckets.slice(1)) {
    const count = bucket.count;
    if (count === previous) continue;
    if (Math.abs(count - previous) / Math.min(Math.abs(count) + Math.abs(previous), Number.MAX_VALUE) < SMALL_DELTA) {
      bucket.count = previous;
    } else if (count < previous) {
      bucket.count = previous;
      forced = true;
    } else previous = count;
  }
  return forced;
}
