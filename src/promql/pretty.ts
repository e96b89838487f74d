/** Long expressions over several lines, as `promtool` and the Prometheus UI lay them out: 100 columns, two spaces. */
import { children, type Expr } from "./ast.ts";
import { printAggregateHead, printDuration, printExpr, printModifiers, printOperator } from "./print.ts";

/** Widest line before a node is split: Prometheus' own limit. */
const WIDTH = 100;
const INDENT = "  ";

/** The expression laid out for reading; a short one is one line. */
export function prettyExpr(expr: Expr): string {
  return pretty(expr, 0);
}

function pretty(expr: Expr, level: number): string {
  const flat = printExpr(expr);
  const pad = INDENT.repeat(level);
  if (flat.length <= WIDTH || children(expr).length === 0) return pad + flat;
  switch (expr.kind) {
    case "aggregate": {
      const head = printAggregateHead(expr);
      const param = expr.param === undefined ? "" : `${pretty(expr.param, level + 1)},\n`;
      return `${pad}${head}(\n${param}${pretty(expr.expr, level + 1)}\n${pad})`;
    }
    case "call": {
      const args = expr.args.map((arg) => pretty(arg, level + 1)).join(",\n");
      return `${pad}${expr.func}(\n${args}\n${pad})`;
    }
    case "binary": {
      const left = pretty(expr.left, level + 1);
      const right = pretty(expr.right, level + 1);
      return `${left}\n${pad}${printOperator(expr)}\n${right}`;
    }
    case "paren":
      return `${pad}(\n${pretty(expr.expr, level + 1)}\n${pad})`;
    case "unary":
      return `${pad}${expr.op}${pretty(expr.expr, level).trimStart()}`;
    case "subquery": {
      const step = expr.step === undefined ? "" : printDuration(expr.step);
      return `${pretty(expr.expr, level)}[${printDuration(expr.range)}:${step}]${printModifiers(expr)}`;
    }
    case "matrix":
    case "selector":
    case "number":
    case "string":
      return pad + flat;
  }
}
