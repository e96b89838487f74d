/**
 * The time stage: is a moment inside a named interval? Wall clock fields come from Intl, so daylight saving and
 * half-hour zones are the platform's business; the repeated hour of autumn is inside twice.
 * @see https://prometheus.io/docs/alerting/latest/configuration/#time_interval
 */
import type { NumberRange, Route, TimeInterval } from "../model/routing.ts";
import type { Timestamp } from "../model/sample.ts";

interface WallClock {
  readonly minute: number;
  readonly weekday: number;
  readonly day: number;
  readonly daysInMonth: number;
  readonly month: number;
  readonly year: number;
}

const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const formats = new Map<string, Intl.DateTimeFormat>();

function wallClock(at: Timestamp, location: string): WallClock {
  let format = formats.get(location);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: location,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      weekday: "short",
    });
    formats.set(location, format);
  }
  const parts = Object.fromEntries(format.formatToParts(at).map((part) => [part.type, part.value]));
  const [year, month] = [Number(parts["year"]), Number(parts["month"])];
  return {
    minute: Number(parts["hour"]) * 60 + Number(parts["minute"]),
    weekday: WEEKDAYS.indexOf(parts["weekday"] as string),
    day: Number(parts["day"]),
    daysInMonth: new Date(Date.UTC(year, month, 0)).getUTCDate(),
    month,
    year,
  };
}

/** Is `at` inside this interval? */
export function inInterval(interval: TimeInterval, at: Timestamp): boolean {
  const wall = wallClock(at, interval.location);
  const inside = (ranges: readonly NumberRange[], value: number): boolean =>
    ranges.length === 0 || ranges.some((range) => value >= range.first && value <= range.last);
  const fromEnd = (day: number): number => (day < 0 ? wall.daysInMonth + day + 1 : day);
  return (
    (interval.times.length === 0 ||
      interval.times.some((time) => wall.minute >= time.fromMinute && wall.minute < time.toMinute)) &&
    inside(interval.weekdays, wall.weekday) &&
    (interval.daysOfMonth.length === 0 ||
      interval.daysOfMonth.some((days) => {
        const first = Math.max(1, fromEnd(days.first));
        const last = Math.min(wall.daysInMonth, fromEnd(days.last));
        return first <= last && wall.day >= first && wall.day <= last;
      })) &&
    inside(interval.months, wall.month) &&
    inside(interval.years, wall.year)
  );
}

/** Why a route is quiet at `at`: the interval that mutes it, or that none of its active ones holds. */
export function mutedBy(
  route: Route,
  intervals: ReadonlyMap<string, readonly TimeInterval[]>,
  at: Timestamp,
): string | undefined {
  const holds = (name: string): boolean => (intervals.get(name) ?? []).some((interval) => inInterval(interval, at));
  const muting = route.muteTimeIntervals.find(holds);
  if (muting !== undefined) return muting;
  if (route.activeTimeIntervals.length === 0 || route.activeTimeIntervals.some(holds)) return undefined;
  return `outside ${route.activeTimeIntervals.join(", ")}`;
}
