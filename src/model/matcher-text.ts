/**
 * Matchers as people write them in alertmanager.yml and amtool: `severity="critical"`, `{job=~"db.*", env!=dev}`.
 * Text in, matchers out. Both of Alertmanager's dialects are read: the classic one, whose unquoted values run to
 * the next comma, and the UTF-8 one, whose names may be quoted.
 * @see https://prometheus.io/docs/alerting/latest/configuration/#matcher
 */
import { UserError } from "../base/errors.ts";
import { quoteLabelValue } from "./labels.ts";
import { type MatchOp, type Matcher, createMatcher } from "./matcher.ts";

/** A silence or route with more matchers than this is a mistake. */
const MATCHERS_MAX = 64;
const NAME_END = /[\s{}!=~,\\"'`]/;
const OPS: readonly MatchOp[] = ["=~", "!~", "!=", "="];

/**
 * Reads one or more matchers, braces optional.
 *
 * @throws UserError `bad-matcher`, `bad-regexp`.
 */
export function parseMatchers(text: string): readonly Matcher[] {
  const braced = /^\s*\{([\s\S]*)\}\s*$/.exec(text);
  const scanner = new Scanner(braced === null ? text : (braced[1] as string), text);
  const out: Matcher[] = [];
  scanner.space();
  while (!scanner.done) {
    if (out.length >= MATCHERS_MAX) throw bad(text, `more than ${MATCHERS_MAX} matchers`);
    out.push(scanner.matcher());
    scanner.space();
    if (!scanner.done) scanner.comma();
    scanner.space();
  }
  if (out.length === 0 && braced === null) throw bad(text, "it is empty");
  return out;
}

/** Reads exactly one matcher. @throws UserError `bad-matcher`, `bad-regexp`. */
export function parseMatcher(text: string): Matcher {
  const [first, ...rest] = parseMatchers(text);
  if (first === undefined || rest.length > 0) throw bad(text, "one matcher is expected");
  return first;
}

const CLASSIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

/** `name="value"`, safe on a terminal. */
export function printMatcher(matcher: { readonly name: string; readonly op: MatchOp; readonly value: string }): string {
  const name = CLASSIC_NAME.test(matcher.name) ? matcher.name : quoteLabelValue(matcher.name);
  return `${name}${matcher.op}${quoteLabelValue(matcher.value)}`;
}

/** `{a="b",c=~"d"}`, as Alertmanager writes the key of a route. */
export function printMatchers(matchers: readonly Matcher[]): string {
  return `{${matchers.map(printMatcher).join(",")}}`;
}

function bad(text: string, reason: string): UserError {
  return new UserError("bad-matcher", `${JSON.stringify(text)} is not a matcher: ${reason}`, {
    hint: 'write name, operator (=, !=, =~, !~) and value, e.g. severity="critical"',
  });
}

class Scanner {
  readonly #text: string;
  readonly #whole: string;
  #at = 0;

  constructor(text: string, whole: string) {
    this.#text = text;
    this.#whole = whole;
  }

  get done(): boolean {
    return this.#at >= this.#text.length;
  }

  space(): void {
    while (!this.done && /\s/.test(this.#text.charAt(this.#at))) this.#at++;
  }

  comma(): void {
    if (this.#text.charAt(this.#at) !== ",") throw bad(this.#whole, `"," is expected at character ${this.#at + 1}`);
    this.#at++;
  }

  matcher(): Matcher {
    const name = this.#text.charAt(this.#at) === '"' ? this.#quoted() : this.#name();
    this.space();
    const op = OPS.find((candidate) => this.#text.startsWith(candidate, this.#at));
    if (name === "") throw bad(this.#whole, "the label name is missing");
    if (op === undefined) throw bad(this.#whole, `no operator after "${name}"`);
    this.#at += op.length;
    this.space();
    const value = this.#text.charAt(this.#at) === '"' ? this.#quoted() : this.#bare();
    return createMatcher(name, op, value);
  }

  #name(): string {
    const start = this.#at;
    while (!this.done && !NAME_END.test(this.#text.charAt(this.#at))) this.#at++;
    return this.#text.slice(start, this.#at);
  }

  #bare(): string {
    const end = this.#text.indexOf(",", this.#at);
    const value = this.#text.slice(this.#at, end < 0 ? undefined : end).trim();
    this.#at = end < 0 ? this.#text.length : end;
    if (value.includes('"')) throw bad(this.#whole, 'the value holds a stray "');
    return unescape(value);
  }

  #quoted(): string {
    const start = this.#at;
    this.#at++;
    while (!this.done && this.#text.charAt(this.#at) !== '"') this.#at += this.#text.charAt(this.#at) === "\\" ? 2 : 1;
    if (this.done) throw bad(this.#whole, "a quote is not closed");
    this.#at++;
    return unescape(this.#text.slice(start + 1, this.#at - 1));
  }
}

/** Alertmanager knows three escapes; any other backslash stays, so that `\d` in a regexp needs no doubling. */
function unescape(value: string): string {
  return value.replace(/\\(["n\\])/g, (_, ch: string) => (ch === "n" ? "\n" : ch));
}
