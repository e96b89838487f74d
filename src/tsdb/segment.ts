/**
 * A segment: up to 64 neighbouring columns of one chunk, the unit of reading. Payload = headers of all columns, then
 * their bits, compressed with zstd when that helps. A record = CRC-32 of key and rest, format version, payload: a
 * flipped byte anywhere, or a value under the wrong key, is noticed before a single number is decoded.
 */
import { crc32 } from "node:zlib";
import { ByteReader, ByteWriter, DamagedError } from "./bytes.ts";
import { decodeColumn, encodeColumn, skipColumn } from "./column.ts";
import { squeeze, unsqueeze } from "./squeeze.ts";

/** Columns per segment: enough for zstd to find its patterns, few enough that one series is not costly to read. */
export const SEGMENT_COLUMNS: number = 64;
/** Raised when bytes change meaning; older numbers stay readable. */
const RECORD_VERSION: number = 1;
/** No honest segment comes near; a damaged length must not allocate the machine's memory. */
export const PAYLOAD_BYTES_MAX: number = 256 * 1024 * 1024;
/** Below this zstd's frame costs more than it saves. */
const ZSTD_BYTES_MIN = 48;
const STORED = 0;
const ZSTD = 1;
const RECORD_HEADER_BYTES = 6;

/** Wraps `payload` for storing under `key`. @param packed a frame of zstd itself: read twice as fast when it is left as it is. */
export function sealRecord(key: Uint8Array, payload: Uint8Array, packed = false): Uint8Array {
  const squeezed = payload.length >= ZSTD_BYTES_MIN && !packed ? squeeze(payload) : payload;
  const smaller = squeezed.length < payload.length;
  const body = smaller ? squeezed : payload;
  const record = new Uint8Array(RECORD_HEADER_BYTES + body.length);
  record[4] = RECORD_VERSION;
  record[5] = smaller ? ZSTD : STORED;
  record.set(body, RECORD_HEADER_BYTES);
  new DataView(record.buffer).setUint32(0, crc32(record.subarray(4), crc32(key)), true);
  return record;
}

/** @throws DamagedError when the record is not what `sealRecord` made for this key. */
export function openRecord(key: Uint8Array, record: Uint8Array): Uint8Array {
  if (record.length < RECORD_HEADER_BYTES) throw new DamagedError(`record of ${record.length} bytes`);
  const stored = new DataView(record.buffer, record.byteOffset, 4).getUint32(0, true);
  if (crc32(record.subarray(4), crc32(key)) !== stored) throw new DamagedError("checksum does not fit");
  if (record[4] !== RECORD_VERSION)
    throw new DamagedError(`record version ${record[4]}, this opsmon reads ${RECORD_VERSION}`);
  const body = record.subarray(RECORD_HEADER_BYTES);
  if (record[5] === STORED) return body;
  try {
    return unsqueeze(body, PAYLOAD_BYTES_MAX);
  } catch (error) {
    throw new DamagedError(`zstd: ${(error as Error).message}`);
  }
}

const head = new ByteWriter(4096);
const body = new ByteWriter(64 * 1024);
const whole = new ByteWriter(64 * 1024);

export interface EncodedSegment {
  /** Borrowed until the next call. */
  readonly payload: Uint8Array;
  /** Stale markers included; 0 = nothing to store. */
  readonly samples: number;
}

/**
 * Encodes `columns` columns of `rows` rows.
 * @param column gives column i's values and cells (undefined = all present).
 */
export function encodeSegment(
  columns: number,
  rows: number,
  column: (i: number) => { readonly values: Float64Array; readonly cells: Uint8Array | undefined },
): EncodedSegment {
  head.reset();
  body.reset();
  let samples = 0;
  for (let i = 0; i < columns; i++) {
    const { values, cells } = column(i);
    samples += encodeColumn(head, body, values, rows, cells);
  }
  whole.reset();
  writePayload(whole, columns, head, body);
  return { payload: whole.view(), samples };
}

/** Appends the payload of a segment whose columns are in `heads` and `bits` already. */
export function writePayload(out: ByteWriter, columns: number, heads: ByteWriter, bits: ByteWriter): void {
  out.varint(columns);
  out.varint(heads.length);
  out.bytes(heads.view());
  out.bytes(bits.view());
}

/** The readers of a payload's headers and bits. @throws DamagedError */
export function openPayload(payload: Uint8Array): {
  readonly columns: number;
  readonly heads: ByteReader;
  readonly bits: ByteReader;
} {
  const reader = new ByteReader(payload);
  const columns = reader.varint();
  const headBytes = reader.varint();
  if (columns > SEGMENT_COLUMNS || headBytes > reader.left) throw new DamagedError("segment header");
  const headEnd = reader.position + headBytes;
  return { columns, heads: new ByteReader(payload, reader.position, headEnd), bits: new ByteReader(payload, headEnd) };
}

/** A decompressed segment that decodes one column at a time. */
export class Segment {
  readonly columns: number;
  readonly #payload: Uint8Array;
  readonly #rows: number;
  /** Head and body position of each column, found on the first read. */
  readonly #places: Uint32Array;
  /** Moved to the column at hand: reading a column makes no objects but its result. */
  readonly #heads: ByteReader;
  readonly #body: ByteReader;

  /** @throws DamagedError */
  constructor(payload: Uint8Array, rows: number) {
    const { columns, heads, bits } = openPayload(payload);
    this.columns = columns;
    this.#payload = payload;
    this.#rows = rows;
    this.#heads = heads;
    this.#body = bits;
    this.#places = new Uint32Array(this.columns * 2);
    let at = bits.position;
    for (let i = 0; i < this.columns; i++) {
      this.#places[2 * i] = heads.position;
      this.#places[2 * i + 1] = at;
      at += skipColumn(heads, rows);
    }
    if (at > payload.length) throw new DamagedError("segment body ends early");
  }

  get sizeBytes(): number {
    return this.#payload.length + this.#places.byteLength;
  }

  /**
   * Decodes column `i` into `out[0..rows)`.
   * @returns its cells, undefined when every row has a value; a column the segment does not have is all absent.
   * @throws DamagedError
   */
  read(i: number, out: Float64Array): Uint8Array | undefined {
    if (i >= this.columns) return new Uint8Array(this.#rows);
    this.#heads.position = this.#places[2 * i] as number;
    this.#body.position = this.#places[2 * i + 1] as number;
    return decodeColumn(this.#heads, this.#body, out, this.#rows);
  }
}
