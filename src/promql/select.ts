/**
 * Stored series for selectors. One select serves every selector of a query that asks for the same series and times;
 * columns are decoded when a kernel reaches them and not kept.
 */
import { compareLabels, type Labels } from "../model/labels.ts";
import type { SampleColumn } from "../model/sample.ts";
import type {
  Aggregate,
  ColumnScratch,
  Querier,
  SelectHints,
  Series,
  SeriesColumns,
  SeriesSet,
  Tally,
} from "../storage/storage.ts";
import type { AtModifier, TimeModifiers, VectorSelector } from "./ast.ts";
import type { Grid, QueryGrid } from "./block.ts";
import type { EvalContext } from "./context.ts";
import { resolveOffset } from "./durations.ts";

/** The times a selector looks at: `startMs + i * stepMs`, with `@` and offset applied. */
export interface LookTimes {
  readonly startMs: number;
  /** 0 when `@` fixes the time. */
  readonly stepMs: number;
  readonly endMs: number;
}

/** Samples of the series of one row. With `scratch` they may lie there until it is lent again. */
export type ReadColumn = (row: number, scratch?: ColumnScratch, tier?: Aggregate) => SampleColumn;

/** Values and presence of the rows from `first` to `end`, put at 0 and on. */
type ReadNewest = (first: number, end: number, values: Float64Array, present: Uint8Array) => void;

export interface Selection {
  /** In their order; the same array when the same series answer again, so that what hangs on it is found again. */
  readonly labels: readonly Labels[];
  readonly column: ReadColumn;
  /** The newest samples of many rows at once, see `SeriesColumns`. */
  readonly newest: ReadNewest | undefined;
  /** Width of a stored bucket, ms; 0 = raw. */
  readonly resolutionMs: number;
}

export interface ReadStats {
  seriesRead: number;
  samplesRead: number;
  resolutionMs: number;
}

function atMs(at: AtModifier, query: QueryGrid): number {
  if (at.kind === "time") return at.ms;
  return at.kind === "start" ? query.startMs : query.endMs;
}

export function lookTimes(node: TimeModifiers, grid: Grid, query: QueryGrid): LookTimes {
  const offset = resolveOffset(node.offset, query);
  if (node.at !== undefined) {
    const time = atMs(node.at, query) - offset;
    return { startMs: time, stepMs: 0, endMs: time };
  }
  const startMs = grid.startMs - offset;
  return { startMs, stepMs: grid.stepMs, endMs: startMs + (grid.steps - 1) * grid.stepMs };
}

function keyOf({ matchers }: Pick<VectorSelector, "matchers">, hints: SelectHints): string {
  const { start, end, stepMs, rangeMs, func, newestOnly } = hints;
  const texts = matchers.map(({ name, op, value }) => `${name}${op}${JSON.stringify(value)}`).join(",");
  return `${texts} ${start} ${end} ${stepMs} ${rangeMs} ${func} ${newestOnly}`;
}

/** Selects of one query, shared by equal selectors. */
export class SeriesCache {
  readonly stats: ReadStats = { seriesRead: 0, samplesRead: 0, resolutionMs: 0 };
  readonly #querier: Querier;
  readonly #selections = new Map<string, Promise<Selection>>();
  /** Selectors whose series are in `stats`. */
  readonly #counted = new Set<string>();
  readonly #warn: (message: string) => void;

  constructor(querier: Querier, warn: (message: string) => void) {
    this.#querier = querier;
    this.#warn = warn;
  }

  select(selector: Pick<VectorSelector, "matchers">, hints: SelectHints): Promise<Selection> {
    const key = keyOf(selector, hints);
    let selection = this.#selections.get(key);
    if (selection === undefined) {
      selection = this.#read(key, selector, hints);
      this.#selections.set(key, selection);
    }
    return selection;
  }

  /** How many series a selector has; undefined when they have to be selected to know that. */
  async tally(selector: Pick<VectorSelector, "matchers">, hints: SelectHints): Promise<Tally | undefined> {
    const tally = await this.#querier.tally?.(selector.matchers, hints);
    if (tally === undefined) return undefined;
    for (const warning of tally.warnings) this.#warn(warning);
    this.#count(keyOf(selector, hints), tally.series);
    this.stats.samplesRead += tally.samplesRead;
    return tally;
  }

