/**
 * The screen's one time. Live follows the clock; paused stands at a moment, and then every chart, table and alert
 * shows that moment. Pure: state and intent in, state out. Any step while live pauses first, so looking back never
 * fights with the tick; stepping past now goes live again.
 */
import { formatDuration } from "../model/duration.ts";
import type { Timestamp } from "../model/sample.ts";

export interface TimeState {
  readonly mode: "live" | "paused";
  /** Meaningful while paused. */
  readonly at: Timestamp;
  readonly spanMs: number;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The spans `+` and `-` walk through: 5m 15m 1h 6h 24h 7d. */
export const SPANS_MS: readonly number[] = [5 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR, DAY, 7 * DAY];
export const SPAN_DEFAULT_MS: number = 15 * MINUTE;
/** Buckets that `{` and `}` jump. */
export const JUMP_BUCKETS = 10;
export function liveTime(spanMs: number = SPAN_DEFAULT_MS): TimeState {
  return { mode: "live", at: 0, spanMs };
}

/** The moment everything on screen shows. */
export function momentOf(time: TimeState, now: Timestamp): Timestamp {
  return time.mode === "live" ? now : Math.min(time.at, now);
}

export function pauseAt(time: TimeState, at: Timestamp): TimeState {
  return { ...time, mode: "paused", at };
}

export function togglePause(time: TimeState, now: Timestamp): TimeState {
  return time.mode === "live" ? pauseAt(time, now) : { ...time, mode: "live" };
}

/** Moves by whole buckets of absolute time, so a chart moves by whole columns; past now the screen is live again. */
export function stepTime(time: TimeState, buckets: number, bucketMs: number, now: Timestamp): TimeState {
  const from = momentOf(time, now);
  const aligned = from - (from % bucketMs);
  // Off the grid, the first step back lands on the bucket's own start.
  const whole = buckets < 0 && aligned !== from ? buckets + 1 : buckets;
  const to = aligned + whole * bucketMs;
  if (to > now || (time.mode === "live" && buckets > 0)) return { ...time, mode: "live" };
  return pauseAt(time, to);
}

/** The next (1) or previous (-1) moment among `changes`; undefined when there is none on that side. */
export function changeFrom(
  time: TimeState,
  direction: 1 | -1,
  changes: readonly Timestamp[],
  now: Timestamp,
): Timestamp | undefined {
  const from = momentOf(time, now);
  let best: Timestamp | undefined;
  for (const at of changes) {
    if (direction > 0 ? at <= from || at > now : at >= from) continue;
    if (best === undefined || (direction > 0 ? at < best : at > best)) best = at;
  }
  return best;
}

/** The next longer (1) or shorter (-1) span; at either end it stays. */
export function nextSpan(time: TimeState, direction: 1 | -1): TimeState {
  const longer = SPANS_MS.filter((span) => (direction > 0 ? span > time.spanMs : span < time.spanMs));
  const spanMs = direction > 0 ? longer[0] : longer.at(-1);
  return spanMs === undefined ? time : { ...time, spanMs };
}

interface Parts {
  readonly day: string;
  readonly clock: string;
  readonly offset: string;
}

function partsOf(at: Timestamp, utc: boolean): Parts {
  const offsetMin = utc ? 0 : -new Date(at).getTimezoneOffset();
  const iso = new Date(at + offsetMin * MINUTE).toISOString();
  const abs = Math.abs(offsetMin);
  const hhmm = `${String(Math.floor(abs / 60)).padStart(2, "0")}:${String(abs % 60).padStart(2, "0")}`;
  return {
    day: iso.slice(0, 10),
    clock: iso.slice(11, 19),
    offset: utc ? "Z" : `${offsetMin < 0 ? "-" : "+"}${hhmm}`,
  };
}

/** `14:05:10`, with `11-19 ` before it on another day than `now`. */
export function clockText(at: Timestamp, now: Timestamp, utc: boolean): string {
  const { day, clock } = partsOf(at, utc);
  return day === partsOf(now, utc).day ? clock : `${day.slice(5)} ${clock}`;
}

/** `2026-11-20 14:05:10 +01:00`. */
export function momentText(at: Timestamp, utc: boolean): string {
  const { day, clock, offset } = partsOf(at, utc);
  return `${day} ${clock}${offset === "Z" ? "Z" : ` ${offset}`}`;
}

/** `Z`, or the local zone's offset at that moment: `+01:00`. */
export function zoneText(at: Timestamp, utc: boolean): string {
  return partsOf(at, utc).offset;
}

/** The largest two units of an age: `42s`, `12m`, `3h 20m`, `2d 4h`. */
export function ageText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? `${hours}h` : `${hours}h ${minutes % 60}m`;
  return hours % 24 === 0 ? `${Math.floor(hours / 24)}d` : `${Math.floor(hours / 24)}d ${hours % 24}h`;
}

/** `15m`, `24h`, `7d`: a day is written in hours because that is how people ask for it. */
export function spanText(spanMs: number): string {
  return spanMs === DAY ? "24h" : spanMs % (7 * DAY) === 0 ? `${spanMs / DAY}d` : formatDuration(spanMs);
}
