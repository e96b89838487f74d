/**
 * What the append log says, one record a commit, each a list of operations:
 *
 *   DEFINE  labels of a group's columns from one column on; repeated in every file, so that a file explains itself
 *   ROW     one time, columns 0..n of a group: absent columns, stale columns, and of the rest only what changed
 *   CELLS   one time, a few columns of a group, whole values
 *   DESCRIBE  metadata of one metric family
 *
 * A ROW builds on the ROW before it in the same file, so it carries a serial number: after a damaged record the reader
 * notices the gap and waits for the next whole row instead of inventing values.
 */
import type { Metadata, MetricType } from "../model/metadata.ts";
import { type ByteReader, type ByteWriter, DamagedError } from "./bytes.ts";
import type { LoggedRow } from "./logged-rows.ts";
import type { ChangingRows } from "./row-changes.ts";
import { type LastRow, writeChanges, writeTrimmed } from "./write-changes.ts";

const OP_DEFINE = 1;
const OP_ROW = 2;
const OP_CELLS = 3;
const OP_DESCRIBE = 4;

/** A whole row is written at least this often, so that one damaged record costs at most so many rows. */
const CHAIN_ROWS_MAX = 60;

const ABSENT = 0;
const STALE = 2;

/** XORs the trimmed bytes into double `i` of `halves`. */
function readTrimmed(reader: ByteReader, halves: Uint32Array, i: number): void {
  const control = reader.u8();
  const trailing = control >> 4;
  const kept = control & 15;
  if (trailing + kept > 8) throw new DamagedError("xor of more than 8 bytes");
  let low = 0;
  let high = 0;
  for (let k = trailing; k < trailing + kept; k++) {
    if (k < 4) low |= reader.u8() << (k * 8);
    else high |= reader.u8() << ((k - 4) * 8);
  }
  halves[2 * i] = ((halves[2 * i] as number) ^ low) >>> 0;
  halves[2 * i + 1] = ((halves[2 * i + 1] as number) ^ high) >>> 0;
}

/** The row a group's next ROW is written against. */
export interface Chain extends LastRow {
  last: Float64Array;
  halves: Uint32Array;
  /** Serial of the next ROW; 0 = it must be whole. */
  next: number;
  /** Rows written so far. */
  written: number;
}

export function newChain(): Chain {
  const last = new Float64Array(0);
  return { last, halves: new Uint32Array(last.buffer), next: 0, written: 0 };
}

function fitChain(chain: Chain, columns: number): void {
  if (chain.last.length >= columns) return;
  const bigger = new Float64Array(columns + (columns >> 3));
  new Uint32Array(bigger.buffer).set(chain.halves);
  chain.last = bigger;
  chain.halves = new Uint32Array(bigger.buffer);
}

/** Columns of `cells` that hold `kind`, as gaps. */
function writeGaps(out: ByteWriter, cells: Uint8Array | undefined, columns: number, kind: number): void {
  const listed: number[] = [];
  if (cells !== undefined) for (let c = 0; c < columns; c++) if (cells[c] === kind) listed.push(c);
  out.varint(listed.length);
  let previous = 0;
  for (const column of listed) {
    out.varint(column - previous);
    previous = column;
  }
}

export interface RowPlace {
  readonly group: number;
  readonly late: boolean;
  readonly t: number;
}

function writePlace(out: ByteWriter, op: number, { group, late, t }: RowPlace): void {
  out.u8(op);
  out.varint(group * 2 + (late ? 1 : 0));
  out.zigzag(t);
}

/** A ROW without holes, and where what it says of the ROW before stands until more is written. */
export interface WrittenRow {
  readonly chain: Chain;
  readonly out: ByteWriter;
  /** -1: it builds on no other. */
  readonly from: number;
  readonly to: number;
}

/**
 * Appends a ROW and moves the chain on. `cells` undefined = every column holds a value.
 * @param values columns 0..columns, read by their bits.
 * @returns undefined for a row with holes.
 */
export function writeRow(
  out: ByteWriter,
  chain: Chain,
  place: RowPlace,
  values: Float64Array,
  cells: Uint8Array | undefined,
  columns: number,
): WrittenRow | undefined {
  fitChain(chain, columns);
  if (chain.next >= CHAIN_ROWS_MAX) chain.next = 0;
  if (chain.next === 0) chain.halves.fill(0);
  writePlace(out, OP_ROW, place);
  out.varint(chain.next++);
  out.varint(columns);
  writeGaps(out, cells, columns, ABSENT);
  writeGaps(out, cells, columns, STALE);
  const from = chain.next > 1 ? out.length : -1;
  writeChanges(out, chain, values, cells, columns);
  chain.written++;
  return cells === undefined ? { chain, out, from, to: out.length } : undefined;
}

const one = new Float64Array(1);
const oneHalves = new Uint32Array(one.buffer);

