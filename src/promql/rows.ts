/**
 * Rows of a vector as they come from stored samples, one at a time: written into a whole block, or folded into groups
 * without ever standing side by side.
 */
import type { Labels } from "../model/labels.ts";
import type { SampleColumn } from "../model/sample.ts";
import type { ColumnScratch } from "../storage/storage.ts";
import type { Grid, VectorBlock } from "./block.ts";
import type { EvalContext } from "./context.ts";
import { SharedTimes } from "./range.ts";
import { firstAfter, type LookTimes, type Selection } from "./select.ts";

export interface RowSource {
  /** As selected, with their names. */
  readonly labels: readonly Labels[];
  readonly steps: number;
  /**
   * Writes steps `from` and on of one row at `base`, values and presence; cells that have no value are left alone.
   *
   * @returns the step it stopped at: `steps` when the row is done, less when others should get a turn.
   */
  fill(row: number, from: number, values: Float64Array, present: Uint8Array, base: number): number;
  /** Samples looked at by the last call. */
  readonly work: number;
  /** Rows of one step, many at once: the first one's value and presence at 0, of cells that were 0. */
  readonly newest?: Selection["newest"];
}

/** Rows read between two looks at the clock. */
const AT_ONCE = 1_024;

/** All rows side by side. */
export async function collectRows(source: RowSource, ctx: EvalContext): Promise<VectorBlock> {
  const { labels, steps } = source;
  const { values, present } = ctx.columns(labels.length, steps);
  if (source.newest !== undefined) {
    for (let first = 0; first < labels.length; first += AT_ONCE) {
      if (ctx.due(AT_ONCE)) await ctx.pause();
      const end = Math.min(labels.length, first + AT_ONCE);
      source.newest(first, end, values.subarray(first, end), present.subarray(first, end));
    }
    return { kind: "vector", steps, labels, dropName: undefined, values, present };
  }
  for (let row = 0; row < labels.length; row++) {
    for (let step = 0; step < steps; ) {
      step = source.fill(row, step, values, present, row * steps);
      if (ctx.due(source.work + 1)) await ctx.pause();
    }
  }
  return { kind: "vector", steps, labels, dropName: undefined, values, present };
}

/** @param base where the row's cells begin. */
type TakeRow = (row: number, values: Float64Array, present: Uint8Array, base: number) => void;

/** Each row in turn, in memory that later rows take over. */
export async function eachRow(source: RowSource, ctx: EvalContext, take: TakeRow): Promise<void> {
  const { labels, steps } = source;
  if (source.newest !== undefined) return eachNewest(labels.length, source.newest, ctx, take);
  const { values, present } = ctx.columns(1, steps);
  for (let row = 0; row < labels.length; row++) {
    for (let step = 0; step < steps; ) {
      step = source.fill(row, step, values, present, 0);
      if (ctx.due(source.work + 1)) await ctx.pause();
    }
    take(row, values, present, 0);
    present.fill(0);
  }
}

async function eachNewest(
  rows: number,
  newest: NonNullable<RowSource["newest"]>,
  ctx: EvalContext,
  take: TakeRow,
): Promise<void> {
  const { values, present } = ctx.columns(Math.min(rows, AT_ONCE), 1);
  for (let first = 0; first < rows; first += AT_ONCE) {
    if (ctx.due(AT_ONCE)) await ctx.pause();
    const end = Math.min(rows, first + AT_ONCE);
    newest(first, end, values, present);
    for (let row = first; row < end; row++) take(row, values, present, row - first);
    present.fill(0);
  }
}

/** For each step the sample an instant selector takes: the newest one not older than the lookback, -1 for none. */
function newestSamples({ t, from, to }: SampleColumn, grid: Grid, times: LookTimes, lookbackMs: number): Int32Array {
  const picks = new Int32Array(grid.steps);
  let next = firstAfter(t, from, to, times.startMs);
  for (let step = 0; step < picks.length; step++) {
    const ref = times.startMs + step * times.stepMs;
    while (next < to && (t[next] as number) <= ref) next++;
    const at = next - 1;
    picks[step] = at < from || (t[at] as number) <= ref - lookbackMs ? -1 : at;
  }
  return picks;
}

/** The rows of an instant selector. */
export class InstantRows implements RowSource {
  readonly labels: readonly Labels[];
  readonly steps: number;
  work = 0;
  readonly newest: Selection["newest"];
  readonly #selection: Selection;
  readonly #scratch: ColumnScratch = { v: new Float64Array(0) };
  readonly #picks: SharedTimes<Int32Array>;
  #last: SampleColumn | undefined;
  #lastPicks: Int32Array = new Int32Array(0);

  constructor(selection: Selection, grid: Grid, times: LookTimes, lookbackMs: number) {
    this.labels = selection.labels;
    this.steps = grid.steps;
    this.#selection = selection;
    this.newest = grid.steps === 1 ? selection.newest : undefined;
    this.#picks = new SharedTimes((column) => newestSamples(column, grid, times, lookbackMs));
  }

  fill(row: number, _from: number, values: Float64Array, present: Uint8Array, base: number): number {
    const column = this.#selection.column(row, this.#scratch);
    this.work = this.steps + column.to - column.from;
    if (column.from === column.to) return this.steps;
    // Neighbours mostly come in the very same object, for which not even the times are compared.
    if (column !== this.#last) {
      this.#last = column;
      this.#lastPicks = this.#picks.of(column);
    }
    const picks = this.#lastPicks;
    const { v, stale } = column;
    for (let step = 0; step < picks.length; step++) {
      const at = picks[step] as number;
      if (at < 0 || (stale !== undefined && stale[at] === 1)) continue;
      values[base + step] = v[at] as number;
      present[base + step] = 1;
    }
    return this.steps;
  }
}
