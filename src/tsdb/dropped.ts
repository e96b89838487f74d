/**
 * Until when raw samples were dropped. Kept in the database, because nothing else tells it: size, free space and
 * retention times of another day drop too, and tiers have to answer for what is gone.
 */
import type { ByteLevel, LevelOp } from "../base/leveldb.ts";
import type { Timestamp } from "../model/sample.ts";
import { ByteReader, ByteWriter, DamagedError } from "./bytes.ts";
import type { Damage } from "./damage.ts";
import type { Head } from "./head.ts";
import { DROPPED_KEY } from "./keys.ts";
import { openRecord, sealRecord } from "./segment.ts";

export function droppedOp(until: Timestamp): LevelOp {
  const body = new ByteWriter(8);
  body.f64(until);
  return { type: "put", key: DROPPED_KEY, value: sealRecord(DROPPED_KEY, body.view()) };
}

export async function loadDropped(db: ByteLevel, head: Head, damage: Damage): Promise<void> {
  const record = await db.get(DROPPED_KEY);
  if (record === undefined) return;
  try {
    head.rawGoneUntil = new ByteReader(openRecord(DROPPED_KEY, record)).f64();
  } catch (error) {
    if (!(error instanceof DamagedError)) throw error;
    damage.add("the record of what retention dropped", error.message);
  }
}
