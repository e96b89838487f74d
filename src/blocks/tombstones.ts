/**
 * What was deleted from a block and is still in its chunks, by number of series.
 * @see https://github.com/prometheus/prometheus/blob/main/tsdb/docs/format/tombstones.md
 */
import { existsSync } from "node:fs";
import type { Timestamp } from "../model/sample.ts";
import { crc32c } from "./crc32c.ts";
import { Cursor, damaged } from "./cursor.ts";
import { BlockFile } from "./file.ts";

const MAGIC = 0x0130_ba30;
const VERSION = 1;
const CRC_BYTES = 4;
const BYTES_MIN = 9;

/** Both ends are deleted as well. */
export interface Deleted {
  readonly start: Timestamp;
  readonly end: Timestamp;
}

/** @throws UserError `unreadable`, `bad-block`. */
export function readTombstones(path: string): ReadonlyMap<number, readonly Deleted[]> {
  const found = new Map<number, Deleted[]>();
  if (!existsSync(path)) return found;
  using file = new BlockFile(path);
  if (file.size < BYTES_MIN) throw damaged(path, file.size, "the file is too short for tombstones");
  const bytes = file.read(0, file.size);
  const cursor = new Cursor(bytes, path, 0);
  if (cursor.u32() !== MAGIC) throw damaged(path, 0, "this is not a file of tombstones");
  // The version stands outside of what is summed.
  const body = bytes.subarray(5, file.size - CRC_BYTES);
  if (crc32c(body) !== bytes.readUInt32BE(file.size - CRC_BYTES))
    throw damaged(path, 5, "the checksum of the tombstones does not fit");
  const version = cursor.u8();
  if (version !== VERSION) throw damaged(path, 4, `tombstones of format ${version}, and format ${VERSION} is read`);
  while (cursor.left > CRC_BYTES) {
    const series = cursor.uvarint();
    const deleted = { start: cursor.varint(), end: cursor.varint() };
    const list = found.get(series);
    if (list === undefined) found.set(series, [deleted]);
    else list.push(deleted);
  }
  return found;
}
