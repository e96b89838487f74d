/**
 * The type checker: every operand, argument and modifier where the language allows it, with Prometheus' words. Runs
 * once after parsing; the engine relies on it and checks no types again.
 */
import { METRIC_NAME } from "../model/labels.ts";
import type { Aggregate, Binary, Call, Expr, ExprType, Span, VectorSelector } from "./ast.ts";
import type { FunctionSignature } from "./functions/define.ts";
import { FUNCTIONS } from "./functions/registry.ts";
import { quote } from "./quote.ts";
import { parseError } from "./syntax.ts";

export const COMPARISONS: ReadonlySet<string> = new Set(["==", "!=", ">", "<", ">=", "<="]);
export const SET_OPS: ReadonlySet<string> = new Set(["and", "or", "unless"]);

/** The type an expression has when it is well formed. */
export function exprType(expr: Expr): ExprType {
  switch (expr.kind) {
    case "number":
      return "scalar";
    case "string":
      return "string";
    case "selector":
    case "aggregate":
      return "instant vector";
    case "matrix":
    case "subquery":
      return "range vector";
    case "call":
      return FUNCTIONS.get(expr.func)?.returns ?? "instant vector";
    case "binary":
      return exprType(expr.left) === "scalar" && exprType(expr.right) === "scalar" ? "scalar" : "instant vector";
    case "unary":
    case "paren":
      return exprType(expr.expr);
  }
}

/** @throws UserError `promql-parse` at the first mistake. */
export function checkExpr(expr: Expr, text: string): void {
  new Checker(text).check(expr);
}

class Checker {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  #fail(span: Pick<Span, "start">, message: string): never {
    throw parseError(this.#text, span, message);
  }

  check(expr: Expr): ExprType {
    switch (expr.kind) {
      case "number":
      case "string":
        break;
      case "selector":
        this.#selector(expr, false);
        break;
      case "matrix":
        this.#selector(expr.selector, false);
        break;
      case "subquery": {
        const type = this.check(expr.expr);
        if (type !== "instant vector") {
          this.#fail(expr.span, `subquery is only allowed on instant vector, got ${type} instead`);
        }
        break;
      }
      case "paren":
        return this.check(expr.expr);
      case "unary": {
        const type = this.check(expr.expr);
        if (type !== "scalar" && type !== "instant vector") {
          const rule = "unary expression only allowed on expressions of type scalar or instant vector";
          this.#fail(expr.span, `${rule}, got ${JSON.stringify(type)}`);
        }
        return type;
      }
      case "aggregate":
        this.#aggregate(expr);
        break;
      case "call":
        this.#call(expr);
        break;
      case "binary":
        return this.#binary(expr);
    }
    return exprType(expr);
  }

  #expect(expr: Expr, wanted: ExprType, context: string): void {
    const type = this.check(expr);
    if (type !== wanted) this.#fail(expr.span, `expected type ${wanted} in ${context}, got ${type}`);
  }

  #selector(selector: VectorSelector, anything: boolean): void {
    if (selector.name !== "") {
      for (const matcher of selector.matchers.slice(0, -1)) {
        if (matcher.name !== METRIC_NAME) continue;
        const names = `${quote(selector.name)} or ${quote(matcher.value)}`;
        this.#fail(selector.span, `metric name must not be set twice: ${names}`);
      }
      return;
    }
    if (!anything && selector.matchers.every((matcher) => matcher.matches(""))) {
      this.#fail(selector.span, "vector selector must contain at least one non-empty matcher");
    }
  }

  #aggregate(expr: Aggregate): void {
    this.#expect(expr.expr, "instant vector", "aggregation expression");
    if (expr.param === undefined) return;
    this.#expect(expr.param, expr.op === "count_values" ? "string" : "scalar", "aggregation parameter");
  }

  #call(call: Call): void {
    const known = FUNCTIONS.get(call.func) as FunctionSignature;
    this.#argumentCount(call, known);
    call.args.forEach((arg, i) => {
      if (call.func === "info" && i === 1) return this.#infoSelector(arg);
      const wanted = known.args[Math.min(i, known.args.length - 1)];
      if (wanted !== undefined) this.#expect(arg, wanted, `call to function ${JSON.stringify(call.func)}`);
    });
  }

  #argumentCount(call: Call, known: FunctionSignature): void {
    const got = call.args.length;
    const fixed = known.args.length;
    const name = JSON.stringify(call.func);
    if (known.variadic === 0) {
      if (got !== fixed) this.#fail(call.span, `expected ${fixed} argument(s) in call to ${name}, got ${got}`);
      return;
    }
    const least = fixed - 1;
    const most = known.variadic < 0 ? Number.POSITIVE_INFINITY : least + known.variadic;
    if (got < least) this.#fail(call.span, `expected at least ${least} argument(s) in call to ${name}, got ${got}`);
    if (got > most) this.#fail(call.span, `expected at most ${most} argument(s) in call to ${name}, got ${got}`);
  }

  #infoSelector(arg: Expr): void {
    if (arg.kind !== "selector") this.#fail(arg.span, "expected label selectors only");
    if (arg.name !== "") this.#fail(arg.span, "expected label selectors only, got vector selector instead");
    this.#selector(arg, true);
  }

  #binary(expr: Binary): ExprType {
    const left = this.check(expr.left);
    const right = this.check(expr.right);
    const scalars = left === "scalar" && right === "scalar";
    if (expr.bool && !COMPARISONS.has(expr.op)) {
      this.#fail(this.#operator(expr), "bool modifier can only be used on comparison operators");
    }
    if (COMPARISONS.has(expr.op) && !expr.bool && scalars) {
      this.#fail(this.#operator(expr), "comparisons between scalars must use BOOL modifier");
    }
    const matching = expr.matching;
    const twice = matching?.on === true ? matching.labels.find((l) => matching.include.includes(l)) : undefined;
    if (twice !== undefined) {
      this.#fail(this.#operator(expr), `label ${quote(twice)} must not occur in ON and GROUP clause at once`);
    }
    for (const [side, type] of [
      [expr.left, left],
      [expr.right, right],
    ] as const) {
      if (type !== "scalar" && type !== "instant vector") {
        this.#fail(side.span, "binary expression must contain only scalar and instant vector types");
      }
    }
    if (SET_OPS.has(expr.op)) {
      if (left === "scalar" || right === "scalar") {
        this.#fail(expr.span, `set operator ${JSON.stringify(expr.op)} not allowed in binary scalar expression`);
      }
      if (matching?.card === "one-to-many" || matching?.card === "many-to-one") {
        this.#fail(expr.span, `no grouping allowed for ${JSON.stringify(expr.op)} operation`);
      }
    }
    return scalars ? "scalar" : "instant vector";
  }

  #operator(expr: Binary): Pick<Span, "start"> {
    let start = expr.left.span.end;
    while (/\s/.test(this.#text[start] ?? "")) start++;
    return { start };
  }
}
