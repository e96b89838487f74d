/**
 * What a query reads: pieces of one group, each with shared timestamps and a way to get one column. A piece is a
 * chunk of the database, a chunk on its way there, or a snapshot of the head. Records are fetched ahead in two rounds
 * (headers, then the wanted segments), so that decoding later needs no waiting.
 */
import { errorText } from "../base/errors.ts";
import { type ByteLevel, isLevelDamage } from "../base/leveldb.ts";
import { nextTurn, overdue } from "../base/turns.ts";
import type { Timestamp } from "../model/sample.ts";
import { DamagedError } from "./bytes.ts";
import { ByteCache } from "./cache.ts";
import { type ChunkHeader, chunkName, readChunkHeader } from "./chunk.ts";
import { CELL_ABSENT } from "./column.ts";
import type { Damage } from "./damage.ts";
import { CHUNK_SPAN_MS_MAX, type ChunkMeta, type Group, planeTier } from "./group.ts";
import { chunkKey, segmentKey } from "./keys.ts";
import type { Rows } from "./rows.ts";
import { narrow, readColumn, type RowsView } from "./rows-view.ts";
import { openRecord, Segment, SEGMENT_COLUMNS } from "./segment.ts";

export interface Part {
  readonly start: Timestamp;
  readonly end: Timestamp;
  readonly rows: number;
  /** Shared timestamps, at least `rows` long. */
  readonly t: Float64Array;
  /** Where two parts hold one time, the lower number wins. */
  readonly order: number;
  /** By column the values of the only row, when each column has one. */
  readonly only?: Float64Array;
  /** Row-aligned values; @returns cells, undefined when every row has a value. */
  read(column: number, out: Float64Array): Uint8Array | undefined;
}

/** Records asked of LevelDB in one call: few round trips, bounded memory. */
const FETCH_RECORDS = 256;
/** Records decompressed between two looks at the clock: half a millisecond. */
const DECODED_AT_ONCE = 8;
/** Cache key = seq * this + segment + 1; header = segment -1. Groups have at most 16 k segments. */
const CACHE_SCALE = 65_537;
const HEADER_SLOT = -1;

/** Head pieces come after all chunks that exist; the late one last. */
const ORDER_OPEN = 2 ** 33;
const ORDER_LATE: number = ORDER_OPEN + 1;

function headPart(view: RowsView, order: number): Part {
  return {
    start: view.t[0] as number,
    end: view.t[view.rows - 1] as number,
    rows: view.rows,
    t: view.t,
    order,
    read: (column, out) => readColumn(view, column, out),
  };
}

function liveParts(group: Group, start: Timestamp, end: Timestamp): Part[] {
  const parts: Part[] = [];
  const addView = (whole: RowsView, order: number): void => {
    const view = narrow(whole, start, end);
    if (view.rows > 0) parts.push(headPart(view, order));
  };
  const add = (rows: Rows | undefined, order: number): void => {
    if (rows !== undefined && rows.rows > 0 && rows.firstT <= end && rows.lastT >= start) addView(rows.view(), order);
  };
  for (const chunk of group.pending) {
    if (chunk.start <= end && chunk.end >= start) addView(chunk.view, chunk.seq);
  }
  add(group.open, ORDER_OPEN);
  add(group.late, ORDER_LATE);
  return parts;
}

/** Chunks of one plane that overlap the range. */
function chunksIn(group: Group, start: Timestamp, end: Timestamp, tier: number): ChunkMeta[] {
  const { chunks } = group;
  let low = 0;
  let high = chunks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((chunks[middle] as ChunkMeta).start < start - CHUNK_SPAN_MS_MAX) low = middle + 1;
    else high = middle;
  }
  const found: ChunkMeta[] = [];
  for (let i = low; i < chunks.length && (chunks[i] as ChunkMeta).start <= end; i++) {
    const chunk = chunks[i] as ChunkMeta;
    if (chunk.end >= start && chunk.tier === tier) found.push(chunk);
  }
  return found;
}

/** Whether the group may hold samples in the range, raw or in one of the tiers up to `tier`; columns are not looked at. */
export function touches(group: Group, start: Timestamp, end: Timestamp, tier: number): boolean {
  if (isLive(group, start, end)) return true;
  for (let number = 0; number <= tier; number++) {
    if (chunksIn(group, start, end, planeTier(number, 0)).length > 0) return true;
  }
  return false;
}

/** Whether the head has rows in the range. */
function isLive({ open, late, pending }: Group, start: Timestamp, end: Timestamp): boolean {
  const overlaps = (rows: Rows | undefined): boolean =>
    rows !== undefined && rows.rows > 0 && rows.firstT <= end && rows.lastT >= start;
  return overlaps(open) || overlaps(late) || pending.some((chunk) => chunk.start <= end && chunk.end >= start);
}

