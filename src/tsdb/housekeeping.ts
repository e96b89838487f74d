/**
 * What happens to old samples: rolled up into tiers, then dropped chunk by chunk when their time or the space is up. A
 * wall clock that was set is not believed for an hour, because a wrong date must not delete months.
 */
import { errorText } from "../base/errors.ts";
import type { ByteLevel } from "../base/leveldb.ts";
import { COLD_CHUNKS_MAX, writeCold } from "./cold.ts";
import type { Head } from "./head.ts";
import type { Rung } from "./ladder.ts";
import type { TsdbOptions } from "./options.ts";
import type { PartReader } from "./parts.ts";
import { type Doomed, doomedChunks, dropChunks } from "./retention.ts";
import { Rollups } from "./rollups.ts";
import type { Sealer } from "./sealer.ts";
import { missingBytes } from "./space.ts";

/** A wall clock that moved this much more than time passed was set by somebody … */
const CLOCK_JUMP_MS = 600_000;
/** … and nothing is dropped for so long. */
const CLOCK_DISTRUST_MS = 3_600_000;
/** First letters of the keys of chunks and segments, for compaction: from "b" up to "d". */
const CHUNK_RANGE = [Uint8Array.of(98), Uint8Array.of(100)] as const;

export interface HousekeepingParts {
  readonly options: TsdbOptions;
  readonly ladder: readonly Rung[];
  readonly db: ByteLevel;
  readonly head: Head;
  readonly reader: PartReader;
}

export class Housekeeping {
  readonly #parts: HousekeepingParts;
  readonly #rollups: Rollups;
  #wallMinusMono: number;
  #distrustUntil = Number.NEGATIVE_INFINITY;

  constructor(parts: HousekeepingParts, sealer: Sealer) {
    this.#parts = parts;
    this.#rollups = new Rollups(parts, parts.ladder, parts.options, sealer);
    this.#wallMinusMono = parts.options.clock.now() - parts.options.clock.monotonic();
  }

  /** @returns whether the wall clock may be believed; a jump is noticed once and distrusted for an hour. */
  #trustsClock(): boolean {
    const { clock, log } = this.#parts.options;
    const offset = clock.now() - clock.monotonic();
    if (Math.abs(offset - this.#wallMinusMono) > CLOCK_JUMP_MS) {
      this.#distrustUntil = clock.monotonic() + CLOCK_DISTRUST_MS;
      log.warn("the wall clock jumped; retention waits an hour", { jumpMs: offset - this.#wallMinusMono });
    }
    this.#wallMinusMono = offset;
    return clock.monotonic() >= this.#distrustUntil;
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
    const { options, db, head, ladder } = this.#parts;
    const { clock, log, retentionMs = 0, retentionBytes = 0 } = options;
    const now = this.#trustsClock() ? clock.now() : Number.NEGATIVE_INFINITY;
    const before = [
      retentionMs > 0 ? now - retentionMs : Number.NEGATIVE_INFINITY,
      ...ladder.map((rung) => now - rung.retentionMs),
    ];
    const excessBytes = Math.max(
      retentionBytes > 0 ? this.#chunkBytes() - retentionBytes : 0,
      missingBytes(options.dir, options.keepFreeBytes),
      0,
    );
    const doomed = doomedChunks(head, {
      before,
      awaits: ({ group, chunk }) => this.#rollups.awaits(group, chunk, now),
      excessBytes,
    });
    const movable = await this.#moveOut(doomed);
    if (movable === undefined) return false;
    const dropped = await dropChunks(db, head, movable);
    if (dropped === undefined) return false;
    log.info("chunks past retention dropped", { ...dropped });
    // LevelDB frees the space of a deleted range only when it is compacted.
    if (movable.length < doomed.length) return true;
    await db.compactRange(...CHUNK_RANGE);
    return false;
  }
}
