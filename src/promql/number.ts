/**
 * Numbers as Go has them, where JavaScript differs: text of a sample, `^`, `%`, integer literals. The engine computes
 * with IEEE doubles on both sides, so only the edges below need care.
 */

/**
 * A sample value as Prometheus' HTTP API writes it: shortest digits that read back, plain notation between 1e-6 and
 * 1e21, else an exponent of at least two digits (`5e-07`), `+Inf`, `-Inf`, `NaN`, `-0`.
 */
export function formatFloat(v: number): string {
  if (Number.isNaN(v)) return "NaN";
  if (v === Number.POSITIVE_INFINITY) return "+Inf";
  if (v === Number.NEGATIVE_INFINITY) return "-Inf";
  if (v === 0) return Object.is(v, -0) ? "-0" : "0";
  return padExponent(String(v));
}

/** JavaScript's thresholds for plain notation are those of the API (1e-6 … 1e21); its exponents are not padded. */
function padExponent(text: string): string {
  const e = text.indexOf("e");
  if (e < 0) return text;
  const digits = text.slice(e + 2);
  return text.slice(0, e + 2) + (digits.length < 2 ? `0${digits}` : digits);
}

/** Never an exponent, as `count_values` labels its results: 1e21 is "1000000000000000000000". */
export function formatPlain(v: number): string {
  if (Number.isNaN(v)) return "NaN";
  if (!Number.isFinite(v)) return v > 0 ? "+Inf" : "-Inf";
  if (Object.is(v, -0)) return "-0";
  const text = String(v);
  const e = text.indexOf("e");
  if (e < 0) return text;
  const negative = text.startsWith("-");
  const mantissa = text.slice(negative ? 1 : 0, e);
  const exponent = Number(text.slice(e + 1));
  const [whole = "", fraction = ""] = mantissa.split(".");
  const digits = whole + fraction;
  const point = whole.length + exponent;
  let out: string;
  if (point <= 0) out = `0.${"0".repeat(-point)}${digits}`;
  else if (point >= digits.length) out = digits + "0".repeat(point - digits.length);
  else out = `${digits.slice(0, point)}.${digits.slice(point)}`;
  return negative ? `-${out}` : out;
}

/** A number inside a message or a printed expression: exponent below 1e-4 and from 1e21, as Go's `%v`. */
export function formatShort(v: number): string {
  if (!Number.isFinite(v) || v === 0) return formatFloat(v);
  const magnitude = Math.abs(v);
  if (magnitude >= 1e-4 || magnitude < 1e-6) return formatFloat(v);
  return padExponent(v.toExponential());
}

/** A number in a warning, as Go's `%g`: an exponent below 1e-4 and from 1e6. */
export function formatGeneral(v: number): string {
  if (!Number.isFinite(v) || v === 0) return formatFloat(v);
  const text = v.toExponential();
  const exponent = Number(text.slice(text.indexOf("e") + 1));
  return exponent < -4 || exponent >= 6 ? padExponent(text) : formatFloat(v);
}

/** As `math.Pow` in Go: a base of 1 gives 1 for every exponent, -1 to an infinite power gives 1. */
export function pow(base: number, exponent: number): number {
  if (base === 1) return 1;
  if (base === -1 && !Number.isFinite(exponent) && !Number.isNaN(exponent)) return 1;
  return base ** exponent;
}

/**
 * The value of a number token: decimal, `0x` hexadecimal, a leading 0 for octal, `_` between digits, any case of
 * `inf` and `nan`.
 *
 * @returns undefined when the token is none of these, or too large for a double.
 */
export function parseNumber(token: string): number | undefined {
  const lower = token.toLowerCase();
  if (lower === "inf" || lower === "+inf") return Number.POSITIVE_INFINITY;
  if (lower === "-inf") return Number.NEGATIVE_INFINITY;
  if (lower === "nan") return Number.NaN;
  const plain = lower.replaceAll("_", "");
  if (/^0x[0-9a-f]+$/.test(plain)) return Number(plain);
  if (/^0[0-7]+$/.test(plain)) return Number.parseInt(plain, 8);
  if (!/^(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/.test(plain)) return undefined;
  // Digits that are too many for a double are a mistake; infinity has a name.
  const value = Number(plain);
  return Number.isFinite(value) ? value : undefined;
}

/**
 * The upper bound a `le` label names, or any label value read as a float: Go's ParseFloat without its hexadecimal
 * forms.
 *
 * @returns undefined when it is not a number.
 */
export function parseFloatLabel(text: string): number | undefined {
  const match = /^([+-]?)(inf|infinity|nan|(?:\d[\d_]*\.?\d*|\.\d+)(?:e[+-]?\d+)?)$/i.exec(text);
  if (match === null) return undefined;
  const body = (match[2] as string).toLowerCase();
  const sign = match[1] === "-" ? -1 : 1;
  if (body.startsWith("inf")) return sign * Number.POSITIVE_INFINITY;
  if (body === "nan") return Number.NaN;
  return sign * Number(body.replaceAll("_", ""));
}
