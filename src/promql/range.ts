/**
 * Range vectors: for each series its samples, and for each step the half-open run of them inside `(end - range, end]`.
 * They come from a selector or from a sub-query's own grid; functions cannot tell the difference. Series that share a
 * time column share their windows.
 */
import type { Labels } from "../model/labels.ts";
import { EMPTY_COLUMN, type SampleColumn } from "../model/sample.ts";
import { unwrapParens, type Expr, type MatrixSelector, type Subquery } from "./ast.ts";
import type { Grid, VectorBlock } from "./block.ts";
import { type EvalContext, executionError } from "./context.ts";
import { resolveRange } from "./durations.ts";
import { firstAfter, lookTimes, type LookTimes, type ReadColumn } from "./select.ts";

export interface RangeVector {
  readonly labels: readonly Labels[];
  /** Rows whose name goes away at the end; undefined when none does. */
  readonly dropName: Uint8Array | undefined;
  /** Samples without stale markers. */
  readonly column: ReadColumn;
  readonly rangeMs: number;
  readonly times: LookTimes;
  readonly steps: number;
  /** Width of a stored bucket, ms; 0 = raw samples. */
  readonly resolutionMs: number;
}

/** Samples `lo[i]` (included) to `hi[i]` (excluded) belong to step i. */
export interface Windows {
  readonly lo: Int32Array;
  readonly hi: Int32Array;
}

/** Evaluates a range-vector argument. `func` is the function around it, a hint to the store. */
export async function evalRange(expr: Expr, grid: Grid, ctx: EvalContext, func: string): Promise<RangeVector> {
  const inner = unwrapParens(expr);
  if (inner.kind === "subquery") return evalSubquery(inner, grid, ctx);
  return evalMatrix(inner as MatrixSelector, grid, ctx, func);
}

async function evalMatrix(expr: MatrixSelector, grid: Grid, ctx: EvalContext, func: string): Promise<RangeVector> {
  if (expr.selector.extended !== undefined) {
    const where = func === "" ? "alone" : `with ${func}`;
    throw executionError(
      `${expr.selector.extended} modifier cannot be used ${where}`,
      "use it inside rate, increase or delta",
    );
  }
  const rangeMs = resolveRange(expr.range, ctx.query);
  const times = lookTimes(expr.selector, grid, ctx.query);
  const selection = await ctx.series.select(expr.selector, {
    start: times.startMs - rangeMs + 1,
    end: times.endMs,
    stepMs: times.stepMs,
    rangeMs,
    func,
  });
  const { labels, resolutionMs } = selection;
  ctx.checkSeries(labels.length);
  const column: ReadColumn = (row, scratch, tier) => withoutStale(selection.column(row, scratch, tier));
  return { labels, dropName: undefined, column, rangeMs, times, steps: grid.steps, resolutionMs };
}

/** A copy without stale markers, or the same column when it has none. */
export function withoutStale(column: SampleColumn): SampleColumn {
  const { t, v, from, to, stale } = column;
  if (stale === undefined) return column;
  let markers = 0;
  for (let i = from; i < to; i++) markers += stale[i] as number;
  if (markers === 0) return { ...column, stale: undefined };
  const size = to - from - markers;
  const times = new Float64Array(size);
  const values = new Float64Array(size);
  let at = 0;
  for (let i = from; i < to; i++) {
    if (stale[i] === 1) continue;
    times[at] = t[i] as number;
    values[at++] = v[i] as number;
  }
  return { t: times, v: values, from: 0, to: size, stale: undefined };
}

/** A sub-query is evaluated once, on absolute multiples of its step that cover the windows of all outer steps. */
async function evalSubquery(expr: Subquery, grid: Grid, ctx: EvalContext): Promise<RangeVector> {
  const rangeMs = resolveRange(expr.range, ctx.query);
  const stepMs = expr.step === undefined ? ctx.subqueryStepMs : resolveRange(expr.step, ctx.query);
  const times = lookTimes(expr, grid, ctx.query);
  const after = times.startMs - rangeMs;
  let startMs = Math.trunc(after / stepMs) * stepMs;
  if (startMs <= after) startMs += stepMs;
  const steps = times.endMs < startMs ? 0 : Math.floor((times.endMs - startMs) / stepMs) + 1;
  const base = { rangeMs, times, steps: grid.steps, resolutionMs: 0 };
  if (steps === 0) return { ...base, labels: [], dropName: undefined, column: () => EMPTY_COLUMN };
  ctx.hold(steps);
  const block = await ctx.vector(expr.expr, { startMs, stepMs, steps });
  const full = new Float64Array(steps);
  for (let i = 0; i < steps; i++) full[i] = startMs + i * stepMs;
  const { labels, dropName } = block;
  // A column is made when a function reaches it, so that a wide sub-query does not stand still here.
  return { ...base, labels, dropName, column: (row) => compact(block, row, full) };
}

/** One row's present cells as a column; a full row shares the time column of the grid. */
function compact(block: VectorBlock, row: number, times: Float64Array): SampleColumn {
  const { steps, values, present } = block;
  const base = row * steps;
  let count = 0;
  for (let i = base; i < base + steps; i++) count += present[i] as number;
  if (count === steps) {
    return { t: times, v: values.subarray(base, base + steps), from: 0, to: steps, stale: undefined };
  }
  const t = new Float64Array(count);
  const v = new Float64Array(count);
  for (let i = 0, at = 0; i < steps; i++) {
    if (present[base + i] === 0) continue;
    t[at] = times[i] as number;
    v[at++] = values[base + i] as number;
  }
  return { t, v, from: 0, to: count, stale: undefined };
}

/** Arrays of times whose windows are kept: the targets that series of one selector alternate between. */
const TIMES_KEPT = 128;

/** What follows from a column's times alone, kept for all series that share them. */
export class SharedTimes<T> {
  readonly #make: (column: SampleColumn) => T;
  readonly #known = new Map<Float64Array, { readonly from: number; readonly to: number; readonly value: T }>();

  constructor(make: (column: SampleColumn) => T) {
    this.#make = make;
  }

  of(column: SampleColumn): T {
    const { t, from, to } = column;
    const known = this.#known.get(t);
    if (known !== undefined && known.from === from && known.to === to) return known.value;
    const value = this.#make(column);
    if (this.#known.size >= TIMES_KEPT) this.#known.clear();
    this.#known.set(t, { from, to, value });
    return value;
  }
}

export function windowsOf(range: RangeVector): SharedTimes<Windows> {
  return new SharedTimes((column) => findWindows(column, range));
}

export function findWindows(column: SampleColumn, range: RangeVector): Windows {
  const { t, from, to } = column;
  const { startMs, stepMs } = range.times;
  const lo = new Int32Array(range.steps);
  const hi = new Int32Array(range.steps);
  let low = firstAfter(t, from, to, startMs - range.rangeMs);
  let high = firstAfter(t, low, to, startMs);
  for (let step = 0; step < range.steps; step++) {
    const end = startMs + step * stepMs;
    const begin = end - range.rangeMs;
    while (low < to && (t[low] as number) <= begin) low++;
    while (high < to && (t[high] as number) <= end) high++;
    lo[step] = low;
    hi[step] = Math.max(low, high);
  }
  return { lo, hi };
}
