/** Least recently used things, bounded by the bytes they say they take. Keys are numbers: no string is made to look. */

interface Entry<T> {
  readonly value: T;
  readonly bytes: number;
}

/** What one entry costs beside its own bytes. */
const ENTRY_BYTES = 120;

export class ByteCache<T> {
  readonly #maxBytes: number;
  readonly #entries = new Map<number, Entry<T>>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(key: number): T | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.value;
  }

  set(key: number, value: T, sizeBytes: number): void {
    const bytes = sizeBytes + ENTRY_BYTES;
    const old = this.#entries.get(key);
    if (old !== undefined) {
      this.#bytes -= old.bytes;
      this.#entries.delete(key);
    }
    if (bytes > this.#maxBytes) return;
    this.#entries.set(key, { value, bytes });
    this.#bytes += bytes;
    for (const [oldest, entry] of this.#entries) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#entries.delete(oldest);
      this.#bytes -= entry.bytes;
    }
  }
}
