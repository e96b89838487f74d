/**
 * Moments as people write them: RFC 3339, unix seconds, `now`, `now-2h`, `-2h`, `03:10`, `yesterday 03:10`,
 * `2026-11-20 14:05`. Text without a zone is read in the local one.
 */
import { UserError } from "../base/errors.ts";
import { parseDuration } from "./duration.ts";
import type { Timestamp } from "./sample.ts";

const RELATIVE = /^(?:now)?\s*([+-])\s*(\S+)$/;
const CLOCK = /^(?:(today|yesterday)\s+)?(\d{1,2}):(\d{2})(?::(\d{2}))?$/;
const LOCAL = /^(\d{4})-(\d{2})-(\d{2})(?:[ T](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,3}))?)?)?$/;
const ZONED = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})$/i;
const UNIX_SECONDS = /^\d{9,}(?:\.\d+)?$/;
const DAY_MS = 86_400_000;

/**
 * @param now the moment relative forms count from, unix ms.
 * @param utc reads and fills in dates in UTC instead of the local zone.
 * @throws UserError `bad-time` (exit 2).
 */
export function parseTime(text: string, now: Timestamp, utc = false): Timestamp {
  const trimmed = text.trim();
  if (trimmed === "now") return now;
  if (UNIX_SECONDS.test(trimmed)) return Math.round(Number(trimmed) * 1_000);
  const relative = RELATIVE.exec(trimmed);
  const shift = relative === null ? undefined : durationOrNothing(relative[2] as string);
  if (shift !== undefined) return now + (relative?.[1] === "-" ? -shift : shift);
  if (ZONED.test(trimmed)) {
    const ms = Date.parse(trimmed.replace(" ", "T").replace(/(\.\d{3})\d+/, "$1"));
    if (Number.isFinite(ms)) return ms;
  }
  const clock = CLOCK.exec(trimmed);
  if (clock !== null && Number(clock[2]) < 24 && Number(clock[3]) < 60) return clockTime(clock, now, utc);
  const local = LOCAL.exec(trimmed);
  if (local !== null) {
    const [year, month, day, hour, minute, second, ms] = local.slice(1).map((part) => Number(part ?? 0));
    const at = make(utc, year as number, (month as number) - 1, day as number, hour, minute, second, ms);
    if (new Date(at).getTime() === at && (month as number) <= 12 && (day as number) <= 31) return at;
  }
  throw new UserError("bad-time", `"${text}" is not a time`, {
    hint: 'write "-2h", "now-30m", "14:05", "yesterday 03:10", "2026-11-20T14:05:00Z" or unix seconds',
    exit: 2,
  });
}

function durationOrNothing(text: string): number | undefined {
  try {
    return parseDuration(text);
  } catch {
    return undefined;
  }
}

/** A clock time without a day is the last one that has passed, unless `today` says otherwise. */
function clockTime(parts: RegExpExecArray, now: Timestamp, utc: boolean): Timestamp {
  const [day, hour, minute, second] = [parts[1], Number(parts[2]), Number(parts[3]), Number(parts[4] ?? 0)];
  const base = new Date(day === "yesterday" ? now - DAY_MS : now);
  const at = utc
    ? make(true, base.getUTCFullYear(), base.getUTCMonth(), base.getUTCDate(), hour, minute, second)
    : make(false, base.getFullYear(), base.getMonth(), base.getDate(), hour, minute, second);
  return day === undefined && at > now ? at - DAY_MS : at;
}

function make(
  utc: boolean,
  year: number,
  month: number,
  day: number,
  hour = 0,
  minute = 0,
  second = 0,
  ms = 0,
): Timestamp {
  return utc
    ? Date.UTC(year, month, day, hour, minute, second, ms)
    : new Date(year, month, day, hour, minute, second, ms).getTime();
}

/** RFC 3339 with the zone's offset, to the second, or to the ms where there is one: `2026-11-20T14:05:00+01:00`. */
export function formatTime(at: Timestamp, utc = false): string {
  const fraction = at % 1_000 === 0 ? "" : `.${String(((at % 1_000) + 1_000) % 1_000).padStart(3, "0")}`;
  if (utc) return `${new Date(at).toISOString().slice(0, 19)}${fraction}Z`;
  const offset = -new Date(at).getTimezoneOffset();
  const wall = new Date(at + offset * 60_000).toISOString().slice(0, 19);
  const size = Math.abs(offset);
  const zone = `${offset < 0 ? "-" : "+"}${String(Math.floor(size / 60)).padStart(2, "0")}:${String(size % 60).padStart(2, "0")}`;
  return `${wall}${fraction}${zone}`;
}
