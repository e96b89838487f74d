/**
 * The running store: commits, once-a-second upkeep (sync, disk space, log rotation, retention), and the two states of
 * writing. When the disk refuses or is nearly full the store turns read-only: samples stay visible in memory so that
 * rules go on, commits say that they are not durable, and writing resumes by itself with the gap on record.
 */
import { EXIT, errorText, UserError } from "../base/errors.ts";
import type { ByteLevel, LevelOp } from "../base/leveldb.ts";
import type { Labels } from "../model/labels.ts";
import type { Metadata } from "../model/metadata.ts";
import { NO_REF, type SeriesRef, type Timestamp } from "../model/sample.ts";
import type { AppendResult } from "../storage/storage.ts";
import type { AppenderHost, Batch } from "./appender.ts";
import { type BackupOptions, type BackupReport, backupTo } from "./backup.ts";
import type { Damage } from "./damage.ts";
import { DatabaseDoor } from "./database-door.ts";
import { type Incoming, withoutSealed } from "./duplicates.ts";
import type { Group } from "./group.ts";
import type { Head, RowPlan } from "./head.ts";
import { Housekeeping } from "./housekeeping.ts";
import { Ingest, type RowInput, type Tally } from "./ingest.ts";
import { metadataKey } from "./keys.ts";
import type { Rung } from "./ladder.ts";
import { packInTurns, packsLong } from "./labels-record.ts";
import { type AppendLog, fileOf, LOG_FILE_BYTES_MAX } from "./log.ts";
import { keepersOf } from "./log-keepers.ts";
import type { Marks } from "./marks.ts";
import { type ClockJump, FUTURE_MS_MAX, SERIES_MAX, type TsdbOptions } from "./options.ts";
import type { PartReader } from "./parts.ts";
import { Sealer } from "./sealer.ts";
import { boundedMetadata, hasRoom } from "./series-limit.ts";
import { sealRecord } from "./segment.ts";
import { formatBytes, freeBytes, reserveOf } from "./space.ts";

/** A log file is closed after this long even when small, so that its space comes back. */
const LOG_FILE_MS_MAX = 15 * 60_000;
/** Rows in memory while nothing can be written: then the oldest are given up, and said so. */
const HELD_SAMPLES_MAX = 32 * 1024 * 1024;
/** Retention looks this often; chunks are half an hour long, so more often gains nothing. */
const RETENTION_EVERY_MS = 60_000;
/** Families described at most; a page that invents names must not fill the memory. */
const FAMILIES_MAX = 100_000;

export interface StoreParts {
  readonly options: TsdbOptions;
  readonly ladder: readonly Rung[];
  readonly db: ByteLevel;
  readonly head: Head;
  readonly log: AppendLog;
  readonly damage: Damage;
  readonly marks: Marks;
  readonly metadata: Map<string, Metadata>;
  readonly reader: PartReader;
}

export class Store implements AppenderHost {
  readonly #parts: StoreParts;
  readonly #ingest: Ingest;
  readonly sealer: Sealer;
  readonly #plans = new WeakMap<Float64Array, RowPlan>();
  readonly #undescribed = new Map<string, Metadata>();
  readOnly: string | undefined;
  readonly #door: DatabaseDoor;
  #closed = false;
  lastSyncAt: Timestamp | undefined;
  readonly totals = { duplicate: 0, outOfBounds: 0, limited: 0, outOfOrder: 0 };
  #fileSince: number;
  /** The marks know all files before this one. */
  #notedBefore = 0;
  #retentionAt: number;
  readonly #housekeeping: Housekeeping;
  #upkeep: Promise<void> = Promise.resolve();
  #logPins = 0;

