/**
 * Expression text to a checked tree: a Pratt parser over the tokens of `lex.ts`, then the type checker.
 *
 * Precedence is that of Prometheus' grammar, where a sign binds like `*`: `-1 ^ 2` is `-(1 ^ 2)`. The first mistake
 * ends it; messages are Prometheus' own, with `line:column`.
 */
import { EXIT, UserError } from "../base/errors.ts";
import {
  type Aggregate,
  type AggregateOp,
  type Binary,
  type BinaryOp,
  type Expr,
  NO_FILL,
  type Span,
  type VectorMatching,
} from "./ast.ts";
import { checkExpr, exprType, SET_OPS } from "./check.ts";
import { DEFAULT_FEATURES, EXPRESSION_LENGTH_MAX, NESTING_DEPTH_MAX } from "./options.ts";
import { FUNCTIONS } from "./functions/registry.ts";
import { AGGREGATE_KEYWORDS, isKeyword, type Token } from "./lex.ts";
import { parseNumber } from "./number.ts";
import { parseFill } from "./parse-fill.ts";
import { parsePostfix } from "./parse-postfix.ts";
import { parseSelector } from "./parse-selector.ts";
import { literalMs } from "./parse-duration.ts";
import { nearest } from "./syntax.ts";
import { TokenReader } from "./token-reader.ts";
import { unquote } from "./quote.ts";

export interface ParseOptions {
  /** Feature names as Prometheus spells them; {@link DEFAULT_FEATURES} unless told. */
  readonly features?: ReadonlySet<string>;
}

/** How tightly each operator binds; `^` alone groups to the right. */
const PRECEDENCE: ReadonlyMap<string, number> = new Map([
  ["or", 1],
  ["and", 2],
  ["unless", 2],
  ["==", 3],
  ["!=", 3],
  [">", 3],
  ["<", 3],
  [">=", 3],
  ["<=", 3],
  ["+", 4],
  ["-", 4],
  ["*", 5],
  ["/", 5],
  ["%", 5],
  ["atan2", 5],
  ["^", 6],
]);
const SIGN_PRECEDENCE = 5;
/** Aggregations that take a parameter first. */
const WITH_PARAM: ReadonlySet<string> = new Set([
  "topk",
  "bottomk",
  "quantile",
  "count_values",
  "limitk",
  "limit_ratio",
]);
const EXPERIMENTAL_AGGREGATES: ReadonlySet<string> = new Set(["limitk", "limit_ratio"]);

/**
 * Reads one expression.
 *
 * @throws UserError `promql-parse` with `line:column: parse error: …`, exit 2.
 * @see https://prometheus.io/docs/prometheus/latest/querying/basics/
 */
export function parseExpr(text: string, options: ParseOptions = {}): Expr {
  if (text.length > EXPRESSION_LENGTH_MAX) {
    throw new UserError(
      "promql-parse",
      `the expression has ${text.length} characters, more than the ${EXPRESSION_LENGTH_MAX} allowed`,
      { exit: EXIT.usage },
    );
  }
  const features = options.features ?? DEFAULT_FEATURES;
  const parser = new Parser(new TokenReader(text, features));
  const expr = parser.whole();
  checkExpr(expr, text);
  sources.set(expr, text);
  return expr;
}

/** Texts of the trees that came from one, for positions in annotations. */
const sources = new WeakMap<Expr, string>();

/** The text a tree was read from; "" for a tree made otherwise. */
export function sourceOf(expr: Expr): string {
  return sources.get(expr) ?? "";
}

class Parser {
  readonly #in: TokenReader;
  #depth = 0;

  constructor(reader: TokenReader) {
    this.#in = reader;
  }

  whole(): Expr {
    const reader = this.#in;
    if (reader.peek().kind === "eof") throw reader.fail({ start: 0 }, "no expression found in input");
    const expr = this.#expr(0);
    if (reader.peek().kind !== "eof") throw reader.unexpected("", "");
    return expr;
  }

