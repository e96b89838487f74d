/** Selectors: a metric name, matchers in braces, or both; the name may also stand quoted inside the braces. */
import { UserError } from "../base/errors.ts";
import { METRIC_NAME } from "../model/labels.ts";
import { createMatcher, type Matcher, type MatchOp } from "../model/matcher.ts";
import type { VectorSelector } from "./ast.ts";
import type { Token } from "./lex.ts";
import { unquote } from "./quote.ts";
import type { TokenReader } from "./token-reader.ts";

const MATCH_OPS: ReadonlySet<string> = new Set(["=", "!=", "=~", "!~"]);

/** Reads `name`, `name{…}` or `{…}`; the reader stands at the name or the brace. */
export function parseSelector(reader: TokenReader): VectorSelector {
  const first = reader.peek();
  const name = first.kind === "{" ? "" : reader.take().text;
  const matchers: Matcher[] = [];
  if (reader.peek().kind === "{") matchers.push(...parseMatchers(reader));
  if (name !== "") matchers.push(createMatcher(METRIC_NAME, "=", name));
  const span = { start: first.start, end: reader.lastEnd };
  return { kind: "selector", name, matchers, extended: undefined, offset: undefined, at: undefined, span };
}

function parseMatchers(reader: TokenReader): readonly Matcher[] {
  reader.take();
  const matchers: Matcher[] = [];
  if (reader.takeIf("}") !== undefined) return matchers;
  for (;;) {
    matchers.push(parseMatcher(reader));
    if (reader.takeIf("}") !== undefined) return matchers;
    if (reader.peek().kind !== ",") throw reader.unexpected("label matching", '"," or "}"');
    reader.take();
    if (reader.takeIf("}") !== undefined) return matchers;
  }
}

function parseMatcher(reader: TokenReader): Matcher {
  const label = reader.peek();
  if (label.kind !== "identifier" && label.kind !== "string") {
    throw reader.unexpected("label matching", 'identifier or "}"');
  }
  reader.take();
  const name = label.kind === "string" ? unquote(label.text) : label.text;
  const op = reader.peek();
  if (!MATCH_OPS.has(op.kind)) {
    if (label.kind !== "string") throw reader.unexpected("label matching", "label matching operator");
    if (op.kind !== "," && op.kind !== "}") throw reader.unexpected("label matching", '"," or "}"');
    if (name === "" || !name.isWellFormed()) {
      throw reader.fail(label, `invalid metric name ${label.text}`);
    }
    return createMatcher(METRIC_NAME, "=", name);
  }
  if (!name.isWellFormed() || name === "") throw reader.fail(label, `invalid label name ${label.text}`);
  reader.take();
  const value = reader.peek();
  if (value.kind !== "string") throw reader.unexpected("label matching", "string");
  reader.take();
  return build(reader, label, name, op.kind as MatchOp, unquote(value.text));
}

function build(reader: TokenReader, label: Token, name: string, op: MatchOp, value: string): Matcher {
  try {
    return createMatcher(name, op, value);
  } catch (cause) {
    if (cause instanceof UserError) throw reader.fail(label, cause.message, cause.hint);
    throw cause;
  }
}
