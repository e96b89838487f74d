/** Functions of range vectors, fused with the reading of samples. */
import { type Call, type Expr, unwrapParens } from "./ast.ts";
import type { Grid, VectorBlock } from "./block.ts";
import type { EvalContext } from "./context.ts";
import { evalExtendedRange } from "./extended.ts";
import type { FunctionDef } from "./functions/define.ts";
import { evalRange } from "./range.ts";
import { type RangeImplementation, RangeRows } from "./range-rows.ts";
import { collectRows } from "./rows.ts";

/** The range argument of a call; there is always one. */
export function rangeArgument(call: Call, def: FunctionDef): Expr {
  const at = def.args.indexOf("range vector");
  return call.args[at] as Expr;
}

/** Reads what the rows are made of: scalar arguments first, then the series. */
export async function openRangeRows(
  call: Call,
  def: FunctionDef,
  implementation: RangeImplementation,
  grid: Grid,
  ctx: EvalContext,
): Promise<{ readonly rows: RangeRows; readonly dropName: Uint8Array | undefined }> {
  const ranged = rangeArgument(call, def);
  const columns: Float64Array[] = [];
  for (const arg of call.args) if (arg !== ranged) columns.push(await ctx.scalar(arg, grid));
  const range = await evalRange(ranged, grid, ctx, call.func);
  return { rows: new RangeRows(call, implementation, range, grid, columns, ctx), dropName: range.dropName };
}

export async function evalRangeFunction(
  call: Call,
  def: FunctionDef,
  implementation: RangeImplementation,
  grid: Grid,
  ctx: EvalContext,
): Promise<VectorBlock> {
  const inner = unwrapParens(rangeArgument(call, def));
  if (inner.kind === "matrix" && inner.selector.extended !== undefined)
    return evalExtendedRange(call, inner, grid, ctx);
  const { rows, dropName } = await openRangeRows(call, def, implementation, grid, ctx);
  const block: VectorBlock = { ...(await collectRows(rows, ctx)), dropName };
  return implementation.keepsName === true ? block : ctx.nameless(block);
}
