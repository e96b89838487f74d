/**
 * Histograms. Classic ones are groups of `…_bucket` series that differ in `le` alone. Native ones are not stored, so
 * functions of them find nothing to work on and say so.
 */
import type { Labels } from "../../model/labels.ts";
import { type Call, type Expr, unwrapParens } from "../ast.ts";
import { type Block, emptyVector, type Grid, type VectorBlock } from "../block.ts";
import { type EvalContext, executionError } from "../context.ts";
import { formatFloat, parseFloatLabel } from "../number.ts";
import { dropMetadata } from "../projection.ts";
import { type Bucket, bucketFraction, bucketQuantile } from "../quantile.ts";
import { quote } from "../quote.ts";
import { customFunction, define, type FunctionDef } from "./define.ts";
import { checkQuantiles } from "./over-time.ts";

const LE = "le";
/** Quantiles one call may ask for, as in Prometheus. */
const QUANTILES_MAX = 10;

/** Rows of one histogram with the bound each stands for. */
interface Group {
  readonly labels: Labels;
  readonly metric: string;
  readonly dropName: boolean;
  readonly rows: { readonly row: number; readonly upper: number }[];
}

/** Groups bucket rows by their labels without `le`; rows without a readable bound are left out with a warning. */
function groupBuckets(block: VectorBlock, vector: Expr, ctx: EvalContext): readonly Group[] {
  const groups = new Map<string, Group>();
  block.labels.forEach((labels, row) => {
    const le = labels.get(LE);
    const upper = parseFloatLabel(le);
    const metric = labels.metric;
    if (upper === undefined) {
      if (!rowHasValue(block, row)) return;
      const problem = `bucket label "le" is missing or has a malformed value of ${quote(le)}`;
      ctx.warn(`${problem} for metric name ${quote(metric)}`, unwrapParens(vector).span);
      return;
    }
    const rest = labels.without(LE);
    // Names tell histograms apart even though the result loses them.
    const key = rest.key;
    let group = groups.get(key);
    if (group === undefined) {
      group = { labels: rest, metric, dropName: block.dropName?.[row] === 1, rows: [] };
      groups.set(key, group);
    }
    group.rows.push({ row, upper });
  });
  // In order of their bounds, so that no step has to sort.
  for (const group of groups.values()) group.rows.sort((a, b) => (a.upper < b.upper ? -1 : a.upper > b.upper ? 1 : 0));
  return [...groups.values()];
}

function rowHasValue(block: VectorBlock, row: number): boolean {
  return block.present.subarray(row * block.steps, (row + 1) * block.steps).includes(1);
}

/** Applies `answer` to the buckets of each group at each step. */
async function perHistogram(
  block: VectorBlock,
  groups: readonly Group[],
  ctx: EvalContext,
  answer: (buckets: readonly Bucket[], step: number, group: Group) => number,
): Promise<Block> {
  const { steps } = block;
  const { values, present } = ctx.columns(groups.length, steps);
  for (const [at, group] of groups.entries()) {
    for (let step = 0; step < steps; step++) {
      if (ctx.due(group.rows.length)) await ctx.pause();
      const buckets = bucketsAt(block, group, step);
      if (buckets.length === 0) continue;
      values[at * steps + step] = answer(buckets, step, group);
      present[at * steps + step] = 1;
    }
  }
  const labels = groups.map((group) => (ctx.delayedNames ? group.labels : dropMetadata(group.labels)));
  return ctx.nameless({ kind: "vector", steps, labels, dropName: undefined, values, present });
}

async function histogramQuantile(call: Call, grid: Grid, ctx: EvalContext): Promise<Block> {
  const [quantileArg, vector] = call.args as [Expr, Expr];
  const quantiles = await ctx.scalar(quantileArg, grid);
  const block = await ctx.vector(vector, grid);
  const groups = groupBuckets(block, vector, ctx);
  checkQuantiles(quantileArg, quantiles, ctx);
  return perHistogram(block, groups, ctx, (buckets, step, group) => {
    const { value, forced } = bucketQuantile(quantiles[step] as number, buckets);
    if (forced) remarkForced(group, vector, ctx);
    return value;
  });
}

