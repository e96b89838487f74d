/** The rows of a function of a range vector: windows slide over one series' samples, raw points never leave the loop. */
import type { Labels } from "../model/labels.ts";
import type { SampleColumn } from "../model/sample.ts";
import type { ColumnScratch } from "../storage/storage.ts";
import type { Call } from "./ast.ts";
import type { Grid } from "./block.ts";
import type { EvalContext } from "./context.ts";
import type { Implementation, RangeKernel, RowKernel, Window } from "./functions/define.ts";
import { findWindows, type RangeVector, SharedTimes, type Windows } from "./range.ts";
import type { RowSource } from "./rows.ts";

export type RangeImplementation = Implementation & { readonly kind: "range" };

/** Samples handled before others may get a turn. */
const SLICE_SAMPLES = 65_536;

/** What follows from times alone. */
interface Plan {
  readonly windows: Windows;
  readonly row: RowKernel | undefined;
}

export class RangeRows implements RowSource {
  readonly labels: readonly Labels[];
  readonly steps: number;
  work = 0;
  readonly #call: Call;
  readonly #implementation: RangeImplementation;
  readonly #range: RangeVector;
  readonly #grid: Grid;
  readonly #arguments: readonly Float64Array[];
  readonly #params: Float64Array;
  readonly #ctx: EvalContext;
  readonly #plans: SharedTimes<Plan>;
  readonly #scratch: ColumnScratch = { v: new Float64Array(0) };
  readonly #kernel: RangeKernel;
  readonly #tiered: boolean;
  /** The scalar arguments are looked at before the first window that has samples. */
  #checked = false;
  /** Metric that was remarked on last: nearly always the one of all series. */
  #remarked: string | undefined;
  /** The row under way, when it takes several calls. */
  #windows: Windows | undefined;
  #window: Window | undefined;
  #answered = false;

  constructor(
    call: Call,
    implementation: RangeImplementation,
    range: RangeVector,
    grid: Grid,
    args: readonly Float64Array[],
    ctx: EvalContext,
  ) {
    this.labels = range.labels;
    this.steps = grid.steps;
    this.#call = call;
    this.#implementation = implementation;
    this.#range = range;
    this.#grid = grid;
    this.#arguments = args;
    this.#params = new Float64Array(args.length);
    this.#ctx = ctx;
    this.#tiered = range.resolutionMs > 0;
    this.#kernel = (this.#tiered ? implementation.tierKernel : undefined) ?? implementation.kernel;
    const rows = this.#tiered && implementation.tierKernel !== undefined ? undefined : implementation.rows;
    this.#plans = new SharedTimes((column) => {
      const windows = findWindows(column, range);
      return { windows, row: rows?.(column.t, windows, range) };
    });
  }

  fill(row: number, from: number, values: Float64Array, present: Uint8Array, base: number): number {
    if (from === 0) {
      const column = this.#range.column(row, this.#scratch, this.#tiered ? this.#implementation.tier : undefined);
      const samples = column.to - column.from;
      this.work = samples + this.steps;
      if (samples === 0) return this.steps;
      // Held and let go of: what counts is that one series alone may be too much.
      this.#ctx.hold(samples);
      this.#ctx.live -= samples;
      const plan = this.#plans.of(column);
      if (plan.row !== undefined) {
        if (plan.row(column.v, column.from, column.to, values, present, base)) this.#remark(row);
        return this.steps;
      }
      this.#begin(row, column, plan.windows);
    }
    const stopped = this.#go(from, values, present, base);
    if (stopped === this.steps && this.#answered) this.#remark(row);
    return stopped;
  }

  #remark(row: number): void {
    const { remark } = this.#implementation;
    if (remark === undefined) return;
    const { metric } = this.labels[row] as Labels;
    if (metric === this.#remarked) return;
    this.#remarked = metric;
    remark(this.#call, metric, this.#ctx);
  }

  #begin(row: number, { t, v }: SampleColumn, windows: Windows): void {
    const { tierWeights } = this.#implementation;
    const weights =
      this.#tiered && tierWeights !== undefined ? this.#range.column(row, undefined, tierWeights).v : undefined;
    this.#windows = windows;
    this.#answered = false;
    this.#window = { t, v, weights, lo: 0, hi: 0, startMs: 0, endMs: 0, evalMs: 0, params: this.#params };
  }

  #go(from: number, values: Float64Array, present: Uint8Array, base: number): number {
    const { lo, hi } = this.#windows as Windows;
    const window = this.#window as Window;
    const { startMs, stepMs } = this.#range.times;
    const { rangeMs } = this.#range;
    const kernel = this.#kernel;
    this.work = this.steps;
    for (let step = from; step < this.steps; step++) {
      const low = lo[step] as number;
      const high = hi[step] as number;
      if (low === high) continue;
      if (!this.#checked) {
        this.#checked = true;
        this.#implementation.checkParams?.(this.#call, this.#arguments, this.#ctx);
      }
      this.work += high - low;
      window.lo = low;
      window.hi = high;
      window.endMs = startMs + step * stepMs;
      window.startMs = window.endMs - rangeMs;
      window.evalMs = this.#grid.startMs + step * this.#grid.stepMs;
      for (let i = 0; i < this.#params.length; i++) {
        this.#params[i] = (this.#arguments[i] as Float64Array)[step] as number;
      }
      const value = kernel(window);
      if (value !== undefined) {
        values[base + step] = value;
        present[base + step] = 1;
        this.#answered = true;
      }
      if (this.work > SLICE_SAMPLES) return step + 1;
    }
    return this.steps;
  }
}
