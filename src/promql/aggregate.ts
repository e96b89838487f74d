/**
 * Aggregations that fold groups into one element each: sum, avg, count, min, max, group, stddev, stdvar, quantile,
 * count_values. Groups are found once a series; each fold then runs down the columns in the order of the series, so
 * that compensated sums come out as Prometheus' do.
 */
import { type Labels, METRIC_NAME } from "../model/labels.ts";
import { type Aggregate, type Expr, unwrapParens } from "./ast.ts";
import type { Block, Grid, VectorBlock } from "./block.ts";
import { type EvalContext, executionError } from "./context.ts";
import { formatGeneral, formatPlain } from "./number.ts";
import { evalFused } from "./fused.ts";
import { KahanMean } from "./kahan.ts";
import { type Grouping, groupLabels } from "./label-sets.ts";
import { quantile } from "./quantile.ts";
import { quote } from "./quote.ts";
import { aggregateK } from "./aggregate-k.ts";
import { type FoldOp, isFoldOp, ROW_FOLDS, type RowFold } from "./row-folds.ts";

export async function evalAggregate(expr: Aggregate, grid: Grid, ctx: EvalContext): Promise<Block> {
  if (expr.op === "count_values") return countValues(expr, grid, ctx);
  if (isFoldOp(expr.op)) return (await evalFused(expr, expr.op, grid, ctx)) ?? foldRows(expr, expr.op, grid, ctx);
  const param = expr.param === undefined ? undefined : await ctx.scalar(expr.param, grid);
  const block = await ctx.vector(expr.expr, grid);
  const groups = await groupRows(expr, block, ctx);
  switch (expr.op) {
    case "topk":
    case "bottomk":
    case "limitk":
    case "limit_ratio":
      return aggregateK(expr, param as Float64Array, block, groups.rows, ctx);
    case "quantile":
      warnQuantiles(param as Float64Array, unwrapParens(expr.param as Expr), ctx);
      return fold(block, groups, quantileFold(param as Float64Array), ctx);
    case "stddev":
    case "stdvar":
      return fold(block, groups, FOLDS[expr.op](), ctx);
  }
}

function groupRows(expr: Aggregate, block: VectorBlock, ctx: EvalContext): Promise<Grouping> {
  return groupLabels(block.labels, expr.without, expr.grouping, false, ctx);
}

/** Values of one group at one step, in order, to one number. */
type Fold = (values: Float64Array, count: number, step: number) => number;

const FOLDS: Readonly<Record<"stddev" | "stdvar", () => Fold>> = {
  stdvar: () => variance,
  stddev: () => (values, count) => Math.sqrt(variance(values, count)),
};

/** Welford's; NaN as soon as one value is not finite. */
function variance(values: Float64Array, count: number): number {
  let mean = values[0] as number;
  let squares = Number.isFinite(mean) ? 0 : Number.NaN;
  for (let i = 1; i < count; i++) {
    const value = values[i] as number;
    const delta = value - mean;
    mean += delta / (i + 1);
    squares += delta * (value - mean);
  }
  return squares / count;
}

function quantileFold(quantiles: Float64Array): Fold {
  return (values, count, step) => quantile(quantiles[step] as number, values.subarray(0, count));
}

function warnQuantiles(quantiles: Float64Array, param: Expr, ctx: EvalContext): void {
  for (const q of quantiles) {
    if (!(q >= 0 && q <= 1)) ctx.warn(`quantile value should be between 0 and 1, got ${formatGeneral(q)}`, param.span);
  }
}

async function fold(block: VectorBlock, groups: Grouping, apply: Fold, ctx: EvalContext): Promise<VectorBlock> {
  const { steps } = block;
  const { values, present } = ctx.columns(groups.labels.length, steps);
  for (const [at, rows] of groups.rows.entries()) {
    const gathered = new Float64Array(rows.length);
    for (let step = 0; step < steps; step++) {
      if (ctx.due(rows.length)) await ctx.pause();
      let count = 0;
      for (const row of rows) {
        const cell = row * steps + step;
        if (block.present[cell] === 1) gathered[count++] = block.values[cell] as number;
      }
      if (count === 0) continue;
      values[at * steps + step] = apply(gathered, count, step);
      present[at * steps + step] = 1;
    }
  }
  return toBlock(block, groups, values, present);
}

/** Folds that need no more than the running result take the rows in order: memory is read as it lies. */
async function foldRows(expr: Aggregate, op: FoldOp, grid: Grid, ctx: EvalContext): Promise<VectorBlock> {
  const block = await ctx.vector(expr.expr, grid);
  const groups = await groupRows(expr, block, ctx);
  const { steps } = block;
  const { values, present } = ctx.columns(groups.labels.length, steps);
  const running: RowFold = ROW_FOLDS[op](steps, { values, present });
  for (let row = 0; row < block.labels.length; row++) {
    if (ctx.due(steps)) await ctx.pause();
    running.add(block.values, block.present, row * steps, (groups.ids[row] as number) * steps);
  }
  if (!running.finish()) return fold(block, groups, mean, ctx);
  return toBlock(block, groups, values, present);
}

/** For sums beyond the doubles. */
const mean: Fold = (values, count) => {
  const running = new KahanMean();
  for (let i = 0; i < count; i++) running.add(values[i] as number);
  return running.mean;
};

function toBlock(block: VectorBlock, groups: Grouping, values: Float64Array, present: Uint8Array): VectorBlock {
  return {
    kind: "vector",
    steps: block.steps,
    labels: groups.labels,
    dropName: droppedNames(block, groups),
    values,
    present,
  };
}

/** A group is told by its first row. */
function droppedNames({ dropName }: VectorBlock, { rows }: Grouping): Uint8Array | undefined {
  if (dropName === undefined) return undefined;
  const dropped = Uint8Array.from(rows, ([first]) => dropName[first as number] as number);
  return dropped.includes(1) ? dropped : undefined;
}

/** One element for each distinct value, labelled with its text. */
async function countValues(expr: Aggregate, grid: Grid, ctx: EvalContext): Promise<Block> {
  const label = await ctx.text(expr.param as Expr, grid);
  if (label === "" || !label.isWellFormed()) throw executionError(`invalid label name ${quote(label)}`);
  const block = await ctx.vector(expr.expr, grid);
  const builder = ctx.builder(grid.steps);
  // Other labels of a group may end up the same when `label` overwrites one, so counts add up by result.
  const counts = new Map<number, number>();
  const groups = await groupRows(expr, block, ctx);
  const dropName = droppedNames(block, groups);
  // without() takes the counted label away as well, when it is named there or is the metric name.
  const hidden = expr.without && (label === METRIC_NAME || expr.grouping.includes(label));
  for (const [at, rows] of groups.rows.entries()) {
    const own = groups.labels[at] as Labels;
    for (let step = 0; step < grid.steps; step++) {
      if (ctx.due(rows.length)) await ctx.pause();
      for (const row of rows) {
        const cell = row * grid.steps + step;
        if (block.present[cell] === 0) continue;
        const labels = hidden ? own : own.with({ [label]: formatPlain(block.values[cell] as number) });
        const slot = builder.row(labels, dropName?.[at] === 1) * grid.steps + step;
        counts.set(slot, (counts.get(slot) ?? 0) + 1);
      }
    }
  }
  for (const [slot, count] of counts) builder.set(Math.floor(slot / grid.steps), slot % grid.steps, count);
  return builder.finish();
}