  #expr(minPrecedence: number): Expr {
    const reader = this.#in;
    if (++this.#depth > NESTING_DEPTH_MAX) {
      throw reader.fail(reader.peek(), `expression is nested deeper than ${NESTING_DEPTH_MAX} levels`);
    }
    let left = this.#operand();
    for (;;) {
      const token = reader.peek();
      const precedence = PRECEDENCE.get(token.kind);
      if (precedence === undefined || precedence < minPrecedence) break;
      reader.take();
      left = reader.node(this.#binary(left, token.kind as BinaryOp, precedence));
    }
    this.#depth--;
    return left;
  }

  #binary(left: Expr, op: BinaryOp, precedence: number): Binary {
    const reader = this.#in;
    const bool = reader.takeIf("bool") !== undefined;
    let on = false;
    let labels: readonly string[] = [];
    let card: VectorMatching["card"] = "one-to-one";
    let include: readonly string[] = [];
    const matcher = reader.takeIf("on") ?? reader.takeIf("ignoring");
    if (matcher !== undefined) {
      on = matcher.kind === "on";
      labels = this.#groupingLabels();
      const group = reader.takeIf("group_left") ?? reader.takeIf("group_right");
      if (group !== undefined) {
        card = group.kind === "group_left" ? "many-to-one" : "one-to-many";
        if (reader.peek().kind === "(") include = this.#groupingLabels();
      }
    }
    const fill = parseFill(reader);
    const right = this.#expr(op === "^" ? precedence : precedence + 1);
    const span = { start: left.span.start, end: right.span.end };
    if (exprType(left) === "scalar" || exprType(right) === "scalar") {
      if (labels.length > 0) throw reader.fail(span, "vector matching only allowed between instant vectors");
      if (fill !== NO_FILL) throw reader.fail(span, "filling in missing series only allowed between instant vectors");
      return { kind: "binary", op, left, right, bool, matching: undefined, span };
    }
    if (SET_OPS.has(op) && card === "one-to-one") card = "many-to-many";
    if (SET_OPS.has(op) && fill !== NO_FILL) {
      throw reader.fail(span, "filling in missing series not allowed for set operators");
    }
    if (fill !== NO_FILL && !reader.features.has("promql-binop-fill-modifiers")) {
      throw reader.fail(span, "binop fill modifiers are experimental and not enabled");
    }
    return { kind: "binary", op, left, right, bool, matching: { card, on, labels, include, fill }, span };
  }

  #operand(): Expr {
    const reader = this.#in;
    const token = reader.peek();
    if (token.kind === "+" || token.kind === "-") {
      reader.take();
      const expr = this.#expr(SIGN_PRECEDENCE + 1);
      const span = { start: token.start, end: expr.span.end };
      if (expr.kind === "number") return { ...expr, value: token.kind === "-" ? -expr.value : expr.value, span };
      return reader.node({ kind: "unary", op: token.kind, expr, span });
    }
    return parsePostfix(reader, reader.node(this.#primary()));
  }

  #primary(): Expr {
    const reader = this.#in;
    const token = reader.peek();
    const span = { start: token.start, end: token.end };
    switch (token.kind) {
      case "(":
        return this.#paren();
      case "number": {
        reader.take();
        const value = parseNumber(token.text);
        if (value === undefined) throw reader.badNumber(token);
        return { kind: "number", value, duration: false, span };
      }
      case "duration":
        reader.take();
        return { kind: "number", value: literalMs(reader, token) / 1000, duration: true, span };
      case "string":
        reader.take();
        return { kind: "string", value: unquote(token.text), span };
      case "{":
      case "metric identifier":
        return parseSelector(reader);
      case "identifier":
        return reader.peek(1).kind === "(" ? this.#call() : parseSelector(reader);
      default:
        break;
    }
    if (AGGREGATE_KEYWORDS.has(token.kind)) {
      const next = reader.peek(1).kind;
      if (next === "(" || next === "by" || next === "without") return this.#aggregate();
    }
    if (reader.peek(1).kind === "(" && FUNCTIONS.has(token.kind)) return this.#call();
    if (isMetricKeyword(token.kind)) return parseSelector(reader);
    throw reader.unexpected("", "");
  }

  #paren(): Expr {
    const reader = this.#in;
    const open = reader.take();
    const expr = this.#expr(0);
    const close = reader.expect(")", "", "");
    return { kind: "paren", expr, span: { start: open.start, end: close.end } };
  }

  /** `(` expressions `)`. */
  #arguments(): readonly Expr[] {
    const reader = this.#in;
    reader.take();
    const args: Expr[] = [];
    if (reader.takeIf(")") !== undefined) return args;
    for (;;) {
      args.push(this.#expr(0));
      const token = reader.peek();
      if (token.kind === ")") break;
      if (token.kind !== ",") throw reader.unexpected("", "");
      reader.take();
      if (reader.peek().kind === ")") {
        throw reader.fail(token, "trailing commas not allowed in function call args");
      }
    }
    reader.take();
    return args;
  }

  #call(): Expr {
    const reader = this.#in;
    const name = reader.take();
    const known = FUNCTIONS.get(name.text);
    const args = this.#arguments();
    if (known === undefined) {
      const near = nearest(name.text, FUNCTIONS.keys());
      throw reader.fail(
        name,
        `unknown function with name ${JSON.stringify(name.text)}`,
        near === undefined ? undefined : `did you mean ${near}()?`,
      );
    }
    const span: Span = { start: name.start, end: reader.lastEnd };
    if (known.experimental && !reader.features.has("promql-experimental-functions")) {
      throw reader.fail(
        span,
        `function ${JSON.stringify(name.text)} is not enabled`,
        "enable it with --enable-feature=promql-experimental-functions",
      );
    }
    return { kind: "call", func: known.name, args, span };
  }

  #aggregate(): Aggregate {
    const reader = this.#in;
    const keyword = reader.take();
    const op = keyword.kind as AggregateOp;
    let modifier = this.#aggregateModifier();
    if (reader.peek().kind !== "(") throw reader.unexpected("aggregation", "");
    reader.aggregations++;
    const args = this.#arguments();
    reader.aggregations--;
    modifier ??= this.#aggregateModifier();
    const span = { start: keyword.start, end: reader.lastEnd };
    if (args.length === 0) throw reader.fail(span, "no arguments for aggregate expression provided");
    if (EXPERIMENTAL_AGGREGATES.has(op) && !reader.features.has("promql-experimental-functions")) {
      const message = `${op}() is experimental and must be enabled with --enable-feature=promql-experimental-functions`;
      throw reader.fail(span, message);
    }
    const wanted = WITH_PARAM.has(op) ? 2 : 1;
    if (args.length !== wanted) {
      throw reader.fail(
        span,
        `wrong number of arguments for aggregate expression provided, expected ${wanted}, got ${args.length}`,
      );
    }
    return {
      kind: "aggregate",
      op,
      expr: args[wanted - 1] as Expr,
      param: wanted === 2 ? args[0] : undefined,
      grouping: modifier?.labels ?? [],
      without: modifier?.without ?? false,
      span,
    };
  }

  #aggregateModifier(): { readonly without: boolean; readonly labels: readonly string[] } | undefined {
    const token = this.#in.takeIf("by") ?? this.#in.takeIf("without");
    return token === undefined ? undefined : { without: token.kind === "without", labels: this.#groupingLabels() };
  }

  #groupingLabels(): readonly string[] {
    const reader = this.#in;
    if (reader.peek().kind !== "(") throw reader.unexpected("grouping opts", '"("');
    reader.take();
    const labels: string[] = [];
    if (reader.takeIf(")") !== undefined) return labels;
    for (;;) {
      labels.push(this.#groupingLabel(reader.peek()));
      reader.take();
      if (reader.takeIf(",") !== undefined) {
        if (reader.takeIf(")") !== undefined) return labels;
        continue;
      }
      if (reader.takeIf(")") !== undefined) return labels;
      throw reader.unexpected("grouping opts", '"," or ")"');
    }
  }

  #groupingLabel(token: Token): string {
    const reader = this.#in;
    if (token.kind === "string") {
      const label = unquote(token.text);
      if (label === "" || !label.isWellFormed()) {
        throw reader.fail(token, `invalid label name for grouping: ${JSON.stringify(label)}`);
      }
      return label;
    }
    if (token.kind === "identifier" || token.kind === "metric identifier" || isKeyword(token.kind)) return token.text;
    throw reader.unexpected("grouping opts", "label");
  }
}

/** Keywords that are metric names where no clause can begin. */
function isMetricKeyword(kind: string): boolean {
  return isKeyword(kind) && !["bool", "on", "ignoring", "group_left", "group_right", "atan2"].includes(kind);
}
