/**
 * The series notation of promtool's test files: `up{job="x"}` and `0+10x5 _ stale`. Text in; labels, and one entry
 * per interval out: a number, "stale", or undefined where there is no sample.
 */
import { UserError } from "../base/errors.ts";
import { Labels, METRIC_NAME } from "../model/labels.ts";

export type NotedValue = number | "stale" | undefined;

/** Values one series may expand into: a year of minutes. */
export const SERIES_VALUES_MAX = 600_000;

const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const STRING = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`/y;

function bad(what: string, text: string): UserError {
  return new UserError("bad-series", `${JSON.stringify(text)} is not ${what}`);
}

/**
 * `name{label="value", …}`; the name may be left out or quoted inside the braces.
 *
 * @throws UserError `bad-series`
 */
export function parseSeriesName(text: string): Labels {
  const pairs: [string, string][] = [];
  let at = 0;
  const skip = (): void => {
    while (/\s/.test(text[at] ?? "")) at++;
  };
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match === null) return undefined;
    at += match[0].length;
    return match[0];
  };
  skip();
  const name = take(NAME);
  if (name !== undefined) pairs.push([METRIC_NAME, name]);
  skip();
  if (text[at] === "{") {
    at++;
    for (;;) {
      skip();
      if (text[at] === "}") break;
      const quoted = take(STRING);
      const label = quoted === undefined ? take(NAME) : unquote(quoted);
      if (label === undefined) throw bad("a series: a label name is missing", text);
      skip();
      if (quoted !== undefined && text[at] !== "=") pairs.push([METRIC_NAME, label]);
      else {
        if (text[at] !== "=") throw bad('a series: "=" is missing after a label name', text);
        at++;
        skip();
        const value = take(STRING);
        if (value === undefined) throw bad("a series: a label value must be quoted", text);
        pairs.push([label, unquote(value)]);
      }
      skip();
      if (text[at] === ",") at++;
      else if (text[at] !== "}") throw bad('a series: "," or "}" is missing', text);
    }
    at++;
    skip();
  }
  if (at < text.length || (name === undefined && text.trim() === "")) throw bad("a series", text);
  const names = pairs.map(([label]) => label);
  if (new Set(names).size < names.length) throw bad("a series: a label is given twice", text);
  return Labels.from(pairs);
}

function unquote(token: string): string {
  const inner = token.slice(1, -1);
  if (token.startsWith("`")) return inner;
  const simple: Readonly<Record<string, string>> = {
    n: "\n",
    t: "\t",
    r: "\r",
    a: "\u0007",
    b: "\b",
    f: "\f",
    v: "\v",
  };
  return inner.replace(/\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|(.))/gs, (_all, x, u, long, ch) => {
    const code = (x ?? u ?? long) as string | undefined;
    if (code !== undefined) return String.fromCodePoint(Math.min(0x10ffff, Number.parseInt(code, 16)));
    return simple[ch as string] ?? (ch as string);
  });
}

/** No hexadecimal here: `0x12` is twelve more zeros. */
const NUMBER = "[-+]?(?:(?:\\d+\\.?\\d*|\\.\\d+)(?:[eE][-+]?\\d+)?|[iI][nN][fF]|[nN][aA][nN])";
const ITEM = new RegExp(`^(${NUMBER}|stale|_)(?:([-+]${NUMBER.replace("[-+]?", "")})?x(\\d+))?$`);

/**
 * `1`, `1x3` (1 four times), `0+10x3` (0 10 20 30), `_`, `_x3`, `stale`, separated by spaces.
 *
 * @throws UserError `bad-series`; native histograms (`{{…}}`) are refused by name.
 */
export function parseSeriesValues(text: string): readonly NotedValue[] {
  if (text.includes("{{")) {
    throw new UserError("bad-series", "native histograms are not supported in test series", {
      hint: "opsmon stores floats; write classic _bucket series",
    });
  }
  const out: NotedValue[] = [];
  for (const item of text
    .trim()
    .split(/\s+/)
    .filter((each) => each !== "")) {
    const match = ITEM.exec(item);
    if (match === null) throw bad("a list of test values", item);
    const [, first = "", step, times] = match;
    const count = times === undefined ? undefined : Number(times);
    if ((count ?? 0) + out.length > SERIES_VALUES_MAX) {
      throw new UserError("bad-series", `"${item}" gives more than ${SERIES_VALUES_MAX} values`);
    }
    if (first === "_") for (let i = 0; i < (count ?? 1); i++) out.push(undefined);
    else if (first === "stale") for (let i = 0; i <= (count ?? 0); i++) out.push("stale");
    else {
      const add = step === undefined ? 0 : numberOf(step);
      let value = numberOf(first);
      for (let i = 0; i <= (count ?? 0); i++) {
        out.push(value);
        value += add;
      }
    }
  }
  return out;
}

function numberOf(text: string): number {
  const word = text.replace(/^[-+]/, "").toLowerCase();
  const sign = text.startsWith("-") ? -1 : 1;
  if (word === "inf") return sign * Infinity;
  if (word === "nan") return Number.NaN;
  return sign * Number(word);
}
