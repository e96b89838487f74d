/** Columns to the values clients see: names removed late go now, rows are sorted by labels, absent cells vanish. */
import { compareLabels, Labels } from "../model/labels.ts";
import { type Expr, unwrapParens } from "./ast.ts";
import type { Grid, VectorBlock } from "./block.ts";
import type { EvalContext } from "./context.ts";
import { answerOrder } from "./label-sets.ts";
import { dropMetadata } from "./projection.ts";
import { evalRange, windowsOf } from "./range.ts";
import type { MatrixSeries, Value } from "./value.ts";

function settleNames(block: VectorBlock, ctx: EvalContext): VectorBlock {
  const { dropName } = block;
  if (dropName === undefined) return block;
  const labels = block.labels.map((one, row) => (dropName[row] === 1 ? dropMetadata(one) : one));
  return ctx.distinct({ ...block, labels, dropName: undefined });
}

export async function instantValue(expr: Expr, grid: Grid, ctx: EvalContext): Promise<Value> {
  const inner = unwrapParens(expr);
  if (inner.kind === "matrix" || inner.kind === "subquery") return windowValue(inner, grid, ctx);
  const block = await ctx.evaluate(expr, grid);
  const t = grid.startMs;
  if (block.kind === "string") return { kind: "string", t, s: block.value };
  if (block.kind === "scalar") return { kind: "scalar", t, v: block.values[0] as number };
  const settled = settleNames(block, ctx);
  const samples: { readonly labels: Labels; readonly v: number }[] = [];
  const order = settled.ordered === true ? undefined : (await answerOrder(settled.labels, ctx)).rows;
  for (let i = 0; i < settled.labels.length; i++) {
    const row = order === undefined ? i : (order[i] as number);
    if (settled.present[row] !== 1) continue;
    samples.push({ labels: settled.labels[row] as Labels, v: settled.values[row] as number });
  }
  return { kind: "vector", t, samples };
}

/** The samples of a range vector as they are stored. */
async function windowValue(expr: Expr, grid: Grid, ctx: EvalContext): Promise<Value> {
  const range = await evalRange(expr, grid, ctx, "");
  const windows = windowsOf(range);
  const scratch = { v: new Float64Array(0) };
  const series: MatrixSeries[] = [];
  for (const [row, own] of range.labels.entries()) {
    const column = range.column(row, scratch);
    if (ctx.due(64)) await ctx.pause();
    const { lo, hi } = windows.of(column);
    const from = lo[0] as number;
    const to = hi[0] as number;
    if (from === to) continue;
    ctx.hold(to - from);
    const labels = range.dropName?.[row] === 1 ? dropMetadata(own) : own;
    series.push({ labels, t: column.t.slice(from, to), v: column.v.slice(from, to) });
  }
  return { kind: "matrix", series: series.sort((a, b) => compareLabels(a.labels, b.labels)) };
}

export async function rangeValue(expr: Expr, grid: Grid, ctx: EvalContext): Promise<Value> {
  const block = await ctx.evaluate(expr, grid);
  const times = new Float64Array(grid.steps);
  for (let i = 0; i < grid.steps; i++) times[i] = grid.startMs + i * grid.stepMs;
  if (block.kind === "string") return { kind: "matrix", series: [] };
  if (block.kind === "scalar") return { kind: "matrix", series: [{ labels: Labels.EMPTY, t: times, v: block.values }] };
  const settled = settleNames(block, ctx);
  const series: MatrixSeries[] = [];
  const order = (await answerOrder(settled.labels, ctx)).rows;
  for (let i = 0; i < settled.labels.length; i++) {
    if (ctx.due(grid.steps)) await ctx.pause();
    const row = order === undefined ? i : (order[i] as number);
    const points = rowPoints(settled, row, times);
    if (points !== undefined) series.push({ labels: settled.labels[row] as Labels, ...points });
  }
  return { kind: "matrix", series };
}

/** Points of a row; full rows share one array of times. */
function rowPoints(block: VectorBlock, row: number, times: Float64Array): Omit<MatrixSeries, "labels"> | undefined {
  const base = row * block.steps;
  let count = 0;
  for (let i = base; i < base + block.steps; i++) count += block.present[i] as number;
  if (count === 0) return undefined;
  const values = block.values.subarray(base, base + block.steps);
  if (count === block.steps) return { t: times, v: values };
  const t = new Float64Array(count);
  const v = new Float64Array(count);
  for (let i = 0, at = 0; i < block.steps; i++) {
    if (block.present[base + i] === 0) continue;
    t[at] = times[i] as number;
    v[at++] = values[i] as number;
  }
  return { t, v };
}