/** Appends CELLS: `count` cells of one time. Columns are ascending. */
export function writeCells(
  out: ByteWriter,
  place: RowPlace,
  count: number,
  cell: (i: number) => { readonly column: number; readonly value: number; readonly stale: boolean },
): void {
  writePlace(out, OP_CELLS, place);
  out.varint(count);
  let previous = 0;
  for (let i = 0; i < count; i++) {
    const { column, value, stale } = cell(i);
    out.varint((column - previous) * 2 + (stale ? 1 : 0));
    previous = column;
    if (stale) continue;
    one[0] = value;
    if (oneHalves[0] === 0 && oneHalves[1] === 0) out.u8(0);
    else writeTrimmed(out, oneHalves[1] as number, oneHalves[0] as number);
  }
}

export function writeDefine(out: ByteWriter, group: number, firstColumn: number, packedLayout: Uint8Array): void {
  out.u8(OP_DEFINE);
  out.varint(group);
  out.varint(firstColumn);
  out.varint(packedLayout.length);
  out.bytes(packedLayout);
}

export function writeDescribe(out: ByteWriter, family: string, { type, help, unit }: Metadata): void {
  out.u8(OP_DESCRIBE);
  for (const text of [family, type, help, unit]) out.string(text);
}

/** The row a group's next ROW is read against. */
export interface ReadChain {
  row: Float64Array<ArrayBuffer>;
  /** Serial of the next ROW; -1 = it must be whole. */
  next: number;
}

/** Receives the operations of one record, in order. Arrays are borrowed for the call. */
export interface LogSink {
  /** Makes the rows of the chains. */
  readonly changing: ChangingRows;
  define(group: number, firstColumn: number, packedLayout: Uint8Array): void;
  /** The chain of the group in this file. */
  chain(group: number): ReadChain;
  row(place: RowPlace, values: Float64Array, cells: Uint8Array | undefined, logged: LoggedRow): void;
  /** A ROW whose predecessor is lost. */
  broken(place: RowPlace, columns: number): void;
  cell(place: RowPlace, column: number, value: number, stale: boolean): void;
  describe(family: string, metadata: Metadata): void;
}

function readGaps(
  reader: ByteReader,
  columns: number,
  cells: Uint8Array | undefined,
  kind: number,
): Uint8Array | undefined {
  const count = reader.varint();
  let marked = cells;
  let column = 0;
  for (let i = 0; i < count; i++) {
    column += reader.varint();
    if (column >= columns) throw new DamagedError(`column ${column} of ${columns}`);
    marked ??= new Uint8Array(columns).fill(1);
    marked[column] = kind;
  }
  return marked;
}

function readRow(reader: ByteReader, place: RowPlace, sink: LogSink): void {
  const serial = reader.varint();
  const columns = reader.varint();
  if (columns > 1 << 24) throw new DamagedError(`${columns} columns`);
  let cells = readGaps(reader, columns, undefined, ABSENT);
  cells = readGaps(reader, columns, cells, STALE);
  const { changing } = sink;
  const chain = sink.chain(place.group);
  const joined = serial === 0 || serial === chain.next;
  if (chain.row.length < columns) {
    const { row } = chain;
    chain.row = changing.make(columns + (columns >> 3));
    chain.row.set(row);
  }
  if (serial === 0) chain.row.fill(0);
  const { bytes, position: at } = reader;
  const end = changing.apply(bytes, at, chain.row, columns);
  reader.position = end;
  chain.next = joined ? serial + 1 : -1;
  if (joined) sink.row(place, chain.row, cells, { bytes, at, end, whole: serial === 0, columns });
  else sink.broken(place, columns);
}

function readCells(reader: ByteReader, place: RowPlace, sink: LogSink): void {
  const count = reader.varint();
  let column = 0;
  for (let i = 0; i < count; i++) {
    const packed = reader.varint();
    column += Math.floor(packed / 2);
    const stale = packed % 2 === 1;
    one[0] = 0;
    if (!stale) readTrimmed(reader, oneHalves, 0);
    sink.cell(place, column, one[0], stale);
  }
}

/** Hands the operations of one record, which is all that the reader has, to `sink`. @throws DamagedError */
export function readRecord(reader: ByteReader, sink: LogSink): void {
  while (reader.left > 0) {
    const op = reader.u8();
    if (op === OP_DEFINE) {
      const group = reader.varint();
      const firstColumn = reader.varint();
      sink.define(group, firstColumn, reader.take(reader.varint()));
    } else if (op === OP_DESCRIBE) {
      const family = reader.string();
      const type = reader.string() as MetricType;
      sink.describe(family, { type, help: reader.string(), unit: reader.string() });
    } else if (op === OP_ROW || op === OP_CELLS) {
      const packed = reader.varint();
      const place = { group: Math.floor(packed / 2), late: packed % 2 === 1, t: reader.zigzag() };
      if (op === OP_ROW) readRow(reader, place, sink);
      else readCells(reader, place, sink);
    } else {
      throw new DamagedError(`operation ${op}`);
    }
  }
}
