/**
 * Change over a window: rate, increase, delta extrapolated to its ends; irate, idelta from the last two samples;
 * resets, changes counted.
 */
import { type Call, unwrapParens } from "../ast.ts";
import type { EvalContext } from "../context.ts";
import { define, type FunctionDef, rangeFunction, type Window } from "./define.ts";
import { BRIDGED_INTERVALS, extrapolatedRows } from "./rate-rows.ts";

/** @see https://prometheus.io/docs/prometheus/latest/querying/functions/#rate */
function extrapolated(window: Window, counter: boolean, perSecond: boolean): number | undefined {
  const { t, v, lo, hi } = window;
  const count = hi - lo;
  if (count < 2) return undefined;
  const first = v[lo] as number;
  let change = (v[hi - 1] as number) - first;
  if (counter) {
    let previous = first;
    for (let i = lo + 1; i < hi; i++) {
      const value = v[i] as number;
      if (value < previous) change += previous;
      previous = value;
    }
  }
  const firstMs = t[lo] as number;
  const lastMs = t[hi - 1] as number;
  const sampled = (lastMs - firstMs) / 1000;
  const average = sampled / (count - 1);
  const threshold = average * BRIDGED_INTERVALS;
  let toStart = (firstMs - window.startMs) / 1000;
  let toEnd = (window.endMs - lastMs) / 1000;
  if (toStart >= threshold) toStart = average / 2;
  if (counter && change > 0 && first >= 0) {
    // A counter was never below zero, so the line is not drawn back beyond that.
    const toZero = sampled * (first / change);
    if (toZero < toStart) toStart = toZero;
  }
  if (toEnd >= threshold) toEnd = average / 2;
  let factor = (sampled + toStart + toEnd) / sampled;
  if (perSecond) factor /= (window.endMs - window.startMs) / 1000;
  return change * factor;
}

function lastTwo(window: Window, perSecond: boolean): number | undefined {
  const { t, v, lo, hi } = window;
  if (hi - lo < 2) return undefined;
  const last = v[hi - 1] as number;
  const previous = v[hi - 2] as number;
  const interval = (t[hi - 1] as number) - (t[hi - 2] as number);
  if (interval === 0) return undefined;
  if (!perSecond) return last - previous;
  return (last < previous ? last : last - previous) / (interval / 1000);
}

function resets({ v, lo, hi }: Window): number {
  let count = 0;
  for (let i = lo + 1; i < hi; i++) if ((v[i] as number) < (v[i - 1] as number)) count++;
  return count;
}

function changes({ v, lo, hi }: Window): number {
  let count = 0;
  for (let i = lo + 1; i < hi; i++) {
    const value = v[i] as number;
    const previous = v[i - 1] as number;
    if (value !== previous && !(Number.isNaN(value) && Number.isNaN(previous))) count++;
  }
  return count;
}

const COUNTER_NAME = /_(?:total|sum|count|bucket)$/;

function remarkCounter(call: Call, metric: string, ctx: EvalContext): void {
  if (metric === "" || COUNTER_NAME.test(metric)) return;
  const arg = call.args[0] as Call["args"][number];
  // Prometheus forgets the place of a sub-query here; the same text must come from both.
  const span = unwrapParens(arg).kind === "subquery" ? { start: 0, end: 0 } : arg.span;
  const rule = "metric might not be a counter, name does not end in _total/_sum/_count/_bucket:";
  ctx.info(`${rule} ${JSON.stringify(metric)}`, span);
}

function counterFunction(name: string, perSecond: boolean): FunctionDef {
  return define(name, ["range vector"], {
    kind: "range",
    kernel: (window) => extrapolated(window, true, perSecond),
    rows: extrapolatedRows(true, perSecond),
    tier: "counter",
    remark: remarkCounter,
  });
}

export const RATE: readonly FunctionDef[] = [
  counterFunction("rate", true),
  counterFunction("increase", false),
  rangeFunction("delta", (window) => extrapolated(window, false, false), {
    tier: "last",
    rows: extrapolatedRows(false, false),
  }),
  rangeFunction("irate", (window) => lastTwo(window, true), { tier: "counter" }),
  rangeFunction("idelta", (window) => lastTwo(window, false), { tier: "last" }),
  rangeFunction("resets", resets, { tier: "last" }),
  rangeFunction("changes", changes, { tier: "last" }),
];
