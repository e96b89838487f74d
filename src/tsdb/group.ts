/**
 * A group: series whose samples come at the same times, usually one target's page. Its columns only ever grow, so a
 * column number means the same series in every chunk. In-order rows go to `open`, rows older than what is sealed go to
 * `late`; both become chunks. A group too full of ended series is retired and its living series move to a new one.
 */
import type { SeriesRef, Timestamp } from "../model/sample.ts";
import type { SpareBlock } from "./blocks.ts";
import type { LogPosition } from "./log.ts";
import { type Chain, newChain } from "./log-format.ts";
import { grown } from "./postings.ts";
import { Rows } from "./rows.ts";
import type { RowsView } from "./rows-view.ts";

/** Number of the chunks that hold one aggregate of one tier; tier 0 (raw samples) has one plane. */
export function planeTier(tier: number, plane: number): number {
  return tier === 0 ? 0 : tier * 8 + plane;
}

/** A chunk in the database. */
export interface ChunkMeta {
  /** As `planeTier` numbers them. */
  readonly tier: number;
  readonly start: Timestamp;
  readonly end: Timestamp;
  /** Order of writing: where two chunks hold one time, the lower number was there first. */
  readonly seq: number;
  readonly group: number;
  readonly rows: number;
  readonly columns: number;
  readonly samples: number;
  readonly bytes: number;
  readonly late: boolean;
  /** Which chunk of its group this is, counted from 0: a gap means that one was lost. */
  readonly ordinal: number;
}

/** A chunk that is full and on its way to the database. */
export interface PendingChunk {
  readonly view: RowsView;
  readonly seq: number;
  readonly late: boolean;
  readonly samples: number;
  readonly start: Timestamp;
  readonly end: Timestamp;
  /** Its first record in the append log. */
  readonly since: LogPosition;
  /** All its records stand before this. */
  readonly until: LogPosition;
}

/** At most this many doubles in one open chunk (32 MB): very wide pages get fewer rows. */
const CELLS_MAX = 4 * 1024 * 1024;
const ROWS_MIN = 8;
/** A chunk spans at most a day, so a read need not look further back than that. */
export const CHUNK_SPAN_MS_MAX: number = 86_400_000;

export class Group {
  readonly id: number;
  /** Series of the columns; NO_REF behind the last one, for columns to come. */
  refs: Uint32Array<ArrayBuffer> = new Uint32Array(0);
  /** Only ever grows. */
  columns = 0;
  open: Rows | undefined;
  openSince: LogPosition = 0;
  late: Rows | undefined;
  lateSince: LogPosition = 0;
  readonly pending: PendingChunk[] = [];
  /** Sorted by start, then seq. */
  readonly chunks: ChunkMeta[] = [];
  /** Last time in an in-order chunk. */
  sealedEnd: Timestamp = Number.NEGATIVE_INFINITY;
  /** Records before these positions are in the database. */
  openUntil: LogPosition = 0;
  lateUntil: LogPosition = 0;
  chain: Chain = newChain();
  /** Log file that `chain` and `defined` belong to. */
  chainFile = -1;
  /** Columns whose labels the current log file holds. */
  defined = 0;
  /** Columns whose labels the database holds. */
  saved = 0;
  /** Columns whose labels the database holds twice. */
  copied = 0;
  /** Labels of columns 0 to `columns` as the log and the database hold them: asked for with every new log file. */
  packed: { readonly columns: number; readonly bytes: Uint8Array } | undefined;
  retired = false;
  /** By tier: end of the last bucket that is rolled up. */
  readonly rolled: number[] = [];
  /** Ordinal of the next chunk. */
  nextOrdinal = 0;
  /** All chunks before this ordinal were dropped by retention … */
  floor = 0;
  /** … and these after it. */
  readonly dropped: Set<number> = new Set();
  /** Rows at which the open chunk is sealed; the first chunk is shorter, so that groups do not seal all at once. */
  rowsMax: number;
  readonly #rowsFull: number;
  /** Memory of the last chunk, for the next one. */
  #spare: SpareBlock | undefined;

  constructor(id: number, chunkRows: number) {
    this.id = id;
    this.#rowsFull = chunkRows;
    const half = chunkRows >> 1;
    this.rowsMax = half < 4 ? chunkRows : half + ((id * 37) % half);
  }

  rowLimit(): number {
    return Math.max(ROWS_MIN, Math.min(this.rowsMax, Math.floor(CELLS_MAX / Math.max(1, this.columns))));
  }

  addColumn(ref: SeriesRef): number {
    this.refs = grown(this.refs, this.columns + 1);
    this.refs[this.columns] = ref;
    return this.columns++;
  }

  /** Adds so many columns without a series. */
  addColumns(count: number): void {
    if (count <= 0) return;
    this.reserve(this.columns + count);
    this.columns += count;
  }

  /** Makes room for that many columns, no more. */
  reserve(columns: number): void {
    if (this.refs.length >= columns) return;
    const refs = new Uint32Array(columns);
    refs.set(this.refs);
    this.refs = refs;
  }

  /** Whether a sample at `t` belongs to the late chunk. */
  isLate(t: Timestamp): boolean {
    return t <= this.sealedEnd || (this.open !== undefined && this.open.rows > 0 && t < this.open.firstT);
  }

