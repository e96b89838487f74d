/** Aggregations over time: one number from the samples of a window. */
import type { Expr } from "../ast.ts";
import type { EvalContext } from "../context.ts";
import { KahanMean, KahanSum } from "../kahan.ts";
import { formatGeneral } from "../number.ts";
import { quantile } from "../quantile.ts";
import { define, type FunctionDef, rangeFunction, type RangeKernel, type Window } from "./define.ts";

const sum = new KahanSum();
const mean = new KahanMean();

/** Leaves the compensated sum of a window in `sum`. @returns whether it stayed inside the doubles all the way. */
function addUp({ v, lo, hi }: Window): boolean {
  // As `KahanSum.add`, in numbers that stay in registers: windows overlap, so every sample comes by many times.
  let total = 0;
  let c = 0;
  let inside = true;
  for (let i = lo; i < hi; i++) {
    const inc = v[i] as number;
    const t = total + inc;
    if (t === Number.POSITIVE_INFINITY || t === Number.NEGATIVE_INFINITY) {
      c = 0;
      inside = false;
    } else c += Math.abs(total) >= Math.abs(inc) ? total - t + inc : inc - t + total;
    total = t;
  }
  sum.sum = total;
  sum.c = c;
  return inside;
}

function sumOverTime(window: Window): number {
  addUp(window);
  return sum.total;
}

function avgOverTime(window: Window): number {
  const { v, lo, hi } = window;
  const count = hi - lo;
  if (addUp(window)) return sum.sum / count + sum.c / count;
  mean.reset();
  for (let i = lo; i < hi; i++) mean.add(v[i] as number);
  return mean.mean;
}

/** Mean of the samples behind the buckets: their sums over their counts. */
function avgOfBuckets({ v, weights, lo, hi }: Window): number {
  let total = 0;
  let count = 0;
  for (let i = lo; i < hi; i++) {
    total += v[i] as number;
    count += weights?.[i] ?? 1;
  }
  return total / count;
}

/** Index of the least or greatest sample; any number replaces NaN, `last` takes the newest of equals. */
function extreme({ v, lo, hi }: Window, sign: 1 | -1, last: boolean): number {
  let best = lo;
  for (let i = lo + 1; i < hi; i++) {
    const value = sign * (v[i] as number);
    const champion = sign * (v[best] as number);
    if (value > champion || (last && value === champion) || Number.isNaN(champion)) best = i;
  }
  return best;
}

/** Welford's variance with compensated mean and sum of squares. */
function variance({ v, lo, hi }: Window): number {
  const average = new KahanSum();
  const squares = new KahanSum();
  let count = 0;
  for (let i = lo; i < hi; i++) {
    const value = v[i] as number;
    count++;
    const delta = value - average.total;
    average.add(delta / count);
    squares.add(delta * (value - average.total));
  }
  return squares.total / count;
}

function sorted({ v, lo, hi }: Window): Float64Array {
  return v.slice(lo, hi);
}

function madOverTime(window: Window): number {
  const values = sorted(window);
  const median = quantile(0.5, values);
  return quantile(
    0.5,
    values.map((value) => Math.abs(value - median)),
  );
}

/** Warns about each quantile outside 0 … 1 that is asked for. */
export function checkQuantiles(arg: Expr, quantiles: Float64Array, ctx: EvalContext): void {
  for (const q of quantiles) {
    if (q >= 0 && q <= 1) continue;
    const { span } = arg;
    ctx.warn(`quantile value should be between 0 and 1, got ${formatGeneral(q)}`, span);
  }
}

const quantileOverTime: FunctionDef = define("quantile_over_time", ["scalar", "range vector"], {
  kind: "range",
  kernel: (window) => quantile(window.params[0] as number, sorted(window)),
  checkParams: (call, [quantiles], ctx) => checkQuantiles(call.args[0] as Expr, quantiles as Float64Array, ctx),
  tier: "last",
});

function timeOf(name: string, index: (window: Window) => number): FunctionDef {
  const kernel: RangeKernel = (window) => (window.t[index(window)] as number) / 1000;
  return rangeFunction(name, kernel, { experimental: true, tier: "last" });
}

export const OVER_TIME: readonly FunctionDef[] = [
  rangeFunction("sum_over_time", sumOverTime, { tier: "sum" }),
  define("avg_over_time", ["range vector"], {
    kind: "range",
    kernel: avgOverTime,
    tier: "sum",
    tierWeights: "count",
    tierKernel: avgOfBuckets,
  }),
  define("count_over_time", ["range vector"], {
    kind: "range",
    kernel: ({ lo, hi }) => hi - lo,
    tier: "count",
    tierKernel: sumOverTime,
  }),
  rangeFunction("min_over_time", (w) => w.v[extreme(w, -1, false)], { tier: "min" }),
  rangeFunction("max_over_time", (w) => w.v[extreme(w, 1, false)], { tier: "max" }),
  rangeFunction("last_over_time", ({ v, hi }) => v[hi - 1], { tier: "last", keepsName: true }),
  rangeFunction("first_over_time", ({ v, lo }) => v[lo], { tier: "last", keepsName: true, experimental: true }),
  rangeFunction("present_over_time", () => 1, { tier: "last" }),
  rangeFunction("stddev_over_time", (window) => Math.sqrt(variance(window)), { tier: "last" }),
  rangeFunction("stdvar_over_time", variance, { tier: "last" }),
  rangeFunction("mad_over_time", madOverTime, { experimental: true, tier: "last" }),
  quantileOverTime,
  timeOf("ts_of_min_over_time", (window) => extreme(window, -1, true)),
  timeOf("ts_of_max_over_time", (window) => extreme(window, 1, true)),
  timeOf("ts_of_last_over_time", ({ hi }) => hi - 1),
  timeOf("ts_of_first_over_time", ({ lo }) => lo),
];
