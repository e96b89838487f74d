/**
 * One kept TCP connection of the short way: a request goes out, its answer is read. Who asked is told how it ended: with
 * an answer, with a case for the client that knows all of HTTP, or with nothing said at all.
 */
import { connect, type Socket } from "node:net";
import type { Clock } from "../base/clock.ts";
import { UserError } from "../base/errors.ts";
import { receiveArea } from "../exposition/compare-kernel.ts";
import { formatDuration } from "../model/duration.ts";
import { Alarm } from "./alarms.ts";
import { BODIES_BYTES_MAX, type BodyBudget, formatLimit } from "./body.ts";
import { inflate } from "./inflate.ts";
import { borrowedPage, ownedPage, type PageBuffers, type PageBytes } from "./page-buffers.ts";
import { type AnswerHead, ChunkReader, HeadReader } from "./plain-head.ts";

/** All sockets are read into this, one after the other: what arrives is read or copied away before the next. */
const READ_BYTES = 256 * 1024;
/** Where pages are compared, so that they need not be copied there. */
let readBuffer: Buffer | undefined;
/** First guess for a body in chunks, whose length is not told. */
const CHUNKED_BYTES = 64 * 1024;
/** What a server merely announces takes no more memory than this. */
const FIRST_BYTES_MAX = 1024 * 1024;
/** Compressed bodies up to here are inflated at once, in some 2 ms; larger ones take the long way. */
const GZIP_BYTES_MAX = 1024 * 1024;

export interface PlainRequest {
  readonly host: string;
  readonly port: number;
  /** Both in one word. */
  readonly place: string;
  /** Request line and headers, with the empty line. */
  readonly head: string;
  readonly timeoutMs: number;
  readonly bodyBytesMax: number;
  readonly signal?: AbortSignal | undefined;
  /** The page may be lent where it was received: see `borrowedPage`. */
  readonly borrows?: boolean | undefined;
}

export interface PlainAnswer {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly page: PageBytes;
}

export interface PlainOptions {
  readonly clock: Clock;
  readonly budget: BodyBudget;
  readonly buffers: PageBuffers;
}

/** How a request ended: an answer, a case for the other client, or a dead connection that had not said a byte. */
export type Outcome = PlainAnswer | "unknown" | "silent";

const NO_PAGE: PageBytes = ownedPage(Buffer.alloc(0));

export class Connection {
  readonly #socket: Socket;
  readonly #options: PlainOptions;
  /** Who waits for the answer. */
  #asked: Asked | undefined;
  #heard = false;
  #head: AnswerHead | undefined;
  readonly #heads: HeadReader = new HeadReader();
  #chunks: ChunkReader | undefined;
  #body: Buffer | undefined;
  #length = 0;
  #bodyMax = 0;
  /** Closed, or not to be used again. */
  spent = false;
  idleSince = 0;

  constructor(host: string, port: number, options: PlainOptions) {
    this.#options = options;
    readBuffer ??= receiveArea() ?? Buffer.allocUnsafeSlow(READ_BYTES);
    const onread = {
      buffer: readBuffer,
      callback: (size: number, bytes: Uint8Array): boolean => {
        this.#read(bytes as Buffer, size);
        return true;
      },
    };
    this.#socket = connect({ host, port, noDelay: true, onread });
    this.#socket.on("error", (error) => this.#end(this.#heard ? this.#cut() : error));
    this.#socket.on("close", () => this.#end(this.#heard ? this.#cut() : "silent"));
  }

  get received(): number {
    return this.#head === undefined ? -1 : this.#length;
  }

  /** The signal of the request under way. */
  get signal(): AbortSignal | undefined {
    return this.#asked?.request.signal;
  }

  /** Tells `asked` how it ended. */
  ask(asked: Asked): void {
    const { head, bodyBytesMax } = asked.request;
    this.#heard = false;
    this.#head = undefined;
    this.#heads.reset();
    this.#chunks = undefined;
    this.#length = 0;
    this.#bodyMax = bodyBytesMax;
    this.#asked = asked;
    this.#socket.write(head, "latin1");
  }

  /** An answer that ends behind its head is asked for no second time: the scrape failed. */
  #cut(): Outcome | Error {
    if (this.#head === undefined) return "unknown";
    const { length } = this.#head;
    const of = length < 0 ? "" : ` of ${length}`;
    return new UserError("http-cut", `the connection ended after ${this.#length}${of} bytes of the body`);
  }

  fail(error: Error): void {
    this.#end(error);
  }

  close(): void {
    this.spent = true;
    this.#socket.destroy();
  }

