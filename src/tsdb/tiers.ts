/**
 * Reading a tier. Rolled-up buckets come from the database; raw samples newer than the last rolled bucket are rolled
 * up on the spot, so a long query ends where the data ends. A tier answers when steps and windows are wide enough that
 * its buckets cannot be told from samples, or when raw samples of that age are gone.
 */
import { formatDuration } from "../model/duration.ts";
import type { Labels } from "../model/labels.ts";
import { EMPTY_COLUMN, type SampleColumn, type Timestamp } from "../model/sample.ts";
import type { Aggregate, SelectHints, Series } from "../storage/storage.ts";
import { Axis } from "./columns.ts";
import { type Group, planeTier } from "./group.ts";
import type { Place } from "./head.ts";
import type { Rung } from "./ladder.ts";
import type { Tier } from "./options.ts";
import { type PartReader, want, wantPlane } from "./parts.ts";
import { type Buckets, bucketize, carryOf, PLANES } from "./rollup.ts";

/** A tier is worth it from this many buckets on: a day of 5 m, 12 days of 1 h; below that raw is as quick and exact. */
const BUCKETS_MIN = 288;
/** Without step and window, a longer range is no instant query but somebody who wants the samples: export, remote read. */
const INSTANT_MS_MAX = 86_400_000;
/** A window has to hold so many buckets for `rate` and its like to see a slope. */
const WINDOW_BUCKETS_MIN = 2;
/** "The last 90 days" still is what a tier of 90 days holds when the question arrives and looks a little further back. */
const REACH_SLACK_MS = 3_600_000;
/** What these say depends on every sample, or on the newest two: buckets answer only where raw samples are gone. */
const EVERY_SAMPLE: ReadonlySet<string> = new Set([
  "changes",
  "resets",
  "irate",
  "idelta",
  "deriv",
  "predict_linear",
  "double_exponential_smoothing",
  "holt_winters",
  "quantile_over_time",
  "stddev_over_time",
  "stdvar_over_time",
  "mad_over_time",
  "ts_of_min_over_time",
  "ts_of_max_over_time",
  "timestamp",
]);

/** What an answer of buckets has to say about itself; undefined when it is what samples would say. */
export function tierCaveat(func: string, resolutionMs: number): string | undefined {
  if (!EVERY_SAMPLE.has(func)) return undefined;
  return `${func} saw the last sample of every ${formatDuration(resolutionMs)} only: the raw samples of that time are no longer kept`;
}

/** What there still is. */
export interface Kept {
  readonly now: Timestamp;
  /** Raw samples before this are gone. */
  readonly rawFrom: Timestamp;
}

/** @param goneUntil size, free space or a retention of another day may have dropped more than `retentionMs` does. */
export function keptOf(now: Timestamp, retentionMs: number, goneUntil: Timestamp): Kept {
  const past = retentionMs > 0 ? now - retentionMs : Number.MIN_SAFE_INTEGER;
  return { now, rawFrom: Math.max(past, goneUntil + 1) };
}

function wantsSamples({ start, end, stepMs, rangeMs }: SelectHints): boolean {
  return stepMs === 0 && rangeMs === 0 && end - start > INSTANT_MS_MAX;
}

function reachesBack({ retentionMs }: Tier, { start, rangeMs }: SelectHints, now: Timestamp): boolean {
  return now - retentionMs <= start + rangeMs + REACH_SLACK_MS;
}

/** Number of the tier that should answer, from 1; 0 = raw samples. */
export function chooseTier(tiers: readonly Tier[], hints: SelectHints, { now, rawFrom }: Kept): number {
  const { start, end, stepMs, rangeMs, func } = hints;
  if (wantsSamples(hints)) return 0;
  let chosen = 0;
  const telling = !EVERY_SAMPLE.has(func);
  tiers.forEach((tier, i) => {
    const { resolutionMs } = tier;
    const fits = stepMs >= resolutionMs && (rangeMs === 0 || rangeMs >= WINDOW_BUCKETS_MIN * resolutionMs);
    const long = end - start >= BUCKETS_MIN * resolutionMs;
    if (telling && fits && long && reachesBack(tier, hints, now)) chosen = i + 1;
  });
  if (chosen > 0 || start >= rawFrom || tiers.length === 0) return chosen;
  // Raw samples end before the range does: the finest tier that reaches back far enough, else the longest kept.
  const reaching = tiers.findIndex((tier) => reachesBack(tier, hints, now));
  return reaching >= 0 ? reaching + 1 : tiers.length;
}

/**
 * Number of the rung that answers, from 1; 0 = raw samples. Rungs that grow no more answer only where no other reaches.
 */
export function pickRung(ladder: readonly Rung[], hints: SelectHints, kept: Kept): number {
  if (wantsSamples(hints)) return 0;
  const numbered = ladder.map((rung, i) => ({ ...rung, number: i + 1 }));
  const byWidth = numbered.sort((a, b) => a.resolutionMs - b.resolutionMs);
  const active = byWidth.filter((rung) => rung.active);
  const chosen = active[chooseTier(active, hints, kept) - 1];
  if (hints.start >= kept.rawFrom || (chosen !== undefined && reachesBack(chosen, hints, kept.now)))
    return chosen?.number ?? 0;
  const former = byWidth.find((rung) => !rung.active && reachesBack(rung, hints, kept.now));
  return (former ?? chosen)?.number ?? 0;
}

interface TierLoad {
  readonly reader: PartReader;
  readonly segments: ReadonlyMap<Group, ReadonlySet<number>>;
  readonly tier: number;
  readonly resolutionMs: number;
  readonly start: Timestamp;
  readonly end: Timestamp;
  readonly warnings: Set<string>;
}

