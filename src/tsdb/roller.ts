/**
 * Rolls raw samples up into a tier, one group and one window at a time, once the window is old enough that late
 * samples have come. Each aggregate is a chunk of its own, so a query reads only what its function needs. All planes
 * go to the database in one batch; what is done is read off the chunks themselves.
 */
import type { ByteLevel, LevelOp } from "../base/leveldb.ts";
import type { Timestamp } from "../model/sample.ts";
import { type BuiltChunk, buildChunk } from "./chunk.ts";
import { layOut, readSeries } from "./columns.ts";
import { CHUNK_SPAN_MS_MAX, type ChunkMeta, type Group, planeTier } from "./group.ts";
import type { Head } from "./head.ts";
import type { Tier } from "./options.ts";
import { type PartReader, want } from "./parts.ts";
import { bucketize } from "./rollup.ts";
import { watermarkOp } from "./sealer.ts";
import { allSegments, carries, firstAfter, matrices, type RollWindow, unsealedIn, windowMs } from "./window.ts";

/** How long after its end a window is rolled up: late samples until then are in it. */
export const ROLL_DELAY_MS: number = 6 * 3_600_000;

function isRawAfter(chunk: ChunkMeta, t: Timestamp): boolean {
  return chunk.tier === 0 && chunk.end > t;
}

/** The first window that is not rolled up. @param since what is older would be dropped from the tier at once. */
function openWindow(group: Group, tier: number, rung: Tier, since: Timestamp): RollWindow | undefined {
  const rolled = Math.max(group.rolledEnd(tier), since);
  const { chunks } = group;
  // One that ends later starts a day before at most.
  let i = firstAfter(chunks, rolled - CHUNK_SPAN_MS_MAX - 1);
  while (i < chunks.length && !isRawAfter(chunks[i] as ChunkMeta, rolled)) i++;
  const chunk = chunks[i];
  if (chunk === undefined) return undefined;
  const width = windowMs(rung);
  const from = Math.max(chunk.start, rolled + 1);
  return { group, tier, resolutionMs: rung.resolutionMs, from, to: Math.ceil(from / width) * width };
}

/** The group's next window that is old enough, if any. */
export function nextWindow(
  group: Group,
  tier: number,
  rung: Tier,
  now: Timestamp,
  delayMs: number,
): RollWindow | undefined {
  const window = openWindow(group, tier, rung, now - rung.retentionMs);
  // Rows of this window may still be on their way: an import, or a group that is not sealed yet.
  return window !== undefined && window.to + delayMs <= now && !unsealedIn(group, window.from, window.to)
    ? window
    : undefined;
}

/**
 * The group's next window as far as its buckets up to `until` are complete, however young: raw samples are about to be
 * dropped for space.
 *
 * @param until a raw sample's time; its bucket counts as complete when all samples of it are in the database.
 */
export function hastyWindow(
  group: Group,
  tier: number,
  rung: Tier,
  now: Timestamp,
  until: Timestamp,
): RollWindow | undefined {
  const { resolutionMs } = rung;
  const bucketEnd = (t: Timestamp): Timestamp => Math.ceil(t / resolutionMs) * resolutionMs;
  const whole = openWindow(group, tier, rung, now - rung.retentionMs);
  if (whole === undefined) return undefined;
  // Rows still come for the bucket of the newest row.
  const newest = group.chunks.reduce(
    (t, chunk) => (chunk.tier === 0 ? Math.max(t, chunk.end) : t),
    Number.NEGATIVE_INFINITY,
  );
  const to = Math.min(whole.to, bucketEnd(until), Math.floor(newest / resolutionMs) * resolutionMs);
  return to < whole.from || unsealedIn(group, whole.from, to) ? undefined : { ...whole, to };
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
