/**
 * RE2 regular expressions, fully anchored with dot matching newline, as Prometheus compiles them.
 *
 * In: RE2 syntax. Out: a matcher in linear time, and what the label index can push down. Finite sets become a lookup,
 * `a.*b.*` a text search, a small part without nested or many choices a JS RegExp for short texts, the rest re2js. A
 * JS RegExp never sees an unchecked pattern: `(a+)+b` took one 38 s.
 */
import { RE2JS } from "re2js";
import { UserError } from "../base/errors.ts";
import { parseRegexp, type RegexpNode } from "./regexp-syntax.ts";

export interface CompiledRegexp {
  readonly matches: (text: string) => boolean;
  /** All texts that match, when they are finite and few. */
  readonly set: readonly string[] | undefined;
  /** Literal prefix of every match; "" when unknown. */
  readonly prefix: string;
}

/** A compiled expression that also tells what its groups matched. */
export interface CapturingRegexp {
  /** Text of each group, [0] the whole; undefined when the text does not match as a whole. */
  readonly exec: (text: string) => readonly (string | undefined)[] | undefined;
  /** Names of groups by index; undefined where a group has none. */
  readonly names: readonly (string | undefined)[];
}

/** Most texts a finite expression is spelled out to. */
const SET_MAX = 256;
/** Compiled patterns kept; a process sees few distinct ones unless it is fed hostile ones. */
const CACHE_MAX = 1_000;
/** Answers kept per slow expression: label values repeat. */
const ANSWERS_MAX = 10_000;
/** Longest text given to a JS RegExp: with two open-ended repeats its work is the square of this. */
const FAST_TEXT_LENGTH_MAX = 1_000;
/** Open-ended repeats and other choices a JS RegExp may have; more could multiply. */
const FAST_REPEATS_MAX = 2;
const FAST_CHOICES_MAX = 4;

const cache = new Map<string, CompiledRegexp>();

/** @throws UserError `bad-regexp` when `pattern` is not RE2 syntax. */
export function compileRegexp(pattern: string): CompiledRegexp {
  const known = cache.get(pattern);
  if (known !== undefined) return known;
  const compiled = compile(pattern);
  if (cache.size >= CACHE_MAX) cache.clear();
  cache.set(pattern, compiled);
  return compiled;
}

/** @throws UserError `bad-regexp` when `pattern` is not RE2 syntax. */
export function compileCapturing(pattern: string): CapturingRegexp {
  const slow = compileRe2(pattern);
  const names: (string | undefined)[] = Array.from({ length: slow.groupCount() + 1 }, () => undefined);
  for (const [name, index] of Object.entries(slow.namedGroups())) names[index] = name;
  const exec = (text: string): readonly (string | undefined)[] | undefined => {
    const matcher = slow.matcher(text);
    if (!matcher.matches()) return undefined;
    return names.map((_, index) => matcher.group(index) ?? undefined);
  };
  return { exec, names };
}

/**
 * Fills Go's template of a replacement: `$1`, `${1}`, `$name`, `${name}`, `$$`. A name is as long as it can be
 * (`$1x` is the group called "1x"); unknown groups are empty.
 */
export function expandTemplate(
  template: string,
  groups: readonly (string | undefined)[],
  names: readonly (string | undefined)[],
): string {
  return template.replace(/\$(?:\$|\{(\w+)\}|(\w+))/g, (whole, braced?: string, bare?: string) => {
    const name = braced ?? bare;
    if (name === undefined) return whole === "$$" ? "$" : whole;
    const index = /^\d+$/.test(name) ? Number(name) : names.indexOf(name);
    return groups[index] ?? "";
  });
}

/** The pattern that matches exactly this text. */
export function escapeRegexp(text: string): string {
  return text.replace(/[\\.+*?()|[\]{}^$]/g, "\\$&");
}

function compile(pattern: string): CompiledRegexp {
  const node = parseRegexp(pattern);
  if (node === undefined) {
    const slow = compileRe2(pattern);
    return { matches: remember((text) => slow.matches(text)), set: undefined, prefix: "" };
  }
  const set = enumerate(node);
  if (set !== undefined) {
    const texts = [...new Set(set)];
    const lookup = new Set(texts);
    return { matches: (text) => lookup.has(text), set: texts, prefix: texts.length === 1 ? (texts[0] as string) : "" };
  }
  const prefix = literalPrefix(node);
  const matches = wildcard(node) ?? fast(node, pattern) ?? slowly(pattern);
  return { matches, set: undefined, prefix };
}