  /** Series of equal selectors are counted once. */
  #count(key: string, series: number): void {
    if (this.#counted.has(key)) return;
    this.#counted.add(key);
    this.stats.seriesRead += series;
  }

  async #read(key: string, selector: Pick<VectorSelector, "matchers">, hints: SelectHints): Promise<Selection> {
    const set = await this.#querier.select(selector.matchers, hints);
    for (const warning of set.warnings) this.#warn(warning);
    const { resolutionMs } = set;
    const { labels, read, newest: readNewest } = inOrder(set);
    const { stats } = this;
    this.#count(key, labels.length);
    stats.resolutionMs = Math.max(stats.resolutionMs, resolutionMs);
    const column: ReadColumn = (row, scratch, tier) => {
      const samples = read(row, scratch, tier);
      stats.samplesRead += samples.to - samples.from;
      return samples;
    };
    const newest: ReadNewest | undefined =
      readNewest &&
      ((first, end, values, present) => void (stats.samplesRead += readNewest(first, end, values, present)));
    return { labels, column, newest, resolutionMs };
  }
}

/** Sums, ties of topk and limitk depend on the order of the series, so it is always that of their labels. */
function inOrder(set: SeriesSet): {
  labels: readonly Labels[];
  read: ReadColumn;
  newest: SeriesColumns["newest"] | undefined;
} {
  const { sorted, columns } = set;
  if (sorted && columns !== undefined) {
    const { labels, newest } = columns;
    return { labels, newest, read: (row, scratch) => columns.samples(row, scratch ?? { v: new Float64Array(0) }) };
  }
  // Asked for here only: where there are columns, no object of a series need be made.
  const { series } = set;
  const ordered = sorted ? series : [...series].sort((a, b) => compareLabels(a.labels, b.labels));
  return {
    labels: ordered.map(({ labels }) => labels),
    newest: undefined,
    read(row, _scratch, tier) {
      const one = ordered[row] as Series;
      return (tier === undefined ? undefined : one.aggregate?.(tier)) ?? one.samples();
    },
  };
}

/** First index from `from` whose time is after `time`; `to` when none is. */
export function firstAfter(t: Float64Array, from: number, to: number, time: number): number {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((t[middle] as number) <= time) low = middle + 1;
    else high = middle;
  }
  return low;
}

function instantHints({ startMs, stepMs, endMs }: LookTimes, func: string, ctx: EvalContext): SelectHints {
  const hints = { start: startMs - ctx.lookbackMs + 1, end: endMs, stepMs, rangeMs: 0, func };
  return startMs === endMs ? { ...hints, newestOnly: true } : hints;
}

/** The selection behind an instant selector. */
export function selectInstant(
  selector: VectorSelector,
  times: LookTimes,
  func: string,
  ctx: EvalContext,
): Promise<Selection> {
  return ctx.series.select(selector, instantHints(times, func, ctx));
}

/** How many series an instant selector has at one time; undefined when they have to be selected to know that. */
export async function tallyInstant(
  selector: VectorSelector,
  times: LookTimes,
  ctx: EvalContext,
): Promise<Tally | undefined> {
  return times.startMs === times.endMs ? ctx.series.tally(selector, instantHints(times, "", ctx)) : undefined;
}

/**
 * Fills one row of an instant selector: the newest sample at most `lookbackMs` old (exclusive) at each step, unless
 * it is a stale marker.
 *
 * @param wantTimes put the sample's own time, s, instead of its value: `timestamp()`.
 */
export function fillInstant(
  column: SampleColumn,
  times: LookTimes,
  lookbackMs: number,
  out: { readonly values: Float64Array; readonly present: Uint8Array; readonly base: number; readonly steps: number },
  wantTimes: boolean,
): void {
  const { t, v, from, to, stale } = column;
  let next = firstAfter(t, from, to, times.startMs);
  for (let step = 0; step < out.steps; step++) {
    const ref = times.startMs + step * times.stepMs;
    while (next < to && (t[next] as number) <= ref) next++;
    const at = next - 1;
    if (at < from || (t[at] as number) <= ref - lookbackMs || stale?.[at] === 1) continue;
    out.values[out.base + step] = wantTimes ? (t[at] as number) / 1000 : (v[at] as number);
    out.present[out.base + step] = 1;
  }
}