  /** The matrix for samples of that kind, wide enough for all columns. */
  rowsFor(late: boolean, at: LogPosition): Rows {
    let rows = late ? this.late : this.open;
    if (rows === undefined) {
      rows = new Rows(this.columns, late ? undefined : this.#spare);
      if (late) {
        this.late = rows;
        this.lateSince = at;
      } else {
        this.#spare = undefined;
        this.open = rows;
        this.openSince = at;
      }
    }
    rows.widen(this.columns);
    return rows;
  }

  /** Whether a new row at `t` has to go into the next chunk. */
  mustSeal(late: boolean, t: Timestamp): boolean {
    const rows = late ? this.late : this.open;
    if (rows === undefined || rows.rows === 0 || rows.has(t)) return false;
    const span = Math.max(t, rows.lastT) - Math.min(t, rows.firstT);
    return rows.rows >= this.rowLimit() || span > CHUNK_SPAN_MS_MAX;
  }

  /** Whether there is a row for that time. */
  holds(late: boolean, t: Timestamp): boolean {
    return (late ? this.late : this.open)?.has(t) === true;
  }

  /** Whether `fresh` more rows would make it seal on the way, though they would fit in a chunk of their own. */
  overflows(late: boolean, fresh: number): boolean {
    const rows = late ? this.late : this.open;
    if (rows === undefined || rows.rows === 0) return false;
    const limit = this.rowLimit();
    return rows.rows + fresh > limit && fresh <= limit;
  }

  /** Takes the matrix out of the head; it is immutable from here on. */
  detach(late: boolean, seq: number, until: LogPosition): PendingChunk | undefined {
    const rows = late ? this.late : this.open;
    if (rows === undefined || rows.rows === 0) return undefined;
    const chunk: PendingChunk = {
      view: rows.finish(),
      seq,
      late,
      samples: rows.samples,
      start: rows.firstT,
      end: rows.lastT,
      since: late ? this.lateSince : this.openSince,
      until,
    };
    if (late) {
      this.late = undefined;
    } else {
      this.#spare = rows.takeSpare();
      this.open = undefined;
      this.sealedEnd = Math.max(this.sealedEnd, chunk.end);
      this.rowsMax = this.#rowsFull;
    }
    this.pending.push(chunk);
    return chunk;
  }

  addChunk(chunk: ChunkMeta): void {
    let at = this.chunks.length;
    while (at > 0 && isAfter(this.chunks[at - 1] as ChunkMeta, chunk)) at--;
    this.chunks.splice(at, 0, chunk);
    const tier = chunk.tier >> 3;
    if (tier > 0) this.rolled[tier] = Math.max(this.rolledEnd(tier), chunk.end);
    else if (!chunk.late) {
      this.sealedEnd = Math.max(this.sealedEnd, chunk.end);
      this.rowsMax = this.#rowsFull;
    }
  }

  /** End of the last bucket rolled up for `tier`; -Infinity when none is. */
  rolledEnd(tier: number): Timestamp {
    return this.rolled[tier] ?? Number.NEGATIVE_INFINITY;
  }

  /** Takes chunks out that retention drops. */
  dropChunks(gone: ReadonlySet<ChunkMeta>): void {
    const kept = this.chunks.filter((chunk) => !gone.has(chunk));
    this.forgetOrdinals(this.chunks.flatMap((chunk) => (gone.has(chunk) ? [chunk.ordinal] : [])));
    this.chunks.splice(0, this.chunks.length, ...kept);
  }

  /** Chunks with these numbers are missed no more. */
  forgetOrdinals(ordinals: readonly number[]): void {
    for (const ordinal of ordinals) this.dropped.add(ordinal);
    while (this.dropped.delete(this.floor)) this.floor++;
  }

  /** Ordinals that should be there and are not. */
  lostOrdinals(): number[] {
    const there = new Set(this.chunks.map((chunk) => chunk.ordinal));
    const lost: number[] = [];
    for (let n = this.floor; n < this.nextOrdinal; n++) if (!there.has(n) && !this.dropped.has(n)) lost.push(n);
    return lost;
  }

  /** The oldest record of the append log that is still needed; Infinity when none is. */
  oldestNeeded(): LogPosition {
    let oldest = Number.POSITIVE_INFINITY;
    if (this.open !== undefined && this.open.rows > 0) oldest = Math.min(oldest, this.openSince);
    if (this.late !== undefined && this.late.rows > 0) oldest = Math.min(oldest, this.lateSince);
    for (const chunk of this.pending) oldest = Math.min(oldest, chunk.since);
    return oldest;
  }

  /** First time that is not in the database; Infinity when all are. */
  oldestUnsealed(): Timestamp {
    let oldest = Number.POSITIVE_INFINITY;
    for (const rows of [this.open, this.late])
      if (rows !== undefined && rows.rows > 0) oldest = Math.min(oldest, rows.firstT);
    for (const chunk of this.pending) oldest = Math.min(oldest, chunk.start);
    return oldest;
  }

  get headSamples(): number {
    return (
      (this.open?.samples ?? 0) +
      (this.late?.samples ?? 0) +
      this.pending.reduce((sum, chunk) => sum + chunk.samples, 0)
    );
  }

  isEmpty(): boolean {
    return this.chunks.length === 0 && this.oldestNeeded() === Number.POSITIVE_INFINITY;
  }
}

function isAfter(a: ChunkMeta, b: ChunkMeta): boolean {
  return a.start > b.start || (a.start === b.start && a.seq > b.seq);
}
