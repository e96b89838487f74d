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
import { CHUNK_SPAN_MS_MAX, type Group } from "./group.ts";
import { Head } from "./head.ts";
import { type ChunkKey, chunkKey } from "./keys.ts";
import { loadHead } from "./load.ts";
import { CHUNK_ROWS, type SettledLoss, TIME_UNKNOWN } from "./options.ts";
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
  readonly #dated = new LossSum();
  readonly #undated = new LossSum();

  /** @param from -Infinity when nobody knows. @param series how many of the group's, at most. */
  add(group: number, series: number, from: Timestamp, to: Timestamp): void {
    // Kept apart: one block of unknown time must not blur when the others were.
    if (Number.isFinite(from)) this.#dated.add(group, series, from, to);
    else this.#undated.add(group, series, TIME_UNKNOWN, to);
  }

  /** Of the blocks whose time is known, and of the others. */
  sums(at: Timestamp): readonly SettledLoss[] {
    return [this.#undated, this.#dated].flatMap((sum) => sum.of(at));
  }
}

class LossSum {
  #from = Number.POSITIVE_INFINITY;
  #to = Number.NEGATIVE_INFINITY;
  #blocks = 0;
  readonly #series = new Map<number, number>();

  add(group: number, series: number, from: Timestamp, to: Timestamp): void {
    this.#blocks++;
    this.#from = Math.min(this.#from, from);
    this.#to = Math.max(this.#to, to);
    this.#series.set(group, Math.max(this.#series.get(group) ?? 0, series));
  }

  of(at: Timestamp): readonly SettledLoss[] {
    if (this.#blocks === 0) return [];
    const series = [...this.#series.values()].reduce((a, b) => a + b, 0);
    return [{ at, from: this.#from, to: this.#to, blocks: this.#blocks, series }];
  }
}

/** The groups as an engine would find them at its next start. */
export async function groupsOf(db: ByteLevel, dir: string, clock: Clock): Promise<readonly Group[]> {
  const head = new Head(CHUNK_ROWS);
  await loadHead(db, dir, head, new Damage(clock, silentLogger));
  return [...head.groups.values()];
}

/** Start times of chunks whose headers fail, as their keys have them, by group. */
export type BrokenStarts = ReadonlyMap<number, readonly Timestamp[]>;

/**
 * Where a chunk with that number lay: between the chunks of raw samples written before and after it. Where there is none
 * the keys of the group's damaged headers say when they began, and a chunk spans a day at most.
 */
function spanOf(
  group: Group,
  ordinal: number,
  starts: readonly Timestamp[],
  now: Timestamp,
): readonly [from: Timestamp, to: Timestamp] {
  const raw = group.chunks.filter(({ tier, late }) => tier === 0 && !late);
  const before = raw.findLast((chunk) => chunk.ordinal < ordinal)?.end;
  const after = raw.find((chunk) => chunk.ordinal > ordinal)?.start;
  const from = before ?? (starts.length > 0 ? Math.min(...starts) : (after ?? -Infinity) - CHUNK_SPAN_MS_MAX);
  const last = Math.max(before ?? -Infinity, ...starts);
  const to = after ?? (last === -Infinity ? now : endAfter(last, now));
  return [Math.min(from, ...starts), Math.max(from, to, ...starts)];
}

/** The last time of a chunk that began there, or stood next to one that ended there. */
function endAfter(t: Timestamp, now: Timestamp): Timestamp {
  return Math.max(t, Math.min(now, t + CHUNK_SPAN_MS_MAX));
}

/** Takes chunks that are gone off the group's list of numbers. */
export async function settleChunks(
  db: ByteLevel,
  groups: readonly Group[],
  broken: BrokenStarts,
  losses: Losses,
  now: Timestamp,
): Promise<void> {
  const ops: LevelOp[] = [];
  const unnumbered = new Map(broken);
  for (const group of groups) {
    const lost = group.lostOrdinals();
    if (lost.length === 0) continue;
    for (const ordinal of lost)
      losses.add(group.id, group.columns, ...spanOf(group, ordinal, broken.get(group.id) ?? [], now));
    unnumbered.delete(group.id);
    group.forgetOrdinals(lost);
    ops.push(watermarkOp(group, group.openUntil, group.lateUntil, group.nextOrdinal));
  }
  // Chunks that no number misses, as their group's labels or its last number are lost too.
  for (const [id, starts] of unnumbered)
    for (const start of starts)
      losses.add(id, groups.find((group) => group.id === id)?.columns ?? 1, start, endAfter(start, now));
  if (ops.length > 0) await db.batch(ops, { sync: true });
}
