/**
 * What a check misses, and how a repair settles it. A header tells which segments there should be, the numbers of a
 * group's chunks which chunks. What lacks is lost: a repair takes it out of the books, so that no start names it again,
 * and says in one sentence in the marks what it was.
 */
import type { ByteLevel, LevelOp } from "../base/leveldb.ts";
import { silentLogger } from "../base/log.ts";
import type { Clock } from "../base/clock.ts";
import type { Timestamp } from "../model/sample.ts";
import { type ChunkHeader, chunkName, withoutSegments } from "./chunk.ts";
import { Damage } from "./damage.ts";
import type { Group } from "./group.ts";
import { Head } from "./head.ts";
import { type ChunkKey, chunkKey } from "./keys.ts";
import { loadHead } from "./load.ts";
import { CHUNK_ROWS, type SettledLoss } from "./options.ts";
import { watermarkOp } from "./sealer.ts";
import { SEGMENT_COLUMNS } from "./segment.ts";

interface Wanted {
  readonly key: ChunkKey;
  readonly end: Timestamp;
  readonly missing: Set<number>;
}

export interface LackingSegments {
  readonly key: ChunkKey;
  readonly missing: ReadonlySet<number>;
}

/** Segments by the headers that tell of them. */
export class SegmentBook {
  readonly #wanted = new Map<string, Wanted>();

  expect(key: ChunkKey, { columns, end, inline, hasSegment }: ChunkHeader): void {
    if (inline !== undefined) return;
    const count = Math.ceil(columns / SEGMENT_COLUMNS);
    const missing = new Set(Array.from({ length: count }, (_, i) => i).filter(hasSegment));
    if (missing.size > 0) this.#wanted.set(chunkName(key), { key, end, missing });
  }

  found(key: ChunkKey, segment: number): void {
    const name = chunkName(key);
    const wanted = this.#wanted.get(name);
    if (wanted === undefined) return;
    wanted.missing.delete(segment);
    if (wanted.missing.size === 0) this.#wanted.delete(name);
  }

  lacking(): readonly LackingSegments[] {
    return [...this.#wanted.values()];
  }

  /** Takes segments that are gone out of their headers. */
  async settle(db: ByteLevel, losses: Losses): Promise<void> {
    for (const { key, end, missing } of this.#wanted.values()) {
      const record = await db.get(chunkKey(key));
      if (record === undefined) continue;
      await db.put(chunkKey(key), withoutSegments(key, record, missing), { sync: true });
      losses.add(key.group, missing.size * SEGMENT_COLUMNS, key.start, end);
    }
    this.#wanted.clear();
  }
}

/** What one repair could not bring back, summed up. */
export class Losses {
  #from = Number.POSITIVE_INFINITY;
  #to = Number.NEGATIVE_INFINITY;
  #blocks = 0;
  readonly #series = new Map<number, number>();

  /** @param series how many of the group's, at most. */
  add(group: number, series: number, from: Timestamp, to: Timestamp): void {
    this.#blocks++;
    this.#from = Math.min(this.#from, from);
    this.#to = Math.max(this.#to, to);
    this.#series.set(group, Math.max(this.#series.get(group) ?? 0, series));
  }

  /** @returns undefined when nothing is lost. */
  sum(at: Timestamp): SettledLoss | undefined {
    if (this.#blocks === 0) return undefined;
    const series = [...this.#series.values()].reduce((a, b) => a + b, 0);
    return { at, from: this.#from, to: this.#to, blocks: this.#blocks, series };
  }
}

/** The groups as an engine would find them at its next start. */
export async function groupsOf(db: ByteLevel, dir: string, clock: Clock): Promise<readonly Group[]> {
  const head = new Head(CHUNK_ROWS);
  await loadHead(db, dir, head, new Damage(clock, silentLogger));
  return [...head.groups.values()];
}

/** Where a chunk with that number lay: between the chunks of raw samples written before and after it. */
function spanOf(group: Group, ordinal: number): readonly [from: Timestamp, to: Timestamp] {
  const raw = group.chunks.filter(({ tier, late }) => tier === 0 && !late);
  const before = raw.findLast((chunk) => chunk.ordinal < ordinal);
  const after = raw.find((chunk) => chunk.ordinal > ordinal);
  const from = before?.end ?? after?.start ?? group.sealedEnd;
  const to = after?.start ?? before?.end ?? group.sealedEnd;
  return [from, Math.max(from, to)];
}

/** Takes chunks that are gone off the group's list of numbers. */
export async function settleChunks(db: ByteLevel, groups: readonly Group[], losses: Losses): Promise<void> {
  const ops: LevelOp[] = [];
  for (const group of groups) {
    const lost = group.lostOrdinals();
    if (lost.length === 0) continue;
    for (const ordinal of lost) {
      const [from, to] = spanOf(group, ordinal);
      // Of a group without any chunk left nobody knows when it was.
      if (Number.isFinite(from)) losses.add(group.id, group.columns, from, to);
    }
    group.forgetOrdinals(lost);
    ops.push(watermarkOp(group, group.openUntil, group.lateUntil, group.nextOrdinal));
  }
  if (ops.length > 0) await db.batch(ops, { sync: true });
}