function remarkForced(group: Group, vector: Expr, ctx: EvalContext): void {
  ctx.info(`${FORCED} for metric name ${quote(group.metric)}`, unwrapParens(vector).span);
}

/** Several quantiles at once, told apart by a label: `histogram_quantiles(v, "q", 0.5, 0.9)`. */
async function histogramQuantiles(call: Call, grid: Grid, ctx: EvalContext): Promise<Block> {
  const [vector, labelArg, ...quantileArgs] = call.args as [Expr, Expr, ...Expr[]];
  const label = await ctx.text(labelArg, grid);
  if (label === "" || !label.isWellFormed()) throw executionError(`invalid label name ${quote(label)}`);
  const columns: Float64Array[] = [];
  for (const arg of quantileArgs) {
    const quantiles = await ctx.scalar(arg, grid);
    checkQuantiles(arg, quantiles, ctx);
    columns.push(quantiles);
  }
  const block = await ctx.vector(vector, grid);
  const builder = ctx.builder(grid.steps);
  for (const group of groupBuckets(block, vector, ctx)) {
    const base = ctx.delayedNames ? group.labels : dropMetadata(group.labels);
    for (let step = 0; step < grid.steps; step++) {
      if (ctx.due(group.rows.length)) await ctx.pause();
      for (const quantiles of columns) {
        const buckets = bucketsAt(block, group, step);
        if (buckets.length === 0) continue;
        const q = quantiles[step] as number;
        const { value, forced } = bucketQuantile(q, buckets);
        if (forced) remarkForced(group, vector, ctx);
        const row = builder.row(base.with({ [label]: quantileText(q) }), ctx.delayedNames);
        if (!builder.set(row, step, value))
          throw executionError("vector cannot contain metrics with the same labelset");
      }
    }
  }
  return builder.finish();
}

/** As OpenMetrics writes floats: `1.0`, not `1`. */
function quantileText(q: number): string {
  return Number.isInteger(q) ? q.toFixed(1) : formatFloat(q);
}

function bucketsAt(block: VectorBlock, group: Group, step: number): readonly Bucket[] {
  const buckets: Bucket[] = [];
  for (const { row, upper } of group.rows) {
    const cell = row * block.steps + step;
    if (block.present[cell] === 1) buckets.push({ upper, count: block.values[cell] as number });
  }
  return buckets;
}

const FORCED =
  "input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)";

async function histogramFraction(call: Call, grid: Grid, ctx: EvalContext): Promise<Block> {
  const [lowerArg, upperArg, vector] = call.args as [Expr, Expr, Expr];
  const lower = await ctx.scalar(lowerArg, grid);
  const upper = await ctx.scalar(upperArg, grid);
  const block = await ctx.vector(vector, grid);
  const groups = groupBuckets(block, vector, ctx);
  return perHistogram(block, groups, ctx, (buckets, step) =>
    bucketFraction(lower[step] as number, upper[step] as number, buckets),
  );
}

/** A function that reads native histograms: floats have no answer for it, and nothing else is stored. */
function nativeOnly(name: string): FunctionDef {
  const evaluate = async (call: Call, grid: Grid, ctx: EvalContext): Promise<Block> => {
    await ctx.evaluate(call.args[0] as Expr, grid);
    ctx.warn(`${name} reads native histograms, which opsmon does not store`, call.span);
    return emptyVector(grid.steps);
  };
  return customFunction(name, ["instant vector"], evaluate);
}

export const HISTOGRAM: readonly FunctionDef[] = [
  define("histogram_quantile", ["scalar", "instant vector"], { kind: "custom", evaluate: histogramQuantile }),
  define("histogram_fraction", ["scalar", "scalar", "instant vector"], { kind: "custom", evaluate: histogramFraction }),
  define(
    "histogram_quantiles",
    ["instant vector", "string", "scalar", "scalar"],
    { kind: "custom", evaluate: histogramQuantiles },
    { variadic: QUANTILES_MAX - 1, experimental: true },
  ),
  nativeOnly("histogram_avg"),
  nativeOnly("histogram_count"),
  nativeOnly("histogram_sum"),
  nativeOnly("histogram_stddev"),
  nativeOnly("histogram_stdvar"),
];