  constructor(parts: StoreParts) {
    this.#parts = parts;
    const { clock } = parts.options;
    this.#fileSince = clock.monotonic();
    this.#retentionAt = clock.monotonic();
    this.#door = new DatabaseDoor(parts);
    this.sealer = new Sealer(parts.head, parts.db, {
      failed: (error) => this.#databaseFailed(error),
    });
    this.#housekeeping = new Housekeeping(parts, this.sealer);
    this.#ingest = new Ingest(parts.head, parts.log, {
      seal: (group, late) => this.seal(group, late, parts.log.position),
      write: (payload) => this.#write(payload),
      writable: () => this.readOnly === undefined,
    });
  }

  series(labels: Labels): SeriesRef {
    const { index } = this.#parts.head;
    const known = index.find(labels);
    if (known !== NO_REF) return known;
    const { maxSeries = SERIES_MAX } = this.#parts.options;
    return hasRoom(index.size, maxSeries, labels) ? index.add(labels) : NO_REF;
  }

  bounds(): readonly [min: Timestamp, max: Timestamp] {
    const { clock, retentionMs = 0, maxFutureMs = FUTURE_MS_MAX } = this.#parts.options;
    const now = clock.now();
    return [retentionMs > 0 ? now - retentionMs : Number.MIN_SAFE_INTEGER, now + maxFutureMs];
  }

  #plan(refs: Float64Array, count: number): RowPlan {
    const known = this.#plans.get(refs);
    if (this.#parts.head.isCurrent(known, refs, count)) return known;
    const plan = this.#parts.head.planRow(refs, count);
    this.#plans.set(refs, plan);
    return plan;
  }

  /** At once for what comes as it should: in order, while the database keeps up. */
  commit(batch: Batch, patient = true): AppendResult | Promise<AppendResult> {
    this.mustBeOpen();
    const tally: Tally = { accepted: 0, duplicate: 0, outOfOrder: 0 };
    let { limited } = batch;
    const rows = batch.rows.map(({ refs, t, values, count, stale }): RowInput => {
      const plan = this.#plan(refs, count);
      limited += plan.refused;
      return { plan, t, values, stale };
    });
    const wide = rows.find(({ plan }) => packsLong(plan.group));
    if (wide !== undefined && patient && this.readOnly === undefined) {
      const { index } = this.#parts.head;
      const packed = packInTurns(wide.plan.group, (ref) => index.makeLabels(ref));
      return packed.then(() => this.commit(batch, false));
    }
    const known = withoutSealed(this.#parts, { rows, loose: batch.loose }, tally);
    if (known instanceof Promise) return known.then((incoming) => this.#apply(batch, incoming, tally, limited));
    return this.#apply(batch, known, tally, limited);
  }

  #apply(batch: Batch, { rows, loose }: Incoming, tally: Tally, limited: number): AppendResult | Promise<AppendResult> {
    const described = batch.described.flatMap(([family, metadata]) => this.describe(family, metadata));
    const durable = this.#ingest.commit(rows, loose, described, tally);
    const { accepted, duplicate, outOfOrder } = tally;
    const result: AppendResult = { accepted, duplicate, outOfBounds: batch.outOfBounds, limited };
    this.totals.duplicate += duplicate;
    this.totals.outOfOrder += outOfOrder;
    this.totals.outOfBounds += batch.outOfBounds;
    this.totals.limited += limited;
    if (this.sealer.queued > 0 && this.readOnly === undefined) {
      void this.sealer.kick();
      const room = this.sealer.room();
      if (room !== undefined) return room.then(() => this.#told(durable, result));
    }
    return this.#told(durable, result);
  }

  /** @throws UserError `store-read-only`. */
  #told(durable: boolean, result: AppendResult): AppendResult {
    if (!durable) {
      const why = this.readOnly ?? "the log refuses writes";
      const hint = "free space on the disk of the data directory; writing resumes by itself";
      throw new UserError("store-read-only", `samples are held in memory only: ${why}`, { hint, exit: EXIT.damaged });
    }
    if (this.#parts.log.fileBytes > (this.#parts.options.logFileBytes ?? LOG_FILE_BYTES_MAX)) this.#rotate();
    return result;
  }

  /** @returns what of it is news. */
  describe(family: string, told: Metadata): readonly (readonly [string, Metadata])[] {
    const { metadata: known } = this.#parts;
    const { type, help, unit } = known.get(family) ?? {};
    if (type === told.type && help === told.help && unit === told.unit) return [];
    const metadata = boundedMetadata(family, told);
    if (metadata === undefined || (type === undefined && known.size >= FAMILIES_MAX)) return [];
    known.set(family, metadata);
    this.#undescribed.set(family, metadata);
    return [[family, metadata]];
  }

  /** @throws UserError `store-closed`. */
  mustBeOpen(): void {
    if (this.#closed)
      throw new UserError("store-closed", "the store is closed", { hint: "the engine is shutting down" });
  }

  #write(payload: Uint8Array): boolean {
    try {
      this.#parts.log.write(payload);
      return true;
    } catch (error) {
      this.#turnReadOnly(`the append log cannot be written: ${errorText(error)}`);
      return false;
    }
  }

  #rotate(): void {
    try {
      this.#parts.log.rotate();
      this.#fileSince = this.#parts.options.clock.monotonic();
    } catch (error) {
      this.#turnReadOnly(`a new log file cannot be made: ${errorText(error)}`);
    }
  }

  /** Takes a chunk out of the head. */
  seal(group: Group, late: boolean, until: number): void {
    const chunk = group.detach(late, this.#parts.head.nextSeq, until);
    if (chunk === undefined) return;
    this.#parts.head.nextSeq++;
    this.sealer.add(group, chunk);
    // The next row is written whole, so that one damaged record never reaches past a chunk.
    if (!late) group.chain.next = 0;
  }

  /**
   * LevelDB leaves half a record in its journal when a write fails, goes on behind it, and on the next opening drops
   * what follows. So after the first failure nothing is written until the database was closed and opened again.
   */
  #databaseFailed(error: unknown): void {
    this.#door.mustReopen = true;
    this.#turnReadOnly(`the database refuses writes: ${errorText(error)}`);
  }

  /** Has `work` change the files of the database, which is closed for that long: samples are held in memory. */
  mend(reason: string, work: () => Promise<void>): Promise<void> {
    const done = this.#door.whenClosed(work);
    this.#turnReadOnly(reason);
    return done;
  }

  #turnReadOnly(reason: string): void {
    if (this.readOnly !== undefined) return;
    this.readOnly = reason;
    this.#parts.options.log.error("the store turned read-only; samples are held in memory", { reason });
    this.#parts.marks.begin(this.#parts.options.clock.now(), reason);
  }

  #watchSpace(): void {
    const free = freeBytes(this.#parts.options.dir);
    const reserve = reserveOf(this.#parts.options);
    if (free < reserve) {
      this.#turnReadOnly(`the disk has ${formatBytes(free)} left, ${formatBytes(reserve)} are kept in reserve`);
    }
  }

  /** Tries to write again: a fresh log file, then everything that memory holds. */
  async #recover(): Promise<void> {
    if (freeBytes(this.#parts.options.dir) < reserveOf(this.#parts.options) * 1.05) return;
    const { clock, log } = this.#parts.options;
    const reason = this.readOnly ?? "";
    if (!(await this.#door.reopen())) return;
    try {
      this.#parts.log.rotate();
    } catch {
      return;
    }
    this.readOnly = undefined;
    await this.flush();
    if (this.readOnly !== undefined) return;
    this.#parts.marks.end(clock.now());
    log.info("the store writes again", { after: reason });
  }

  /** One round of upkeep; rounds never overlap. */
  tick(): Promise<void> {
    this.#upkeep = this.#upkeep
      .then(() => this.#round())
      .catch((error: unknown) => {
        this.#parts.options.log.error("upkeep of the store failed", { error: errorText(error) });
      });
    return this.#upkeep;
  }

  async #round(): Promise<void> {
    if (this.#closed) return;
    this.#housekeeping.clock.trusts();
    this.#watchSpace();
    if (this.readOnly !== undefined) {
      this.#boundMemory();
      await this.#recover();
      return;
    }
    await this.sync();
    this.#noteLog();
    const mono = this.#parts.options.clock.monotonic();
    if (mono - this.#fileSince > LOG_FILE_MS_MAX && this.#parts.log.fileBytes > 64) this.#rotate();
    for (const { group, late } of keepersOf(this.#parts.head.groups, this.#parts.log.position))
      this.seal(group, late, this.#parts.log.position);
    await this.sealer.kick();
    await this.#saveMetadata();
    this.#dropLog();
    await this.#housekeeping.rollUp().catch((error: unknown) => this.#databaseFailed(error));
    if (mono - this.#retentionAt >= RETENTION_EVERY_MS) {
      const more = await this.#housekeeping.applyRetention().catch((error: unknown) => this.#databaseFailed(error));
      this.#retentionAt = more === true ? Number.NEGATIVE_INFINITY : mono;
    }
  }

  async sync(): Promise<void> {
    try {
      await this.#parts.log.sync();
      this.lastSyncAt = this.#parts.options.clock.now();
    } catch (error) {
      this.#turnReadOnly(`the append log cannot be synced: ${errorText(error)}`);
    }
  }

  /** What is known of closed files is written when there is a new one. */
  #noteLog(closed = false): void {
    const { log, marks } = this.#parts;
    if (!closed && log.fileNumber === this.#notedBefore) return;
    this.#notedBefore = log.fileNumber;
    marks.noteLog(log.closed().map(({ number, bytes }) => [number, bytes]));
  }

  #dropLog(): void {
    if (this.readOnly !== undefined || this.#undescribed.size > 0 || this.#logPins > 0) return;
    let oldest = this.#parts.log.position;
    for (const group of this.#parts.head.groups.values()) oldest = Math.min(oldest, group.oldestNeeded());
    const { log, marks } = this.#parts;
    const file = fileOf(oldest);
    if (log.oldest >= file) return;
    marks.dropLog(file);
    log.dropBefore(file);
  }

  async #saveMetadata(): Promise<void> {
    if (this.#undescribed.size === 0) return;
    const saved = [...this.#undescribed];
    const ops = saved.map(([family, metadata]): LevelOp => {
      const key = metadataKey(family);
      return { type: "put", key, value: sealRecord(key, new TextEncoder().encode(JSON.stringify(metadata))) };
    });
    try {
      await this.#parts.db.batch(ops, { sync: true });
    } catch (error) {
      return this.#databaseFailed(error);
    }
    for (const [family, metadata] of saved) {
      if (this.#undescribed.get(family) === metadata) this.#undescribed.delete(family);
    }
  }

  /** While nothing can be written, gives up the oldest held chunks past the bound. */
  #boundMemory(): void {
    let held = 0;
    for (const group of this.#parts.head.groups.values()) held += group.headSamples;
    while (held > HELD_SAMPLES_MAX) {
      const lost = this.sealer.giveUpOldest();
      if (lost === undefined) return;
      held -= lost.samples;
      const reason = "held in memory past its bound, given up";
      this.#parts.marks.addGap({ from: lost.start, to: lost.end, reason, lost: true });
    }
  }

  clockJumps(): readonly ClockJump[] {
    return this.#housekeeping.clock.jumps();
  }

  /** A copy of the store as it is now, while it goes on. @throws UserError `target-not-empty`. */
  async backup(target: string, wishes?: BackupOptions): Promise<BackupReport> {
    this.#logPins++;
    try {
      const { options, db } = this.#parts;
      return await backupTo(options.dir, db, target, options.clock.now(), wishes);
    } finally {
      this.#logPins--;
    }
  }

  /** Carries everything that is sealed to the database, or until it refuses; somebody may be at work there already. */
  async drain(): Promise<void> {
    do await this.sealer.kick();
    while (this.sealer.queued > 0 && this.readOnly === undefined);
  }

  /** Seals everything and carries it to the database. */
  async flush(): Promise<void> {
    const { head, log } = this.#parts;
    for (const group of head.groups.values()) {
      this.seal(group, false, log.position);
      this.seal(group, true, log.position);
    }
    await this.drain();
    await this.#saveMetadata();
    if (this.readOnly === undefined && log.fileBytes > 64) this.#rotate();
    this.#dropLog();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#upkeep;
    if (this.readOnly === undefined) await this.drain();
    if (this.readOnly === undefined) {
      await this.#saveMetadata();
      await this.sync();
      this.#dropLog();
    }
    this.#parts.log.close();
    this.#noteLog(true);
    await this.#parts.db.close();
  }
}
