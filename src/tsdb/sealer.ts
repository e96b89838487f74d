/**
 * Carries full chunks from the head into the database, oldest first, a few at a time in one synchronous batch:
 * segments, headers, labels of new columns, and how far the append log is now covered. A chunk leaves memory only when
 * the disk has it; when the disk refuses, the queue waits for `kick`.
 */
import type { ByteLevel, LevelOp } from "../base/leveldb.ts";
import { type BuiltChunk, buildChunk, buildChunkInTurns, type RawChunk } from "./chunk.ts";
import { ByteWriter } from "./bytes.ts";
import type { Group, PendingChunk } from "./group.ts";
import type { Head } from "./head.ts";
import { groupKey, watermarkKey } from "./keys.ts";
import { packColumns } from "./labels-record.ts";
import { sealRecord } from "./segment.ts";

/** The second copy of a group's labels is written with this chunk, so that a flipped byte costs no history. */
const COPY_AFTER_CHUNKS = 8;
/** A column with samples in fewer than one of so many rows, and none in the last, is taken out of its group. */
const SPARSE_SHARE = 4;
const SPARSE_ROWS_MIN = 8;
/** Narrower groups are never worth retiring. */
const RETIRE_COLUMNS_MIN = 64;

/** One batch: as many chunks of lonely series as this … */
const BATCH_CHUNKS_MAX = 512;
/** … or as many doubles of wide ones: four chunks of a 1000-series page. */
const BATCH_CELLS_MAX = 480_000;

/** A wider chunk is encoded segment by segment, in turns: at 100,000 columns that is a quarter of a second. */
const COLUMNS_AT_ONCE_MAX = 8_192;

/** Chunks waiting for the database before a writer has to wait with them: some 100 MB of 1000-series pages. */
const SEAL_QUEUE_MAX = 100;

interface Job {
  readonly group: Group;
  readonly chunk: PendingChunk;
}

interface Prepared {
  readonly ops: LevelOp[];
  readonly done: () => void;
}

/** Nobody else gives out numbers meanwhile. */
function rawChunk({ group, chunk: { seq, late, view } }: Job): RawChunk {
  return { tier: 0, group: group.id, seq, ordinal: group.nextOrdinal, late, view };
}

export interface SealerHooks {
  /** The database refused a batch; nothing is lost, the queue stands still. */
  failed(error: unknown): void;
}

/** The record that says how far the append log is covered and which chunks there should be. */
export function watermarkOp(group: Group, openUntil: number, lateUntil: number, nextOrdinal: number): LevelOp {
  const key = watermarkKey(group.id);
  const out = new ByteWriter(24);
  out.f64(openUntil);
  out.f64(lateUntil);
  out.varint(nextOrdinal);
  out.varint(group.floor);
  out.varint(group.dropped.size);
  for (const ordinal of group.dropped) out.varint(ordinal);
  return { type: "put", key, value: sealRecord(key, out.view()) };
}

export class Sealer {
  readonly #head: Head;
  readonly #db: ByteLevel;
  readonly #hooks: SealerHooks;
  readonly #queue: Job[] = [];
  #running: Promise<void> | undefined;
  /** Writers that wait for room in the queue. */
  #waiting: (() => void)[] = [];

  constructor(head: Head, db: ByteLevel, hooks: SealerHooks) {
    this.#head = head;
    this.#db = db;
    this.#hooks = hooks;
  }

  get queued(): number {
    return this.#queue.length;
  }

  add(group: Group, chunk: PendingChunk): void {
    this.#queue.push({ group, chunk });
  }