function compileRe2(pattern: string): RE2JS {
  try {
    return RE2JS.compile(`^(?s:${pattern})$`);
  } catch (cause) {
    throw new UserError("bad-regexp", `"${pattern}" is not a regular expression: ${(cause as Error).message}`, {
      hint: "opsmon reads RE2 syntax: no lookahead, no backreferences",
      cause,
    });
  }
}

/** Valid by our own parser, so compiling waits until a text needs it. */
function slowly(pattern: string): (text: string) => boolean {
  let compiled: RE2JS | undefined;
  return remember((text) => (compiled ??= compileRe2(pattern)).matches(text));
}

function remember(matches: (text: string) => boolean): (text: string) => boolean {
  const answers = new Map<string, boolean>();
  return (text) => {
    let answer = answers.get(text);
    if (answer === undefined) {
      answer = matches(text);
      if (answers.size >= ANSWERS_MAX) answers.clear();
      answers.set(text, answer);
    }
    return answer;
  };
}

/** Every text of a finite expression. */
function enumerate(node: RegexpNode): readonly string[] | undefined {
  switch (node.kind) {
    case "literal":
      return node.fold && node.text.toLowerCase() !== node.text.toUpperCase() ? undefined : [node.text];
    case "group":
      return enumerate(node.inner);
    case "class":
      return enumerateClass(node);
    case "any":
      return undefined;
    case "repeat": {
      if (node.max !== 1) return undefined;
      const inner = enumerate(node.inner);
      return inner === undefined || node.min === 1 ? inner : bounded([...inner, ""]);
    }
    case "alternate": {
      const all: string[] = [];
      for (const branch of node.branches) {
        const texts = enumerate(branch);
        if (texts === undefined) return undefined;
        all.push(...texts);
        if (all.length > SET_MAX) return undefined;
      }
      return all;
    }
    case "concat": {
      let all: readonly string[] = [""];
      for (const part of node.parts) {
        const texts = enumerate(part);
        if (texts === undefined || all.length * texts.length > SET_MAX) return undefined;
        all = all.flatMap((head) => texts.map((tail) => head + tail));
      }
      return all;
    }
  }
}

function bounded(texts: readonly string[]): readonly string[] | undefined {
  return texts.length > SET_MAX ? undefined : texts;
}

function enumerateClass(node: RegexpNode & { readonly kind: "class" }): readonly string[] | undefined {
  if (node.negated || node.fold) return undefined;
  const out: string[] = [];
  for (const [lo, hi] of node.ranges) {
    if (hi - lo + out.length >= SET_MAX) return undefined;
    for (let point = lo; point <= hi; point++) out.push(String.fromCodePoint(point));
  }
  return out;
}

/** The text every match begins with. */
function literalPrefix(node: RegexpNode): string {
  if (node.kind === "literal") return node.fold ? "" : node.text;
  if (node.kind === "group") return literalPrefix(node.inner);
  return node.kind === "concat" ? literalPrefix(node.parts[0] as RegexpNode) : "";
}

/** Literals between gaps of at least so many code points. */
interface Wildcard {
  readonly literals: readonly string[];
  /** One fewer than literals. */
  readonly gaps: readonly number[];
}

/** Matches `a.*b.+c` by searching for its literals from the left: linear, whatever the text. */
function wildcard(node: RegexpNode): ((text: string) => boolean) | undefined {
  const pattern = asWildcard(node);
  if (pattern === undefined) return undefined;
  const { literals, gaps } = pattern;
  const head = literals[0] as string;
  const tail = literals.at(-1) as string;
  const middle = literals.slice(1, -1);
  return (text) => {
    if (!text.startsWith(head)) return false;
    let at = head.length;
    for (const [i, literal] of middle.entries()) {
      at = skip(text, at, gaps[i] as number);
      at = at < 0 ? -1 : text.indexOf(literal, at);
      if (at < 0) return false;
      at += literal.length;
    }
    at = skip(text, at, gaps.at(-1) as number);
    return at >= 0 && text.length - tail.length >= at && text.endsWith(tail);
  };
}

