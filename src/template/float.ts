/**
 * Floats as Go prints them: exact decimal digits with ties to even (JS rounds ties up: `2.5.toFixed(0)` is "3",
 * Go's `%.0f` gives "2") and Go's choice between plain and exponent notation (`1e+06`, `1e-05`).
 */

/** A finite float as an exact fraction: sign, numerator, power of two of the denominator (may be negative). */
function exact(v: number): { readonly mantissa: bigint; readonly exponent: number } {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, Math.abs(v));
  const bits = view.getBigUint64(0);
  const biased = Number(bits >> 52n);
  const fraction = bits & 0xf_ffff_ffff_ffffn;
  return biased === 0
    ? { mantissa: fraction, exponent: -1074 }
    : { mantissa: fraction | 0x10_0000_0000_0000n, exponent: biased - 1075 };
}

/** |v| × 10^scale as the nearest whole number, ties to even. */
function scaled(v: number, scale: number): bigint {
  const { mantissa, exponent } = exact(v);
  let numerator = mantissa;
  let denominator = 1n;
  if (exponent > 0) numerator <<= BigInt(exponent);
  else denominator <<= BigInt(-exponent);
  if (scale > 0) numerator *= 10n ** BigInt(scale);
  else denominator *= 10n ** BigInt(-scale);
  const quotient = numerator / denominator;
  const twice = (numerator % denominator) * 2n;
  return twice > denominator || (twice === denominator && quotient % 2n === 1n) ? quotient + 1n : quotient;
}

function isNegative(v: number): boolean {
  return v < 0 || Object.is(v, -0);
}

/** NaN, +Inf, -Inf as Go writes them; undefined for finite numbers. */
export function specialFloat(v: number): string | undefined {
  if (Number.isNaN(v)) return "NaN";
  if (v === Infinity) return "+Inf";
  return v === -Infinity ? "-Inf" : undefined;
}

/** `%.{digits}f` of a finite number. */
export function fixed(v: number, digits: number): string {
  const all = scaled(v, digits)
    .toString()
    .padStart(digits + 1, "0");
  const whole = all.slice(0, all.length - digits);
  return (isNegative(v) ? "-" : "") + (digits > 0 ? `${whole}.${all.slice(-digits)}` : whole);
}

/** Decimal digits without leading or trailing zeros are not removed; value = 0.d1d2d3… × 10^point. */
interface Decimal {
  readonly digits: string;
  readonly point: number;
}

/** Exactly `count` significant digits. */
function rounded(v: number, count: number): Decimal {
  if (v === 0) return { digits: "0".repeat(count), point: 1 };
  const exponent = Number(Math.abs(v).toExponential(0).split("e")[1]);
  // The estimate may be one too high where the first digit rounds up (9.9996 → 1.000e1), so try lower first.
  for (const guess of [exponent - 1, exponent, exponent + 1]) {
    const text = scaled(v, count - 1 - guess).toString();
    if (text.length === count) return { digits: text, point: guess + 1 };
  }
  return { digits: `1${"0".repeat(count - 1)}`, point: exponent + 1 };
}

/** The fewest digits that read back as the same number. */
function shortest(v: number): Decimal {
  const [mantissa, exponent] = Math.abs(v).toExponential().split("e") as [string, string];
  return { digits: mantissa.replace(".", ""), point: Number(exponent) + 1 };
}

function withExponent(decimal: Decimal, digitsAfter: number, negative: boolean, letter: "e" | "E"): string {
  const digits = decimal.digits.padEnd(digitsAfter + 1, "0");
  const exponent = decimal.point - 1;
  const fraction = digitsAfter > 0 ? `.${digits.slice(1, digitsAfter + 1)}` : "";
  const power = String(Math.abs(exponent)).padStart(2, "0");
  return `${negative ? "-" : ""}${digits[0]}${fraction}${letter}${exponent < 0 ? "-" : "+"}${power}`;
}

/** `%e`, or `%.{digits}e`; shortest when digits is undefined. */
export function exponential(v: number, digits: number | undefined, letter: "e" | "E" = "e"): string {
  const decimal = v === 0 ? { digits: "0", point: 1 } : digits === undefined ? shortest(v) : rounded(v, digits + 1);
  return withExponent(decimal, digits ?? decimal.digits.length - 1, isNegative(v), letter);
}

/** Below this exponent and from the precision on, Go's %g writes an exponent; 6 when the precision is "shortest". */
const SHORTEST_PRECISION = 6;

/**
 * `%g`: shortest digits when `precision` is undefined.
 *
 * @see https://pkg.go.dev/strconv#FormatFloat
 */
export function general(v: number, precision: number | undefined, letter: "e" | "E" = "e"): string {
  const special = specialFloat(v);
  if (special !== undefined) return special;
  const significant = precision === 0 ? 1 : precision;
  const raw = v === 0 ? { digits: "0", point: 1 } : significant === undefined ? shortest(v) : rounded(v, significant);
  const digits = raw.digits.replace(/0+$/, "") || "0";
  const decimal = { digits, point: raw.point };
  let limit = significant ?? SHORTEST_PRECISION;
  if (significant !== undefined && limit > digits.length && digits.length >= decimal.point) limit = digits.length;
  const exponent = decimal.point - 1;
  if (exponent < -4 || exponent >= limit) return withExponent(decimal, digits.length - 1, isNegative(v), letter);
  const sign = isNegative(v) ? "-" : "";
  if (decimal.point <= 0) return `${sign}0.${"0".repeat(-decimal.point)}${digits}`;
  if (digits.length <= decimal.point) return sign + digits.padEnd(decimal.point, "0");
  return `${sign}${digits.slice(0, decimal.point)}.${digits.slice(decimal.point)}`;
}
