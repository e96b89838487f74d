/**
 * Numbers as Go's strconv reads and writes them, over bytes.
 *
 * Short decimals are computed exactly without making a string (an integer below 2^53 times or divided by a power
 * of ten up to 22 rounds once, so the result is the correctly rounded one); everything else goes through `Number`.
 * @see https://www.exploringbinary.com/fast-path-decimal-to-floating-point-conversion/ (Clinger 1990)
 */

const POWERS = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));
/** Digits that always fit below 2^53. */
const EXACT_DIGITS_MAX = 15;
const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const INFINITE = /^([+-]?)inf(?:inity)?$/i;
const SPECIAL_NAN = /^nan$/i;

/**
 * Parses `bytes[from, to)` into `out[index]`.
 *
 * @returns false when the text is not a number to Go: empty, hexadecimal, with `_`, or beyond the range of a float64.
 */
export function parseFloatInto(out: Float64Array, index: number, bytes: Uint8Array, from: number, to: number): boolean {
  let i = from;
  let negative = false;
  const sign = bytes[i];
  if (sign === 0x2d || sign === 0x2b) {
    negative = sign === 0x2d;
    i++;
  }
  let mantissa = 0;
  let digits = 0;
  let fraction = 0;
  let dot = false;
  let seen = false;
  for (; i < to; i++) {
    const c = bytes[i] as number;
    if (c >= 0x30 && c <= 0x39) {
      seen = true;
      if (digits > 0 || c !== 0x30) digits++;
      if (digits > EXACT_DIGITS_MAX) return parseSlow(out, index, bytes, from, to);
      mantissa = mantissa * 10 + (c - 0x30);
      if (dot) fraction++;
    } else if (c === 0x2e && !dot) {
      dot = true;
    } else {
      return parseSlow(out, index, bytes, from, to);
    }
  }
  if (!seen || fraction > 22) return parseSlow(out, index, bytes, from, to);
  const value = fraction === 0 ? mantissa : mantissa / (POWERS[fraction] as number);
  out[index] = negative ? -value : value;
  return true;
}

function parseSlow(out: Float64Array, index: number, bytes: Uint8Array, from: number, to: number): boolean {
  // A number of more than this is nobody's sample; the bound keeps a 64 MiB "number" from becoming a string.
  if (to - from > 1_000) return false;
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const value = parseGoFloat(buffer.toString("latin1", from, to));
  if (value === undefined) return false;
  out[index] = value;
  return true;
}

/**
 * Parses a short decimal that starts at `from` and ends before a blank or a line feed, as nearly all values are.
 *
 * @returns the offset after it, or -1 when it takes `parseFloatInto` to say what stands there.
 */
export function readShortFloat(out: Float64Array, index: number, bytes: Uint8Array, from: number, end: number): number {
  let i = from;
  const negative = bytes[i] === MINUS;
  if (negative) i++;
  const first = i;
  let mantissa = 0;
  let digits = 0;
  let dotAt = -1;
  for (; i < end; i++) {
    const digit = (bytes[i] as number) - ZERO;
    if (digit >= 0 && digit <= 9) {
      mantissa = mantissa * 10 + digit;
      // Leading zeros do not count.
      if (mantissa !== 0) digits++;
    } else if (digit === DOT - ZERO && dotAt < 0) {
      dotAt = i;
    } else {
      break;
    }
  }
  if (digits > EXACT_DIGITS_MAX || i - first < (dotAt < 0 ? 1 : 2)) return -1;
  let power = dotAt < 0 ? 0 : dotAt + 1 - i;
  if (bytes[i] === LETTER_E && i < end) {
    const exponent = readShortExponent(bytes, i + 1, end);
    if (exponent === NO_EXPONENT) return -1;
    power += exponent;
    i += 4;
  }
  if (power > 22 || power < -22 || (i < end && bytes[i] !== 0x0a && bytes[i] !== 0x20)) return -1;
  const value = power < 0 ? mantissa / (POWERS[-power] as number) : mantissa * (POWERS[power] as number);
  out[index] = negative ? -value : value;
  return i;
}

const ZERO = 0x30;
const MINUS = 0x2d;
const DOT = 0x2e;
const LETTER_E = 0x65;
const NO_EXPONENT = 100;

/** A sign and two digits, as Go writes exponents; NO_EXPONENT for anything else. */
function readShortExponent(bytes: Uint8Array, at: number, end: number): number {
  if (at + 3 > end) return NO_EXPONENT;
  const sign = bytes[at];
  const tens = (bytes[at + 1] as number) - ZERO;
  const ones = (bytes[at + 2] as number) - ZERO;
  if ((sign !== MINUS && sign !== 0x2b) || tens < 0 || tens > 9 || ones < 0 || ones > 9) return NO_EXPONENT;
  return sign === MINUS ? -(tens * 10 + ones) : tens * 10 + ones;
}

/** @returns undefined when Go's `strconv.ParseFloat` (without hexadecimal and `_`) refuses `text`. */
export function parseGoFloat(text: string): number | undefined {
  if (DECIMAL.test(text)) {
    const value = Number(text);
    return Number.isFinite(value) ? value : undefined;
  }
  const infinite = INFINITE.exec(text);
  if (infinite !== null) return infinite[1] === "-" ? -Infinity : Infinity;
  return SPECIAL_NAN.test(text) ? Number.NaN : undefined;
}

/** Go's `'g'` with shortest precision turns to an exponent from 1e6 on (and below 1e-4). */
const GO_EXPONENT_FROM = 6;

/** The shortest text that reads back as `value`, as Go's `FormatFloat(v, 'g', -1, 64)` writes it: `1.5`, `1e+06`. */
export function formatGoFloat(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const [mantissa, exponent] = value.toExponential().split("e") as [string, string];
  const power = Number(exponent);
  // JS writes 1e-4 and up without an exponent as well, so its own text serves for the middle range.
  if (power >= -4 && power < GO_EXPONENT_FROM) return String(value);
  return `${mantissa}e${power < 0 ? "-" : "+"}${Math.abs(power).toString().padStart(2, "0")}`;
}

/** As `le` and `quantile` are kept: a float text that always shows it is one (`1.0`, `1e+06`, `+Inf`). */
export function formatOpenMetricsFloat(value: number): string {
  if (value === 0) return "0.0";
  const text = formatGoFloat(value);
  return /[.eIN]/.test(text) ? text : `${text}.0`;
}
