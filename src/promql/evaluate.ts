/**
 * One evaluation of a tree for all steps of a grid. Each node answers with whole columns; a node that is the same at
 * every step is evaluated once and repeated.
 */
import { type Binary, type Call, type Expr, NO_FILL, type VectorSelector } from "./ast.ts";
import { evalAggregate } from "./aggregate.ts";
import { type Block, broadcast, cellsOf, type Grid, type VectorBlock } from "./block.ts";
import type { EvalContext } from "./context.ts";
import { evalSmoothed } from "./extended.ts";
import { FUNCTIONS } from "./functions/registry.ts";
import type { FunctionDef, Implementation } from "./functions/define.ts";
import { isStepInvariant } from "./invariant.ts";
import { matchOp, setOp } from "./match.ts";
import { scalarOp, vectorScalarOp } from "./operators.ts";
import { evalRangeFunction } from "./range-function.ts";
import { collectRows, InstantRows } from "./rows.ts";
import { lookTimes, selectInstant } from "./select.ts";

/** Evaluates a node; what its parts held is let go of when it returns. */
export async function evaluate(expr: Expr, grid: Grid, ctx: EvalContext): Promise<Block> {
  const before = ctx.live;
  ctx.hold(grid.steps);
  const once = grid.steps > 1 && expr.kind !== "number" && expr.kind !== "string" && isStepInvariant(expr);
  const block = await ctx.explain.measure(expr, once ? "once" : "", async () => {
    if (!once) return evaluateNode(expr, grid, ctx);
    const single = await evaluateNode(expr, { startMs: grid.startMs, stepMs: 0, steps: 1 }, ctx);
    ctx.hold(cellsOf(single) * grid.steps);
    return broadcast(single, grid.steps);
  });
  ctx.live = before + cellsOf(block);
  return block;
}

async function evaluateNode(expr: Expr, grid: Grid, ctx: EvalContext): Promise<Block> {
  switch (expr.kind) {
    case "number":
      return { kind: "scalar", values: new Float64Array(grid.steps).fill(expr.value) };
    case "string":
      return { kind: "string", value: expr.value };
    case "paren":
      return evaluateNode(expr.expr, grid, ctx);
    case "selector":
      return evalSelector(expr, grid, ctx);
    case "unary": {
      const block = await ctx.evaluate(expr.expr, grid);
      if (expr.op === "+" || block.kind === "string") return block;
      const values = await negate(block.values, ctx);
      return block.kind === "scalar" ? { kind: "scalar", values } : ctx.nameless({ ...block, ordered: false, values });
    }
    case "binary":
      return evalBinary(expr, grid, ctx);
    case "aggregate":
      return evalAggregate(expr, grid, ctx);
    case "call":
      return evalCall(expr, grid, ctx);
    case "matrix":
    case "subquery":
      // The checker lets these appear only as arguments that take them, and alone as a whole instant query.
      throw new TypeError("a range vector is not evaluated as columns");
  }
}

/** Values handled between two looks at the clock. */
const SLICE = 65_536;

async function negate(from: Float64Array, ctx: EvalContext): Promise<Float64Array> {
  ctx.hold(from.length);
  const values = new Float64Array(from.length);
  for (let start = 0; start < values.length; start += SLICE) {
    if (ctx.due(SLICE)) await ctx.pause();
    const end = Math.min(values.length, start + SLICE);
    for (let i = start; i < end; i++) values[i] = -(from[i] as number);
  }
  return values;
}

async function evalSelector(expr: VectorSelector, grid: Grid, ctx: EvalContext): Promise<VectorBlock> {
  if (expr.extended !== undefined) return evalSmoothed(expr, grid, ctx);
  const times = lookTimes(expr, grid, ctx.query);
  const selection = await selectInstant(expr, times, "", ctx);
  // A bucket speaks for all of its width.
  const lookbackMs = Math.max(ctx.lookbackMs, selection.resolutionMs);
  return collectRows(new InstantRows(selection, grid, times, lookbackMs), ctx);
}

async function evalBinary(expr: Binary, grid: Grid, ctx: EvalContext): Promise<Block> {
  const left = await ctx.evaluate(expr.left, grid);
  const right = await ctx.evaluate(expr.right, grid);
  const { op, bool, matching } = expr;
  if (left.kind === "vector" && right.kind === "vector") {
    const how = matching ?? { card: "one-to-one", on: false, labels: [], include: [], fill: NO_FILL };
    if (op === "and" || op === "or" || op === "unless") return setOp(op, left, right, how, ctx);
    return matchOp(op, bool, left, right, how, ctx);
  }
  if (op === "and" || op === "or" || op === "unless") throw new TypeError("set operators are between vectors");
  if (left.kind === "vector" && right.kind === "scalar") {
    return vectorScalarOp(op, bool, left, right.values, true, ctx);
  }
  if (left.kind === "scalar" && right.kind === "vector") {
    return vectorScalarOp(op, bool, right, left.values, false, ctx);
  }
  if (left.kind === "scalar" && right.kind === "scalar") return scalarOp(op, left.values, right.values);
  throw new TypeError("binary operators take scalars and vectors");
}

async function evalCall(call: Call, grid: Grid, ctx: EvalContext): Promise<Block> {
  const def = FUNCTIONS.get(call.func) as FunctionDef;
  const implementation = def.implementation;
  switch (implementation.kind) {
    case "custom":
      return implementation.evaluate(call, grid, ctx);
    case "range":
      return evalRangeFunction(call, def, implementation, grid, ctx);
    case "map":
      return evalMap(call, implementation, grid, ctx);
  }
}

async function evalMap(
  call: Call,
  implementation: Implementation & { readonly kind: "map" },
  grid: Grid,
  ctx: EvalContext,
): Promise<VectorBlock> {
  const [vector, ...rest] = call.args as [Expr, ...Expr[]];
  const columns: Float64Array[] = [];
  for (const arg of rest) columns.push(await ctx.scalar(arg, grid));
  const block = await ctx.vector(vector, grid);
  const { steps } = grid;
  const { values, present } = ctx.columns(block.labels.length, steps);
  const params = new Float64Array(columns.length);
  for (let base = 0; base < values.length; base += steps) {
    if (ctx.due(steps)) await ctx.pause();
    for (let step = 0; step < steps; step++) {
      const cell = base + step;
      if (block.present[cell] === 0) continue;
      for (let i = 0; i < columns.length; i++) params[i] = (columns[i] as Float64Array)[step] as number;
      const value = implementation.apply(block.values[cell] as number, params);
      if (value === undefined) continue;
      values[cell] = value;
      present[cell] = 1;
    }
  }
  return ctx.nameless({ ...block, ordered: false, values, present });
}
