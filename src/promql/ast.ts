/**
 * The expression tree: unions on `kind`, so that an exhaustive switch tells what to change when a node is added.
 *
 * Positions are UTF-16 offsets into the source text. Durations stay expressions (`[5m * 2]`, `[step()]`) until a
 * query supplies its step; plain ones are a `duration` node of whole milliseconds.
 */
import type { Matcher } from "../model/matcher.ts";

/** Half-open span of the source, UTF-16 code units. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** What an expression yields; the words are those of Prometheus' documentation. */
export type ExprType = "scalar" | "instant vector" | "range vector" | "string";

export type ArithmeticOp = "+" | "-" | "*" | "/" | "%" | "^" | "atan2";
export type ComparisonOp = "==" | "!=" | ">" | "<" | ">=" | "<=";
export type SetOp = "and" | "or" | "unless";
export type BinaryOp = ArithmeticOp | ComparisonOp | SetOp;

export type AggregateOp =
  | "sum"
  | "avg"
  | "count"
  | "min"
  | "max"
  | "group"
  | "stddev"
  | "stdvar"
  | "topk"
  | "bottomk"
  | "count_values"
  | "quantile"
  | "limitk"
  | "limit_ratio";

/** A duration known only once the query's step and range are. */
export type DurationExpr =
  | { readonly kind: "duration"; readonly ms: number; readonly span: Span }
  | {
      readonly kind: "duration-op";
      readonly op: "+" | "-" | "*" | "/" | "%" | "^";
      readonly left: DurationExpr;
      readonly right: DurationExpr;
      readonly span: Span;
    }
  | { readonly kind: "duration-unary"; readonly op: "+" | "-"; readonly operand: DurationExpr; readonly span: Span }
  | { readonly kind: "duration-paren"; readonly inner: DurationExpr; readonly span: Span }
  /** A number without unit inside an expression: seconds where a duration is wanted, a factor elsewhere. */
  | { readonly kind: "duration-number"; readonly value: number; readonly span: Span }
  | {
      readonly kind: "duration-call";
      readonly name: "step" | "range" | "min" | "max" | "min_of" | "max_of";
      readonly args: readonly DurationExpr[];
      readonly span: Span;
    };

/** What `@` names: a fixed time in ms, or an end of the query. */
export type AtModifier =
  | { readonly kind: "time"; readonly ms: number }
  | { readonly kind: "start" }
  | { readonly kind: "end" };

export type Extension = "anchored" | "smoothed";

/** Time shifts of a selector or sub-query. */
export interface TimeModifiers {
  /** Signed; positive looks back. */
  readonly offset: DurationExpr | undefined;
  readonly at: AtModifier | undefined;
}

interface NumberLiteral {
  readonly kind: "number";
  readonly value: number;
  /** Written as a duration (`5m`), and printed so. */
  readonly duration: boolean;
  readonly span: Span;
}
interface StringLiteral {
  readonly kind: "string";
  readonly value: string;
  readonly span: Span;
}
export interface VectorSelector extends TimeModifiers {
  readonly kind: "selector";
  /** `anchored` and `smoothed` look beyond the ends of a range; see `extended.ts`. */
  readonly extended: Extension | undefined;
  /** The name written before or alone inside the braces; "" when it is only matched. */
  readonly name: string;
  /** All matchers; the name's own `__name__` matcher is the last one. */
  readonly matchers: readonly Matcher[];
  readonly span: Span;
}
export interface MatrixSelector {
  readonly kind: "matrix";
  readonly selector: VectorSelector;
  readonly range: DurationExpr;
  readonly span: Span;
}
export interface Subquery extends TimeModifiers {
  readonly kind: "subquery";
  readonly expr: Expr;
  readonly range: DurationExpr;
  /** undefined = the engine's default step. */
  readonly step: DurationExpr | undefined;
  readonly span: Span;
}
export interface Call {
  readonly kind: "call";
  readonly func: string;
  readonly args: readonly Expr[];
  readonly span: Span;
}
export interface Aggregate {
  readonly kind: "aggregate";
  readonly op: AggregateOp;
  readonly expr: Expr;
  /** k, quantile, ratio or label name. */
  readonly param: Expr | undefined;
  readonly grouping: readonly string[];
  readonly without: boolean;
  readonly span: Span;
}
type Cardinality = "one-to-one" | "many-to-one" | "one-to-many" | "many-to-many";
export interface VectorMatching {
  readonly card: Cardinality;
  readonly on: boolean;
  readonly labels: readonly string[];
  /** Labels that group_left or group_right copies from the "one" side. */
  readonly include: readonly string[];
  /** Values for elements that one side lacks; undefined leaves them out. */
  readonly fill: { readonly left: number | undefined; readonly right: number | undefined };
}

/** No filling on either side. */
export const NO_FILL: VectorMatching["fill"] = { left: undefined, right: undefined };
export interface Binary {
  readonly kind: "binary";
  readonly op: BinaryOp;
  readonly left: Expr;
  readonly right: Expr;
  readonly bool: boolean;
  /** Present exactly when both sides are instant vectors. */
  readonly matching: VectorMatching | undefined;
  readonly span: Span;
}
interface Unary {
  readonly kind: "unary";
  readonly op: "+" | "-";
  readonly expr: Expr;
  readonly span: Span;
}
interface Paren {
  readonly kind: "paren";
  readonly expr: Expr;
  readonly span: Span;
}

export type Expr =
  | NumberLiteral
  | StringLiteral
  | VectorSelector
  | MatrixSelector
  | Subquery
  | Call
  | Aggregate
  | Binary
  | Unary
  | Paren;

/** The direct sub-expressions, in source order. */
export function children(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case "number":
    case "string":
    case "selector":
      return [];
    case "matrix":
      return [expr.selector];
    case "subquery":
    case "unary":
    case "paren":
      return [expr.expr];
    case "call":
      return expr.args;
    case "aggregate":
      return expr.param === undefined ? [expr.expr] : [expr.param, expr.expr];
    case "binary":
      return [expr.left, expr.right];
  }
}

/** Calls `visit` on the node and everything below it, parents first. */
export function walk(expr: Expr, visit: (node: Expr) => void): void {
  visit(expr);
  for (const child of children(expr)) walk(child, visit);
}

/** The expression without surrounding parentheses. */
export function unwrapParens(expr: Expr): Expr {
  let inner = expr;
  while (inner.kind === "paren") inner = inner.expr;
  return inner;
}
