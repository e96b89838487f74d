/**
 * Carries full chunks from the head into the database, one at a time, oldest first, each as one synchronous batch:
 * segments, header, labels of new columns, and how far the append log is now covered. A chunk leaves memory only when
 * the disk has it; when the disk refuses, the queue waits for `kick`.
 */
import type { ByteLevel, LevelOp } from "../base/leveldb.ts";
import { type BuiltChunk, buildChunk } from "./chunk.ts";
import { ByteWriter } from "./bytes.ts";
import { type Group, labelsFrom, type PendingChunk } from "./group.ts";
import type { Head } from "./head.ts";
import { groupKey, watermarkKey } from "./keys.ts";
import { packLabels } from "./labels-record.ts";
import { sealRecord } from "./segment.ts";

/** The second copy of a group's labels is written with this chunk, so that a flipped byte costs no history. */
const COPY_AFTER_CHUNKS = 8;
/** A column with samples in fewer than one of so many rows, and none in the last, is taken out of its group. */
const SPARSE_SHARE = 4;
const SPARSE_ROWS_MIN = 8;
/** Narrower groups are never worth retiring. */
const RETIRE_COLUMNS_MIN = 64;

export interface SealerHooks {
  /** The database refused a batch; nothing is lost, the queue stands still. */
  failed(error: unknown): void;
  sealed(built: BuiltChunk): void;
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
  readonly #queue: { readonly group: Group; readonly chunk: PendingChunk }[] = [];
  #running: Promise<void> | undefined;

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
    }
  }

  /** Works the queue off unless that is going on already. @returns when it is empty or the disk refused. */
  kick(): Promise<void> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #run(): Promise<void> {
    for (let job = this.#queue[0]; job !== undefined; job = this.#queue[0]) {
      try {
        await this.#store(job.group, job.chunk);
      } catch (error) {
        this.#hooks.failed(error);
        return;
      }
      this.#queue.shift();
    }
  }

  /** Labels of columns the database does not have yet, and the late second copy. */
  #labelOps(group: Group, upTo: number): LevelOp[] {
    const ops: LevelOp[] = [];
    const put = (copy: "g" | "h", from: number): void => {
      const key = groupKey(copy, group.id, from);
      const labels = labelsFrom(group, from, (ref) => this.#head.index.labels(ref)).slice(0, upTo - from);
      ops.push({ type: "put", key, value: sealRecord(key, packLabels(labels)) });
    };
    if (group.saved < upTo) put("g", group.saved);
    if (group.chunks.length >= COPY_AFTER_CHUNKS && group.copied < upTo) put("h", group.copied);
    return ops;
  }

  async #store(group: Group, chunk: PendingChunk): Promise<void> {
    const { view, seq, late } = chunk;
    const built = buildChunk({ tier: 0, group: group.id, seq, ordinal: group.nextOrdinal, late, view });
    const columns = chunk.view.columns;
    const openUntil = chunk.late ? group.openUntil : chunk.until;
    const lateUntil = chunk.late ? chunk.until : group.lateUntil;
    const copies = group.chunks.length >= COPY_AFTER_CHUNKS;
    const ops = [
      ...built.ops,
      ...this.#labelOps(group, columns),
      watermarkOp(group, openUntil, lateUntil, built.meta.ordinal + 1),
    ];
    await this.#db.batch(ops, { sync: true });
    group.openUntil = openUntil;
    group.lateUntil = lateUntil;
    group.nextOrdinal = built.meta.ordinal + 1;
    group.saved = Math.max(group.saved, columns);
    if (copies) group.copied = Math.max(group.copied, columns);
    group.pending.splice(group.pending.indexOf(chunk), 1);
    group.addChunk(built.meta);
    this.#hooks.sealed(built);
    if (!chunk.late) this.#tidy(group, built);
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
