/**
 * Parts to columns. Series of one group have their values laid along one shared time axis, the very same array for all
 * of them: parts that follow each other end to end, parts that overlap by a plan of picks made once for the group. A
 * column with holes where parts overlap, and a series that moved between groups, are merged sample by sample, the
 * first written winning.
 */
import { EMPTY_COLUMN, type SampleColumn, type Timestamp } from "../model/sample.ts";
import type { ColumnScratch } from "../storage/storage.ts";
import { CELL_ABSENT, CELL_STALE, CELL_VALUE } from "./column.ts";
import type { Part } from "./parts.ts";

/** First index with t >= `at`, in the first `length` entries. */
function lowerBound(t: Float64Array, length: number, at: number): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((t[middle] as number) < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Axes whose times are told to be equal: those of groups that are written together. */
const ALIKE_MAX = 8;

/** Finds axes of the same times, so that what is computed from times is computed once. */
export class AlikeTimes {
  readonly #known: Float64Array[] = [];

  /** The same times, as an array seen before if there is one. */
  of(t: Float64Array): Float64Array {
    const same = this.#known.find((one) => one.length === t.length && one.every((at, i) => at === t[i]));
    if (same !== undefined) return same;
    if (this.#known.length === ALIKE_MAX) this.#known.shift();
    this.#known.push(t);
    return t;
  }
}

/** Values of the parts of a group, end to end, before they are put in order. */
let laid: Float64Array = new Float64Array(1024);

/** All parts of a group over a stretch of time. */
export class Axis {
  readonly parts: readonly Part[];
  readonly #start: Timestamp;
  readonly #end: Timestamp;
  readonly #t: Float64Array;
  readonly #from: number;
  readonly #to: number;
  /** Rows of all parts. */
  readonly #rows: number;
  /** Where in the parts, end to end, each time's value is; undefined when they follow each other as they are. */
  readonly #picks: Uint32Array | undefined;
  /** Each part's stretch of the array that was read into last. */
  #views: readonly Float64Array[] = [];
  #viewed: Float64Array | undefined;
  /** What was handed out last for a column without holes: the next one in the same memory looks the same. */
  #whole: SampleColumn | undefined;

  constructor(parts: readonly Part[], start: Timestamp, end: Timestamp, alike: AlikeTimes = new AlikeTimes()) {
    this.parts = parts;
    this.#start = start;
    this.#end = end;
    this.#rows = parts.reduce((sum, part) => sum + part.rows, 0);
    let t = new Float64Array(this.#rows);
    let at = 0;
    let ordered = true;
    for (const part of parts) {
      ordered &&= at === 0 || part.start > (t[at - 1] as number);
      t.set(part.t.length === part.rows ? part.t : part.t.subarray(0, part.rows), at);
      at += part.rows;
    }
    if (!ordered) {
      this.#picks = picksOf(parts, t);
      t = Float64Array.from(this.#picks, (pick) => t[pick] as number);
    }
    this.#t = alike.of(t);
    this.#from = lowerBound(t, t.length, start);
    this.#to = lowerBound(t, t.length, end + 1);
  }

  #viewsOf(v: Float64Array): readonly Float64Array[] {
    if (this.#viewed === v) return this.#views;
    let at = 0;
    this.#views = this.parts.map((part) => v.subarray(at, (at += part.rows)));
    this.#viewed = v;
    return this.#views;
  }

  /** The samples of one column. @param scratch where values may be put; new memory when absent. */
  read(column: number, scratch?: ColumnScratch): SampleColumn {
    if (this.#from >= this.#to) return EMPTY_COLUMN;
    const picks = this.#picks;
    let v: Float64Array;
    if (picks !== undefined) {
      if (laid.length < this.#rows) laid = new Float64Array(this.#rows * 2);
      v = laid;
    } else v = room(scratch, this.#rows);
    const views = this.#viewsOf(v);
    let cells: Uint8Array | undefined;
    let at = 0;
    for (let i = 0; i < views.length; i++) {
      const part = this.parts[i] as Part;
      const holes = part.read(column, views[i] as Float64Array);
      if (holes !== undefined) {
        cells ??= new Uint8Array(this.#rows).fill(CELL_VALUE);
        cells.set(holes.length === part.rows ? holes : holes.subarray(0, part.rows), at);
      }
      at += part.rows;
    }
    if (picks !== undefined) {
      if (cells !== undefined) return merge(this.sources(column), this.#start, this.#end);
      v = room(scratch, picks.length);
      for (let i = 0; i < picks.length; i++) v[i] = laid[picks[i] as number] as number;
    }
    if (cells === undefined) {
      if (this.#whole?.v !== v) this.#whole = { t: this.#t, v, from: this.#from, to: this.#to, stale: undefined };
      return this.#whole;
    }
    return compact(this.#t, v, cells, this.#from, this.#to);
  }

  sources(column: number): readonly Source[] {
    return this.parts.map((part) => ({ part, column }));
  }
}

function room(scratch: ColumnScratch | undefined, rows: number): Float64Array {
  if (scratch === undefined) return new Float64Array(rows);
  if (scratch.v.length < rows) scratch.v = new Float64Array(Math.max(rows, scratch.v.length * 2));
  return scratch.v;
}

/** Places in time's order; of equal times the first written. */
function picksOf(parts: readonly Part[], t: Float64Array): Uint32Array {
  const rank = new Float64Array(t.length);
  let at = 0;
  for (const part of parts) rank.fill(part.order, at, (at += part.rows));
  const order = Uint32Array.from(t, (_, i) => i);
  order.sort((a, b) => (t[a] as number) - (t[b] as number) || (rank[a] as number) - (rank[b] as number));
  let kept = 0;
  for (const i of order) if (kept === 0 || t[order[kept - 1] as number] !== t[i]) order[kept++] = i;
  return order.slice(0, kept);
}

/** Drops absent cells. `cells` is aligned with the axis. */
function compact(t: Float64Array, v: Float64Array, cells: Uint8Array, first: number, end: number): SampleColumn {
  let from = first;
  let to = end;
  // A series that began late or ended early still shares the times.
  while (from < to && cells[from] === CELL_ABSENT) from++;
  while (to > from && cells[to - 1] === CELL_ABSENT) to--;
  let kept = 0;
  let stale = 0;
  for (let i = from; i < to; i++) {
    if (cells[i] !== CELL_ABSENT) kept++;
    if (cells[i] === CELL_STALE) stale++;
  }
  if (kept === 0) return EMPTY_COLUMN;
  if (kept === to - from) {
    const marks = stale === 0 ? undefined : cells.map((cell) => (cell === CELL_STALE ? 1 : 0));
    return { t, v, from, to, stale: marks };
  }
  const times = new Float64Array(kept);
  const values = new Float64Array(kept);
  const marks = stale === 0 ? undefined : new Uint8Array(kept);
  let at = 0;
  for (let i = from; i < to; i++) {
    if (cells[i] === CELL_ABSENT) continue;
    times[at] = t[i] as number;
    values[at] = v[i] as number;
    if (marks !== undefined && cells[i] === CELL_STALE) marks[at] = 1;
    at++;
  }
  return { t: times, v: values, from: 0, to: kept, stale: marks };
}

/** One column of one part. */
export interface Source {
  readonly part: Part;
  readonly column: number;
}

/** Collects from every part and keeps the first written of equal times. */
export function merge(sources: readonly Source[], start: Timestamp, end: Timestamp): SampleColumn {
  const total = sources.reduce((sum, { part }) => sum + part.rows, 0);
  const t = new Float64Array(total);
  const v = new Float64Array(total);
  const cells = new Uint8Array(total);
  const rank = new Float64Array(total);
  let count = 0;
  for (const { part, column } of sources) {
    const values = new Float64Array(part.rows);
    const holes = part.read(column, values);
    for (let r = 0; r < part.rows; r++) {
      const time = part.t[r] as number;
      if (time < start || time > end || holes?.[r] === CELL_ABSENT) continue;
      t[count] = time;
      v[count] = values[r] as number;
      cells[count] = holes === undefined ? CELL_VALUE : (holes[r] as number);
      rank[count++] = part.order;
    }
  }
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  order.sort((a, b) => (t[a] as number) - (t[b] as number) || (rank[a] as number) - (rank[b] as number));
  const times = new Float64Array(count);
  const values = new Float64Array(count);
  const kinds = new Uint8Array(count);
  let kept = 0;
  for (const i of order) {
    if (kept > 0 && times[kept - 1] === t[i]) continue;
    times[kept] = t[i] as number;
    values[kept] = v[i] as number;
    kinds[kept++] = cells[i] as number;
  }
  return compact(times, values, kinds, 0, kept);
}

/** All parts of a group, laid along one axis. */
export function layOut(parts: readonly Part[], start: Timestamp, end: Timestamp): Axis {
  return new Axis(parts, start, end);
}

/** One column of an axis. */
export function readSeries(axis: Axis, column: number, _start?: Timestamp, _end?: Timestamp): SampleColumn {
  return axis.read(column);
}
