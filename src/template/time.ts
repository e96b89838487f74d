/**
 * Go's time.Time and time.Duration as templates see them: formatting by reference layout
 * ("2006-01-02 15:04:05"), zones by IANA name through Intl, durations printed as Go prints them.
 */
import { define } from "./function.ts";
import type { GoFunction } from "./function.ts";

const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
] as const;
const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"] as const;

interface Civil {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly ms: number;
  readonly weekday: number;
  readonly offsetMinutes: number;
  readonly zone: string;
}

export class GoDuration {
  readonly ns: bigint;
  constructor(ns: bigint) {
    this.ns = ns;
  }
  static fromMs(ms: number): GoDuration {
    return new GoDuration(BigInt(Math.round(ms * 1e6)));
  }
  get seconds(): number {
    return Number(this.ns) / 1e9;
  }
  /** `1h2m3.5s`, `1.5ms`, `0s`. */
  toString(): string {
    if (this.ns === 0n) return "0s";
    const sign = this.ns < 0n ? "-" : "";
    const ns = this.ns < 0n ? -this.ns : this.ns;
    for (const [unit, size] of [
      ["ns", 1n],
      ["µs", 1_000n],
      ["ms", 1_000_000n],
    ] as const) {
      if (ns < size * 1_000n) return `${sign}${decimal(ns, size)}${unit}`;
    }
    const minutes = ns / 60_000_000_000n;
    const seconds = `${decimal(ns % 60_000_000_000n, 1_000_000_000n)}s`;
    if (minutes === 0n) return sign + seconds;
    return minutes < 60n ? `${sign}${minutes}m${seconds}` : `${sign}${minutes / 60n}h${minutes % 60n}m${seconds}`;
  }
}

function decimal(value: bigint, unit: bigint): string {
  const digits = unit.toString().length - 1;
  const fraction = (value % unit).toString().padStart(digits, "0").replace(/0+$/, "");
  return `${value / unit}${digits > 0 && fraction !== "" ? `.${fraction}` : ""}`;
}

/** An instant with the zone it is shown in; year 1 stands for Go's zero time. */
export class GoTime {
  readonly ms: number;
  readonly zone: string;
  constructor(ms: number, zone: string = "UTC") {
    this.ms = ms;
    this.zone = zone;
  }
  /** @throws Error `unknown time zone X`. */
  in(zone: string): GoTime {
    if (zone === "" || zone === "UTC") return new GoTime(this.ms, "UTC");
    try {
      civil(this.ms, zone);
    } catch {
      throw new Error(`unknown time zone ${zone}`);
    }
    return new GoTime(this.ms, zone);
  }
  toString(): string {
    const fraction = ((this.ms % 1000) + 1000) % 1000;
    return this.format(`2006-01-02 15:04:05${fraction === 0 ? "" : ".999"} -0700 MST`);
  }
  format(layout: string): string {
    return formatLayout(civil(this.ms, this.zone), layout);
  }
}

function civil(ms: number, zone: string): Civil {
  const offsetMinutes = zone === "UTC" ? 0 : offsetOf(ms, zone);
  const at = new Date(ms + offsetMinutes * 60_000);
  return {
    year: at.getUTCFullYear(),
    month: at.getUTCMonth() + 1,
    day: at.getUTCDate(),
    hour: at.getUTCHours(),
    minute: at.getUTCMinutes(),
    second: at.getUTCSeconds(),
    ms: at.getUTCMilliseconds(),
    weekday: at.getUTCDay(),
    offsetMinutes,
    zone: zone === "UTC" ? "UTC" : zoneName(ms, zone, offsetMinutes),
  };
}

function part(ms: number, zone: string, style: "longOffset" | "short"): string {
  const format = new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: style });
  return format.formatToParts(ms).find((piece) => piece.type === "timeZoneName")?.value ?? "";
}

function offsetOf(ms: number, zone: string): number {
  const match = /GMT([+-])(\d\d):(\d\d)/.exec(part(ms, zone, "longOffset"));
  if (match === null) return 0;
  return (match[1] === "-" ? -1 : 1) * (Number(match[2]) * 60 + Number(match[3]));
}

/** The abbreviation where one is known (CET is not, to Intl in English), else the offset as Go prints it. */
function zoneName(ms: number, zone: string, offsetMinutes: number): string {
  const short = part(ms, zone, "short");
  if (/^[A-Z]{3,5}$/.test(short)) return short;
  const minutes = Math.abs(offsetMinutes);
  const hours = String(Math.floor(minutes / 60)).padStart(2, "0");
  return `${offsetMinutes < 0 ? "-" : "+"}${hours}${minutes % 60 === 0 ? "" : String(minutes % 60).padStart(2, "0")}`;
}

const two = (n: number): string => String(n).padStart(2, "0");
const hour12 = (c: Civil): number => (c.hour % 12 === 0 ? 12 : c.hour % 12);

