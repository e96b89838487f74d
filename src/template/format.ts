/**
 * fmt: `%` verbs over Go values, and the default format `%v` of any value. Mistakes in a format string are printed
 * as Go prints them (`%!d(float64=0.1)`, `%!s(MISSING)`), never thrown: they end up in a message a person reads.
 */
import { exponential, fixed, general, specialFloat } from "./float.ts";
import { GoDuration, GoTime, SafeText, isNil, mapEntries, structFields, typeName } from "./value.ts";

/** Widths and precisions beyond this are refused, as Go refuses a million. */
const WIDTH_MAX = 10_000;
/** Values inside values; data given to templates is at most 4 deep. */
const DEPTH_MAX = 20;

interface Spec {
  readonly minus: boolean;
  readonly plus: boolean;
  readonly sharp: boolean;
  readonly space: boolean;
  readonly zero: boolean;
  readonly width: number | undefined;
  readonly precision: number | undefined;
}
const PLAIN: Spec = {
  minus: false,
  plus: false,
  sharp: false,
  space: false,
  zero: false,
  width: undefined,
  precision: undefined,
};

/** As `fmt.Sprint` prints one value: `%v`. */
export function formatValue(value: unknown): string {
  return formatVerb(value, "v", PLAIN, 0);
}

/** fmt.Sprint: a space between two operands when neither is text. */
export function sprint(values: readonly unknown[]): string {
  let out = "";
  values.forEach((value, i) => {
    const before = values[i - 1];
    if (i > 0 && typeof value !== "string" && typeof before !== "string") out += " ";
    out += formatValue(value);
  });
  return out;
}

