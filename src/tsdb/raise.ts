/**
 * What a re-rolled window left for the windows after it: by column, the counter's total and last value that stood at
 * its end before. One record a group and tier, gone when the last window is raised; a start goes on where it says.
 */
import type { ByteLevel, LevelOp } from "../base/leveldb.ts";
import type { Timestamp } from "../model/sample.ts";
import { ByteReader, ByteWriter, DamagedError } from "./bytes.ts";
import type { Group } from "./group.ts";
import { raiseKey, rangeOf } from "./keys.ts";
import { openRecord, sealRecord } from "./segment.ts";

/** NaN where the series had not been there before. */
export interface Raise {
  readonly column: number;
  readonly total: number;
  readonly last: number;
  /** The value that follows on is the same, the total alone differs: later totals are raised by a constant. */
  readonly plain: boolean;
}

export interface Raises {
  /** End of the window that was rolled up again. */
  readonly to: Timestamp;
  readonly raise: readonly Raise[];
}

export function raiseOp(group: Group, tier: number, to: Timestamp, raise: readonly Raise[]): LevelOp {
  const key = raiseKey(group.id, tier);
  const out = new ByteWriter(24 + raise.length * 20);
  out.f64(to);
  out.varint(raise.length);
  for (const { column, total, last } of raise) {
    out.varint(column);
    out.f64(total);
    out.f64(last);
  }
  return { type: "put", key, value: sealRecord(key, out.view()) };
}

export function deleteRaise(group: Group, tier: number): LevelOp {
  return { type: "del", key: raiseKey(group.id, tier) };
}

/** All that is unfinished, by group and tier. A damaged record is as none: later totals then stand as they were. */
export async function loadRaises(db: ByteLevel): Promise<Map<string, Raises>> {
  const found = new Map<string, Raises>();
  for await (const [key, record] of db.iterator(rangeOf("r"))) {
    if (key.length !== 6) continue;
    const view = new DataView(key.buffer, key.byteOffset, key.length);
    try {
      const reader = new ByteReader(openRecord(key, record));
      const to = reader.f64();
      const raise: Raise[] = [];
      for (let left = reader.varint(); left > 0; left--)
        raise.push({ column: reader.varint(), total: reader.f64(), last: reader.f64(), plain: false });
      found.set(`${view.getUint32(1)}/${view.getUint8(5)}`, { to, raise });
    } catch (error) {
      if (!(error instanceof DamagedError)) throw error;
    }
  }
  return found;
}
