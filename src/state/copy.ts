/** Copies a state store that may be in use: a scan is one moment of it, whatever is written meanwhile. */
import { openState } from "./leveldb.ts";
import type { StateOp, StateStore } from "./state.ts";

/** Records in one batch of the copy. */
const BATCH_RECORDS = 1_000;

/** @param target a directory that does not exist yet. @returns the number of records. */
export async function copyState(from: StateStore, target: string): Promise<number> {
  const copy = await openState(target);
  let records = 0;
  try {
    let ops: StateOp[] = [];
    for await (const [key, value] of from.scan({})) {
      ops.push({ kind: "put", key, value });
      records++;
      if (ops.length < BATCH_RECORDS) continue;
      await copy.batch(ops);
      ops = [];
    }
    await copy.batch(ops);
  } finally {
    await copy.close();
  }
  return records;
}
