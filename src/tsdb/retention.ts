/**
 * Which chunks have to go: those that ended before their tier's retention time, and the oldest raw ones while all
 * together are too large. Only whole chunks go, and groups with nothing left go with them.
 */
import type { ByteLevel, LevelOp } from "../base/leveldb.ts";
import type { Timestamp } from "../model/sample.ts";
import { chunkKeys } from "./chunk.ts";
import { droppedOp } from "./dropped.ts";
import type { ChunkMeta, Group } from "./group.ts";
import type { Head } from "./head.ts";
import { groupKey, watermarkKey } from "./keys.ts";
import { watermarkOp } from "./sealer.ts";

/** Chunks deleted in one batch: a long-stopped store is cleaned in steps, with writes in between. */
const CHUNKS_BATCH_MAX = 2_000;

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
}

export interface RetentionRules {
  /** By tier (0 = raw): chunks that ended before this go; -Infinity for none. */
  readonly before: readonly Timestamp[];
  /** Whether a raw chunk waits for a tier that has not taken it in: a store stopped for days, an import. */
  readonly awaits: (one: Doomed) => boolean;
  /** The oldest go until this much is freed; 0 for none. */
  readonly excessBytes: number;
}

function byTime(head: Head, { before, awaits }: RetentionRules): Doomed[] {
  const doomed: Doomed[] = [];
  for (const group of head.groups.values()) {
    for (const chunk of group.chunks) {
      if (chunk.end >= (before[chunk.tier >> 3] ?? Number.POSITIVE_INFINITY)) continue;
      const one = { group, chunk };
      if (chunk.tier > 0 || !awaits(one)) doomed.push(one);
    }
  }
  return doomed;
}

function bySize(head: Head, excessBytes: number): Doomed[] {
  const all: Doomed[] = [];
  for (const group of head.groups.values())
    for (const chunk of group.chunks) if (chunk.tier === 0) all.push({ group, chunk });
  all.sort((a, b) => a.chunk.end - b.chunk.end || a.chunk.seq - b.chunk.seq);
  let left = excessBytes;
  return all.filter(({ chunk }) => {
    if (left <= 0) return false;
    left -= chunk.bytes;
    return true;
  });
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

/** What has to go now; @returns at most a batch of it. */
export function doomedChunks(head: Head, rules: RetentionRules): readonly Doomed[] {
  const { excessBytes } = rules;
  const all = [...byTime(head, rules), ...(excessBytes > 0 ? bySize(head, excessBytes) : [])];
  return all.slice(0, CHUNKS_BATCH_MAX);
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
