/** Text functions that rules and messages share: case, RE2 matching and replacing, conversion of numbers. */
import { RE2JS } from "re2js";
import { type GoFunction, define } from "./function.ts";
import { goQuote } from "./format.ts";
import { GoDuration, SafeText, typeName } from "./value.ts";

/** Patterns kept compiled; rule files and message templates together use a few dozen. */
const PATTERNS_MAX = 256;
const patterns = new Map<string, RE2JS>();

/** @throws Error with RE2's reason. */
function compile(pattern: string): RE2JS {
  const known = patterns.get(pattern);
  if (known !== undefined) return known;
  const compiled = RE2JS.compile(pattern);
  if (patterns.size >= PATTERNS_MAX) patterns.delete(patterns.keys().next().value as string);
  patterns.set(pattern, compiled);
  return compiled;
}

/** regexp.ReplaceAllString: `$1`, `${1}`, `${name}`, `$$`; an unknown group is empty. */
export function replaceAll(pattern: string, replacement: string, text: string): string {
  const regexp = compile(pattern);
  const matcher = regexp.matcher(text);
  const names = regexp.namedGroups();
  let out = "";
  let last = 0;
  while (matcher.find()) {
    out += text.slice(last, matcher.start());
    out += replacement.replace(/\$(?:\$|\{(\w+)\}|(\w+))/g, (whole, braced?: string, bare?: string) => {
      const name = braced ?? bare;
      if (name === undefined) return whole === "$$" ? "$" : "";
      const index = /^\d+$/.test(name) ? Number(name) : Number(names[name] ?? -1);
      return index >= 0 && index <= matcher.groupCount() ? (matcher.group(index) ?? "") : "";
    });
    last = matcher.end();
  }
  return out + text.slice(last);
}

/** strings.Title: the first letter of every word, nothing else is changed; an apostrophe begins a word, too. */
export function title(text: string): string {
  return text.replace(
    /(^|[\0-/:-@[-^`{-\x7f]|\s)(\p{L})/gu,
    (_all, before: string, letter: string) => before + letter.toUpperCase(),
  );
}

/** A number from a number or its text, as templates accept both. @throws Error with Go's words. */
export function toFloat(value: unknown): number {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  if (value instanceof GoDuration) return value.seconds;
  if (typeof value !== "string") throw new Error(`can't convert ${typeName(value)} to float`);
  const special = /^([-+]?)(nan|inf|infinity)$/i.exec(value);
  if (special !== null) {
    if (/nan/i.test(value)) return Number.NaN;
    return special[1] === "-" ? -Infinity : Infinity;
  }
  if (/^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/.test(value)) return Number(value);
  throw new Error(`strconv.ParseFloat: parsing ${goQuote(value)}: invalid syntax`);
}

export const textFunctions: Readonly<Record<string, GoFunction>> = {
  toUpper: define(["string"], ([text]) => (text as string).toUpperCase()),
  toLower: define(["string"], ([text]) => (text as string).toLowerCase()),
  title: define(["string"], ([text]) => title(text as string)),
  trimSpace: define(["string"], ([text]) => (text as string).trim()),
  match: define(["string", "string"], ([pattern, text]) =>
    compile(pattern as string)
      .matcher(text as string)
      .find(),
  ),
  reReplaceAll: define(["string", "string", "string"], ([pattern, replacement, text]) =>
    replaceAll(pattern as string, replacement as string, text as string),
  ),
  safeHtml: define(["string"], ([text]) => new SafeText(text as string)),
};
