/**
 * A chunk: one group of series over up to 120 times, as records of the database. The header holds the shared
 * timestamps once and says which segments exist; a chunk of one segment carries it inside the header, so that a
 * lonely series costs one record. Layout: FORMAT.md.
 */
import { nextTurn, overdue } from "../base/turns.ts";
import type { LevelOp } from "../base/leveldb.ts";
import { ByteReader, ByteWriter, DamagedError } from "./bytes.ts";
import { CELL_ABSENT } from "./column.ts";
import type { ChunkMeta } from "./group.ts";
import { encodeInts } from "./ints.ts";
import { COLUMN_ROWS_MAX, decodeInts } from "./ints-read.ts";
import { type ChunkKey, chunkKey, segmentKey } from "./keys.ts";
import { packedWhole } from "./packed.ts";
import { type RowsView, readColumn } from "./rows-view.ts";
import { encodeSegment, openRecord, SEGMENT_COLUMNS, sealRecord } from "./segment.ts";

const FLAG_LATE = 1;
const FLAG_INLINE = 2;

export interface ChunkHeader {
  readonly rows: number;
  readonly columns: number;
  readonly samples: number;
  readonly bytes: number;
  readonly end: number;
  readonly late: boolean;
  readonly ordinal: number;
  /** Shared timestamps of all columns. */
  readonly t: Float64Array;
  readonly hasSegment: (segment: number) => boolean;
  /** The same as bits, low first. */
  readonly mask: Uint8Array;
  /** Payload of the only segment, when it lives in the header. */
  readonly inline: Uint8Array | undefined;
}

export interface BuiltChunk {
  readonly ops: readonly LevelOp[];
  readonly meta: ChunkMeta;
  /** Samples by column. */
  readonly counts: Uint32Array;
}

const heads = new ByteWriter(256);
const bodies = new ByteWriter(1024);

interface HeaderParts {
  readonly flags: number;
  readonly ordinal: number;
  readonly t: Float64Array;
  readonly rows: number;
  readonly columns: number;
  readonly samples: number;
  readonly bytes: number;
  readonly mask: Uint8Array;
  readonly inline: Uint8Array | undefined;
}

function headerPayload(parts: HeaderParts): Uint8Array {
  const { t, rows } = parts;
  const out = new ByteWriter(256);
  out.u8(parts.flags);
  out.varint(parts.ordinal);
  out.varint(rows);
  out.varint(parts.columns);
  out.varint(parts.samples);
  out.varint(parts.bytes);
  out.varint((t[rows - 1] as number) - (t[0] as number));
  heads.reset();
  bodies.reset();
  encodeInts(heads, bodies, t, rows);
  out.varint(heads.length);
  out.bytes(heads.view());
  out.varint(bodies.length);
  out.bytes(bodies.view());
  out.varint(parts.mask.length);
  out.bytes(parts.mask);
  if (parts.inline !== undefined) out.bytes(parts.inline);
  return out.copy();
}

/** A chunk before it is encoded. */
export interface RawChunk {
  /** 0 = raw samples; see `planeTier` for the others. */
  readonly tier: number;
  readonly group: number;
  readonly seq: number;
  readonly ordinal: number;
  readonly late: boolean;
  readonly view: RowsView;
}

/**
 * The chunk's segments by number, each borrowed until the next is asked for. Packed blocks are merged, plain ones are
 * encoded, which gives the same bytes.
 *
 * @param counts is told the samples of each column, at the latest when its segment is asked for.
 * @param apart each segment is made when it is asked for: merging makes all at once, for a third of the time.
 */
function segmentsOf(view: RowsView, counts: Uint32Array, apart: boolean): (segment: number) => Uint8Array {
  const { rows, columns } = view;
  const whole = apart ? undefined : packedWhole(view, counts);
  if (whole !== undefined) return (segment) => whole.payload(segment);
  const values = new Float64Array(rows);
  return (segment) => {
    const first = segment * SEGMENT_COLUMNS;
    return encodeSegment(Math.min(SEGMENT_COLUMNS, columns - first), rows, (i) => {
      const cells = readColumn(view, first + i, values);
      counts[first + i] = cells === undefined ? rows : cells.reduce((n, cell) => (cell === CELL_ABSENT ? n : n + 1), 0);
      return { values, cells };
    }).payload;
  };
}

/** Encodes a chunk into database operations. */
export function buildChunk(chunk: RawChunk): BuiltChunk {
  const steps = chunkSteps(chunk, false);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** As `buildChunk`, with others served in between. The rows must not change meanwhile. */
export async function buildChunkInTurns(chunk: RawChunk): Promise<BuiltChunk> {
  const steps = chunkSteps(chunk, true);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (overdue()) await nextTurn();
  }
}

