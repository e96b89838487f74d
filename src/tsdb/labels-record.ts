/** Labels of a group's columns as records: packed for the append log, packed and checksummed for the database. */
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { Labels } from "../model/labels.ts";
import type { SeriesRef } from "../model/sample.ts";
import { ByteWriter, DamagedError } from "./bytes.ts";
import type { Group } from "./group.ts";
import { decodeLayout, encodeLayout } from "./layout.ts";
import { PAYLOAD_BYTES_MAX } from "./segment.ts";

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
    return zstdDecompressSync(packed, { maxOutputLength: PAYLOAD_BYTES_MAX });
  } catch (error) {
    throw new DamagedError(`zstd: ${(error as Error).message}`);
  }
}

/** @throws DamagedError */
export function unpackLabels(packed: Uint8Array): Labels[] {
  return decodeLayout(unpackLayout(packed));
}

/** Packed labels of the group's columns `from` to `to`; those of all columns are kept for the next log file. */
export function packColumns(group: Group, from: number, to: number, labelsOf: (ref: SeriesRef) => Labels): Uint8Array {
  if (from === 0 && group.packed?.columns === to) return group.packed.bytes;
  const bytes = packLabels(Array.from(group.refs.subarray(from, to), labelsOf));
  if (from === 0) group.packed = { columns: to, bytes };
  return bytes;
}
