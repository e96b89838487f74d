/**
 * Rolls raw samples up into a tier, one group and one window at a time, once the window is old enough that late
 * samples have come. Each aggregate is a chunk of its own, so a query reads only what its function needs. All planes
 * go to the database in one batch; what is done is read off the chunks themselves.
 */
import type { ByteLevel, LevelOp } from "../base/leveldb.ts";
import type { SampleColumn, Timestamp } from "../model/sample.ts";
import { type BuiltChunk, buildChunk } from "./chunk.ts";
import { CELL_STALE, CELL_VALUE } from "./column.ts";
import { type Axis, layOut, readSeries } from "./columns.ts";
import { CHUNK_SPAN_MS_MAX, type ChunkMeta, type Group, planeTier } from "./group.ts";
import type { Head } from "./head.ts";
import type { Tier } from "./options.ts";
import { type PartReader, want, wantPlane } from "./parts.ts";
import { type Buckets, bucketize, type Carry, carryOf, PLANES } from "./rollup.ts";
import { makeBlocks, type RowsView, setCell } from "./rows.ts";
import { watermarkOp } from "./sealer.ts";
import { SEGMENT_COLUMNS } from "./segment.ts";

/** Buckets of one window: enough to compress, at most a day as for every chunk. */
const WINDOW_BUCKETS = 72;
/** How long after its end a window is rolled up: late samples until then are in it. */
export const ROLL_DELAY_MS: number = 6 * 3_600_000;

function windowMs({ resolutionMs }: Tier): number {
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

/** The group's next window that is old enough, if any. */
export function nextWindow(
  group: Group,
  tier: number,
  rung: Tier,
  now: Timestamp,
  delayMs: number,
): RollWindow | undefined {
  const rolled = group.rolledEnd(tier);
  const chunk = group.chunks.find((c: ChunkMeta) => c.tier === 0 && c.end > rolled);
  if (chunk === undefined) return undefined;
  const width = windowMs(rung);
  const from = Math.max(chunk.start, rolled + 1);
  const to = Math.ceil(from / width) * width;
  // Rows of this window may still be on their way: an import, or a group that is not sealed yet.
  const unsealed = group.oldestUnsealed() <= to;
  return to + delayMs <= now && !unsealed ? { group, tier, resolutionMs: rung.resolutionMs, from, to } : undefined;
}

function allSegments(columns: number): Set<number> {
  return new Set(Array.from({ length: Math.ceil(columns / SEGMENT_COLUMNS) }, (_, i) => i));
}

/** Where the counters of the window before stood. */
async function carries(
  reader: PartReader,
  window: RollWindow,
  columns: number,
): Promise<(column: number) => Carry | undefined> {
  const { group, tier, from } = window;
  const start = from - 2 * CHUNK_SPAN_MS_MAX;
  const axisOf = async (plane: number): Promise<Axis> => {
    const parts = await reader.load(
      [wantPlane(group, allSegments(columns), start, from - 1, planeTier(tier, plane))],
      new Set(),
    );
    return layOut(parts.get(group) ?? [], start, from - 1);
  };
  const last = await axisOf(PLANES.indexOf("last"));
  const counter = await axisOf(PLANES.indexOf("counter"));
  const at = (axis: Axis, column: number): SampleColumn => readSeries(axis, column, start, from - 1);
  return (column) => carryOf(at(last, column), at(counter, column));
}

/** Matrices of all planes, rows = buckets that any column has. */
function matrices(all: readonly Buckets[]): RowsView[] {
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

/** Rolls one window up and stores it. @returns what was written; empty when the window holds no sample. */
export async function rollWindow(
  db: ByteLevel,
  head: Head,
  reader: PartReader,
  window: RollWindow,
): Promise<readonly BuiltChunk[]> {
  const { group, tier, resolutionMs, from, to } = window;
  const columns = group.saved;
  const parts = await reader.load([want(group, allSegments(columns), from, to)], new Set());
  const axis = layOut(parts.get(group) ?? [], from, to);
  const carry = await carries(reader, window, columns);
  const all = Array.from({ length: columns }, (_, column) =>
    bucketize(readSeries(axis, column, from, to), resolutionMs, carry(column)),
  );
  const views = matrices(all).filter(({ rows }) => rows > 0);
  const built = views.map((view, plane) =>
    buildChunk({
      tier: planeTier(tier, plane),
      group: group.id,
      seq: head.nextSeq + plane,
      ordinal: group.nextOrdinal + plane,
      late: false,
      view,
    }),
  );
  if (built.length === 0) return [];
  const nextOrdinal = group.nextOrdinal + built.length;
  head.nextSeq += built.length;
  const ops: LevelOp[] = built.flatMap(({ ops: own }) => [...own]);
  ops.push(watermarkOp(group, group.openUntil, group.lateUntil, nextOrdinal));
  await db.batch(ops, { sync: true });
  group.nextOrdinal = nextOrdinal;
  for (const { meta } of built) group.addChunk(meta);
  return built;
}
