/**
 * Range vectors: for each series its samples, and for each step the half-open run of them inside `(end - range, end]`.
 * They come from a selector or from a sub-query's own grid; functions cannot tell the difference. Series that share a
 * time column share their windows.
 */
import type { Labels } from "../model/labels.ts";
import type { SampleColumn } from "../model/sample.ts";
import type { Aggregate } from "../storage/storage.ts";
import { unwrapParens, type Expr, type MatrixSelector, type Subquery } from "./ast.ts";
import type { Grid, VectorBlock } from "./block.ts";
import { type EvalContext, executionError } from "./context.ts";
import { resolveRange } from "./durations.ts";
import { firstAfter, lookTimes, type LookTimes } from "./select.ts";

export interface RangeSeries {
  readonly labels: Labels;
  readonly dropName: boolean;
  /** Samples without stale markers. */
  readonly column: (tier?: Aggregate) => SampleColumn;
}

export interface RangeVector {
  readonly series: readonly RangeSeries[];
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
  ctx.checkSeries(selection.series.length);
  const series = selection.series.map(({ labels, column }) => ({
    labels,
    dropName: false,
    column: (tier?: Aggregate) => withoutStale(column(tier)),
  }));
  return { series, rangeMs, times, steps: grid.steps, resolutionMs: selection.resolutionMs };
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
  if (steps === 0) return { ...base, series: [] };
  ctx.hold(steps);
  const block = await ctx.vector(expr.expr, { startMs, stepMs, steps });
  const full = new Float64Array(steps);
  for (let i = 0; i < steps; i++) full[i] = startMs + i * stepMs;
  return { ...base, series: rowsAsSeries(block, full) };
}

function rowsAsSeries(block: VectorBlock, times: Float64Array): readonly RangeSeries[] {
  // A column is made when a function reaches it, so that a wide sub-query does not stand still here.
  return block.labels.map((labels, row) => ({
    labels,
    dropName: block.dropName?.[row] === 1,
    column: () => compact(block, row, times),
  }));
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

/** Windows of columns, kept while consecutive series have the same times. */
export class WindowCache {
  readonly #range: RangeVector;
  #t: Float64Array | undefined;
  #from = 0;
  #to = 0;
  #windows: Windows | undefined;

  constructor(range: RangeVector) {
    this.#range = range;
  }

  of(column: SampleColumn): Windows {
    const known = this.#windows;
    if (known !== undefined && column.t === this.#t && column.from === this.#from && column.to === this.#to)
      return known;
    this.#t = column.t;
    this.#from = column.from;
    this.#to = column.to;
    this.#windows = findWindows(column, this.#range);
    return this.#windows;
  }
}

function findWindows(column: SampleColumn, range: RangeVector): Windows {
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
