/**
 * Aggregations that pick elements and leave them as they are: topk and bottomk by value, limitk the first ones,
 * limit_ratio a share chosen by a hash of the labels.
 */
import type { Labels } from "../model/labels.ts";
import { type Aggregate, type Expr, unwrapParens } from "./ast.ts";
import { emptyVector, type VectorBlock } from "./block.ts";
import { type EvalContext, executionError } from "./context.ts";
import { reorder } from "./functions/sort.ts";
import { formatGeneral } from "./number.ts";
import { labelsHashRatio } from "./xxhash.ts";

/** Both ends of what a Go int64 holds, as doubles. */
const INT64 = 2 ** 63;

export async function aggregateK(
  expr: Aggregate,
  param: Float64Array,
  block: VectorBlock,
  groups: readonly Uint32Array[],
  ctx: EvalContext,
): Promise<VectorBlock> {
  if (expr.op === "limit_ratio") return limitRatio(expr, param, block, ctx);
  if (block.labels.length === 0) return emptyVector(block.steps);
  // Where nothing can be picked nothing is wrong either, however far below one the counts are.
  if (param.every((k) => k < 1)) return emptyVector(block.steps);
  checkCounts(param);
  return pickCounts(expr.op, param, block, groups, ctx);
}

function checkCounts(param: Float64Array): void {
  for (const k of param) {
    if (Number.isNaN(k)) throw executionError("Parameter value is NaN");
    if (k >= INT64) throw executionError(`Scalar value ${formatGeneral(k)} overflows int64`);
    if (k < -INT64) throw executionError(`Scalar value ${formatGeneral(k)} underflows int64`);
  }
}

async function pickCounts(
  op: Aggregate["op"],
  param: Float64Array,
  block: VectorBlock,
  groups: readonly Uint32Array[],
  ctx: EvalContext,
): Promise<VectorBlock> {
  const { steps } = block;
  const present = new Uint8Array(block.present.length);
  ctx.hold(present.length / 8);
  // NaN goes last either way; equal values stay in the order of their series.
  const sign = op === "topk" ? -1 : 1;
  const order: number[] = [];
  const widest = groups.reduce((most, rows) => Math.max(most, rows.length), 0);
  const picked = new Uint32Array(widest);
  for (let step = 0; step < steps; step++) {
    const k = Math.trunc(param[step] as number);
    for (const rows of groups) {
      if (ctx.due(rows.length)) await ctx.pause();
      if (k < 1) continue;
      const count =
        op === "limitk" ? firstRows(block, rows, step, k, picked) : bestRows(block, rows, step, k, sign, picked);
      for (let i = 0; i < count; i++) {
        const row = picked[i] as number;
        present[row * steps + step] = 1;
        if (steps === 1) order.push(row);
      }
    }
  }
  const result: VectorBlock = { ...block, ordered: false, present };
  return steps === 1 && op !== "limitk" ? reorder(result, order) : result;
}

/** Up to this many, keeping a short sorted list is cheaper than sorting all. */
const FEW = 32;

function firstRows(block: VectorBlock, rows: Uint32Array, step: number, k: number, out: Uint32Array): number {
  let count = 0;
  for (let i = 0; i < rows.length && count < k; i++) {
    const row = rows[i] as number;
    if (block.present[row * block.steps + step] === 1) out[count++] = row;
  }
  return count;
}

/** The `k` rows with the best values at a step, best first; rows that are equal stay in their order. */
function bestRows(
  { values, present, steps }: VectorBlock,
  rows: Uint32Array,
  step: number,
  k: number,
  sign: 1 | -1,
  out: Uint32Array,
): number {
  // NaN goes last either way.
  const keyOf = (row: number): number => {
    const value = values[row * steps + step] as number;
    return Number.isNaN(value) ? Number.POSITIVE_INFINITY : sign * value;
  };
  const after = (a: number, b: number): number => {
    const x = values[a * steps + step] as number;
    const y = values[b * steps + step] as number;
    if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y)) || a - b;
    return sign * (x < y ? -1 : x > y ? 1 : 0) || a - b;
  };
  let count = 0;
  if (k > FEW) {
    for (let i = 0; i < rows.length; i++)
      if (present[(rows[i] as number) * steps + step] === 1) out[count++] = rows[i] as number;
    out.subarray(0, count).sort(after);
    return Math.min(count, k);
  }
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as number;
    if (present[row * steps + step] === 0) continue;
    if (count === k) {
      const last = out[count - 1] as number;
      // Most rows end here: worse than the worst of those kept.
      if (keyOf(row) > keyOf(last) || after(row, last) > 0) continue;
    }
    let at = count < k ? count++ : count - 1;
    for (; at > 0 && after(row, out[at - 1] as number) < 0; at--) out[at] = out[at - 1] as number;
    out[at] = row;
  }
  return count;
}

async function limitRatio(
  expr: Aggregate,
  param: Float64Array,
  block: VectorBlock,
  ctx: EvalContext,
): Promise<VectorBlock> {
  const { span } = unwrapParens(expr.param as Expr);
  const ratios = param.map((ratio) => {
    if (Number.isNaN(ratio)) throw executionError("Ratio value is NaN");
    const capped = Math.max(-1, Math.min(1, ratio));
    if (capped !== ratio) {
      const got = `got ${formatGeneral(ratio)}, capping to ${formatGeneral(capped)}`;
      ctx.warn(`ratio value should be between -1 and 1, ${got}`, span);
    }
    return capped;
  });
  const { steps } = block;
  const present = new Uint8Array(block.present);
  for (const [row, labels] of block.labels.entries()) {
    if (ctx.due(steps + 8)) await ctx.pause();
    const offset = labelsHashRatio(labels satisfies Labels);
    for (let step = 0; step < steps; step++) {
      const ratio = ratios[step] as number;
      // A negative ratio picks exactly what its positive complement leaves.
      const keep = ratio >= 0 ? offset < ratio : offset >= 1 + ratio;
      if (!keep || ratio === 0) present[row * steps + step] = 0;
    }
  }
  return { ...block, ordered: false, present };
}
