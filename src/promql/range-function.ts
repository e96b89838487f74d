/** Functions of range vectors, fused with the reading of samples: raw points never leave this loop. */
import type { SampleColumn } from "../model/sample.ts";
import { type Call, type Expr, unwrapParens } from "./ast.ts";
import type { Grid, VectorBlock } from "./block.ts";
import type { EvalContext } from "./context.ts";
import { evalExtendedRange } from "./extended.ts";
import type { FunctionDef, Implementation, RangeKernel, Window } from "./functions/define.ts";
import { evalRange, type RangeSeries, type RangeVector, WindowCache, type Windows } from "./range.ts";

type RangeImplementation = Implementation & { readonly kind: "range" };

export async function evalRangeFunction(
  call: Call,
  def: FunctionDef,
  implementation: RangeImplementation,
  grid: Grid,
  ctx: EvalContext,
): Promise<VectorBlock> {
  const columns: Float64Array[] = [];
  let rangeArg: Expr | undefined;
  for (const [i, arg] of call.args.entries()) {
    if (def.args[Math.min(i, def.args.length - 1)] === "range vector") rangeArg = arg;
    else columns.push(await ctx.scalar(arg, grid));
  }
  const inner = unwrapParens(rangeArg as Expr);
  if (inner.kind === "matrix" && inner.selector.extended !== undefined)
    return evalExtendedRange(call, inner, grid, ctx);
  const range = await evalRange(rangeArg as Expr, grid, ctx, call.func);
  const { values, present } = ctx.columns(range.series.length, grid.steps);
  const run = new WindowRun(range, grid, columns, ctx, () => implementation.checkParams?.(call, columns, ctx));
  for (const [row, series] of range.series.entries()) {
    const out = { values, present, base: row * grid.steps };
    const answered = await run.fill(implementation, series, out);
    if (answered) implementation.remark?.(call, series.labels.metric, ctx);
  }
  const labels = range.series.map((series) => series.labels);
  const dropName = range.series.some((s) => s.dropName)
    ? Uint8Array.from(range.series, (s) => (s.dropName ? 1 : 0))
    : undefined;
  const block: VectorBlock = { kind: "vector", steps: grid.steps, labels, dropName, values, present };
  return implementation.keepsName === true ? block : ctx.nameless(block);
}

interface Row {
  readonly values: Float64Array;
  readonly present: Uint8Array;
  readonly base: number;
}

/** Samples handled between two looks at the clock. */
const SLICE_SAMPLES = 65_536;

function rises({ v, from, to }: SampleColumn): boolean {
  for (let i = from + 1; i < to; i++) if ((v[i] as number) < (v[i - 1] as number)) return false;
  return true;
}

class WindowRun {
  readonly #range: RangeVector;
  readonly #grid: Grid;
  readonly #columns: readonly Float64Array[];
  readonly #ctx: EvalContext;
  readonly #windows: WindowCache;
  readonly #params: Float64Array;
  /** Looks at the scalar arguments before the first window that has samples. */
  #check: (() => void) | undefined;

  constructor(range: RangeVector, grid: Grid, columns: readonly Float64Array[], ctx: EvalContext, check: () => void) {
    this.#check = check;
    this.#range = range;
    this.#grid = grid;
    this.#columns = columns;
    this.#ctx = ctx;
    this.#windows = new WindowCache(range);
    this.#params = new Float64Array(columns.length);
  }

  /** @returns whether any step has an answer. */
  async fill(implementation: RangeImplementation, series: RangeSeries, out: Row): Promise<boolean> {
    const tiered = this.#range.resolutionMs > 0;
    const column = series.column(tiered ? implementation.tier : undefined);
    if (column.to === column.from) return false;
    const held = this.#ctx.live;
    this.#ctx.hold(column.to - column.from);
    const weights =
      tiered && implementation.tierWeights !== undefined ? series.column(implementation.tierWeights) : undefined;
    const window: Window = {
      t: column.t,
      v: column.v,
      weights: weights?.v,
      rising: implementation.looksForResets === true && rises(column),
      lo: 0,
      hi: 0,
      startMs: 0,
      endMs: 0,
      evalMs: 0,
      params: this.#params,
    };
    const kernel = (tiered ? implementation.tierKernel : undefined) ?? implementation.kernel;
    const answered = await this.#steps(kernel, window, this.#windows.of(column), out);
    this.#ctx.live = held;
    return answered;
  }

  async #steps(kernel: RangeKernel, window: Window, { lo, hi }: Windows, out: Row): Promise<boolean> {
    const { startMs, stepMs } = this.#range.times;
    const { rangeMs } = this.#range;
    let answered = false;
    let work = 0;
    for (let step = 0; step < this.#grid.steps; step++) {
      const low = lo[step] as number;
      const high = hi[step] as number;
      if (low === high) continue;
      this.#check?.();
      this.#check = undefined;
      work += high - low;
      if (work > SLICE_SAMPLES) {
        work = 0;
        if (this.#ctx.due(SLICE_SAMPLES)) await this.#ctx.pause();
      }
      window.lo = low;
      window.hi = high;
      window.endMs = startMs + step * stepMs;
      window.startMs = window.endMs - rangeMs;
      window.evalMs = this.#grid.startMs + step * this.#grid.stepMs;
      for (let i = 0; i < this.#columns.length; i++) {
        this.#params[i] = (this.#columns[i] as Float64Array)[step] as number;
      }
      const value = kernel(window);
      if (value === undefined) continue;
      out.values[out.base + step] = value;
      out.present[out.base + step] = 1;
      answered = true;
    }
    if (this.#ctx.due(work + 1)) await this.#ctx.pause();
    return answered;
  }
}
