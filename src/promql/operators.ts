/** Binary operators on numbers, and on columns where one side is a scalar. */
import { unreachable } from "../base/assert.ts";
import type { ArithmeticOp, BinaryOp, ComparisonOp } from "./ast.ts";
import type { ScalarBlock, VectorBlock } from "./block.ts";
import { COMPARISONS } from "./check.ts";
import type { EvalContext } from "./context.ts";
import { pow } from "./number.ts";

export function isComparison(op: BinaryOp): op is ComparisonOp {
  return COMPARISONS.has(op);
}

function arithmetic(op: ArithmeticOp): (a: number, b: number) => number {
  switch (op) {
    case "+":
      return (a, b) => a + b;
    case "-":
      return (a, b) => a - b;
    case "*":
      return (a, b) => a * b;
    case "/":
      return (a, b) => a / b;
    case "%":
      return (a, b) => a % b;
    case "^":
      return pow;
    case "atan2":
      return Math.atan2;
    default:
      return unreachable(op);
  }
}

function comparison(op: ComparisonOp): (a: number, b: number) => boolean {
  switch (op) {
    case "==":
      return (a, b) => a === b;
    case "!=":
      return (a, b) => a !== b;
    case ">":
      return (a, b) => a > b;
    case "<":
      return (a, b) => a < b;
    case ">=":
      return (a, b) => a >= b;
    case "<=":
      return (a, b) => a <= b;
    default:
      return unreachable(op);
  }
}

/** The operator as one function: a number, or undefined where a filtering comparison drops the element. */
export function elementwise(
  op: ArithmeticOp | ComparisonOp,
  bool: boolean,
): (a: number, b: number) => number | undefined {
  if (!isComparison(op)) return arithmetic(op);
  const holds = comparison(op);
  return bool ? (a, b) => (holds(a, b) ? 1 : 0) : (a, b) => (holds(a, b) ? a : undefined);
}

export function scalarOp(op: ArithmeticOp | ComparisonOp, left: Float64Array, right: Float64Array): ScalarBlock {
  const apply = elementwise(op, true);
  const values = new Float64Array(left.length);
  for (let i = 0; i < values.length; i++) values[i] = apply(left[i] as number, right[i] as number) as number;
  return { kind: "scalar", values };
}

/** A filtering comparison keeps the vector's value and name on either side of the operator. */
export async function vectorScalarOp(
  op: ArithmeticOp | ComparisonOp,
  bool: boolean,
  vector: VectorBlock,
  scalar: Float64Array,
  vectorIsLeft: boolean,
  ctx: EvalContext,
): Promise<VectorBlock> {
  const { steps } = vector;
  const filters = isComparison(op) && !bool;
  const { values, present } = ctx.columns(vector.labels.length, steps);
  const number = filters ? undefined : elementwise(op, bool);
  const holds = filters ? comparison(op) : undefined;
  for (let base = 0; base < values.length; base += steps) {
    if (ctx.due(steps)) await ctx.pause();
    for (let step = 0; step < steps; step++) {
      const cell = base + step;
      if (vector.present[cell] === 0) continue;
      const value = vector.values[cell] as number;
      const other = scalar[step] as number;
      const a = vectorIsLeft ? value : other;
      const b = vectorIsLeft ? other : value;
      if (holds !== undefined && !holds(a, b)) continue;
      values[cell] = number === undefined ? value : (number(a, b) as number);
      present[cell] = 1;
    }
  }
  const block: VectorBlock = { ...vector, ordered: false, values, present };
  return filters ? block : ctx.nameless(block);
}
