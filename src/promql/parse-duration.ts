/**
 * Durations where the grammar wants one: in brackets and after `offset`. A bare number is seconds. Arithmetic
 * (`[5m * 2]`, `offset (1h - 5m)`, `[step()]`) needs the feature `promql-duration-expr`.
 */
import type { UserError } from "../base/errors.ts";
import { parseDuration } from "../model/duration.ts";
import { assert } from "../base/assert.ts";
import type { DurationExpr } from "./ast.ts";
import type { Token } from "./lex.ts";
import { parseNumber } from "./number.ts";
import type { TokenReader } from "./token-reader.ts";

/** Go's largest duration in whole ms; Prometheus holds durations in it. */
const DURATION_MS_MAX = 9_223_372_036_854;
const PRECEDENCE: ReadonlyMap<string, number> = new Map([
  ["+", 4],
  ["-", 4],
  ["*", 5],
  ["/", 5],
  ["%", 5],
  ["^", 6],
]);
const CALLS: ReadonlySet<string> = new Set(["step", "range", "min", "max", "min_of", "max_of"]);
type CallName = "step" | "range" | "min" | "max" | "min_of" | "max_of";
type ArithmeticName = "+" | "-" | "*" | "/" | "%" | "^";

/** Milliseconds of a duration token. */
export function literalMs(reader: TokenReader, token: Token): number {
  let ms: number;
  try {
    ms = parseDuration(token.text);
  } catch {
    throw reader.fail(token, `not a valid duration string: ${JSON.stringify(token.text)}`);
  }
  if (ms > DURATION_MS_MAX) throw reader.fail(token, "duration out of range");
  return ms;
}

/** What stands in brackets: an expression of durations and numbers. */
export function parseBracketDuration(reader: TokenReader): DurationExpr {
  return settle(reader, expression(reader, 0, 0), false);
}

/** What follows `offset`: one signed literal, call or parenthesis; operators after it belong outside. */
export function parseOffset(reader: TokenReader): DurationExpr {
  const token = reader.peek();
  if (token.kind === "+" || token.kind === "-") {
    reader.take();
    // A second sign is allowed, as in Prometheus, and folds into the first.
    const second = reader.takeIf("-") ?? reader.takeIf("+");
    const op = (second?.kind === "-") === (token.kind === "-") ? "+" : "-";
    const operand = primary(reader, "offset", 0);
    const span = { start: token.start, end: operand.span.end };
    return settle(reader, { kind: "duration-unary", op, operand, span }, true);
  }
  return settle(reader, primary(reader, "offset", 0), true);
}

/** Deepest parentheses in a duration: nobody writes more, and each level is a stack frame. */
const DEPTH_MAX = 64;

function expression(reader: TokenReader, minPrecedence: number, depth: number): DurationExpr {
  if (depth > DEPTH_MAX) throw reader.fail(reader.peek(), `duration is nested deeper than ${DEPTH_MAX} levels`);
  const sign = reader.peek();
  let left: DurationExpr;
  if (sign.kind === "+" || sign.kind === "-") {
    reader.take();
    const operand = expression(reader, 6, depth + 1);
    left = { kind: "duration-unary", op: sign.kind, operand, span: { start: sign.start, end: operand.span.end } };
  } else left = primary(reader, "subquery selector", depth);
  for (let chain = 0; ; chain++) {
    const token = reader.peek();
    const precedence = PRECEDENCE.get(token.kind);
    if (precedence === undefined || precedence < minPrecedence) return left;
    if (chain > DEPTH_MAX) throw reader.fail(token, `duration has more than ${DEPTH_MAX} operators`);
    reader.take();
    const right = expression(reader, token.kind === "^" ? precedence : precedence + 1, depth + 1);
    const span = { start: left.span.start, end: right.span.end };
    left = { kind: "duration-op", op: token.kind as ArithmeticName, left, right, span };
  }
}

function primary(reader: TokenReader, context: string, depth: number): DurationExpr {
  const token = reader.peek();
  const span = { start: token.start, end: token.end };
  if (token.kind === "duration") {
    reader.take();
    return { kind: "duration", ms: literalMs(reader, token), span };
  }
  if (token.kind === "number") {
    reader.take();
    const value = parseNumber(token.text);
    if (value === undefined) throw reader.badNumber(token);
    if (!(Math.abs(value) * 1000 <= DURATION_MS_MAX)) throw reader.fail(token, "duration out of range");
    return { kind: "duration-number", value, span };
  }
  if (token.kind === "(") {
    reader.take();
    const inner = expression(reader, 0, depth + 1);
    const close = reader.expect(")", "", "");
    return { kind: "duration-paren", inner, span: { start: token.start, end: close.end } };
  }
  const name = token.text.toLowerCase();
  if (CALLS.has(name) && reader.peek(1).kind === "(") return call(reader, name as CallName, depth);
  throw reader.unexpected(context, "number or duration");
}

function call(reader: TokenReader, name: CallName, depth: number): DurationExpr {
  const start = reader.take().start;
  reader.take();
  const args: DurationExpr[] = [];
  if (name !== "step" && name !== "range") {
    args.push(expression(reader, 0, depth + 1));
    reader.expect(",", "duration expression", '","');
    args.push(expression(reader, 0, depth + 1));
  }
  const close = reader.expect(")", "", "");
  return { kind: "duration-call", name, args, span: { start, end: close.end } };
}

/** Turns a plain literal into whole ms at once, and refuses arithmetic where the feature is off. */
function settle(reader: TokenReader, expr: DurationExpr, negative: boolean): DurationExpr {
  const literal = expr.kind === "duration-unary" ? expr.operand : expr;
  if (literal.kind === "duration" || literal.kind === "duration-number") {
    const sign = expr.kind === "duration-unary" && expr.op === "-" ? -1 : 1;
    const ms = sign * (literal.kind === "duration" ? literal.ms : Math.trunc(literal.value * 1000));
    if (ms <= 0 && !negative) throw tooSmall(reader, expr);
    return { kind: "duration", ms, span: expr.span };
  }
  if (!reader.features.has("promql-duration-expr")) {
    throw reader.fail(expr.span, "experimental duration expression is not enabled", FEATURE_HINT);
  }
  return expr;
}

const FEATURE_HINT = "enable it with --enable-feature=promql-duration-expr";

function tooSmall(reader: TokenReader, expr: DurationExpr): UserError {
  assert(expr.span.start >= 0, "a duration has a place in its text");
  return reader.fail(expr.span, "duration must be greater than 0");
}
