/**
 * Whole answers kept as bytes: a panel over a past that no longer changes is drawn again every few seconds by every
 * screen that shows it, and then costs reading the question and sending. Only answers that the evaluator calls lasting
 * are kept, for some minutes, and none outlives an import or a deletion.
 */
import type { Timestamp } from "../model/sample.ts";
import type { Answer, Pieces } from "./http.ts";

/** All answers together, and the largest one worth its place. */
const BYTES_MAX: number = 16 * 1024 * 1024;
const ANSWER_BYTES_MAX: number = 1024 * 1024;
/** What arrived later than is usual, or was dropped by retention, shows after this. */
const LIFE_MS = 300_000;
/** A map entry, a key's head, a buffer's head. */
const ENTRY_BYTES = 300;

interface Entry {
  readonly body: Buffer;
  readonly generation: number;
  readonly bornAt: Timestamp;
  readonly bytes: number;
}

export class AnswerCache {
  readonly #now: () => Timestamp;
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(now: () => Timestamp) {
    this.#now = now;
  }

  /** @param generation of the past, raised when it is rewritten. */
  get(key: string, generation: number): Answer | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    // A clock that was set back makes entries neither young nor immortal.
    if (entry.generation !== generation || Math.abs(this.#now() - entry.bornAt) >= LIFE_MS) {
      this.#bytes -= entry.bytes;
      return undefined;
    }
    this.#entries.set(key, entry);
    return { status: 200, type: "application/json", body: entry.body };
  }

  /** The same answer, kept once it has been made. @param generation read before the evaluation began. */
  keeping(key: string, generation: number, answer: Answer): Answer {
    const { body } = answer;
    if (typeof body === "string") return answer;
    if (Buffer.isBuffer(body)) {
      this.#keep(key, generation, body);
      return answer;
    }
    return { ...answer, body: this.#copied(body, (whole) => this.#keep(key, generation, whole)) };
  }

  async *#copied(pieces: Pieces, done: (whole: Buffer) => void): AsyncGenerator<string | Buffer> {
    let copies: Buffer[] | undefined = [];
    let length = 0;
    for await (const piece of pieces) {
      length += piece.length;
      if (length > ANSWER_BYTES_MAX) copies = undefined;
      // Whoever takes the piece may use its memory again.
      copies?.push(Buffer.from(piece as Buffer));
      yield piece;
    }
    if (copies !== undefined) done(Buffer.concat(copies));
  }

  #keep(key: string, generation: number, body: Buffer): void {
    const bytes = body.length + key.length * 2 + ENTRY_BYTES;
    this.#bytes += bytes - (this.#entries.get(key)?.bytes ?? 0);
    this.#entries.delete(key);
    this.#entries.set(key, { body, generation, bornAt: this.#now(), bytes });
    for (const [oldest, entry] of this.#entries) {
      if (this.#bytes <= BYTES_MAX) break;
      this.#entries.delete(oldest);
      this.#bytes -= entry.bytes;
    }
  }
}