/** Stops behind each segment. */
function* chunkSteps(chunk: RawChunk, apart: boolean): Generator<undefined, BuiltChunk> {
  const { view, ordinal } = chunk;
  const { rows, columns } = view;
  const start = view.t[0] as number;
  const end = view.t[rows - 1] as number;
  const key: ChunkKey = { tier: chunk.tier, start, group: chunk.group, seq: chunk.seq };
  const segments = Math.ceil(columns / SEGMENT_COLUMNS);
  const counts = new Uint32Array(columns);
  const mask = new Uint8Array((segments + 7) >> 3);
  const encoded = segmentsOf(view, counts, apart);
  const ops: LevelOp[] = [];
  let inline: Uint8Array | undefined;
  let bytes = 0;
  let samples = 0;
  for (let s = 0; s < segments; s++) {
    const first = s * SEGMENT_COLUMNS;
    const payload = encoded(s);
    const own = counts.subarray(first, first + SEGMENT_COLUMNS).reduce((sum, count) => sum + count, 0);
    if (own === 0) continue;
    samples += own;
    mask[s >> 3] = (mask[s >> 3] as number) | (1 << (s & 7));
    if (segments === 1) {
      inline = payload.slice();
      bytes += inline.length;
      continue;
    }
    const name = segmentKey(key, s);
    const value = sealRecord(name, payload);
    bytes += name.length + value.length;
    ops.push({ type: "put", key: name, value });
    yield;
  }
  const flags = (chunk.late ? FLAG_LATE : 0) | (inline === undefined ? 0 : FLAG_INLINE);
  const name = chunkKey(key);
  const value = sealRecord(
    name,
    headerPayload({ flags, ordinal, t: view.t, rows, columns, samples, bytes, mask, inline }),
  );
  ops.push({ type: "put", key: name, value });
  const size = (inline === undefined ? bytes : 0) + name.length + value.length;
  const meta: ChunkMeta = { ...key, end, rows, columns, samples, bytes: size, late: chunk.late, ordinal };
  return { ops, meta, counts };
}

/** Reads a header. @throws DamagedError */
export function readChunkHeader(key: ChunkKey, record: Uint8Array): ChunkHeader {
  return headerIn(key, openRecord(chunkKey(key), record), record.length);
}

/** The header's record once segments of the chunk are gone. @throws DamagedError */
export function withoutSegments(key: ChunkKey, record: Uint8Array, gone: ReadonlySet<number>): Uint8Array {
  const name = chunkKey(key);
  const body = Uint8Array.from(openRecord(name, record));
  // A view of the body.
  const { mask } = headerIn(key, body, record.length);
  for (const segment of gone) mask[segment >> 3] = (mask[segment >> 3] as number) & ~(1 << (segment & 7));
  return sealRecord(name, body);
}

function headerIn(key: ChunkKey, body: Uint8Array, recordBytes: number): ChunkHeader {
  const reader = new ByteReader(body);
  const flags = reader.u8();
  const ordinal = reader.varint();
  const rows = reader.varint();
  const columns = reader.varint();
  const samples = reader.varint();
  const bytes = reader.varint();
  const end = key.start + reader.varint();
  if (rows === 0 || rows > COLUMN_ROWS_MAX) throw new DamagedError(`chunk of ${rows} rows`);
  const headBytes = new ByteReader(reader.take(reader.varint()));
  const bodyBytes = new ByteReader(reader.take(reader.varint()));
  const t = new Float64Array(rows);
  decodeInts(headBytes, bodyBytes, t, rows);
  const mask = reader.take(reader.varint());
  const inline = (flags & FLAG_INLINE) !== 0 ? reader.take(reader.left) : undefined;
  const size = (inline === undefined ? bytes : 0) + chunkKey(key).length + recordBytes;
  return {
    rows,
    columns,
    samples,
    bytes: size,
    end,
    late: (flags & FLAG_LATE) !== 0,
    ordinal,
    t,
    hasSegment: (segment) => (((mask[segment >> 3] ?? 0) >> (segment & 7)) & 1) === 1,
    mask,
    inline,
  };
}

/** Every key of the chunk, for deleting it whole. */
export function chunkKeys(meta: ChunkMeta): Uint8Array[] {
  const segments = Math.ceil(meta.columns / SEGMENT_COLUMNS);
  const keys = [chunkKey(meta)];
  if (segments > 1) for (let s = 0; s < segments; s++) keys.push(segmentKey(meta, s));
  return keys;
}

/** How a person finds the chunk again. */
export function chunkName(meta: ChunkKey): string {
  return `chunk ${meta.seq} of group ${meta.group}`;
}
