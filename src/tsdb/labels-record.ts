/** Labels of a group's columns as records: packed for the append log, packed and checksummed for the database. */
import { constants, zstdCompress, zstdCompressSync } from "node:zlib";
import { nextTurn, overdue } from "../base/turns.ts";
import type { Labels } from "../model/labels.ts";
import type { SeriesRef } from "../model/sample.ts";
import { ByteWriter, DamagedError } from "./bytes.ts";
import type { Group } from "./group.ts";
import { decodeLayout, encodeLayout, LayoutWriter } from "./layout.ts";
import { PAYLOAD_BYTES_MAX } from "./segment.ts";
import { unsqueeze } from "./squeeze.ts";

const options = { params: { [constants.ZSTD_c_compressionLevel]: 3 } };

function packLabels(sets: readonly Labels[]): Uint8Array {
  const out = new ByteWriter(4096);
  encodeLayout(out, sets);
  // A copy: zlib's answer is a slice of 64 KB, and the group keeps it.
  return Uint8Array.from(zstdCompressSync(out.view(), options));
}

/** The bytes that `decodeLayout` reads. @throws DamagedError */
export function unpackLayout(packed: Uint8Array): Uint8Array {
  try {
    return unsqueeze(packed, PAYLOAD_BYTES_MAX);
  } catch (error) {
    throw new DamagedError(`zstd: ${(error as Error).message}`);
  }
}

/** @throws DamagedError */
export function unpackLabels(packed: Uint8Array): Labels[] {
  return decodeLayout(unpackLayout(packed));
}

/** Labels of so many columns are packed within a commit: some ten milliseconds. */
const PACKED_AT_ONCE_MAX = 4_096;
/** Label sets between two looks at the clock. */
const STRIDE = 256;

/** Whether the labels of the group should be packed before a commit needs them. */
export function packsLong(group: Group): boolean {
  return group.columns > PACKED_AT_ONCE_MAX && group.packed === undefined && group.defined === 0;
}

/** Packs the labels of a wide group's columns in turns, so that the commit that needs them finds them. */
export async function packInTurns(group: Group, labelsOf: (ref: SeriesRef) => Labels): Promise<void> {
  const { columns } = group;
  const refs = group.refs.slice(0, columns);
  const out = new ByteWriter(64 * 1024);
  const writer = new LayoutWriter(out, columns);
  for (let column = 0; column < columns; column++) {
    if (column % STRIDE === 0 && overdue()) await nextTurn();
    writer.add(labelsOf(refs[column] as SeriesRef));
  }
  const bytes = await new Promise<Buffer>((resolve, reject) => {
    zstdCompress(out.view(), options, (error, packed) => (error === null ? resolve(packed) : reject(error)));
  });
  // Another commit may have given it a column, or a column another series, meanwhile.
  const same = group.columns === columns && refs.every((ref, column) => ref === group.refs[column]);
  if (same) group.packed ??= { columns, bytes: Uint8Array.from(bytes) };
}

/** Packed labels of the group's columns `from` to `to`; those of all columns are kept for the next log file. */
export function packColumns(group: Group, from: number, to: number, labelsOf: (ref: SeriesRef) => Labels): Uint8Array {
  if (from === 0 && group.packed?.columns === to) return group.packed.bytes;
  const bytes = packLabels(Array.from(group.refs.subarray(from, to), labelsOf));
  if (from === 0) group.packed = { columns: to, bytes };
  return bytes;
}
