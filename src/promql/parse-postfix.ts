/** What may follow an operand: `[5m]`, `[1h:5m]`, `offset 5m`, `@ 1700000000`, in any sensible order. */
import { parseDuration } from "../model/duration.ts";
import type { AtModifier, DurationExpr, Expr, Extension, MatrixSelector, Subquery, VectorSelector } from "./ast.ts";
import { parseNumber } from "./number.ts";
import { parseBracketDuration, parseOffset } from "./parse-duration.ts";
import type { TokenReader } from "./token-reader.ts";

/** Furthest time `@` may name, ms: int64 milliseconds, as Prometheus bounds it. */
const AT_MS_MAX = 2 ** 63;

export function parsePostfix(reader: TokenReader, operand: Expr): Expr {
  let expr = operand;
  for (;;) {
    const token = reader.peek();
    switch (token.kind) {
      case "[":
        expr = reader.node(parseBrackets(reader, expr));
        break;
      case "offset":
        reader.take();
        expr = reader.node(withOffset(reader, expr, parseOffset(reader)));
        break;
      case "@":
        reader.take();
        expr = reader.node(withAt(reader, expr, parseAt(reader)));
        break;
      case "anchored":
      case "smoothed":
        reader.take();
        expr = reader.node(withExtension(reader, expr, token.kind));
        break;
      default:
        return expr;
    }
  }
}

function withExtension(reader: TokenReader, expr: Expr, extended: Extension): Expr {
  if (!reader.features.has("promql-extended-range-selectors")) {
    throw reader.fail(expr.span, `${extended} modifier is experimental and not enabled`);
  }
  const selector = expr.kind === "matrix" ? expr.selector : expr;
  if (selector.kind !== "selector") {
    const place = expr.kind === "subquery" ? " is not supported for subqueries" : " must be preceded by a selector";
    throw reader.fail(expr.span, `${extended} modifier${place}`);
  }
  if (selector.extended !== undefined && selector.extended !== extended) {
    throw reader.fail(expr.span, "anchored and smoothed modifiers cannot be used together");
  }
  const span = { start: expr.span.start, end: reader.lastEnd };
  if (expr.kind === "matrix") return { ...expr, selector: { ...expr.selector, extended }, span };
  return { ...selector, extended, span };
}

function parseBrackets(reader: TokenReader, expr: Expr): MatrixSelector | Subquery {
  const open = reader.take();
  const range = parseBracketDuration(reader);
  const separator = reader.peek();
  if (separator.kind === "]") {
    const close = reader.take();
    if (expr.kind !== "selector") throw reader.fail(open, "ranges only allowed for vector selectors");
    if (expr.offset !== undefined) throw reader.fail(open, "no offset modifiers allowed before range");
    if (expr.extended !== undefined) {
      throw reader.fail(open, `no ${expr.extended} modifier allowed before range`);
    }
    if (expr.at !== undefined) throw reader.fail(open, "no @ modifiers allowed before range");
    return { kind: "matrix", selector: expr, range, span: { start: expr.span.start, end: close.end } };
  }
  if (separator.kind !== ":") throw reader.unexpected("subquery or range", '":" or "]"');
  reader.take();
  const step = reader.peek().kind === "]" ? undefined : parseBracketDuration(reader);
  const close = reader.expect("]", "subquery selector", '"]"');
  const span = { start: expr.span.start, end: close.end };
  return { kind: "subquery", expr, range, step, offset: undefined, at: undefined, span };
}

const SHIFTABLE = "must be preceded by an instant vector selector or range vector selector or a subquery";

function withOffset(reader: TokenReader, expr: Expr, offset: DurationExpr): Expr {
  const target = shiftable(expr);
  if (target === undefined) throw reader.fail(expr.span, `offset modifier ${SHIFTABLE}`);
  if (target.offset !== undefined) throw reader.fail(expr.span, "offset may not be set multiple times");
  return rebuild(expr, reader.lastEnd, { offset });
}

function withAt(reader: TokenReader, expr: Expr, at: AtModifier): Expr {
  const target = shiftable(expr);
  if (target === undefined) throw reader.fail(expr.span, `@ modifier ${SHIFTABLE}`);
  if (target.at !== undefined) throw reader.fail(expr.span, "@ <timestamp> may not be set multiple times");
  return rebuild(expr, reader.lastEnd, { at });
}

function shiftable(expr: Expr): VectorSelector | Subquery | undefined {
  if (expr.kind === "matrix") return expr.selector;
  return expr.kind === "selector" || expr.kind === "subquery" ? expr : undefined;
}

function rebuild(expr: Expr, end: number, change: { readonly offset?: DurationExpr; readonly at?: AtModifier }): Expr {
  const span = { start: expr.span.start, end };
  if (expr.kind === "matrix") return { ...expr, selector: { ...expr.selector, ...change }, span };
  return { ...(expr as VectorSelector | Subquery), ...change, span };
}

function parseAt(reader: TokenReader): AtModifier {
  const token = reader.peek();
  if (token.kind === "start" || token.kind === "end") {
    if (reader.peek(1).kind === "(") {
      reader.take();
      reader.take();
      reader.expect(")", "@", "timestamp");
      return { kind: token.kind };
    }
    reader.take();
    throw reader.unexpected("@", "timestamp");
  }
  const sign = reader.takeIf("-") ?? reader.takeIf("+");
  const literal = reader.peek();
  if (literal.kind !== "number" && literal.kind !== "duration") throw reader.unexpected("@", "timestamp");
  reader.take();
  const seconds = literal.kind === "number" ? parseNumber(literal.text) : parseDuration(literal.text) / 1000;
  const signed = (sign?.kind === "-" ? -1 : 1) * (seconds ?? Number.NaN);
  if (!Number.isFinite(signed) || Math.abs(signed * 1000) >= AT_MS_MAX) {
    throw reader.fail(literal, `timestamp out of bounds for @ modifier: ${signed}`);
  }
  return { kind: "time", ms: Math.round(signed * 1000) };
}
