/** Lines and smoothing through the samples of a window. */
import type { Call } from "../ast.ts";
import { executionError } from "../context.ts";
import { KahanSum } from "../kahan.ts";
import { define, type FunctionDef, rangeFunction, type Window } from "./define.ts";

/** Least squares; the intercept is the line's value at `originMs`. A constant series has slope 0 exactly. */
function fit({ t, v, lo, hi }: Window, originMs: number): { readonly slope: number; readonly intercept: number } {
  const x = new KahanSum();
  const y = new KahanSum();
  const xy = new KahanSum();
  const xx = new KahanSum();
  const first = v[lo] as number;
  let constant = true;
  for (let i = lo; i < hi; i++) {
    const value = v[i] as number;
    const seconds = ((t[i] as number) - originMs) / 1000;
    if (value !== first && i > lo) constant = false;
    x.add(seconds);
    y.add(value);
    xy.add(seconds * value);
    xx.add(seconds * seconds);
  }
  if (constant) {
    return Number.isFinite(first) || Number.isNaN(first)
      ? { slope: 0, intercept: first }
      : { slope: Number.NaN, intercept: Number.NaN };
  }
  const n = hi - lo;
  const slope = (xy.total - (x.total * y.total) / n) / (xx.total - (x.total * x.total) / n);
  return { slope, intercept: y.total / n - (slope * x.total) / n };
}

function deriv(window: Window): number | undefined {
  return window.hi - window.lo < 2 ? undefined : fit(window, window.t[window.lo] as number).slope;
}

function predictLinear(window: Window): number | undefined {
  if (window.hi - window.lo < 2) return undefined;
  const { slope, intercept } = fit(window, window.evalMs);
  return slope * (window.params[0] as number) + intercept;
}

/** Holt's linear method. @see https://en.wikipedia.org/wiki/Exponential_smoothing#Double_exponential_smoothing_(Holt_linear) */
function smooth({ v, lo, hi, params }: Window): number | undefined {
  if (hi - lo < 2) return undefined;
  const [level = 0, trendFactor = 0] = params;
  let before = 0;
  let smoothed = v[lo] as number;
  let trend = (v[lo + 1] as number) - smoothed;
  for (let i = lo + 1; i < hi; i++) {
    if (i > lo + 1) trend = trendFactor * (smoothed - before) + (1 - trendFactor) * trend;
    const next = level * (v[i] as number) + (1 - level) * (smoothed + trend);
    before = smoothed;
    smoothed = next;
  }
  return smoothed;
}

function checkFactors(_call: Call, [levels, trends]: readonly Float64Array[]): void {
  for (const level of levels ?? []) {
    if (!(level > 0 && level < 1))
      throw executionError(`invalid smoothing factor. Expected: 0 < sf < 1, got: ${level}`);
  }
  for (const trend of trends ?? []) {
    if (!(trend > 0 && trend < 1)) throw executionError(`invalid trend factor. Expected: 0 < tf < 1, got: ${trend}`);
  }
}

export const REGRESSION: readonly FunctionDef[] = [
  rangeFunction("deriv", deriv, { tier: "last" }),
  define(
    "predict_linear",
    ["range vector", "scalar"],
    { kind: "range", kernel: predictLinear, tier: "last" },
    { timeDependent: true },
  ),
  define(
    "double_exponential_smoothing",
    ["range vector", "scalar", "scalar"],
    { kind: "range", kernel: smooth, tier: "last", checkParams: checkFactors },
    { experimental: true },
  ),
];
