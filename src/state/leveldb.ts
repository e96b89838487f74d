/**
 * The state port on LevelDB. Each value is kept as eight hex digits of CRC-32 over key and value, then the value:
 * LevelDB checks its blocks only when it likes to, and an alert state with a flipped bit must never be believed.
 */
import { crc32 } from "node:zlib";
import { EXIT, UserError, errorText } from "../base/errors.ts";
import {
  type ByteLevel,
  type LevelOp,
  type LevelOptions,
  type OpenedLevel,
  isLevelDamage,
  openLevel,
  repairLevel,
} from "../base/leveldb.ts";
import type { ScanRange, StateOp, StateStore } from "./state.ts";

export const STATE_LEVEL: LevelOptions = { name: "state" };

const CHECKSUM_LENGTH = 8;
/** In front of the key of a record that a repair moved aside: no byte of UTF-8. */
const ASIDE = 0xff;
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

/** Makes damaged tables of a closed database safe to read. @returns what was done, one sentence each. */
export type MendTables = (dir: string) => Promise<readonly string[]>;

export interface DurableState extends StateStore {
  /** Moves records that fail their checksum aside, so that nothing meets them again. @returns their keys. */
  repair(): Promise<readonly string[]>;
}

class LevelState implements DurableState {
  readonly #db: ByteLevel;
  readonly #dir: string;
  readonly #mend: MendTables | undefined;
  readonly #damaged = new Set<string>();
  /** Batches run one after the other; reads wait while the database is opened again. */
  #writing: Promise<void> = Promise.resolve();
  #reopening: Promise<void> = Promise.resolve();
  #mustReopen = false;

  constructor(dir: string, opened: OpenedLevel, mend: MendTables | undefined) {
    const { db, repaired, setAside, reason, passedOver } = opened;
    this.#db = db;
    this.#dir = dir;
    this.#mend = mend;
    for (const sentence of passedOver) this.#note(sentence);
    if (setAside !== undefined) this.#note(`the whole database, set aside as "${setAside}": ${reason}`);
    else if (repaired) this.#note(`the database was repaired: ${reason}`);
  }

  #note(what: string): void {
    if (this.#damaged.size < DAMAGED_MAX) this.#damaged.add(what);
  }

  #ready(): Promise<void> {
    return this.#reopening.catch(() => undefined);
  }

  async get(key: string): Promise<string | undefined> {
    await this.#ready();
    const stored = await this.#db.get(encoder.encode(key));
    if (stored === undefined) return undefined;
    const value = open(key, decoder.decode(stored));
    if (value !== undefined) return value;
    this.#note(key);
    throw new UserError("state-damaged", `the stored record "${key}" fails its checksum`, {
      hint: "the disk returned other bytes than were written; the record is left in place",
      exit: EXIT.damaged,
    });
  }

  batch(ops: readonly StateOp[]): Promise<void> {
    if (ops.length === 0) return Promise.resolve();
    const done = this.#writing.then(() => this.#write(ops));
    this.#writing = done.catch(() => undefined);
    return done;
  }

  async #put(ops: readonly StateOp[]): Promise<void> {
    if (this.#mustReopen) {
      this.#reopening = reopen(this.#db);
      await this.#reopening;
      this.#mustReopen = false;
    }
    await this.#db.batch(ops.map(toOperation), { sync: true });
  }

  /** A damaged table that a compaction meets refuses every write from then on. @returns whether one was mended. */
  async #mended(): Promise<boolean> {
    const mend = this.#mend;
    if (mend === undefined) return false;
    let done: readonly string[] = [];
    this.#reopening = (async () => {
      await this.#db.close();
      try {
        done = await mend(this.#dir);
        if (done.length === 0) {
          // A table that is none any more: nothing in it can be mended.
          await repairLevel(this.#dir);
          done = ["repaired, tables that cannot be read are taken out"];
        }
      } finally {
        await this.#db.open();
      }
    })();
    await this.#reopening;
    this.#mustReopen = false;
    for (const sentence of done) this.#note(`the database: ${sentence}`);
    return done.length > 0;
  }

  async #write(ops: readonly StateOp[]): Promise<void> {
    try {
      try {
        await this.#put(ops);
      } catch (error) {
        if (!isLevelDamage(error) || !(await this.#mended())) throw error;
        await this.#put(ops);
      }
    } catch (cause) {
      this.#mustReopen = true;
      throw new UserError(
        "state-write",
        `cannot write ${ops.length} state records to "${this.#dir}": ${errorText(cause)}`,
        {
          hint: "check the free space and the health of the disk",
          exit: EXIT.damaged,
          cause,
        },
      );
    }
  }

  async *scan({
    gte,
    lt,
    reverse = false,
    limit = -1,
  }: ScanRange): AsyncIterable<readonly [key: string, value: string]> {
    if (limit === 0) return;
    await this.#ready();
    const iterator = this.#db.iterator({
      ...(gte === undefined ? {} : { gte: encoder.encode(gte) }),
      ...(lt === undefined ? {} : { lt: encoder.encode(lt) }),
      reverse,
    });
    let given = 0;
    try {
      for await (const [rawKey, stored] of iterator) {
        if (rawKey[0] === ASIDE) continue;
        const key = decoder.decode(rawKey);
        const value = open(key, decoder.decode(stored));
        if (value === undefined) {
          this.#note(key);
          continue;
        }
        yield [key, value] as const;
        if (++given === limit) return;
      }
    } catch (error) {
      if (!isLevelDamage(error)) throw error;
      this.#note(`records after ${given} in scan "${gte ?? ""}": ${errorText(error)}`);
    }
  }

  damaged(): readonly string[] {
    return [...this.#damaged];
  }

  async repair(): Promise<readonly string[]> {
    const moved: string[] = [];
    const ops: LevelOp[] = [];
    for await (const [key, value] of this.#db.iterator()) {
      const name = decoder.decode(key);
      if (key[0] === ASIDE || open(name, decoder.decode(value)) !== undefined) continue;
      ops.push({ type: "put", key: Uint8Array.of(ASIDE, ...key), value }, { type: "del", key });
      moved.push(name);
    }
    if (ops.length > 0) await this.#db.batch(ops, { sync: true });
    return moved;
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#db.close();
  }
}

/**
 * Opens the durable state of `dir`; damage is repaired or set aside and then named in `damaged()`.
 *
 * @param mend is asked when a write meets damage; without it such writes fail.
 * @throws UserError `store-locked`, `store-unusable`.
 */
export async function openState(dir: string, mend?: MendTables): Promise<DurableState> {
  return new LevelState(dir, await openLevel(dir, STATE_LEVEL), mend);
}
