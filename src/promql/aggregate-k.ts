/**
 * Aggregations that pick elements and leave them as they are: topk and bottomk by value, limitk the first ones,
 * limit_ratio a share chosen by a hash of the labels.
 */
import type { Labels } from "../model/labels.ts";
import type { Aggregate, Expr } from "./ast.ts";
import type { Group } from "./aggregate.ts";
import { emptyVector, type VectorBlock } from "./block.ts";
import { type EvalContext, executionError } from "./context.ts";
import { reorder } from "./functions/sort.ts";
import { formatShort } from "./number.ts";
import { labelsHashRatio } from "./xxhash.ts";

/** Both ends of what a Go int64 holds, as doubles. */
const INT64 = 2 ** 63;

export async function aggregateK(
  expr: Aggregate,
  param: Float64Array,
  block: VectorBlock,
  groups: readonly Group[],
  ctx: EvalContext,
): Promise<VectorBlock> {
  if (expr.op === "limit_ratio") return limitRatio(expr, param, block, ctx);
  checkCounts(param);
  if (!param.some((k) => k >= 1)) return emptyVector(block.steps);
  return pickCounts(expr.op, param, block, groups, ctx);
}

function checkCounts(param: Float64Array): void {
  for (const k of param) {
    if (Number.isNaN(k)) throw executionError("Parameter value is NaN");
    if (k >= INT64) throw executionError(`Scalar value ${formatShort(k)} overflows int64`);
    if (k < -INT64) throw executionError(`Scalar value ${formatShort(k)} underflows int64`);
  }
}

async function pickCounts(
  op: Aggregate["op"],
  param: Float64Array,
  block: VectorBlock,
  groups: readonly Group[],
  ctx: EvalContext,
): Promise<VectorBlock> {
  const { steps, values } = block;
  const present = new Uint8Array(block.present.length);
  ctx.hold(present.length / 8);
  // NaN goes last either way; equal values stay in the order of their series.
  const sign = op === "topk" ? -1 : 1;
  let picked: number[] = [];
  const order: number[] = [];
  for (let step = 0; step < steps; step++) {
    const k = Math.trunc(param[step] as number);
    for (const group of groups) {
      if (ctx.due(group.rows.length)) await ctx.pause();
      if (k < 1) continue;
      picked = group.rows.filter((row) => block.present[row * steps + step] === 1);
      if (op !== "limitk") {
        const better = (a: number, b: number): number => {
          const x = values[a * steps + step] as number;
          const y = values[b * steps + step] as number;
          if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y)) || a - b;
          return sign * (x < y ? -1 : x > y ? 1 : 0) || a - b;
        };
        picked = k <= FEW ? best(picked, k, better) : picked.sort(better);
      }
      picked.length = Math.min(picked.length, k);
      for (const row of picked) present[row * steps + step] = 1;
      if (steps === 1) order.push(...picked);
    }
  }
  const result: VectorBlock = { ...block, ordered: false, present };
  return steps === 1 && op !== "limitk" ? reorder(result, order) : result;
}

/** Up to this many, keeping a short sorted list is cheaper than sorting all. */
const FEW = 32;

/** The first `k` of the sorted rows. */
function best(rows: readonly number[], k: number, compare: (a: number, b: number) => number): number[] {
  const kept: number[] = [];
  for (const row of rows) {
    if (kept.length === k && compare(row, kept[k - 1] as number) > 0) continue;
    let at = kept.length;
    while (at > 0 && compare(row, kept[at - 1] as number) < 0) at--;
    kept.splice(at, 0, row);
    if (kept.length > k) kept.pop();
  }
  return kept;
}

async function limitRatio(
  expr: Aggregate,
  param: Float64Array,
  block: VectorBlock,
  ctx: EvalContext,
): Promise<VectorBlock> {
  const span = (expr.param as Expr).span;
  const ratios = param.map((ratio) => {
    if (Number.isNaN(ratio)) throw executionError("Ratio value NaN is not a number");
    const capped = Math.max(-1, Math.min(1, ratio));
    if (capped !== ratio) {
      const got = `got ${formatShort(ratio)}, capping to ${formatShort(capped)}`;
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
