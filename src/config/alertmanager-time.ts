/** Time intervals of alertmanager.yml: `monday:friday`, `-3:-1`, `09:00`, zones; texts in, ranges out. */
import { UserError } from "../base/errors.ts";
import { type Decode, fields, list, parsed, text } from "../base/shape.ts";
import type { NumberRange, TimeInterval } from "../model/routing.ts";

const WEEKDAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const MONTHS = [
  "january",
  "february",
  "march",
  "april",
  "may",
  "june",
  "july",
  "august",
  "september",
  "october",
  "november",
  "december",
];
const DAY_MINUTES = 24 * 60;

function bad(value: string, what: string, hint: string): UserError {
  return new UserError("bad-time-interval", `"${value}" is not ${what}`, { hint });
}

/** `first:last` or one value; `read` gives undefined for what it does not know. */
function range(what: string, hint: string, read: (word: string) => number | undefined): Decode<NumberRange> {
  return parsed((value) => {
    const [from, to, ...rest] = value.split(":").map((word) => read(word.trim().toLowerCase()));
    const first = from;
    const last = value.includes(":") ? to : from;
    if (first === undefined || last === undefined || rest.length > 0) throw bad(value, what, hint);
    const crossing = first > last && !(first > 0 && last < 0);
    if (crossing) throw new UserError("bad-time-interval", `"${value}" ends before it starts`, { hint });
    return { first, last };
  });
}

const named =
  (names: readonly string[], base: number, max: number) =>
  (word: string): number | undefined => {
    const index = names.indexOf(word);
    if (index >= 0) return index + base;
    const number = /^\d+$/.test(word) ? Number(word) : undefined;
    return number !== undefined && base === 1 && number >= 1 && number <= max ? number : undefined;
  };

function dayOfMonth(word: string): number | undefined {
  const day = /^-?\d{1,2}$/.test(word) ? Number(word) : 0;
  return day !== 0 && Math.abs(day) <= 31 ? day : undefined;
}

const minute = parsed((value) => {
  const match = /^(\d{2}):(\d{2})$/.exec(value);
  const minutes = match === null ? Number.NaN : Number(match[1]) * 60 + Number(match[2]);
  if (match === null || Number(match[2]) > 59 || minutes > DAY_MINUTES) {
    throw bad(value, "a time of day", 'write "09:00"; the end of the day is "24:00"');
  }
  return minutes;
});

const timeShape = fields(
  { start_time: minute, end_time: minute },
  { what: "a time range", required: ["start_time", "end_time"] },
);

const times: Decode<{ readonly fromMinute: number; readonly toMinute: number }> = (at, findings) => {
  const read = timeShape(at, findings);
  const { start_time: fromMinute, end_time: toMinute } = read?.got ?? {};
  if (fromMinute === undefined || toMinute === undefined) return undefined;
  if (fromMinute >= toMinute) {
    return findings.error(at, "the time range ends before it starts", "split it at midnight: two ranges");
  }
  return { fromMinute, toMinute };
};

const location = parsed((value) => {
  const zone = value === "Local" ? Intl.DateTimeFormat().resolvedOptions().timeZone : value;
  try {
    return new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone;
  } catch {
    throw bad(value, "a time zone", 'write an IANA name, e.g. "Europe/Berlin"');
  }
});

const intervalShape = fields(
  {
    times: list(times),
    weekdays: list(range("a weekday or a range of them", 'e.g. "monday:friday"', named(WEEKDAYS, 0, 6))),
    days_of_month: list(range("a day of the month or a range", 'e.g. "1:5" or "-3:-1"', dayOfMonth)),
    months: list(range("a month or a range of them", 'e.g. "january:march" or "1:3"', named(MONTHS, 1, 12))),
    years: list(
      range("a year or a range of them", 'e.g. "2026:2027"', (w) => (/^\d{4}$/.test(w) ? Number(w) : undefined)),
    ),
    location,
  },
  { what: "a time interval" },
);

const interval: Decode<TimeInterval> = (at, findings) => {
  const got = intervalShape(at, findings)?.got;
  if (got === undefined) return undefined;
  return {
    times: got.times ?? [],
    weekdays: got.weekdays ?? [],
    daysOfMonth: got.days_of_month ?? [],
    months: got.months ?? [],
    years: got.years ?? [],
    location: got.location ?? "UTC",
  };
};

export interface NamedInterval {
  readonly name: string;
  readonly intervals: readonly TimeInterval[];
}

const namedShape = fields(
  { name: text, time_intervals: list(interval) },
  { what: "a named time interval", required: ["name"] },
);

export const namedInterval: Decode<NamedInterval> = (at, findings) => {
  const got = namedShape(at, findings)?.got;
  return got?.name === undefined ? undefined : { name: got.name, intervals: got.time_intervals ?? [] };
};
