/**
 * Aggregations folded while samples are read: rows of the selector or range function under them are made one at a time
 * and added to their groups, so that ten thousand rows of a day never stand side by side.
 */
import { Labels } from "../model/labels.ts";
import { type Aggregate, type Expr, unwrapParens } from "./ast.ts";
import type { Grid, VectorBlock } from "./block.ts";
import type { EvalContext } from "./context.ts";
import { FUNCTIONS } from "./functions/registry.ts";
import { distinctNameless, groupLabels } from "./label-sets.ts";
import { openRangeRows, rangeArgument } from "./range-function.ts";
import { type FoldOp, ROW_FOLDS } from "./row-folds.ts";
import { eachRow, InstantRows, type RowSource } from "./rows.ts";
import { lookTimes, selectInstant, tallyInstant } from "./select.ts";

interface Opened {
  readonly rows: RowSource;
  /** The rows' names go away. */
  readonly nameless: boolean;
}

/** @returns undefined where rows cannot be had one by one, or must be looked at together. */
async function open(expr: Expr, grid: Grid, ctx: EvalContext): Promise<Opened | undefined> {
  const inner = unwrapParens(expr);
  if (inner.kind === "selector") {
    if (inner.extended !== undefined) return undefined;
    const times = lookTimes(inner, grid, ctx.query);
    const selection = await selectInstant(inner, times, "", ctx);
    const lookbackMs = Math.max(ctx.lookbackMs, selection.resolutionMs);
    return { rows: new InstantRows(selection, grid, times, lookbackMs), nameless: false };
  }
  if (inner.kind !== "call") return undefined;
  const def = FUNCTIONS.get(inner.func);
  if (def?.implementation.kind !== "range") return undefined;
  const ranged = unwrapParens(rangeArgument(inner, def));
  if (ranged.kind !== "matrix" || ranged.selector.extended !== undefined) return undefined;
  const { implementation } = def;
  const { rows } = await openRangeRows(inner, def, implementation, grid, ctx);
  const nameless = implementation.keepsName !== true;
  // Rows that become the same without their names are one element, or a mistake.
  return nameless && !distinctNameless(rows.labels) ? undefined : { rows, nameless };
}

/** How many series there are the store knows without listing them; undefined where that is not all that is asked. */
async function evalTally(expr: Aggregate, op: FoldOp, grid: Grid, ctx: EvalContext): Promise<VectorBlock | undefined> {
  const inner = unwrapParens(expr.expr);
  if ((op !== "count" && op !== "group") || expr.without || expr.grouping.length > 0 || grid.steps > 1)
    return undefined;
  if (inner.kind !== "selector" || inner.extended !== undefined) return undefined;
  const tally = await tallyInstant(inner, lookTimes(inner, grid, ctx.query), ctx);
  if (tally === undefined) return undefined;
  ctx.checkSeries(tally.series);
  const labels = tally.series === 0 ? [] : [Labels.EMPTY];
  const out = ctx.columns(labels.length, 1);
  if (tally.present > 0) {
    out.values[0] = op === "count" ? tally.present : 1;
    out.present[0] = 1;
  }
  return { kind: "vector", steps: 1, labels, dropName: undefined, ...out };
}

/** @returns undefined when the aggregation has to see its rows side by side. */
export async function evalFused(
  expr: Aggregate,
  op: FoldOp,
  grid: Grid,
  ctx: EvalContext,
): Promise<VectorBlock | undefined> {
  // Explained nodes have their own figures.
  if (ctx.explain.active) return undefined;
  const tallied = await evalTally(expr, op, grid, ctx);
  if (tallied !== undefined) return tallied;
  // Names that are dropped late are still part of the groups.
  if (ctx.delayedNames) return undefined;
  const opened = await open(expr.expr, grid, ctx);
  if (opened === undefined) return undefined;
  const { rows, nameless } = opened;
  ctx.checkSeries(rows.labels.length);
  const { ids, labels } = await groupLabels(rows.labels, expr.without, expr.grouping, nameless, ctx);
  const { steps } = grid;
  const out = ctx.columns(labels.length, steps);
  const fold = ROW_FOLDS[op](steps, out);
  await eachRow(rows, ctx, (row, values, present, base) => {
    fold.add(values, present, base, (ids[row] as number) * steps);
  });
  if (!fold.finish()) return undefined;
  return { kind: "vector", steps, labels, dropName: undefined, ...out };
}
