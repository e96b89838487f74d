/**
 * What happens to old samples: rolled up into tiers, then dropped chunk by chunk when their time or the space is up. A
 * wall clock that was set is not believed for an hour, because a wrong date must not delete months.
 */
import { errorText } from "../base/errors.ts";
import type { ByteLevel } from "../base/leveldb.ts";
import type { Timestamp } from "../model/sample.ts";
import { ClockWatch } from "./clock-watch.ts";
import { COLD_CHUNKS_MAX, writeCold } from "./cold.ts";
import type { ChunkMeta, Group } from "./group.ts";
import type { Head } from "./head.ts";
import type { Rung } from "./ladder.ts";
import type { Marks } from "./marks.ts";
import type { TsdbOptions } from "./options.ts";
import type { PartReader } from "./parts.ts";
import { type Doomed, doomedByAge, doomedForSpace, dropChunks, sharesOf, type SpaceNeed } from "./retention.ts";
import { Rollups } from "./rollups.ts";
import type { Sealer } from "./sealer.ts";
import { missingBytes } from "./space.ts";

/** First letters of the keys of chunks and segments, for compaction: from "b" up to "d". */
const CHUNK_RANGE = [Uint8Array.of(98), Uint8Array.of(100)] as const;

export interface HousekeepingParts {
  readonly options: TsdbOptions;
  readonly ladder: readonly Rung[];
  readonly db: ByteLevel;
  readonly head: Head;
  readonly reader: PartReader;
  readonly marks: Marks;
}

export class Housekeeping {
  readonly #parts: HousekeepingParts;
  readonly #rollups: Rollups;
  readonly clock: ClockWatch;

  constructor(parts: HousekeepingParts, sealer: Sealer) {
    this.#parts = parts;
    this.#rollups = new Rollups(parts, parts.ladder, parts.options, sealer);
    this.clock = new ClockWatch(parts.options.clock, parts.options.log);
  }

  /** Rolls up what is old enough. @throws what the database throws when it cannot be written. */
  rollUp(): Promise<void> {
    return this.#rollups.round();
  }

  /** Chunks only: LevelDB gives space back later, and dropping chunks would not make the log smaller. */
  #chunkBytes(): number {
    let bytes = 0;
    for (const group of this.#parts.head.groups.values()) for (const chunk of group.chunks) bytes += chunk.bytes;
    return bytes;
  }

  /** Moves raw chunks out to the cold directory. @returns what may be dropped now; undefined when it cannot be written. */
  async #moveOut(doomed: readonly Doomed[]): Promise<readonly Doomed[] | undefined> {
    const { options, reader, head } = this.#parts;
    const { coldDir, log } = options;
    const raw = doomed.filter(({ chunk }) => chunk.tier === 0).slice(0, COLD_CHUNKS_MAX);
    if (coldDir === undefined || raw.length === 0) return doomed;
    try {
      const file = await writeCold(coldDir, raw, reader, (ref) => head.index.makeLabels(ref));
      log.info("raw chunks moved out", { file, chunks: raw.length });
    } catch (error) {
      log.error("the cold directory takes nothing; nothing is dropped", { dir: coldDir, error: errorText(error) });
      return undefined;
    }
    const moved = new Set(raw);
    return doomed.filter((one) => one.chunk.tier > 0 || moved.has(one));
  }

  /** Drops chunks past their retention, unless the clock was just set. @returns whether there is more to drop at once. */
  async applyRetention(): Promise<boolean> {
    const { options, db, head, ladder, marks } = this.#parts;
    const { clock, log, retentionMs = 0 } = options;
    const now = this.clock.trusts() ? clock.now() : Number.NEGATIVE_INFINITY;
    const before = [
      retentionMs > 0 ? now - retentionMs : Number.NEGATIVE_INFINITY,
      ...ladder.map((rung) => now - rung.retentionMs),
    ];
    const awaits = (group: Group, chunk: ChunkMeta): boolean => this.#rollups.awaits(group, chunk, now);
    const aged = doomedByAge(head, before, awaits);
    const spared = await this.#forSpace(aged, now);
    const doomed = [...aged, ...spared.doomed];
    const movable = await this.#moveOut(doomed);
    if (movable === undefined) return false;
    const dropped = await dropChunks(db, head, movable);
    if (dropped === undefined) return spared.more;
    for (const share of sharesOf(movable, clock.now())) {
      marks.addDropped(share);
      log.info("raw chunks dropped", { ...share });
    }
    // LevelDB frees the space of a deleted range only when it is compacted.
    if (movable.length < doomed.length || spared.more) return true;
    await db.compactRange(...CHUNK_RANGE);
    return false;
  }

  /** What has to go for space beside what goes by age. */
  async #forSpace(
    aged: readonly Doomed[],
    now: Timestamp,
  ): Promise<{ readonly doomed: readonly Doomed[]; readonly more: boolean }> {
    const { options, head, ladder } = this.#parts;
    const { clock, retentionBytes = 0 } = options;
    const going = aged.reduce((sum, { chunk }) => sum + chunk.bytes, 0);
    const excess = retentionBytes > 0 ? this.#chunkBytes() - retentionBytes - going : 0;
    const missing = missingBytes(options.dir, options.keepFreeBytes) - going;
    if (excess <= 0 && missing <= 0) return { doomed: [], more: false };
    const need = excess >= missing ? { reason: "size", bytes: excess } : { reason: "free disk", bytes: missing };
    const tiers = ladder.flatMap((rung, i) => (rung.active ? [i + 1] : []));
    const taken = new Set(aged.map(({ chunk }) => chunk));
    const { doomed, more } = await doomedForSpace(head, need as SpaceNeed, tiers, {
      clock,
      awaits: (group, chunk) => this.#rollups.awaits(group, chunk, now),
      hasten: (group, chunk) => this.#rollups.hasten(group, chunk, now),
    });
    return { doomed: doomed.filter(({ chunk }) => !taken.has(chunk)), more };
  }
}
