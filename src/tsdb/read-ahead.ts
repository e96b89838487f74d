/**
 * A range of the database in large pieces, the next one on its way while the last one is worked on. LevelDB reads on other
 * threads, so a start that asks for all its ranges at once waits for the first one only.
 */
import type { ByteLevel } from "../base/leveldb.ts";

type Entry = [key: Uint8Array, value: Uint8Array];

/** Of one piece: labels of ten thousand series are a seventh of that; twice as much is in memory. */
const PIECE_BYTES = 1024 * 1024;
const PIECE_ENTRIES = 4_096;

/** Iterates over the pieces: a turn of the loop for each entry is more than most of them need. */
export class ReadAhead implements AsyncIterable<readonly Entry[]> {
  readonly #iterator: ReturnType<ByteLevel["iterator"]>;
  #next: Promise<Entry[]>;

  /** Begins to read at once; what goes wrong is told to who iterates. */
  constructor(db: ByteLevel, range: { readonly gte: Uint8Array; readonly lt: Uint8Array }) {
    this.#iterator = db.iterator({ ...range, highWaterMarkBytes: PIECE_BYTES });
    this.#next = this.#read();
  }

  #read(): Promise<Entry[]> {
    const entries = this.#iterator.nextv(PIECE_ENTRIES) as Promise<Entry[]>;
    // Nobody may ever ask for it, when a range before this one is damaged.
    entries.catch(() => undefined);
    return entries;
  }

  async *[Symbol.asyncIterator](): AsyncIterator<readonly Entry[]> {
    try {
      for (;;) {
        const entries = await this.#next;
        if (entries.length === 0) return;
        this.#next = this.#read();
        yield entries;
      }
    } finally {
      await this.#iterator.close();
    }
  }
}
