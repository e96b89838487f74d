/**
 * `rate`, `increase` and `delta` of whole rows: the same steps as `extrapolated` in `rate.ts`, which answers for one
 * window, with everything that times alone decide computed once for all series that share them. What is left for a
 * window is two samples, a difference and a product.
 */
import type { RowKernel, RowKernelMaker } from "./define.ts";

/** A gap to the end of the window up to this many average intervals is bridged wholly, a wider one by half of one. */
export const BRIDGED_INTERVALS = 1.1;
/** Beyond what rounding can do in two products and a quotient. */
const SURELY: number = 1 + 1e-9;
/** Products of denormals round by any share of themselves; whatever is that small is looked at closely. */
const TINY = 1e-290;

/** Windows of at least two samples. */
interface Spans {
  readonly count: number;
  readonly step: Int32Array;
  readonly first: Int32Array;
  readonly last: Int32Array;
  /** Between first and last sample, s. */
  readonly sampled: Float64Array;
  /** How far the line is drawn beyond them, s. */
  readonly toStart: Float64Array;
  readonly toEnd: Float64Array;
  readonly factor: Float64Array;
  /** A counter that began above this share of its change was not at zero inside the window. */
  readonly guard: Float64Array;
}

function spansOf(t: Float64Array, ...[windows, range]: SpanArguments): Spans {
  const { lo, hi } = windows;
  const { rangeMs, times, steps, perSecond } = range;
  const doubles = (): Float64Array => new Float64Array(steps);
  const spans = {
    step: new Int32Array(steps),
    first: new Int32Array(steps),
    last: new Int32Array(steps),
    sampled: doubles(),
    toStart: doubles(),
    toEnd: doubles(),
    factor: doubles(),
    guard: doubles(),
  };
  let k = 0;
  for (let step = 0; step < steps; step++) {
    const first = lo[step] as number;
    const last = (hi[step] as number) - 1;
    if (last <= first) continue;
    const endMs = times.startMs + step * times.stepMs;
    const startMs = endMs - rangeMs;
    const sampled = ((t[last] as number) - (t[first] as number)) / 1000;
    const average = sampled / (last - first);
    const threshold = average * BRIDGED_INTERVALS;
    let toStart = ((t[first] as number) - startMs) / 1000;
    let toEnd = (endMs - (t[last] as number)) / 1000;
    if (toStart >= threshold) toStart = average / 2;
    if (toEnd >= threshold) toEnd = average / 2;
    let factor = (sampled + toStart + toEnd) / sampled;
    if (perSecond) factor /= (endMs - startMs) / 1000;
    spans.step[k] = step;
    spans.first[k] = first;
    spans.last[k] = last;
    spans.sampled[k] = sampled;
    spans.toStart[k] = toStart;
    spans.toEnd[k] = toEnd;
    spans.factor[k] = factor;
    spans.guard[k++] = (toStart / sampled) * SURELY;
  }
  return { count: k, ...spans };
}

type SpanArguments = [
  windows: Parameters<RowKernelMaker>[1],
  range: Parameters<RowKernelMaker>[2] & { readonly perSecond: boolean },
];

/** Places of resets in a column: samples below the one before them. */
class Resets {
  at: Int32Array = new Int32Array(16);
  count = 0;

  find(v: Float64Array, from: number, to: number): void {
    this.count = 0;
    let previous = v[from] as number;
    for (let i = from + 1; i < to; i++) {
      const value = v[i] as number;
      if (value < previous) this.#add(i);
      previous = value;
    }
  }

  #add(i: number): void {
    if (this.count === this.at.length) {
      const grown = new Int32Array(this.count * 2);
      grown.set(this.at);
      this.at = grown;
    }
    this.at[this.count++] = i;
  }
}

/** @param counter falls are resets, and values were never below zero. */
export function extrapolatedRows(counter: boolean, perSecond: boolean): RowKernelMaker {
  return (t, windows, range): RowKernel => {
    const spans = spansOf(t, windows, { ...range, perSecond });
    const { count, step, first, last, factor, guard } = spans;
    const resets = new Resets();
    const rangeSeconds = range.rangeMs / 1000;
    /** A counter was never below zero, so the line is not drawn back beyond that. */
    const notBelowZero = (k: number, start: number, change: number): number => {
      const sampled = spans.sampled[k] as number;
      const toZero = sampled * (start / change);
      if (toZero >= (spans.toStart[k] as number)) return factor[k] as number;
      const stretched = (sampled + toZero + (spans.toEnd[k] as number)) / sampled;
      return perSecond ? stretched / rangeSeconds : stretched;
    };
    const dense = count === range.steps;
    /** Nearly every series: a sample in every window, no reset, and no window that the counter began in. */
    const straight = (v: Float64Array, values: Float64Array, base: number): void => {
      let near = false;
      for (let k = 0; k < count; k++) {
        const start = v[first[k] as number] as number;
        const change = (v[last[k] as number] as number) - start;
        values[base + k] = change * (factor[k] as number);
        if (start < change * (guard[k] as number) + TINY) near = true;
      }
      if (!near || !counter) return;
      for (let k = 0; k < count; k++) {
        const start = v[first[k] as number] as number;
        const change = (v[last[k] as number] as number) - start;
        if (change > 0 && start >= 0) values[base + k] = change * notBelowZero(k, start, change);
      }
    };
    return (v, from, to, values, present, base) => {
      if (counter) resets.find(v, from, to);
      if (dense && resets.count === 0) {
        straight(v, values, base);
        present.fill(1, base, base + count);
        return true;
      }
      let reset = 0;
      for (let k = 0; k < count; k++) {
        const low = first[k] as number;
        const high = last[k] as number;
        const start = v[low] as number;
        let change = (v[high] as number) - start;
        if (reset < resets.count) {
          while (reset < resets.count && (resets.at[reset] as number) <= low) reset++;
          for (let r = reset; r < resets.count && (resets.at[r] as number) <= high; r++)
            change += v[(resets.at[r] as number) - 1] as number;
        }
        const near = counter && change > 0 && start >= 0 && start < change * (guard[k] as number) + TINY;
        const at = base + (step[k] as number);
        values[at] = change * (near ? notBelowZero(k, start, change) : (factor[k] as number));
        present[at] = 1;
      }
      return count > 0;
    };
  };
}
