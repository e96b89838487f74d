/** Duration expressions to milliseconds, once the query's step and range are known. */
import { UserError } from "../base/errors.ts";
import { type DurationExpr, type Expr, walk } from "./ast.ts";
import type { QueryGrid } from "./block.ts";
import { pow } from "./number.ts";
import { parseError } from "./syntax.ts";

/** Go's largest duration in whole ms. */
const DURATION_MS_MAX = 9_223_372_036_854;

/**
 * Milliseconds of a range or step.
 *
 * @throws UserError `promql-parse` when it is not above zero or divides by zero.
 */
export function resolveRange(expr: DurationExpr, query: QueryGrid): number {
  const ms = resolve(expr, query);
  if (ms <= 0) throw bad("duration must be greater than 0");
  return ms;
}

/** @throws UserError `promql-parse` with the place of the first duration that means nothing at this step and range. */
export function checkDurations(expr: Expr, query: QueryGrid, source: string): void {
  const check = (duration: DurationExpr | undefined, resolved: (one: DurationExpr) => number): void => {
    // Plain ones were checked by the parser.
    if (duration === undefined || duration.kind === "duration") return;
    try {
      resolved(duration);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      throw parseError(source, duration.span, error.message, error.hint);
    }
  };
  walk(expr, (node) => {
    if (node.kind === "matrix" || node.kind === "subquery") check(node.range, (one) => resolveRange(one, query));
    if (node.kind === "subquery") check(node.step, (one) => resolveRange(one, query));
    if (node.kind === "selector" || node.kind === "subquery") check(node.offset, (one) => resolveOffset(one, query));
  });
}

/** Milliseconds of an offset, which may be negative. */
export function resolveOffset(expr: DurationExpr | undefined, query: QueryGrid): number {
  return expr === undefined ? 0 : resolve(expr, query);
}

function resolve(expr: DurationExpr, query: QueryGrid): number {
  if (expr.kind === "duration") return expr.ms;
  const seconds = evaluate(expr, query);
  if (!(Math.abs(seconds) * 1000 <= DURATION_MS_MAX)) throw bad("duration is out of range");
  return Math.trunc(seconds * 1000);
}

function evaluate(expr: DurationExpr, query: QueryGrid): number {
  switch (expr.kind) {
    case "duration":
      return expr.ms / 1000;
    case "duration-number":
      return expr.value;
    case "duration-paren":
      return evaluate(expr.inner, query);
    case "duration-unary": {
      const operand = evaluate(expr.operand, query);
      return expr.op === "-" ? -operand : operand;
    }
    case "duration-call":
      return call(expr.name, expr.args, query);
    case "duration-op":
      return operate(expr.op, evaluate(expr.left, query), evaluate(expr.right, query));
  }
}

function call(name: string, args: readonly DurationExpr[], query: QueryGrid): number {
  if (name === "step") return query.stepMs / 1000;
  if (name === "range") return (query.endMs - query.startMs) / 1000;
  const [a, b] = args.map((arg) => evaluate(arg, query)) as [number, number];
  return name.startsWith("min") ? Math.min(a, b) : Math.max(a, b);
}

function operate(op: "+" | "-" | "*" | "/" | "%" | "^", left: number, right: number): number {
  switch (op) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "/":
      if (right === 0) throw bad("division by zero");
      return left / right;
    case "%":
      if (right === 0) throw bad("modulo by zero");
      return left % right;
    case "^":
      return pow(left, right);
  }
}

function bad(message: string): UserError {
  return new UserError("promql-parse", message, {
    exit: 2,
    hint: "this is about a duration in brackets or after offset",
  });
}
