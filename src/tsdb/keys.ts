/**
 * Keys of the `series` database: a letter, then big-endian numbers, so that bytewise order is time order. Time stands
 * in front of the group: retention is then one range, and compaction never mixes old chunks with new.
 *
 *   f                                           format of the database
 *   g group col        labels of columns from `col` on       h: second copy of the same
 *   w group            how far the append log is sealed
 *   r group tier       totals that changed behind windows already rolled up
 *   c tier start group seq          chunk header             b … segment: segments of the chunk
 *   m family           metadata
 *   t                  the ladder of tiers
 *   d                  until when raw samples were dropped
 */

/** Shifts times so that negative ones sort first; every safe integer stays exact. */
const TIME_BIAS = 2 ** 52;

export interface ChunkKey {
  readonly tier: number;
  readonly start: number;
  readonly group: number;
  readonly seq: number;
}

const CHUNK_KEY_BYTES = 18;
const utf8 = new TextEncoder();

function letter(name: string): number {
  return name.charCodeAt(0);
}

/** The database's format; a larger number in the database means a newer opsmon. 2: patches and near decimals. */
export const SERIES_FORMAT: number = 2;

export const FORMAT_KEY: Uint8Array = utf8.encode("f");
export const LADDER_KEY: Uint8Array = utf8.encode("t");
export const DROPPED_KEY: Uint8Array = utf8.encode("d");

function putTime(view: DataView, at: number, t: number): void {
  const biased = t + TIME_BIAS;
  view.setUint32(at, Math.floor(biased / 0x1_0000_0000));
  view.setUint32(at + 4, biased >>> 0);
}

function chunkKeyOf(kind: "c" | "b", size: number, { tier, start, group, seq }: ChunkKey): DataView {
  const view = new DataView(new ArrayBuffer(size));
  view.setUint8(0, letter(kind));
  view.setUint8(1, tier);
  putTime(view, 2, start);
  view.setUint32(10, group);
  view.setUint32(14, seq);
  return view;
}

function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer);
}

export function chunkKey(key: ChunkKey): Uint8Array {
  return bytesOf(chunkKeyOf("c", CHUNK_KEY_BYTES, key));
}

export function segmentKey(key: ChunkKey, segment: number): Uint8Array {
  const view = chunkKeyOf("b", CHUNK_KEY_BYTES + 2, key);
  view.setUint16(CHUNK_KEY_BYTES, segment);
  return bytesOf(view);
}

/** @returns undefined when these are not the bytes of a chunk key. */
export function parseChunkKey(bytes: Uint8Array): ChunkKey | undefined {
  if (bytes.length < CHUNK_KEY_BYTES || bytes.length > CHUNK_KEY_BYTES + 2) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return {
    tier: view.getUint8(1),
    start: view.getUint32(2) * 0x1_0000_0000 + view.getUint32(6) - TIME_BIAS,
    group: view.getUint32(10),
    seq: view.getUint32(14),
  };
}

export function groupKey(copy: "g" | "h", group: number, firstColumn: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(9));
  view.setUint8(0, letter(copy));
  view.setUint32(1, group);
  view.setUint32(5, firstColumn);
  return bytesOf(view);
}

export function parseGroupKey(bytes: Uint8Array): { readonly group: number; readonly firstColumn: number } | undefined {
  if (bytes.length !== 9) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return { group: view.getUint32(1), firstColumn: view.getUint32(5) };
}

export function watermarkKey(group: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(5));
  view.setUint8(0, letter("w"));
  view.setUint32(1, group);
  return bytesOf(view);
}

export function raiseKey(group: number, tier: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(6));
  view.setUint8(0, letter("r"));
  view.setUint32(1, group);
  view.setUint8(5, tier);
  return bytesOf(view);
}

export function metadataKey(family: string): Uint8Array {
  return utf8.encode(`m${family}`);
}

/** All keys of one letter. */
export function rangeOf(kind: string): { readonly gte: Uint8Array; readonly lt: Uint8Array } {
  return { gte: Uint8Array.of(letter(kind)), lt: Uint8Array.of(letter(kind) + 1) };
}
