/**
 * `anchored` and `smoothed` selectors: values at the very ends of a window instead of extrapolation. `anchored` takes
 * the last sample before each end; `smoothed` draws a line between the samples on both sides of it, so it also looks
 * ahead. Both look at most the lookback beyond the window.
 *
 * @see https://prometheus.io/docs/prometheus/latest/feature_flags/#extended-range-selectors
 */
import type { Call, MatrixSelector, VectorSelector } from "./ast.ts";
import type { Grid, VectorBlock } from "./block.ts";
import { type EvalContext, executionError } from "./context.ts";
import { resolveRange } from "./durations.ts";
import { withoutStale } from "./range.ts";
import { firstAfter, lookTimes } from "./select.ts";

const ANCHORED: ReadonlySet<string> = new Set(["changes", "delta", "increase", "rate", "resets"]);
const SMOOTHED: ReadonlySet<string> = new Set(["delta", "increase", "rate"]);

interface Points {
  readonly t: Float64Array;
  readonly v: Float64Array;
  readonly from: number;
  readonly to: number;
}

/** Answer for one step from a column; undefined when it has none. */
type StepKernel = (points: Points, endMs: number) => number | undefined;

/** Evaluates a function of an extended range. */
export async function evalExtendedRange(
  call: Call,
  matrix: MatrixSelector,
  grid: Grid,
  ctx: EvalContext,
): Promise<VectorBlock> {
  const extension = matrix.selector.extended;
  const allowed = extension === "smoothed" ? SMOOTHED : ANCHORED;
  if (!allowed.has(call.func)) {
    throw executionError(
      `${extension} modifier can only be used with: ${[...allowed].join(", ")} - not with ${call.func}`,
    );
  }
  const rangeMs = resolveRange(matrix.range, ctx.query);
  const smoothed = extension === "smoothed";
  const kernel: StepKernel = (points, endMs) => {
    const window = cut(points, endMs - rangeMs, endMs, smoothed, ctx.lookbackMs);
    if (window === undefined) return undefined;
    if (call.func === "changes" || call.func === "resets") return count(window, call.func === "resets");
    // Nothing happened after the start of the window.
    if ((points.t[window.last] as number) <= window.startMs) return undefined;
    return change(window, call.func, rangeMs, smoothed);
  };
  return ctx.nameless(await perStep(matrix.selector, call.func, rangeMs, kernel, grid, ctx));
}

/** Evaluates `selector smoothed`: the line between the samples around each step. */
export function evalSmoothed(selector: VectorSelector, grid: Grid, ctx: EvalContext): Promise<VectorBlock> {
  if (selector.extended === "anchored") {
    throw executionError("anchored modifier can only be used with a range, e.g. rate(x[5m] anchored)");
  }
  const kernel: StepKernel = ({ t, v, from, to }, time) => {
    const after = firstAfter(t, from, to, time);
    const before = after - 1;
    if (before < from || (t[before] as number) <= time - ctx.lookbackMs) return undefined;
    if (t[before] === time || after >= to || (t[after] as number) > time + ctx.lookbackMs) return v[before];
    return between(t, v, before, time);
  };
  return perStep(selector, "", 0, kernel, grid, ctx);
}

async function perStep(
  selector: VectorSelector,
  func: string,
  rangeMs: number,
  kernel: StepKernel,
  grid: Grid,
  ctx: EvalContext,
): Promise<VectorBlock> {
  const times = lookTimes(selector, grid, ctx.query);
  const start = times.startMs - rangeMs - ctx.lookbackMs + 1;
  const end = times.endMs + ctx.lookbackMs;
  const { labels, column } = await ctx.series.select(selector, { start, end, stepMs: times.stepMs, rangeMs, func });
  const { steps } = grid;
  const { values, present } = ctx.columns(labels.length, steps);
  const scratch = { v: new Float64Array(0) };
  for (let row = 0; row < labels.length; row++) {
    const points = withoutStale(column(row, scratch));
    for (let step = 0; step < steps; step++) {
      if (ctx.due(16)) await ctx.pause();
      const value = kernel(points, times.startMs + step * times.stepMs);
      if (value === undefined) continue;
      values[row * steps + step] = value;
      present[row * steps + step] = 1;
    }
  }
  return { kind: "vector", steps, labels, dropName: undefined, values, present };
}

/** Samples that decide about a window: `first` at or before its start if there is one, `last` at or after its end. */
interface Cut extends Points {
  readonly startMs: number;
  readonly endMs: number;
  readonly first: number;
  readonly last: number;
}

function cut(points: Points, startMs: number, endMs: number, smoothed: boolean, lookbackMs: number): Cut | undefined {
  const { t, v } = points;
  const from = firstAfter(t, points.from, points.to, startMs - lookbackMs);
  const to = firstAfter(t, from, points.to, smoothed ? endMs + lookbackMs : endMs);
  if (from === to) return undefined;
  // Where all samples are before the start, the last two of them count: what changed at the start still does.
  const first = Math.max(from, Math.min(to - 1, firstAfter(t, from, to, startMs)) - 1);
  // The first sample at or after the end, if the lookahead has one.
  const last = smoothed ? Math.min(to - 1, firstAfter(t, from, to, endMs - 1)) : to - 1;
  return { t, v, from, to, startMs, endMs, first, last };
}

/** The value at `time` on the line from sample `i` to the next. */
function between(
  t: Float64Array,
  v: Float64Array,
  i: number,
  time: number,
  y1 = v[i] as number,
  y2 = v[i + 1] as number,
): number {
  const t1 = t[i] as number;
  return y1 + ((y2 - y1) * (time - t1)) / ((t[i + 1] as number) - t1);
}

function change(window: Cut, func: string, rangeMs: number, smoothed: boolean): number {
  const { t, v, startMs, endMs } = window;
  let { first, last } = window;
  const counter = func !== "delta";
  const reset = (i: number): boolean => counter && (v[i + 1] as number) < (v[i] as number);
  let left = v[first] as number;
  if (smoothed && (t[first] as number) < startMs && first < last) {
    // After a reset the counter rose from zero.
    left = between(t, v, first, startMs, reset(first) ? 0 : left);
  }
  let right = v[last] as number;
  if (smoothed && last > window.from && (t[last] as number) > endMs) {
    const before = v[last - 1] as number;
    right = between(t, v, last - 1, endMs, before, reset(last - 1) ? before + right : right);
  }
  let result = right - left;
  if (counter) {
    if ((t[first] as number) <= startMs) first++;
    if ((t[last] as number) >= endMs) last--;
    let previous = left;
    for (let i = first; i <= last; i++) {
      const value = v[i] as number;
      if (value < previous) result += previous;
      previous = value;
    }
    if (right < previous) result += previous;
  }
  return func === "rate" ? result / (rangeMs / 1000) : result;
}

function count({ v, first, last }: Cut, resets: boolean): number {
  let total = 0;
  for (let i = first + 1; i <= last; i++) {
    const value = v[i] as number;
    const previous = v[i - 1] as number;
    if (resets ? value < previous : value !== previous && !(Number.isNaN(value) && Number.isNaN(previous))) total++;
  }
  return total;
}