interface GroupAxes {
  /** In the order of PLANES. */
  readonly planes: readonly Axis[];
  readonly raw: Axis;
  /** Raw samples after this are rolled up on the spot. */
  readonly rolledEnd: Timestamp;
}

async function loadAxes({ reader, segments, tier, start, end, warnings }: TierLoad): Promise<Map<Group, GroupAxes>> {
  const groups = [...segments];
  const planes: Map<Group, Axis>[] = [];
  const rolled = new Map(groups.map(([group]) => [group, group.rolledEnd(tier)]));
  for (let plane = 0; plane < PLANES.length; plane++) {
    const wants = groups.map(([group, set]) => wantPlane(group, set, start, end, planeTier(tier, plane)));
    const parts = await reader.load(wants, warnings);
    planes.push(new Map([...parts].map(([group, list]) => [group, new Axis(list, start, end)])));
  }
  const tail = (group: Group): Timestamp => Math.max(start, (rolled.get(group) as number) + 1);
  const parts = await reader.load(
    groups.map(([group, set]) => want(group, set, tail(group), end)),
    warnings,
  );
  const none = new Axis([], start, end);
  return new Map(
    groups.map(([group]) => [
      group,
      {
        planes: planes.map((axes) => axes.get(group) ?? none),
        raw: new Axis(parts.get(group) ?? [], tail(group), end),
        rolledEnd: rolled.get(group) as number,
      },
    ]),
  );
}

/** Two columns, one after the other in time. */
function join(a: SampleColumn, b: SampleColumn): SampleColumn {
  if (b.from === b.to) return a;
  if (a.from === a.to) return b;
  const length = a.to - a.from + b.to - b.from;
  const t = new Float64Array(length);
  const v = new Float64Array(length);
  t.set(a.t.subarray(a.from, a.to));
  t.set(b.t.subarray(b.from, b.to), a.to - a.from);
  v.set(a.v.subarray(a.from, a.to));
  v.set(b.v.subarray(b.from, b.to), a.to - a.from);
  if (a.stale === undefined && b.stale === undefined) return { t, v, from: 0, to: length, stale: undefined };
  const stale = new Uint8Array(length);
  if (a.stale !== undefined) stale.set(a.stale.subarray(a.from, a.to));
  if (b.stale !== undefined) stale.set(b.stale.subarray(b.from, b.to), a.to - a.from);
  return { t, v, from: 0, to: length, stale };
}

/** One plane of freshly made buckets; a bucket of nothing but stale markers shows in `last` alone. */
function planeColumn(buckets: Buckets, which: Aggregate): SampleColumn {
  const { t, planes, stale, length } = buckets;
  const whole = which === "last" || planes.count.every((count) => count > 0);
  if (whole)
    return {
      t,
      v: planes[which],
      from: 0,
      to: length,
      stale: which === "last" && stale.includes(1) ? stale : undefined,
    };
  const kept = [...planes.count.keys()].filter((i) => (planes.count[i] as number) > 0);
  return {
    t: Float64Array.from(kept, (i) => t[i] as number),
    v: Float64Array.from(kept, (i) => planes[which][i] as number),
    from: 0,
    to: kept.length,
    stale: undefined,
  };
}

class PlaceReader {
  readonly #axes: GroupAxes;
  readonly #column: number;
  readonly #load: TierLoad;
  #tail: Buckets | undefined;

  constructor(axes: GroupAxes, column: number, load: TierLoad) {
    this.#axes = axes;
    this.#column = column;
    this.#load = load;
  }

  #stored(which: Aggregate): SampleColumn {
    const axis = this.#axes.planes[PLANES.indexOf(which)];
    return axis === undefined ? EMPTY_COLUMN : axis.read(this.#column);
  }

  #fresh(): Buckets {
    if (this.#tail !== undefined) return this.#tail;
    const { end, resolutionMs } = this.#load;
    const raw = this.#axes.raw.read(this.#column);
    const tail = bucketize(raw, resolutionMs, carryOf(this.#stored("last"), this.#stored("counter")));
    // The bucket under way stands where the query ends, or it would stand in the future and be left out.
    for (let i = 0; i < tail.length; i++) tail.t[i] = Math.min(tail.t[i] as number, end);
    this.#tail = tail;
    return tail;
  }

  read(which: Aggregate): SampleColumn {
    return join(this.#stored(which), planeColumn(this.#fresh(), which));
  }
}

/** The series of a tier; several places of one series follow each other in time, oldest first. */
export async function loadTier(
  found: readonly { readonly labels: Labels; readonly places: readonly Place[] }[],
  load: TierLoad,
): Promise<Series[]> {
  const axes = await loadAxes(load);
  return found.map(({ labels, places }): Series => {
    const readers = places.flatMap(({ group, column }) => {
      const own = axes.get(group);
      return own === undefined ? [] : [new PlaceReader(own, column, load)];
    });
    const aggregate = (which: Aggregate): SampleColumn => {
      const columns = readers.map((reader) => reader.read(which)).filter(({ from, to }) => from < to);
      columns.sort((a, b) => (a.t[a.from] as number) - (b.t[b.from] as number));
      return columns.reduce((all, next) => joinAfter(all, next), EMPTY_COLUMN);
    };
    return { labels, samples: () => aggregate("last"), aggregate };
  });
}

/** Joins, leaving out of `b` what is not after `a`: a series that moved between groups within one bucket. */
function joinAfter(a: SampleColumn, b: SampleColumn): SampleColumn {
  if (a.from === a.to) return b;
  const end = a.t[a.to - 1] as number;
  let { from } = b;
  while (from < b.to && (b.t[from] as number) <= end) from++;
  return join(a, { ...b, from });
}
