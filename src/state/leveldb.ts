/**
 * The state port on LevelDB. Each value is kept as eight hex digits of CRC-32 over key and value, then the value:
 * LevelDB checks its blocks only when it likes to, and an alert state with a flipped bit must never be believed.
 */
import { crc32 } from "node:zlib";
import { EXIT, UserError, errorText } from "../base/errors.ts";
import { type ByteLevel, type LevelOp, isLevelDamage, openLevel } from "../base/leveldb.ts";
import type { StateOp, StateStore } from "./state.ts";

const CHECKSUM_LENGTH = 8;
/** Enough to see a pattern; a whole damaged disk must not fill the memory with key names. */
const DAMAGED_MAX = 1_000;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function checksum(key: string, value: string): string {
  return crc32(`${key}\u0000${value}`).toString(16).padStart(CHECKSUM_LENGTH, "0");
}

/** @returns the value, or undefined when the checksum does not fit. */
function open(key: string, stored: string): string | undefined {
  const value = stored.slice(CHECKSUM_LENGTH);
  return stored.length >= CHECKSUM_LENGTH && stored.slice(0, CHECKSUM_LENGTH) === checksum(key, value)
    ? value
    : undefined;
}

function toOperation(op: StateOp): LevelOp {
  return op.kind === "put"
    ? { type: "put", key: encoder.encode(op.key), value: encoder.encode(checksum(op.key, op.value) + op.value) }
    : { type: "del", key: encoder.encode(op.key) };
}

/**
 * LevelDB leaves half a record in its journal when a write fails, and on the next opening drops what was written behind
 * it. So after a failure the database is closed and opened again before anything else is written.
 */
async function reopen(db: ByteLevel): Promise<void> {
  await db.close();
  await db.open();
}

/**
 * Opens the durable state of `dir`; damage is repaired or set aside and then named in `damaged()`.
 *
 * @throws UserError `store-locked`, `store-unusable`.
 */
export async function openState(dir: string): Promise<StateStore> {
  const { db, repaired, setAside, reason, passedOver } = await openLevel(dir, { name: "state" });
  const damaged = new Set<string>();
  const note = (what: string): void => {
    if (damaged.size < DAMAGED_MAX) damaged.add(what);
  };
  for (const sentence of passedOver) note(sentence);
  if (setAside !== undefined) note(`the whole database, set aside as "${setAside}": ${reason}`);
  else if (repaired) note(`the database was repaired: ${reason}`);

  /** Batches run one after the other; reads wait while the database is opened again. */
  let writing: Promise<void> = Promise.resolve();
  let reopening: Promise<void> = Promise.resolve();
  let mustReopen = false;
  const write = async (ops: readonly StateOp[]): Promise<void> => {
    try {
      if (mustReopen) {
        reopening = reopen(db);
        await reopening;
        mustReopen = false;
      }
      await db.batch(ops.map(toOperation), { sync: true });
    } catch (cause) {
      mustReopen = true;
      throw new UserError("state-write", `cannot write ${ops.length} state records to "${dir}": ${errorText(cause)}`, {
        hint: "check the free space and the health of the disk",
        exit: EXIT.damaged,
        cause,
      });
    }
  };
  const ready = (): Promise<void> => reopening.catch(() => undefined);

  return {
    async get(key) {
      await ready();
      const stored = await db.get(encoder.encode(key));
      if (stored === undefined) return undefined;
      const value = open(key, decoder.decode(stored));
      if (value !== undefined) return value;
      note(key);
      throw new UserError("state-damaged", `the stored record "${key}" fails its checksum`, {
        hint: "the disk returned other bytes than were written; the record is left in place",
        exit: EXIT.damaged,
      });
    },
    batch(ops) {
      if (ops.length === 0) return Promise.resolve();
      const done = writing.then(() => write(ops));
      writing = done.catch(() => undefined);
      return done;
    },
    async *scan({ gte, lt, reverse = false, limit = -1 }) {
      if (limit === 0) return;
      await ready();
      const iterator = db.iterator({
        ...(gte === undefined ? {} : { gte: encoder.encode(gte) }),
        ...(lt === undefined ? {} : { lt: encoder.encode(lt) }),
        reverse,
      });
      let given = 0;
      try {
        for await (const [rawKey, stored] of iterator) {
          const key = decoder.decode(rawKey);
          const value = open(key, decoder.decode(stored));
          if (value === undefined) {
            note(key);
            continue;
          }
          yield [key, value] as const;
          if (++given === limit) return;
        }
      } catch (error) {
        if (!isLevelDamage(error)) throw error;
        note(`records after ${given} in scan "${gte ?? ""}": ${errorText(error)}`);
      }
    },
    damaged: () => [...damaged],
    close: () => db.close(),
  };
}