/** The index `count` code points on, -1 past the end. */
function skip(text: string, from: number, count: number): number {
  let at = from;
  for (let i = 0; i < count; i++) {
    const point = text.codePointAt(at);
    if (point === undefined) return -1;
    at += point > 0xffff ? 2 : 1;
  }
  return at;
}

function asWildcard(node: RegexpNode): Wildcard | undefined {
  const literals = [""];
  const gaps: number[] = [];
  let open = false;
  for (const part of flatten(node)) {
    if (part.kind === "literal" && !part.fold) {
      literals[literals.length - 1] += part.text;
      if (part.text !== "") open = false;
    } else if (part.kind === "repeat" && part.inner.kind === "any" && part.inner.newline && part.max > REPEAT_OPEN) {
      if (open) gaps[gaps.length - 1] = (gaps.at(-1) as number) + part.min;
      else {
        gaps.push(part.min);
        literals.push("");
      }
      open = true;
    } else return undefined;
  }
  return gaps.length === 0 ? undefined : { literals, gaps };
}

/** Larger than any bounded repeat. */
const REPEAT_OPEN = Number.MAX_SAFE_INTEGER;

function flatten(node: RegexpNode): readonly RegexpNode[] {
  if (node.kind === "group") return flatten(node.inner);
  return node.kind === "concat" ? node.parts.flatMap(flatten) : [node];
}

/** A JS RegExp for short texts, where the pattern has too few choices to make it slow. */
function fast(node: RegexpNode, pattern: string): ((text: string) => boolean) | undefined {
  const cost = { repeats: 0, choices: 0 };
  if (!isTame(node, cost) || cost.repeats > FAST_REPEATS_MAX || cost.choices > FAST_CHOICES_MAX) return undefined;
  const regexp = new RegExp(`^(?:${source(node)})$`, "su");
  const slow = slowly(pattern);
  return (text) => (text.length <= FAST_TEXT_LENGTH_MAX ? regexp.test(text) : slow(text));
}

/** Repeats only of single characters, or at most one time of something without repeats. */
function isTame(node: RegexpNode, cost: { repeats: number; choices: number }): boolean {
  switch (node.kind) {
    case "literal":
    case "any":
    case "class":
      return true;
    case "group":
      return isTame(node.inner, cost);
    case "concat":
      return node.parts.every((part) => isTame(part, cost));
    case "alternate":
      cost.choices++;
      return node.branches.every((branch) => isTame(branch, cost));
    case "repeat": {
      if (node.max === 1) {
        cost.choices++;
        return isTame(node.inner, cost);
      }
      if (node.max !== node.min) cost.repeats++;
      const inner = node.inner;
      if (inner.kind === "any" || inner.kind === "class") return true;
      return inner.kind === "literal" && Array.from(inner.text).length === 1;
    }
  }
}

function source(node: RegexpNode): string {
  switch (node.kind) {
    case "literal": {
      const text = Array.from(node.text, (ch) => rune(ch.codePointAt(0) as number)).join("");
      return node.fold ? `(?i:${text})` : text;
    }
    case "any":
      return node.newline ? "." : "[^\\n]";
    case "class": {
      const ranges = node.ranges.map(([lo, hi]) => (lo === hi ? rune(lo) : `${rune(lo)}-${rune(hi)}`)).join("");
      const text = `[${node.negated ? "^" : ""}${ranges}]`;
      return node.fold ? `(?i:${text})` : text;
    }
    case "group":
      return `(?:${source(node.inner)})`;
    case "concat":
      return node.parts.map((part) => (part.kind === "alternate" ? `(?:${source(part)})` : source(part))).join("");
    case "alternate":
      return node.branches.map(source).join("|");
    case "repeat": {
      const max = node.max === Number.POSITIVE_INFINITY ? "" : String(node.max);
      return `(?:${source(node.inner)}){${node.min},${max}}${node.lazy ? "?" : ""}`;
    }
  }
}

/** A code point that means itself everywhere in a RegExp. */
function rune(point: number): string {
  return `\\u{${point.toString(16)}}`;
}
