/**
 * Which chunks have to go: those that ended before their tier's retention time, and the oldest raw ones while all
 * together are too large. Only whole chunks go, and groups with nothing left go with them. What goes for space is rolled
 * up before, as far as that is possible, and counted where it is not.
 */
import type { Clock } from "../base/clock.ts";
import type { ByteLevel, LevelOp } from "../base/leveldb.ts";
import type { Timestamp } from "../model/sample.ts";
import { chunkKeys } from "./chunk.ts";
import { droppedOp } from "./dropped.ts";
import type { ChunkMeta, Group } from "./group.ts";
import type { Head } from "./head.ts";
import { groupKey, watermarkKey } from "./keys.ts";
import type { DroppedShare } from "./options.ts";
import { watermarkOp } from "./sealer.ts";

/** Chunks deleted in one batch: a long-stopped store is cleaned in steps, with writes in between. */
const CHUNKS_BATCH_MAX = 2_000;

/** How long tiers are filled in haste in one round: a fifth of a core at most. */
const HASTE_MS = 200;

export interface Dropped {
  readonly chunks: number;
  readonly samples: number;
  readonly bytes: number;
  /** Newest time among what went. */
  readonly until: Timestamp;
}

export interface Doomed {
  readonly group: Group;
  readonly chunk: ChunkMeta;
  readonly reason: DroppedShare["reason"];
  /** Samples that no tier has; at most that many. */
  readonly inNoTier: number;
}

/** By tier (0 = raw): chunks that ended before this go; -Infinity for none. @param awaits whether a raw chunk waits for a tier that has not taken it in: a store stopped for days, an import. */
export function doomedByAge(
  head: Head,
  before: readonly Timestamp[],
  awaits: (group: Group, chunk: ChunkMeta) => boolean,
): readonly Doomed[] {
  const doomed: Doomed[] = [];
  for (const group of head.groups.values()) {
    for (const chunk of group.chunks) {
      if (chunk.end >= (before[chunk.tier >> 3] ?? Number.POSITIVE_INFINITY)) continue;
      if (chunk.tier === 0 && awaits(group, chunk)) continue;
      doomed.push({ group, chunk, reason: "age", inNoTier: 0 });
      if (doomed.length === CHUNKS_BATCH_MAX) return doomed;
    }
  }
  return doomed;
}

export interface SpaceNeed {
  readonly reason: DroppedShare["reason"];
  /** Raw chunks of so many bytes have to go. */
  readonly bytes: number;
}

interface Raw {
  readonly group: Group;
  readonly chunk: ChunkMeta;
}

export interface Haste {
  readonly clock: Clock;
  readonly awaits: (group: Group, chunk: ChunkMeta) => boolean;
  /** Rolls up what a chunk waits for. @returns whether it still waits. */
  readonly hasten: (group: Group, chunk: ChunkMeta) => Promise<boolean>;
}

function rawByAge(head: Head): Raw[] {
  const all: Raw[] = [];
  for (const group of head.groups.values())
    for (const chunk of group.chunks) if (chunk.tier === 0) all.push({ group, chunk });
  return all.sort((a, b) => a.chunk.end - b.chunk.end || a.chunk.seq - b.chunk.seq);
}

/** Samples of a chunk behind what its group's slowest tier has, as if they came evenly. */
function beyondTiers({ group, chunk }: Raw, tiers: readonly number[]): number {
  const rolled = tiers.reduce((least, tier) => Math.min(least, group.rolledEnd(tier)), Number.POSITIVE_INFINITY);
  const share = (chunk.end - Math.max(rolled, chunk.start - 1)) / (chunk.end - chunk.start + 1);
  return Math.ceil(chunk.samples * Math.min(1, Math.max(0, share)));
}

/**
 * The oldest raw chunks until so much is freed, each rolled up before. Those whose newest bucket is not complete yet go
 * only when the others are not enough.
 *
 * @param tiers that grow.
 * @returns what has to go now; undefined when time was up before enough was found: the rest is for the next round.
 */