  #end(outcome: Outcome | Error): void {
    const asked = this.#asked;
    this.#asked = undefined;
    this.close();
    this.#dropBody();
    asked?.end(outcome);
  }

  #dropBody(): void {
    const body = this.#body;
    if (body === undefined) return;
    this.#body = undefined;
    this.#options.budget.give(body.length);
    this.#options.buffers.give(body);
  }

  #read(bytes: Buffer, size: number): void {
    // A server that speaks unasked is not one we know.
    if (this.#asked === undefined) return this.close();
    this.#heard = true;
    let from = 0;
    if (this.#head === undefined) {
      from = this.#readHead(bytes, size);
      if (from < 0) return;
    }
    try {
      this.#readBody(bytes, from, size);
    } catch (error) {
      this.#end(error as Error);
    }
  }

  /** @returns where the body starts in these bytes; -1 when there is nothing more to do with them. */
  #readHead(bytes: Buffer, size: number): number {
    const found = this.#heads.read(bytes, size);
    if (found === undefined) return -1;
    if (found === "unknown" || !(found.status >= 200)) {
      this.#end("unknown");
      return -1;
    }
    if (found.status !== 200) {
      const { status, contentType } = found;
      this.#end(found.redirect ? "unknown" : { status, contentType, page: NO_PAGE });
      return -1;
    }
    this.#head = found;
    if (found.chunked) this.#chunks = new ChunkReader();
    if (found.gzip && found.length > GZIP_BYTES_MAX) {
      this.#end("unknown");
      return -1;
    }
    return found.end;
  }

  #readBody(bytes: Buffer, from: number, size: number): void {
    const head = this.#head as AnswerHead;
    if (this.#chunks === undefined) {
      if (head.length > this.#bodyMax) throw tooLarge(this.#bodyMax);
      const left = head.length - this.#length;
      if (size - from > left) return this.#end("unknown");
      // Nearly every page comes whole in one piece, and is read where it lies.
      const whole = left === head.length && size - from === left;
      if (whole && (head.gzip || this.#asked?.request.borrows === true))
        return this.#answer(head, borrowedPage(bytes.subarray(from, size)));
      this.#append(bytes, from, size, Math.min(head.length, FIRST_BYTES_MAX));
      if (this.#length === head.length) this.#finish(head);
      return;
    }
    const state = this.#chunks.read(bytes, from, size, (start, end) => this.#append(bytes, start, end, CHUNKED_BYTES));
    if (state === "broken") this.#end("unknown");
    else if (state === "done") this.#finish(head);
  }

  #append(bytes: Buffer, from: number, to: number, expected: number): void {
    const needed = this.#length + (to - from);
    if (needed > this.#bodyMax) throw tooLarge(this.#bodyMax);
    if (this.#body === undefined || this.#body.length < needed) {
      const grown = this.#options.buffers.take(Math.max(expected, needed, 2 * (this.#body?.length ?? 0)));
      if (!this.#options.budget.take(grown.length)) {
        this.#options.buffers.give(grown);
        throw new UserError(
          "body-limit",
          `bodies of all targets together are larger than ${formatLimit(BODIES_BYTES_MAX)}`,
        );
      }
      this.#body?.copy(grown, 0, 0, this.#length);
      this.#dropBody();
      this.#body = grown;
    }
    bytes.copy(this.#body, this.#length, from, to);
    this.#length = needed;
  }

  #finish(head: AnswerHead): void {
    const body = this.#body ?? this.#options.buffers.take(1);
    if (this.#body !== undefined) this.#options.budget.give(this.#body.length);
    this.#body = undefined;
    this.#answer(head, this.#options.buffers.page(body, this.#length));
  }

  #answer({ status, contentType, gzip, close }: AnswerHead, raw: PageBytes): void {
    const asked = this.#asked;
    this.#asked = undefined;
    if (close) this.close();
    let outcome: PlainAnswer | Error;
    try {
      outcome = { status, contentType, page: gzip ? this.#inflate(raw) : raw };
    } catch (error) {
      outcome = error as Error;
    }
    asked?.end(outcome);
  }

  #inflate(packed: PageBytes): PageBytes {
    try {
      return inflate(packed.bytes, this.#bodyMax, this.#options.buffers);
    } catch (error) {
      if ((error as { code?: string }).code === "ERR_BUFFER_TOO_LARGE") throw tooLarge(this.#bodyMax);
      throw error;
    } finally {
      packed.release();
    }
  }
}

function tooLarge(limitBytes: number): UserError {
  return new UserError("body-limit", `the body is larger than ${formatLimit(limitBytes)}`, {
    hint: "see body_size_limit of the job",
  });
}

/** A request under way, on one connection after the other until one of them answers. */
export class Asked {
  readonly request: PlainRequest;
  readonly deadline: Alarm;
  /** Kept from an earlier request. */
  kept = false;
  connection: Connection | undefined;
  readonly #ended: (asked: Asked, outcome: Outcome | Error) => void;
  readonly resolve: (answer: PlainAnswer | undefined) => void;
  readonly reject: (error: Error) => void;

  constructor(
    request: PlainRequest,
    ended: (asked: Asked, outcome: Outcome | Error) => void,
    resolve: (answer: PlainAnswer | undefined) => void,
    reject: (error: Error) => void,
  ) {
    this.request = request;
    this.#ended = ended;
    this.resolve = resolve;
    this.reject = reject;
    this.deadline = new Alarm(() => this.#late());
  }

  end(outcome: Outcome | Error): void {
    this.#ended(this, outcome);
  }

  #late(): void {
    const within = formatDuration(this.request.timeoutMs);
    const received = this.connection?.received ?? -1;
    const text =
      received < 0
        ? `no answer within ${within}`
        : `the body was not complete within ${within} (${received} bytes so far)`;
    this.connection?.fail(new UserError("http-timeout", text));
  }
}