/** What is wanted of one group. */
export interface Want {
  readonly group: Group;
  /** Segment numbers. */
  readonly segments: ReadonlySet<number>;
  readonly live: readonly Part[];
  readonly chunks: readonly ChunkMeta[];
}

/** One whole row of the head. */
function rowPart(t: Timestamp, values: Float64Array): Part {
  return {
    start: t,
    end: t,
    rows: 1,
    t: Float64Array.of(t),
    order: ORDER_OPEN,
    only: values,
    read(column, out) {
      if (column >= values.length) return ABSENT_ROW;
      out[0] = values[column] as number;
      return undefined;
    },
  };
}

const ABSENT_ROW = Uint8Array.of(CELL_ABSENT);

/** What holds the newest sample of every column from `start` to `end`; undefined when that takes a closer look. */
function newest(group: Group, segments: ReadonlySet<number>, start: Timestamp, end: Timestamp): Want | undefined {
  const row = group.open?.wholeRow(end);
  if (row === undefined || row.t < start || row.values.length < group.columns) return undefined;
  // Nothing else of the group is as new, but for a copy that was written late.
  const overlaps = ({ start: first, end: last }: { readonly start: Timestamp; readonly end: Timestamp }): boolean =>
    first <= end && last >= row.t;
  const { late, pending } = group;
  if (late !== undefined && late.rows > 0 && overlaps({ start: late.firstT, end: late.lastT })) return undefined;
  if (pending.some(overlaps) || chunksIn(group, row.t, end, 0).length > 0) return undefined;
  return { group, segments, live: [rowPart(row.t, row.values)], chunks: [] };
}

const NO_SEGMENTS: ReadonlySet<number> = new Set();

/** Whether every column of the group has a value that is its newest sample from `start` to `end`, told by one row. */
export function isWhole(group: Group, start: Timestamp, end: Timestamp): boolean {
  return newest(group, NO_SEGMENTS, start, end) !== undefined;
}

/** Raw samples in the range. @param newestOnly older ones of a series may be left out. */
export function want(
  group: Group,
  segments: ReadonlySet<number>,
  start: Timestamp,
  end: Timestamp,
  newestOnly = false,
): Want {
  const quick = newestOnly ? newest(group, segments, start, end) : undefined;
  return quick ?? { group, segments, live: liveParts(group, start, end), chunks: chunksIn(group, start, end, 0) };
}

/** All of one chunk, and nothing else. */
export function wholeChunk(group: Group, chunk: ChunkMeta): Want {
  const count = Math.ceil(chunk.columns / SEGMENT_COLUMNS);
  return { group, segments: new Set(Array.from({ length: count }, (_, i) => i)), live: [], chunks: [chunk] };
}

/** One plane of a tier in the range. */
export function wantPlane(
  group: Group,
  segments: ReadonlySet<number>,
  start: Timestamp,
  end: Timestamp,
  plane: number,
): Want {
  return { group, segments, live: [], chunks: chunksIn(group, start, end, plane) };
}

class ChunkPart implements Part {
  readonly start: Timestamp;
  readonly end: Timestamp;
  readonly rows: number;
  readonly t: Float64Array;
  readonly order: number;
  readonly segments = new Map<number, Segment>();

  constructor(meta: ChunkMeta, header: ChunkHeader) {
    this.start = meta.start;
    this.end = meta.end;
    this.rows = header.rows;
    this.t = header.t;
    this.order = meta.seq;
  }

  read(column: number, out: Float64Array): Uint8Array | undefined {
    const segment = this.segments.get(Math.floor(column / SEGMENT_COLUMNS));
    if (segment === undefined) return new Uint8Array(this.rows);
    try {
      return segment.read(column % SEGMENT_COLUMNS, out);
    } catch (error) {
      // The checksum held, so this is a bug or a checksum collision; either way no number is invented.
      if (error instanceof DamagedError) return new Uint8Array(this.rows);
      throw error;
    }
  }
}

interface Fetch<T> {
  readonly slot: number;
  readonly key: Uint8Array;
  readonly meta: ChunkMeta;
  readonly what: () => string;
  readonly decode: (record: Uint8Array) => T;
  readonly size: (value: T) => number;
  readonly done: (value: T) => void;
}

/** @returns for each key its record, undefined when there is none, or why it cannot be read. */
async function readRecords(db: ByteLevel, keys: Uint8Array[]): Promise<(Uint8Array | undefined | string)[]> {
  try {
    return await db.getMany(keys);
  } catch (error) {
    if (!isLevelDamage(error)) throw error;
  }
  // One unreadable table block fails the whole call, so ask for the records one by one.
  const records: (Uint8Array | undefined | string)[] = [];
  for (const key of keys) {
    records.push(
      await db.get(key).catch((error: unknown) => {
        if (isLevelDamage(error)) return errorText(error);
        throw error;
      }),
    );
  }
  return records;
}