export async function doomedForSpace(
  head: Head,
  { reason, bytes }: SpaceNeed,
  tiers: readonly number[],
  { clock, awaits, hasten }: Haste,
): Promise<{ readonly doomed: readonly Doomed[]; readonly more: boolean }> {
  const until = clock.monotonic() + HASTE_MS;
  const doomed: Doomed[] = [];
  const waiting: Raw[] = [];
  let left = bytes;
  for (const raw of rawByAge(head)) {
    const { group, chunk } = raw;
    if (left <= 0) return { doomed, more: false };
    if (doomed.length === CHUNKS_BATCH_MAX || clock.monotonic() > until) return { doomed, more: true };
    if (awaits(group, chunk) && (await hasten(group, chunk))) {
      waiting.push(raw);
      continue;
    }
    doomed.push({ group, chunk, reason, inNoTier: 0 });
    left -= chunk.bytes;
  }
  for (const raw of waiting) {
    if (left <= 0 || doomed.length === CHUNKS_BATCH_MAX) break;
    doomed.push({ ...raw, reason, inNoTier: beyondTiers(raw, tiers) });
    left -= raw.chunk.bytes;
  }
  return { doomed, more: false };
}

/** What goes, by reason; raw samples only. */
export function sharesOf(doomed: readonly Doomed[], at: Timestamp): readonly DroppedShare[] {
  const shares = new Map<DroppedShare["reason"], DroppedShare>();
  for (const { chunk, reason, inNoTier } of doomed) {
    if (chunk.tier !== 0) continue;
    const sum = shares.get(reason) ?? { reason, chunks: 0, samples: 0, bytes: 0, inNoTier: 0, until: chunk.end, at };
    shares.set(reason, {
      ...sum,
      chunks: sum.chunks + 1,
      samples: sum.samples + chunk.samples,
      bytes: sum.bytes + chunk.bytes,
      inNoTier: sum.inNoTier + inNoTier,
      until: Math.max(sum.until, chunk.end),
    });
  }
  return [...shares.values()];
}

/** Everything the database knows about a group that is gone. */
async function groupOps(db: ByteLevel, group: Group): Promise<LevelOp[]> {
  const ops: LevelOp[] = [{ type: "del", key: watermarkKey(group.id) }];
  for (const copy of ["g", "h"] as const) {
    const range = { gte: groupKey(copy, group.id, 0), lt: groupKey(copy, group.id + 1, 0) };
    for await (const key of db.keys(range)) ops.push({ type: "del", key });
  }
  return ops;
}

/** Deletes whole chunks. */
export async function dropChunks(db: ByteLevel, head: Head, doomed: readonly Doomed[]): Promise<Dropped | undefined> {
  if (doomed.length === 0) return undefined;
  const ops: LevelOp[] = [];
  const touched = new Set<Group>();
  const unique = new Map(doomed.map((entry) => [entry.chunk, entry]));
  let samples = 0;
  let bytes = 0;
  let until = Number.NEGATIVE_INFINITY;
  for (const { group, chunk } of unique.values()) {
    for (const key of chunkKeys(chunk)) ops.push({ type: "del", key });
    samples += chunk.samples;
    bytes += chunk.bytes;
    until = Math.max(until, chunk.end);
    touched.add(group);
  }
  const gone = new Set(unique.keys());
  for (const group of touched) {
    group.dropChunks(gone);
    if (!group.isEmpty()) {
      ops.push(watermarkOp(group, group.openUntil, group.lateUntil, group.nextOrdinal));
      continue;
    }
    head.remove(group);
    ops.push(...(await groupOps(db, group)));
  }
  const raw = [...unique.values()].filter(({ chunk }) => chunk.tier === 0);
  const rawUntil = raw.reduce((newest, { chunk }) => Math.max(newest, chunk.end), head.rawGoneUntil);
  if (rawUntil > head.rawGoneUntil) ops.push(droppedOp(rawUntil));
  await db.batch(ops, { sync: true });
  head.rawGoneUntil = rawUntil;
  return { chunks: unique.size, samples, bytes, until };
}