  /** Forgets the oldest waiting chunk for good. @returns what was given up. */
  giveUpOldest(): PendingChunk | undefined {
    if (this.#running !== undefined) return undefined;
    const job = this.#queue.shift();
    job?.group.pending.splice(job.group.pending.indexOf(job.chunk), 1);
    return job?.chunk;
  }

  /** Runs `job` while nothing is being sealed, so that chunk numbers are given out by one at a time. */
  async alone<T>(job: () => Promise<T>): Promise<T> {
    while (this.#running !== undefined) await this.#running;
    const done = job();
    this.#running = done.then(
      () => undefined,
      () => undefined,
    );
    try {
      return await done;
    } finally {
      this.#running = undefined;
      this.#letGo();
    }
  }

  /** For writers, once they kicked: until few chunks are left, or the disk refused. @returns undefined when few are. */
  room(): Promise<void> | undefined {
    if (this.#queue.length <= SEAL_QUEUE_MAX || this.#running === undefined) return undefined;
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }

  #letGo(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  /** Works the queue off unless that is going on already. @returns when it is empty or the disk refused. */
  kick(): Promise<void> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      this.#letGo();
    });
    return this.#running;
  }

  async #run(): Promise<void> {
    for (let jobs = this.#nextJobs(); jobs.length > 0; jobs = this.#nextJobs()) {
      try {
        await this.#store(jobs);
      } catch (error) {
        this.#hooks.failed(error);
        return;
      }
      this.#queue.splice(0, jobs.length);
      if (this.#queue.length <= SEAL_QUEUE_MAX) this.#letGo();
    }
  }

  /** The oldest jobs that go into one batch: a sync costs the same for one chunk as for many small ones. */
  #nextJobs(): readonly Job[] {
    const groups = new Set<Group>();
    let cells = 0;
    let count = 0;
    for (const { group, chunk } of this.#queue) {
      // A second chunk of a group builds on what the first one leaves.
      if (count >= BATCH_CHUNKS_MAX || cells >= BATCH_CELLS_MAX || groups.has(group)) break;
      groups.add(group);
      cells += chunk.view.rows * chunk.view.columns;
      count++;
    }
    return this.#queue.slice(0, count);
  }

  /** Labels of columns the database does not have yet, and the late second copy. */
  #labelOps(group: Group, upTo: number): LevelOp[] {
    const ops: LevelOp[] = [];
    const put = (copy: "g" | "h", from: number): void => {
      const key = groupKey(copy, group.id, from);
      const packed = packColumns(group, from, upTo, (ref) => this.#head.index.makeLabels(ref));
      ops.push({ type: "put", key, value: sealRecord(key, packed, true) });
    };
    if (group.saved < upTo) put("g", group.saved);
    if (group.chunks.length >= COPY_AFTER_CHUNKS && group.copied < upTo) put("h", group.copied);
    return ops;
  }

  async #store(jobs: readonly Job[]): Promise<void> {
    const prepared: Prepared[] = [];
    for (const job of jobs) {
      const isWide = job.chunk.view.columns > COLUMNS_AT_ONCE_MAX;
      prepared.push(this.#prepare(job, isWide ? await buildChunkInTurns(rawChunk(job)) : buildChunk(rawChunk(job))));
    }
    await this.#db.batch(
      prepared.flatMap(({ ops }) => ops),
      { sync: true },
    );
    for (const { done } of prepared) done();
  }

  #prepare({ group, chunk }: Job, built: BuiltChunk): Prepared {
    const { view, late } = chunk;
    const { columns } = view;
    const openUntil = late ? group.openUntil : chunk.until;
    const lateUntil = late ? chunk.until : group.lateUntil;
    const copies = group.chunks.length >= COPY_AFTER_CHUNKS;
    const nextOrdinal = built.meta.ordinal + 1;
    const watermark = watermarkOp(group, openUntil, lateUntil, nextOrdinal);
    const done = (): void => {
      group.openUntil = openUntil;
      group.lateUntil = lateUntil;
      group.nextOrdinal = nextOrdinal;
      group.saved = Math.max(group.saved, columns);
      if (copies) group.copied = Math.max(group.copied, columns);
      group.pending.splice(group.pending.indexOf(chunk), 1);
      group.addChunk(built.meta);
      if (!late) this.#tidy(group, built);
    };
    return { ops: [...built.ops, ...this.#labelOps(group, columns), watermark], done };
  }

  /** Unsettles series that stopped coming with their group, and retires a group that is mostly such series. */
  #tidy(group: Group, { counts, meta }: BuiltChunk): void {
    if (meta.rows < SPARSE_ROWS_MIN || group.retired) return;
    const open = group.open?.view();
    let leaving = 0;
    for (let column = 0; column < counts.length; column++) {
      const ref = group.refs[column] as number;
      if (this.#head.homeGroupId(ref) !== group.id) {
        leaving++;
      } else if ((counts[column] as number) * SPARSE_SHARE < meta.rows && !comesNow(open, column)) {
        this.#head.unsettle(ref);
        leaving++;
      }
    }
    if (group.columns >= RETIRE_COLUMNS_MIN && leaving * 2 > group.columns) this.#head.retire(group);
  }
}

/** Whether the newest row of the next chunk has a sample in this column. */
function comesNow(open: ReturnType<NonNullable<Group["open"]>["view"]> | undefined, column: number): boolean {
  if (open === undefined || open.rows === 0) return false;
  const cells = open.partial[open.rows - 1];
  return cells === undefined ? column < open.columns : (cells[column] ?? 0) !== 0;
}
