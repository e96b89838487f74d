/** A tree back to text: one line, canonical, and parsing it again gives an equal tree. */
import { compareUtf8, type Labels } from "../model/labels.ts";
import type { Matcher } from "../model/matcher.ts";
import { formatDuration } from "../model/duration.ts";
import type {
  Aggregate,
  AtModifier,
  Binary,
  DurationExpr,
  Expr,
  TimeModifiers,
  VectorMatching,
  VectorSelector,
} from "./ast.ts";
import { formatPlain, formatShort } from "./number.ts";
import { quote } from "./quote.ts";

const CLASSIC_METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const CLASSIC_LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

export function printExpr(expr: Expr): string {
  switch (expr.kind) {
    case "number":
      return expr.duration ? printDurationMs(Math.round(expr.value * 1000)) : formatPlain(expr.value);
    case "string":
      return quote(expr.value);
    case "selector":
      return printSelectorBody(expr) + printExtension(expr) + printModifiers(expr);
    case "matrix":
      return `${printSelectorBody(expr.selector)}[${printDuration(expr.range)}]${printExtension(expr.selector)}${printModifiers(expr.selector)}`;
    case "subquery": {
      const step = expr.step === undefined ? "" : printDuration(expr.step);
      return `${printExpr(expr.expr)}[${printDuration(expr.range)}:${step}]${printModifiers(expr)}`;
    }
    case "call":
      return `${expr.func}(${expr.args.map(printExpr).join(", ")})`;
    case "aggregate": {
      const args = expr.param === undefined ? "" : `${printExpr(expr.param)}, `;
      return `${printAggregateHead(expr)}(${args}${printExpr(expr.expr)})`;
    }
    case "binary":
      return `${printExpr(expr.left)} ${printOperator(expr)} ${printExpr(expr.right)}`;
    case "unary":
      return `${expr.op}${printExpr(expr.expr)}`;
    case "paren":
      return `(${printExpr(expr.expr)})`;
  }
}

/** `sum by (job) `, ready for the opening parenthesis; a clause with no label says nothing and is left out. */
export function printAggregateHead(expr: Aggregate): string {
  if (expr.without) return `${expr.op} without (${printLabels(expr.grouping)}) `;
  return expr.grouping.length > 0 ? `${expr.op} by (${printLabels(expr.grouping)}) ` : expr.op;
}

/** The operator with its modifiers: `== bool on (job) group_left (team)`. */
export function printOperator(expr: Binary): string {
  let out: string = expr.op;
  if (expr.bool) out += " bool";
  const matching = expr.matching;
  if (matching === undefined) return out;
  const grouped = matching.card === "many-to-one" || matching.card === "one-to-many";
  if (!matching.on && matching.labels.length === 0 && !grouped) return out + printFill(matching.fill);
  out += ` ${matching.on ? "on" : "ignoring"} (${printLabels(matching.labels)})`;
  if (grouped) {
    out += matching.card === "many-to-one" ? " group_left" : " group_right";
    out += ` (${printLabels(matching.include)})`;
  }
  return out + printFill(matching.fill);
}

function printFill({ left, right }: VectorMatching["fill"]): string {
  if (left !== undefined && Object.is(left, right)) return ` fill (${formatShort(left)})`;
  const one = left === undefined ? "" : ` fill_left (${formatShort(left)})`;
  return right === undefined ? one : `${one} fill_right (${formatShort(right)})`;
}

function printLabels(labels: readonly string[]): string {
  return labels.map((label) => (CLASSIC_LABEL.test(label) ? label : quote(label))).join(", ");
}

/** A label set in an error message, with the name as one label of many, as Go prints it: `{__name__="up", job="a"}`. */
export function labelSetText(labels: Labels): string {
  const pairs = Array.from(
    labels,
    ([name, value]) => `${CLASSIC_LABEL.test(name) ? name : quote(name)}=${quote(value)}`,
  );
  return `{${pairs.join(", ")}}`;
}

/** Name and matchers without `offset` and `@`; matchers sorted as text and close together, as Prometheus prints them. */
function printSelectorBody(selector: VectorSelector): string {
  const classic = CLASSIC_METRIC.test(selector.name);
  // A name that cannot stand before the braces is printed as the matcher it is.
  const shown = classic ? selector.matchers.slice(0, -1) : selector.matchers;
  const parts = shown.map(printMatcher).sort(compareUtf8);
  const name = classic ? selector.name : "";
  return parts.length === 0 && name !== "" ? name : `${name}{${parts.join(",")}}`;
}

function printMatcher(matcher: Matcher): string {
  const name = CLASSIC_LABEL.test(matcher.name) ? matcher.name : quote(matcher.name);
  return `${name}${matcher.op}${quote(matcher.value)}`;
}

function printExtension(selector: VectorSelector): string {
  return selector.extended === undefined ? "" : ` ${selector.extended}`;
}

/** ` @ 1700000000.000 offset 5m`, with the leading space, or nothing. */
export function printModifiers(node: TimeModifiers): string {
  let out = "";
  if (node.at !== undefined) out += ` @ ${printAt(node.at)}`;
  if (node.offset !== undefined) out += ` offset ${printDuration(node.offset)}`;
  return out;
}

function printAt(at: AtModifier): string {
  return at.kind === "time" ? (at.ms / 1000).toFixed(3) : `${at.kind}()`;
}

export function printDuration(expr: DurationExpr): string {
  switch (expr.kind) {
    case "duration":
      return printDurationMs(expr.ms);
    case "duration-number":
      return formatShort(expr.value);
    case "duration-op":
      return `${printDuration(expr.left)} ${expr.op} ${printDuration(expr.right)}`;
    case "duration-unary":
      return `${expr.op}${printDuration(expr.operand)}`;
    case "duration-paren":
      return `(${printDuration(expr.inner)})`;
    case "duration-call":
      return `${expr.name}(${expr.args.map(printDuration).join(", ")})`;
  }
}

function printDurationMs(ms: number): string {
  return formatDuration(ms);
}
