/**
 * Aggregations that fold groups into one element each: sum, avg, count, min, max, group, stddev, stdvar, quantile,
 * count_values. Groups are found once a series; each fold then runs down the columns in the order of the series, so
 * that compensated sums come out as Prometheus' do.
 */
import type { Labels } from "../model/labels.ts";
import type { Aggregate, Expr } from "./ast.ts";
import type { Block, Grid, VectorBlock } from "./block.ts";
import { type EvalContext, executionError } from "./context.ts";
import { formatPlain, formatShort } from "./number.ts";
import { keepOnly, keepWithout } from "./projection.ts";
import { quantile } from "./quantile.ts";
import { quote } from "./quote.ts";
import { aggregateK } from "./aggregate-k.ts";
import { type RowFold, ROW_FOLDS } from "./row-folds.ts";

export interface Group {
  readonly labels: Labels;
  readonly dropName: boolean;
  readonly rows: readonly number[];
}

/** Groups in order of first appearance. */
function groupRows(expr: Aggregate, block: VectorBlock): readonly Group[] {
  const project = expr.without ? keepWithout(expr.grouping) : keepOnly(expr.grouping);
  const groups = new Map<string, { labels: Labels; dropName: boolean; rows: number[] }>();
  block.labels.forEach((labels, row) => {
    const kept = project(labels);
    const known = groups.get(kept.key);
    if (known === undefined) groups.set(kept.key, { labels: kept, dropName: block.dropName?.[row] === 1, rows: [row] });
    else known.rows.push(row);
  });
  return [...groups.values()];
}

export async function evalAggregate(expr: Aggregate, grid: Grid, ctx: EvalContext): Promise<Block> {
  if (expr.op === "count_values") return countValues(expr, grid, ctx);
  const param = expr.param === undefined ? undefined : await ctx.scalar(expr.param, grid);
  const block = await ctx.vector(expr.expr, grid);
  const groups = groupRows(expr, block);
  switch (expr.op) {
    case "topk":
    case "bottomk":
    case "limitk":
    case "limit_ratio":
      return aggregateK(expr, param as Float64Array, block, groups, ctx);
    case "quantile":
      if (groups.length > 0) warnQuantiles(param as Float64Array, expr.param as Expr, ctx);
      return fold(block, groups, quantileFold(param as Float64Array), ctx);
    case "sum":
    case "avg":
    case "count":
    case "min":
    case "max":
    case "group":
      return foldRows(expr.op, block, groups, ctx);
    case "stddev":
    case "stdvar":
      return fold(block, groups, FOLDS[expr.op](), ctx);
  }
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
    if (!(q >= 0 && q <= 1)) ctx.warn(`quantile value should be between 0 and 1, got ${formatShort(q)}`, param.span);
  }
}

async function fold(block: VectorBlock, groups: readonly Group[], apply: Fold, ctx: EvalContext): Promise<VectorBlock> {
  const { steps } = block;
  const { values, present } = ctx.columns(groups.length, steps);
  for (const [at, group] of groups.entries()) {
    const gathered = new Float64Array(group.rows.length);
    for (let step = 0; step < steps; step++) {
      if (ctx.due(group.rows.length)) await ctx.pause();
      let count = 0;
      for (const row of group.rows) {
        const cell = row * steps + step;
        if (block.present[cell] === 1) gathered[count++] = block.values[cell] as number;
      }
      if (count === 0) continue;
      values[at * steps + step] = apply(gathered, count, step);
      present[at * steps + step] = 1;
    }
  }
  return toBlock(groups, steps, values, present);
}

/** Folds that need no more than the running result take their groups row by row: memory is read in order. */
async function foldRows(
  op: keyof typeof ROW_FOLDS,
  block: VectorBlock,
  groups: readonly Group[],
  ctx: EvalContext,
): Promise<VectorBlock> {
  const { steps } = block;
  const { values, present } = ctx.columns(groups.length, steps);
  const fold: RowFold = ROW_FOLDS[op](steps);
  for (const [at, group] of groups.entries()) {
    const base = at * steps;
    for (const row of group.rows) {
      if (ctx.due(steps)) await ctx.pause();
      fold.add(block.values, block.present, row * steps);
    }
    fold.take(values, present, base);
  }
  return toBlock(groups, steps, values, present);
}

function toBlock(groups: readonly Group[], steps: number, values: Float64Array, present: Uint8Array): VectorBlock {
  const dropName = groups.some((group) => group.dropName)
    ? Uint8Array.from(groups, (g) => (g.dropName ? 1 : 0))
    : undefined;
  return { kind: "vector", steps, labels: groups.map((group) => group.labels), dropName, values, present };
}

/** One element for each distinct value, labelled with its text. */
async function countValues(expr: Aggregate, grid: Grid, ctx: EvalContext): Promise<Block> {
  const label = await ctx.text(expr.param as Expr, grid);
  if (label === "" || !label.isWellFormed()) throw executionError(`invalid label name ${quote(label)}`);
  const block = await ctx.vector(expr.expr, grid);
  const builder = ctx.builder(grid.steps);
  // Other labels of a group may end up the same when `label` overwrites one, so counts add up by result.
  const counts = new Map<number, number>();
  for (const group of groupRows(expr, block)) {
    for (let step = 0; step < grid.steps; step++) {
      if (ctx.due(group.rows.length)) await ctx.pause();
      for (const row of group.rows) {
        const cell = row * grid.steps + step;
        if (block.present[cell] === 0) continue;
        const labels = group.labels.with({ [label]: formatPlain(block.values[cell] as number) });
        const slot = builder.row(labels, group.dropName) * grid.steps + step;
        counts.set(slot, (counts.get(slot) ?? 0) + 1);
      }
    }
  }
  for (const [slot, count] of counts) builder.set(Math.floor(slot / grid.steps), slot % grid.steps, count);
  return builder.finish();
}
