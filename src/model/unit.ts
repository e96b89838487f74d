/**
 * Numbers as people read them. A number and its unit in, short text out: bytes in powers of 1024, seconds from
 * nanoseconds to days, everything else in powers of 1000. Three forms: `formatValue` for sentences and tables,
 * `formatShort` for axes and narrow cells, `formatFixed` for columns that must not jump while values change.
 * Absence is "-" and never 0; every output is ASCII, so its width is its length.
 */

export type Unit =
  | "none"
  | "percent"
  | "ratio"
  | "bytes"
  | "bytes/s"
  | "seconds"
  | "ops/s"
  | "req/s"
  | "count"
  | "bool"
  | "timestamp";

/** What a value that does not exist looks like. */
export const ABSENT = "-";

const SI = ["", "k", "M", "G", "T", "P", "E"] as const;
const BINARY = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"] as const;
const MS_PER_SECOND = 1_000;
/** Years of four digits, the only ones with a fixed width. */
const YEAR_0000_MS = Date.parse("0000-01-01T00:00:00Z");
const YEAR_9999_MS = Date.UTC(9999, 11, 31, 23, 59, 59);

/** Number and unit with a space between them, e.g. `12.3 %`, `1.21 GiB`, `4.5 ms`; `-` for NaN. */
export function formatValue(v: number, unit: Unit): string {
  const special = specialNumber(v);
  if (special !== undefined) return special;
  switch (unit) {
    case "percent":
      return `${percentDigits(v)} %`;
    case "ratio":
      return `${percentDigits(v * 100)} %`;
    case "bytes":
      return scaled(v, 1024, BINARY, " ", "B");
    case "bytes/s":
      return scaled(v, 1024, BINARY, " ", "B/s");
    case "seconds":
      return secondsText(v, " ");
    case "ops/s":
    case "req/s":
      return scaled(v, 1000, SI, "", "/s");
    case "count":
    case "none":
      return scaled(v, 1000, SI, "", "");
    case "bool":
      return v === 0 ? "down" : "up";
    case "timestamp":
      return timestampText(v);
  }
}

/** At most 7 characters, for axes and narrow cells: `12.3%`, `1.2G`, `4.5ms`. Thresholds of the unit are not lost. */
export function formatShort(v: number, unit: Unit): string {
  const special = specialNumber(v);
  if (special !== undefined) return special;
  switch (unit) {
    case "percent":
      return `${percentDigits(v)}%`;
    case "ratio":
      return `${percentDigits(v * 100)}%`;
    case "bytes":
    case "bytes/s":
      return scaled(v, 1024, SI, "", "");
    case "seconds":
      return secondsText(v, "");
    case "bool":
      return v === 0 ? "down" : "up";
    case "timestamp":
      return timestampText(v).replace(/^\d{4}-\d\d-\d\d (\d\d:\d\d):.*$/, "$1");
    case "ops/s":
    case "req/s":
    case "count":
    case "none":
      return scaled(v, 1000, SI, "", "");
  }
}

/** `formatShort` right-aligned in exactly `width` columns; `#` fills a column too narrow for the number. */
export function formatFixed(v: number, unit: Unit, width: number): string {
  const text = formatShort(v, unit);
  if (text.length <= width) return text.padStart(width);
  const rounded = Number.isFinite(v) && unit !== "timestamp" ? text.replace(/\.\d+/, "") : text;
  return rounded.length <= width ? rounded.padStart(width) : "#".repeat(Math.max(0, width));
}

function specialNumber(v: number): string | undefined {
  if (Number.isNaN(v)) return ABSENT;
  if (v === Number.POSITIVE_INFINITY) return "+Inf";
  if (v === Number.NEGATIVE_INFINITY) return "-Inf";
  return undefined;
}

/** Three significant digits, no exponent below 1e21, no "-0". */
function digits(v: number): string {
  const a = Math.abs(v);
  if (a === 0) return "0";
  if (a < 0.001) return trimZeros(v.toExponential(1));
  if (a < 0.995) return trimZeros(v.toPrecision(2));
  if (a < 9.995) return trimZeros(v.toFixed(2));
  if (a < 99.95) return trimZeros(v.toFixed(1));
  return v.toFixed(0);
}

/** "1.50" is "1.5", "0.10" is "0.1", "1.0e-7" is "1e-7". */
function trimZeros(text: string): string {
  return text.replace(/(\.\d*?)0+(?=$|e)/, "$1").replace(/\.(?=$|e)/, "");
}

function percentDigits(v: number): string {
  const a = Math.abs(v);
  if (a > 0 && a < 0.05) return "<0.1";
  if (a >= 1e5) return scaled(v, 1000, SI, "", "");
  return a < 99.95 && a > 0 ? trimZeros(v.toFixed(1)) : v.toFixed(0).replace(/^-0$/, "0");
}

function scaled(v: number, base: number, prefixes: readonly string[], gap: string, unit: string): string {
  let rest = v;
  let i = 0;
  // 999.5 would print as "1000": move to the next prefix before rounding does.
  while (Math.abs(rest) >= 999.5 && i < prefixes.length - 1) {
    rest /= base;
    i += 1;
  }
  const number = Math.abs(rest) >= 1e5 ? trimZeros(rest.toExponential(0)).replace("e+", "e") : digits(rest);
  return `${number}${gap}${prefixes[i]}${unit}`;
}

function secondsText(v: number, gap: string): string {
  const a = Math.abs(v);
  const sign = v < 0 ? "-" : "";
  if (a === 0) return `0${gap}s`;
  if (a < 1e-6) return `${digits(v * 1e9)}${gap}ns`;
  if (a < 0.000_999_5) return `${digits(v * 1e6)}${gap}us`;
  if (a < 0.999_5) return `${digits(v * 1e3)}${gap}ms`;
  if (a < 60) return `${digits(v)}${gap}s`;
  const total = Math.round(a);
  if (total < 3_600) return `${sign}${pair(total, 60, "m", 1, "s", gap)}`;
  if (total < 86_400) return `${sign}${pair(total, 3_600, "h", 60, "m", gap)}`;
  if (total < 31_536_000) return `${sign}${pair(total, 86_400, "d", 3_600, "h", gap)}`;
  return scaled(v / 31_536_000, 1000, SI, gap, "y");
}

function pair(total: number, big: number, bigName: string, small: number, smallName: string, gap: string): string {
  const rest = Math.floor((total % big) / small);
  const head = `${Math.floor(total / big)}${bigName}`;
  return rest === 0 ? head : `${head}${gap}${rest}${smallName}`;
}

/** Values are unix seconds, as exporters publish them; ISO in UTC, so that two people read the same text. */
function timestampText(v: number): string {
  const ms = v * MS_PER_SECOND;
  if (ms < YEAR_0000_MS || ms > YEAR_9999_MS) return v > 0 ? "far future" : "far past";
  return new Date(ms)
    .toISOString()
    .replace("T", " ")
    .replace(/\.\d+Z$/, "Z");
}
