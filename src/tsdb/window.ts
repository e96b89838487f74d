/**
 * What rolling up reads and makes: the planes of a window, where the counters before it stood, and matrices of buckets
 * ready to become chunks.
 */
import type { SampleColumn, Timestamp } from "../model/sample.ts";
import { CELL_STALE, CELL_VALUE } from "./column.ts";
import { type Axis, layOut, readSeries } from "./columns.ts";
import { CHUNK_SPAN_MS_MAX, type ChunkMeta, type Group, planeTier } from "./group.ts";
import type { Tier } from "./options.ts";
import { type PartReader, wantPlane } from "./parts.ts";
import { type Buckets, type Carry, carryOf, PLANES } from "./rollup.ts";
import { makeBlocks, type RowsView, setCell } from "./rows-view.ts";
import { SEGMENT_COLUMNS } from "./segment.ts";

/** Buckets of one window: enough to compress, at most a day as for every chunk. */
const WINDOW_BUCKETS = 72;
/** How far back a counter is looked for: after a longer silence it begins anew. */
export const CARRY_MS_MAX: number = 2 * CHUNK_SPAN_MS_MAX;

/** Windows lie on an absolute grid: (end - width, end]. */
export function windowMs({ resolutionMs }: Tier): number {
  return Math.max(
    resolutionMs,
    Math.floor(Math.min(WINDOW_BUCKETS * resolutionMs, CHUNK_SPAN_MS_MAX) / resolutionMs) * resolutionMs,
  );
}

export interface RollWindow {
  readonly group: Group;
  /** From 1. */
  readonly tier: number;
  readonly resolutionMs: number;
  /** First sample time included, and last. */
  readonly from: Timestamp;
  readonly to: Timestamp;
}

/** Index of the group's first chunk that starts after `t`: chunks lie in order of their starts. */
export function firstAfter(chunks: readonly ChunkMeta[], t: Timestamp): number {
  let low = 0;
  let high = chunks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((chunks[middle] as ChunkMeta).start <= t) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Whether the database does not have all rows of the range yet. */
export function unsealedIn({ open, late, pending }: Group, from: Timestamp, to: Timestamp): boolean {
  return (
    [open, late].some((rows) => rows !== undefined && rows.rows > 0 && rows.firstT <= to && rows.lastT >= from) ||
    pending.some((chunk) => chunk.start <= to && chunk.end >= from)
  );
}

/** One plane of a group's tier in a range. */
export async function planeAxis(
  reader: PartReader,
  group: Group,
  columns: number,
  plane: number,
  start: Timestamp,
  end: Timestamp,
): Promise<Axis> {
  const parts = await reader.load([wantPlane(group, allSegments(columns), start, end, plane)], new Set());
  return layOut(parts.get(group) ?? [], start, end);
}

export function allSegments(columns: number): Set<number> {
  return new Set(Array.from({ length: Math.ceil(columns / SEGMENT_COLUMNS) }, (_, i) => i));
}

/** Where the counters of the window before stood. */
export async function carries(
  reader: PartReader,
  window: RollWindow,
  columns: number,
): Promise<(column: number) => Carry | undefined> {
  const { group, tier, from } = window;
  const start = from - CARRY_MS_MAX;
  const axisOf = (plane: number): Promise<Axis> =>
    planeAxis(reader, group, columns, planeTier(tier, plane), start, from - 1);
  const last = await axisOf(PLANES.indexOf("last"));
  const counter = await axisOf(PLANES.indexOf("counter"));
  const at = (axis: Axis, column: number): SampleColumn => readSeries(axis, column, start, from - 1);
  return (column) => carryOf(at(last, column), at(counter, column));
}

/** Matrices of all planes, rows = buckets that any column has. */
export function matrices(all: readonly Buckets[]): RowsView[] {
  const times = Float64Array.from(new Set(all.flatMap((buckets) => [...buckets.t.subarray(0, buckets.length)]))).sort();
  const rowOf = new Map([...times].map((t, row) => [t, row]));
  const columns = all.length;
  const rows = times.length;
  return PLANES.map((which) => {
    const blocks = makeBlocks(rows, columns);
    const partial = Array.from({ length: rows }, () => new Uint8Array(columns));
    all.forEach((buckets, column) => {
      for (let i = 0; i < buckets.length; i++) {
        const row = rowOf.get(buckets.t[i] as number) as number;
        const stale = which === "last" && buckets.stale[i] === 1;
        if (!stale && buckets.planes.count[i] === 0) continue;
        setCell(blocks, columns, row, column, buckets.planes[which][i] as number);
        (partial[row] as Uint8Array)[column] = stale ? CELL_STALE : CELL_VALUE;
      }
    });
    return { t: times, blocks, partial, rows, columns, stride: columns };
  });
}