/** fmt.Sprintf. */
export function sprintf(format: string, args: readonly unknown[]): string {
  let out = "";
  let next = 0;
  let reordered = false;
  const pattern = /%([-+# 0]*)(\[\d+\])?(\*|\d+)?(?:\.(\[\d+\])?(\*|\d+)?)?(\[\d+\])?([^\d\s]|\s)?/gsu;
  let last = 0;
  for (const match of format.matchAll(pattern)) {
    out += format.slice(last, match.index);
    last = match.index + match[0].length;
    const [whole, flags = "", index1, widthText, index2, precisionText, index3, verb] = match;
    const jump = (index: string | undefined): void => {
      if (index === undefined) return;
      next = Number(index.slice(1, -1)) - 1;
      reordered = true;
    };
    const number = (text: string | undefined): number | undefined => {
      if (text === undefined) return undefined;
      const value = text === "*" ? args[next++] : BigInt(text);
      return typeof value === "bigint" && value <= BigInt(WIDTH_MAX) ? Number(value) : undefined;
    };
    jump(index1);
    const width = number(widthText);
    jump(index2);
    const precision = whole.includes(".") ? (number(precisionText) ?? 0) : undefined;
    jump(index3);
    if (verb === undefined) out += "%!(NOVERB)";
    else if (verb === "%") out += "%";
    else if (next >= args.length || next < 0) out += `%!${verb}(${reordered ? "BADINDEX" : "MISSING"})`;
    else {
      const minus = flags.includes("-") || (width ?? 0) < 0;
      const spec = {
        minus,
        // With %v it asks for field names of structs, not for a sign.
        plus: flags.includes("+") && verb !== "v",
        sharp: flags.includes("#"),
        space: flags.includes(" "),
        zero: flags.includes("0") && !minus,
        width: width === undefined ? undefined : Math.abs(width),
        precision,
      };
      out += formatVerb(args[next++], verb, spec, 0);
    }
  }
  out += format.slice(last);
  if (!reordered && next < args.length) {
    const extra = args.slice(next).map((arg) => (isNil(arg) ? "<nil>" : `${typeName(arg)}=${formatValue(arg)}`));
    out += `%!(EXTRA ${extra.join(", ")})`;
  }
  return out;
}

function pad(text: string, spec: Spec): string {
  const missing = (spec.width ?? 0) - [...text].length;
  if (missing <= 0) return text;
  return spec.minus ? text + " ".repeat(missing) : " ".repeat(missing) + text;
}

/** Zeros go between sign and digits. */
function padNumber(text: string, spec: Spec): string {
  const missing = (spec.width ?? 0) - text.length;
  if (missing <= 0 || !spec.zero || /[a-zA-Z]{3}/.test(text)) return pad(text, spec);
  const sign = /^[-+ ]/.test(text) ? 1 : 0;
  return text.slice(0, sign) + "0".repeat(missing) + text.slice(sign);
}

function bad(value: unknown, verb: string): string {
  return isNil(value) ? `%!${verb}(<nil>)` : `%!${verb}(${typeName(value)}=${formatValue(value)})`;
}

function formatVerb(value: unknown, verb: string, spec: Spec, depth: number): string {
  if (verb === "T") return pad(typeName(value), spec);
  if (depth > DEPTH_MAX) return "…";
  if (isNil(value)) return verb === "v" ? pad("<nil>", spec) : bad(value, verb);
  switch (typeof value) {
    case "number":
      return formatFloat(value, verb, spec);
    case "bigint":
      return formatInt(value, verb, spec);
    case "boolean":
      return verb === "v" || verb === "t" ? pad(String(value), spec) : bad(value, verb);
    case "string":
      return formatText(value, verb, spec);
    default:
  }
  if (value instanceof SafeText) return formatText(value.text, verb, spec);
  if (value instanceof GoTime || value instanceof GoDuration) {
    return verb === "d" && value instanceof GoDuration
      ? formatInt(value.ns, verb, spec)
      : formatText(value.toString(), verb, spec);
  }
  const inner = (item: unknown): string => formatVerb(item, verb, spec, depth + 1);
  if (Array.isArray(value)) return `[${value.map(inner).join(" ")}]`;
  const entries = mapEntries(value);
  if (entries !== undefined) return `map[${entries.map(([key, item]) => `${inner(key)}:${inner(item)}`).join(" ")}]`;
  const struct = structFields(value);
  if (struct !== undefined) return `{${Object.values(struct).map(inner).join(" ")}}`;
  return bad(undefined, verb);
}

function formatFloat(value: number, verb: string, spec: Spec): string {
  const special = specialFloat(value);
  let text: string;
  switch (verb) {
    case "v":
    case "g":
    case "G":
      text = general(value, spec.precision, verb === "G" ? "E" : "e");
      break;
    case "f":
    case "F":
      text = special ?? fixed(value, spec.precision ?? 6);
      break;
    case "e":
    case "E":
      text = special ?? exponential(value, spec.precision ?? 6, verb);
      break;
    case "x":
    case "X":
      text = special ?? hexFloat(value);
      if (verb === "X") text = text.toUpperCase();
      break;
    default:
      return bad(value, verb);
  }
  return padNumber(signed(text, spec), spec);
}

function signed(text: string, spec: Spec): string {
  if (text === "+Inf" && !spec.plus) return spec.space ? " Inf" : text;
  if (/^[-+]/.test(text)) return text;
  return spec.plus ? `+${text}` : spec.space ? ` ${text}` : text;
}

function hexFloat(value: number): string {
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  if (value === 0) return `${sign}0x0p+00`;
  let mantissa = Math.abs(value);
  let exponent = Math.floor(Math.log2(mantissa));
  mantissa /= 2 ** exponent;
  if (mantissa >= 2) {
    mantissa /= 2;
    exponent++;
  }
  const fraction = BigInt(Math.round((mantissa - 1) * 2 ** 52))
    .toString(16)
    .padStart(13, "0")
    .replace(/0+$/, "");
  const power = String(Math.abs(exponent)).padStart(2, "0");
  return `${sign}0x1${fraction === "" ? "" : `.${fraction}`}p${exponent < 0 ? "-" : "+"}${power}`;
}

function formatInt(value: bigint, verb: string, spec: Spec): string {
  const magnitude = value < 0n ? -value : value;
  const sign = value < 0n ? "-" : spec.plus ? "+" : spec.space ? " " : "";
  const based = (radix: number, prefix: string): string => {
    const digits = magnitude.toString(radix).padStart(spec.precision ?? 0, "0");
    return padNumber(sign + (spec.sharp ? prefix : "") + digits, spec);
  };
  switch (verb) {
    case "v":
    case "d":
      return based(10, "");
    case "x":
      return based(16, "0x");
    case "X":
      return based(16, "0X").toUpperCase();
    case "o":
      return based(8, "0");
    case "O":
      return padNumber(`${sign}0o${magnitude.toString(8)}`, spec);
    case "b":
      return based(2, "0b");
    case "c":
      return pad(codePoint(value), spec);
    case "q":
      return pad(`'${escapeQuoted(codePoint(value), "'")}'`, spec);
    case "U":
      return pad(`U+${magnitude.toString(16).toUpperCase().padStart(4, "0")}`, spec);
    default:
      return bad(value, verb);
  }
}

function codePoint(value: bigint): string {
  return value >= 0n && value <= 0x10ffffn ? String.fromCodePoint(Number(value)) : "\uFFFD";
}

function formatText(value: string, verb: string, spec: Spec): string {
  const cut = spec.precision === undefined ? value : [...value].slice(0, spec.precision).join("");
  switch (verb) {
    case "v":
    case "s":
      return pad(cut, spec);
    case "q":
      return pad(spec.sharp && !cut.includes("`") ? `\`${cut}\`` : goQuote(cut), spec);
    case "x":
    case "X": {
      const hex = Buffer.from(cut, "utf8").toString("hex");
      return pad(verb === "x" ? hex : hex.toUpperCase(), spec);
    }
    default:
      return bad(value, verb);
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\u0007": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  "\\": "\\\\",
};

function escapeQuoted(text: string, quote: string): string {
  let out = "";
  for (const ch of text) {
    const code = ch.codePointAt(0) as number;
    if (ch === quote) out += `\\${quote}`;
    else if (Object.hasOwn(ESCAPES, ch)) out += ESCAPES[ch];
    else if (code < 0x20 || code === 0x7f) out += `\\x${code.toString(16).padStart(2, "0")}`;
    else if (code >= 0x80 && code < 0xa0) out += `\\u${code.toString(16).padStart(4, "0")}`;
    else out += ch;
  }
  return out;
}

/** strconv.Quote. */
export function goQuote(text: string): string {
  return `"${escapeQuoted(text, '"')}"`;
}
