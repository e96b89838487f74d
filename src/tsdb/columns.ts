/**
 * Parts to columns. Series of one group whose parts follow each other get their values laid along one shared time
 * axis, the very same array for all of them; everything else (late samples, series that moved between groups, holes)
 * is merged sample by sample, the first written winning.
 */
import { EMPTY_COLUMN, type SampleColumn, type Timestamp } from "../model/sample.ts";
import { CELL_ABSENT, CELL_STALE } from "./column.ts";
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

/** All parts of a group, laid end to end. */
export interface Axis {
  readonly parts: readonly Part[];
  /** Undefined when parts overlap in time. */
  readonly t: Float64Array | undefined;
  readonly from: number;
  readonly to: number;
}

export function layOut(parts: readonly Part[], start: Timestamp, end: Timestamp): Axis {
  let length = 0;
  let previous = Number.NEGATIVE_INFINITY;
  for (const part of parts) {
    if (part.start <= previous) return { parts, t: undefined, from: 0, to: 0 };
    previous = part.end;
    length += part.rows;
  }
  const t = new Float64Array(length);
  let at = 0;
  for (const part of parts) {
    t.set(part.t.length === part.rows ? part.t : part.t.subarray(0, part.rows), at);
    at += part.rows;
  }
  return { parts, t, from: lowerBound(t, length, start), to: lowerBound(t, length, end + 1) };
}

/** Drops absent cells. `cells` is aligned with the axis. */
function compact(t: Float64Array, v: Float64Array, cells: Uint8Array, from: number, to: number): SampleColumn {
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

export function alongAxis(axis: Axis, t: Float64Array, column: number): SampleColumn {
  if (axis.from >= axis.to) return EMPTY_COLUMN;
  const v = new Float64Array(t.length);
  let cells: Uint8Array | undefined;
  let at = 0;
  for (const part of axis.parts) {
    const holes = part.read(column, v.subarray(at, at + part.rows));
    if (holes !== undefined) {
      cells ??= new Uint8Array(t.length).fill(1);
      cells.set(holes, at);
    }
    at += part.rows;
  }
  if (cells === undefined) return { t, v, from: axis.from, to: axis.to, stale: undefined };
  return compact(t, v, cells, axis.from, axis.to);
}

/** Collects from every part and keeps the first written of equal times. */
export function merge(
  sources: readonly { readonly part: Part; readonly column: number }[],
  start: Timestamp,
  end: Timestamp,
): SampleColumn {
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
      cells[count] = holes === undefined ? 1 : (holes[r] as number);
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

/** A series' column in one group: along the axis where parts follow each other, merged where they overlap. */
export function readSeries(axis: Axis, column: number, start: Timestamp, end: Timestamp): SampleColumn {
  if (axis.t !== undefined) return alongAxis(axis, axis.t, column);
  return merge(
    axis.parts.map((part) => ({ part, column })),
    start,
    end,
  );
}