/** Reads records through a cache of decoded ones. */
export class PartReader {
  readonly #db: ByteLevel;
  readonly #damage: Damage;
  readonly #headers: ByteCache<ChunkHeader>;
  readonly #segments: ByteCache<Segment>;
  #held: Promise<unknown> = Promise.resolve();

  constructor(db: ByteLevel, damage: Damage, cacheBytes: number) {
    this.#db = db;
    this.#damage = damage;
    this.#headers = new ByteCache(cacheBytes / 8);
    this.#segments = new ByteCache(cacheBytes - cacheBytes / 8);
  }

  /** Reads wait for `until`: the database is closed and opened again. */
  hold(until: Promise<unknown>): void {
    this.#held = until;
  }

  async #fetch<T>(
    jobs: readonly Fetch<T>[],
    cache: ByteCache<T>,
    warnings: Set<string>,
    gone: (m: ChunkMeta) => boolean,
  ): Promise<void> {
    const missing: Fetch<T>[] = [];
    for (const job of jobs) {
      const cached = cache.get(job.meta.seq * CACHE_SCALE + job.slot + 1);
      if (cached === undefined) missing.push(job);
      else job.done(cached);
    }
    for (let from = 0; from < missing.length; from += FETCH_RECORDS) {
      await this.#held;
      const batch = missing.slice(from, from + FETCH_RECORDS);
      const records = await readRecords(
        this.#db,
        batch.map((job) => job.key),
      );
      for (const [i, job] of batch.entries()) {
        if (i % DECODED_AT_ONCE === DECODED_AT_ONCE - 1 && overdue()) await nextTurn();
        const record = records[i];
        try {
          if (record === undefined) throw new DamagedError("the record is missing");
          if (typeof record === "string") throw new DamagedError(record);
          const value = job.decode(record);
          cache.set(job.meta.seq * CACHE_SCALE + job.slot + 1, value, job.size(value));
          job.done(value);
        } catch (error) {
          if (!(error instanceof DamagedError)) throw error;
          if (!gone(job.meta)) warnings.add(this.#damage.add(job.what(), error.message));
        }
      }
    }
  }

  /**
   * Loads all parts of the wanted groups, sorted by start.
   * @param warnings gets one sentence for each damaged record met.
   */
  async load(wants: readonly Want[], warnings: Set<string>): Promise<Map<Group, readonly Part[]>> {
    const gone = (meta: ChunkMeta): boolean =>
      !wants.some((w) => w.group.id === meta.group && w.group.chunks.includes(meta));
    const loaded = wants.map((w) => ({
      want: w,
      chunks: [] as { meta: ChunkMeta; header: ChunkHeader; part: ChunkPart }[],
    }));
    const headerJobs = loaded.flatMap(({ want: w, chunks }) =>
      w.chunks.map(
        (meta): Fetch<ChunkHeader> => ({
          slot: HEADER_SLOT,
          key: chunkKey(meta),
          meta,
          what: () => chunkName(meta),
          decode: (record) => readChunkHeader(meta, record),
          size: (header) => header.t.byteLength + (header.inline?.length ?? 0),
          done: (header) => void chunks.push({ meta, header, part: new ChunkPart(meta, header) }),
        }),
      ),
    );
    await this.#fetch(headerJobs, this.#headers, warnings, gone);
    const segmentJobs: Fetch<Segment>[] = [];
    for (const { want: w, chunks } of loaded) {
      for (const { meta, header, part } of chunks) {
        for (const number of w.segments) {
          if (!header.hasSegment(number)) continue;
          if (header.inline !== undefined) {
            this.#inline(meta, header, part, number, warnings);
            continue;
          }
          const key = segmentKey(meta, number);
          segmentJobs.push({
            slot: number,
            key,
            meta,
            what: () => `segment ${number} of ${chunkName(meta)}`,
            decode: (record) => new Segment(openRecord(key, record), header.rows),
            size: (segment) => segment.sizeBytes,
            done: (segment) => void part.segments.set(number, segment),
          });
        }
      }
    }
    await this.#fetch(segmentJobs, this.#segments, warnings, gone);
    return new Map(
      loaded.map(({ want: w, chunks }) => [
        w.group,
        [...chunks.map(({ part }) => part), ...w.live].sort((a, b) => a.start - b.start || a.order - b.order),
      ]),
    );
  }

  #inline(meta: ChunkMeta, header: ChunkHeader, part: ChunkPart, number: number, warnings: Set<string>): void {
    try {
      part.segments.set(number, new Segment(header.inline as Uint8Array, header.rows));
    } catch (error) {
      if (!(error instanceof DamagedError)) throw error;
      warnings.add(this.#damage.add(`segment ${number} of ${chunkName(meta)}`, error.message));
    }
  }
}