function offset(c: Civil, colon: string, zulu: boolean, withMinutes: boolean): string {
  if (zulu && c.offsetMinutes === 0) return "Z";
  const minutes = Math.abs(c.offsetMinutes);
  const text = (c.offsetMinutes < 0 ? "-" : "+") + two(Math.floor(minutes / 60));
  return withMinutes ? text + colon + two(minutes % 60) : text;
}

/** Reference pieces, longest first where one begins another. */
const PIECES: readonly (readonly [string, (c: Civil) => string])[] = [
  ["January", (c) => MONTHS[c.month - 1] as string],
  ["Monday", (c) => DAYS[c.weekday] as string],
  ["Jan", (c) => (MONTHS[c.month - 1] as string).slice(0, 3)],
  ["Mon", (c) => (DAYS[c.weekday] as string).slice(0, 3)],
  ["MST", (c) => c.zone],
  ["2006", (c) => String(c.year).padStart(4, "0")],
  ["-07:00", (c) => offset(c, ":", false, true)],
  ["-0700", (c) => offset(c, "", false, true)],
  ["-07", (c) => offset(c, "", false, false)],
  ["Z07:00", (c) => offset(c, ":", true, true)],
  ["Z0700", (c) => offset(c, "", true, true)],
  ["__2", (c) => String(yearDay(c)).padStart(3, " ")],
  ["002", (c) => String(yearDay(c)).padStart(3, "0")],
  ["_2", (c) => String(c.day).padStart(2, " ")],
  ["01", (c) => two(c.month)],
  ["02", (c) => two(c.day)],
  ["03", (c) => two(hour12(c))],
  ["04", (c) => two(c.minute)],
  ["05", (c) => two(c.second)],
  ["06", (c) => two(c.year % 100)],
  ["15", (c) => two(c.hour)],
  ["PM", (c) => (c.hour >= 12 ? "PM" : "AM")],
  ["pm", (c) => (c.hour >= 12 ? "pm" : "am")],
  ["1", (c) => String(c.month)],
  ["2", (c) => String(c.day)],
  ["3", (c) => String(hour12(c))],
  ["4", (c) => String(c.minute)],
  ["5", (c) => String(c.second)],
];

function yearDay(c: Civil): number {
  return Math.round((Date.UTC(c.year, c.month - 1, c.day) - Date.UTC(c.year, 0, 1)) / 86_400_000) + 1;
}

function formatLayout(c: Civil, layout: string): string {
  let out = "";
  for (let i = 0; i < layout.length; ) {
    const fraction = /^[.,](0+|9+)(?!\d)/.exec(layout.slice(i));
    if (fraction !== null) {
      const digits = fraction[1] as string;
      const all = String(c.ms).padStart(3, "0").padEnd(digits.length, "0").slice(0, digits.length);
      const kept = digits.startsWith("9") ? all.replace(/0+$/, "") : all;
      out += kept === "" ? "" : (layout[i] as string) + kept;
      i += fraction[0].length;
      continue;
    }
    const piece = PIECES.find(
      ([text]) => layout.startsWith(text, i) && !(text === "Jan" && /[a-z]/.test(layout[i + 3] ?? "")),
    );
    if (piece === undefined) out += layout[i++];
    else {
      out += piece[1](c);
      i += piece[0].length;
    }
  }
  return out;
}

/** Methods of a time value that messages use. */
export const timeMethods: Readonly<Record<string, (time: GoTime) => GoFunction>> = {
  Format: (time) => define(["string"], ([layout]) => time.format(layout as string)),
  Unix: (time) => define([], () => BigInt(Math.floor(time.ms / 1000))),
  UnixMilli: (time) => define([], () => BigInt(Math.floor(time.ms))),
  UTC: (time) => define([], () => new GoTime(time.ms, "UTC")),
  Year: (time) => define([], () => BigInt(civil(time.ms, time.zone).year)),
  Hour: (time) => define([], () => BigInt(civil(time.ms, time.zone).hour)),
  Minute: (time) => define([], () => BigInt(civil(time.ms, time.zone).minute)),
  Weekday: (time) => define([], () => DAYS[civil(time.ms, time.zone).weekday]),
  Day: (time) => define([], () => BigInt(civil(time.ms, time.zone).day)),
  Sub: (time) => define(["time"], ([other]) => GoDuration.fromMs(time.ms - (other as GoTime).ms)),
  After: (time) => define(["time"], ([other]) => time.ms > (other as GoTime).ms),
  Before: (time) => define(["time"], ([other]) => time.ms < (other as GoTime).ms),
  IsZero: (time) => define([], () => time.ms <= ZERO_TIME_MS),
  String: (time) => define([], () => time.toString()),
};

/** Go's zero time, 0001-01-01T00:00:00Z. */
export const ZERO_TIME_MS: number = -62_135_596_800_000;

export const durationMethods: Readonly<Record<string, (duration: GoDuration) => GoFunction>> = {
  Seconds: (duration) => define([], () => duration.seconds),
  Minutes: (duration) => define([], () => duration.seconds / 60),
  Hours: (duration) => define([], () => duration.seconds / 3600),
  String: (duration) => define([], () => duration.toString()),
};
