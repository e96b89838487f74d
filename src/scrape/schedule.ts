/**
 * When a target is scraped: at fixed places of absolute time, `phase` of an interval after each whole interval, so a
 * restart goes on in the same rhythm and the samples of a series lie on a grid.
 *
 * The grid is the wall clock's; the waiting is the monotonic clock's. When an administrator sets the clock, the next
 * tick is at most one interval away and on the grid of the new time.
 */
import type { Timestamp } from "../model/sample.ts";

/** A scrape that starts this close to its tick gets the tick as its time, bounded by one hundredth of the interval. */
const ALIGN_MS_MAX = 10;

export interface Rhythm {
  readonly intervalMs: number;
  /** 0 (included) to 1. */
  readonly phase: number;
}

/**
 * Targets start in slots of so many ms, because a wake-up with cold caches costs more than a page: a hundred targets a
 * second need half the CPU when ten of them start together, and a tenth less again when 25 do. A quarter of a second is
 * short beside any usual interval.
 */
const SLOT_MS = 250;
/** Of a short interval a slot is this part. */
const SLOTS_MIN = 4;

function offsetOf(rhythm: Rhythm): number {
  const offset = Math.floor(rhythm.phase * rhythm.intervalMs);
  return offset - (offset % Math.max(1, Math.min(SLOT_MS, Math.floor(rhythm.intervalMs / SLOTS_MIN))));
}

/** Milliseconds from `now` to the next tick: above 0, at most the interval. */
export function untilNextTick(now: Timestamp, rhythm: Rhythm): number {
  const since = (now - offsetOf(rhythm)) % rhythm.intervalMs;
  const past = since < 0 ? since + rhythm.intervalMs : since;
  return rhythm.intervalMs - past;
}

/**
 * Milliseconds to wait after a scrape that carried the time `last`. A timer may fire a moment early, and the tick it
 * was for must not come twice.
 */
export function untilTickAfter(now: Timestamp, last: Timestamp, rhythm: Rhythm): number {
  const ahead = last - now;
  const early = ahead > 0 && ahead <= ALIGN_MS_MAX ? ahead : 0;
  return early + untilNextTick(now + early, rhythm);
}

/** The time that the samples of a scrape begun at `now` carry. */
export function alignTimestamp(now: Timestamp, rhythm: Rhythm): Timestamp {
  const ahead = untilNextTick(now, rhythm);
  const behind = rhythm.intervalMs - ahead;
  const tolerance = Math.min(ALIGN_MS_MAX, rhythm.intervalMs / 100);
  if (behind <= tolerance) return now - behind;
  return ahead <= tolerance ? now + ahead : now;
}
