/**
 * An expression tree in the JSON of Prometheus' `/api/v1/parse_query`, so that tools which draw or explain queries
 * work on ours.
 */
import type { Binary, Call, DurationExpr, Expr, VectorSelector } from "../promql/ast.ts";
import { FUNCTIONS } from "../promql/functions/registry.ts";
import { formatPlain } from "../promql/number.ts";

/** Durations known only at evaluation are shown as 0, as Prometheus does. */
function ms(duration: DurationExpr | undefined): number {
  return duration?.kind === "duration"
    ? duration.ms
    : duration?.kind === "duration-number"
      ? duration.value * 1_000
      : 0;
}

function selector(node: VectorSelector): Record<string, unknown> {
  const at = node.at;
  return {
    name: node.name,
    offset: ms(node.offset),
    matchers: node.matchers.map(({ name, op, value }) => ({ name, type: op, value })),
    timestamp: at?.kind === "time" ? at.ms : null,
    startOrEnd: at === undefined || at.kind === "time" ? null : at.kind,
  };
}

function matching(node: Binary): unknown {
  if (node.matching === undefined) return null;
  const { card, labels, on, include } = node.matching;
  return { card, labels, on, include };
}

function signature(node: Call): unknown {
  const found = FUNCTIONS.get(node.func);
  const name = (type: string): string =>
    type === "instant vector" ? "vector" : type === "range vector" ? "matrix" : type;
  return {
    name: node.func,
    argTypes: found?.args.map(name) ?? [],
    variadic: found?.variadic ?? 0,
    returnType: name(found?.returns ?? "instant vector"),
  };
}

export function astJson(node: Expr): unknown {
  switch (node.kind) {
    case "number":
      return { type: "numberLiteral", val: formatPlain(node.value) };
    case "string":
      return { type: "stringLiteral", val: node.value };
    case "selector":
      return { type: "vectorSelector", ...selector(node) };
    case "matrix":
      return { type: "matrixSelector", range: ms(node.range), ...selector(node.selector) };
    case "subquery":
      return {
        type: "subquery",
        expr: astJson(node.expr),
        range: ms(node.range),
        offset: ms(node.offset),
        step: ms(node.step),
        timestamp: node.at?.kind === "time" ? node.at.ms : null,
        startOrEnd: node.at === undefined || node.at.kind === "time" ? null : node.at.kind,
      };
    case "call":
      return { type: "call", func: signature(node), args: node.args.map(astJson) };
    case "aggregate":
      return {
        type: "aggregation",
        op: node.op,
        expr: astJson(node.expr),
        param: node.param === undefined ? null : astJson(node.param),
        grouping: node.grouping,
        without: node.without,
      };
    case "binary":
      return {
        type: "binaryExpr",
        op: node.op,
        lhs: astJson(node.left),
        rhs: astJson(node.right),
        matching: matching(node),
        bool: node.bool,
      };
    case "unary":
      return { type: "unaryExpr", op: node.op, expr: astJson(node.expr) };
    case "paren":
      return { type: "parenExpr", expr: astJson(node.expr) };
  }
}
