/**
 * The query thread from outside: started with the first heavy question, ended when nobody asked for minutes, started
 * anew after it died. It dies of a question that wants more memory than it may have, and is ended when an evaluation
 * neither answers nor yields long after its deadline; whoever waits then gets an error that says so, and the engine
 * goes on.
 */
import type { IncomingHttpHeaders } from "node:http";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import type { Answer } from "../../api/http.ts";
import type { Ask } from "../../api/services.ts";
import type { Clock } from "../../base/clock.ts";
import { EXIT, UserError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Queryable } from "../../storage/storage.ts";
import type { ThreadCode } from "./code.ts";
import { type FromThread, type ThreadData, type ToStore, type ToThread } from "./messages.ts";
import { StoreServer } from "./store-server.ts";

/** After its deadline an evaluation has so long to notice, ms, before the thread is ended. */
const GRACE_MS = 5_000;
/** Without a question for so long the thread is ended, ms. */
const IDLE_MS = 300_000;
/**
 * JavaScript objects of the thread: label sets and results. It ends queries by itself at half of this; the other half is
 * for what one stretch of work may still make, since a single allocation past the end would take the process along.
 */
const HEAP_MB = 1_024;
const YOUNG_MB = 48;

export interface QueryThreadOptions {
  readonly code: ThreadCode;
  readonly store: Queryable;
  readonly clock: Clock;
  readonly log: Logger;
  readonly engine: ThreadData["engine"];
  readonly heapMb?: number;
  readonly graceMs?: number;
  readonly idleMs?: number;
}

/** What goes with a question besides the request. */
export interface Circumstances {
  /** Deadline of the evaluation. */
  readonly timeoutMs: number;
  /** Told to the engine; undefined leaves what the request says. */
  readonly leftMs: number | undefined;
  readonly external: readonly (readonly [string, string])[];
  readonly nativeHistograms: readonly string[];
}

/** Since the engine started. */
export interface ThreadStats {
  readonly starts: number;
  readonly asked: number;
  /** Questions that ended with a thread. */
  readonly lost: number;
}

export interface QueryThread {
  ask(ask: Ask, circumstances: Circumstances): Promise<Answer>;
  /** Remembered answers are wrong. */
  forget(): void;
  stats(): ThreadStats;
  close(): Promise<void>;
}

export function createQueryThread(options: QueryThreadOptions): QueryThread {
  return new Keeper(options);
}

/** One question under way. */
class Question {
  readonly id: number;
  readonly #thread: Thread;
  readonly #waitMs: number;
  readonly #queue: Uint8Array[] = [];
  #wake: (() => void) | undefined;
  #timer: Disposable | undefined;
  #ended = false;
  #error: Error | undefined;
  readonly answered: Promise<Answer>;
  #resolve: (answer: Answer) => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;

  constructor(id: number, thread: Thread, waitMs: number) {
    this.id = id;
    this.#thread = thread;
    this.#waitMs = waitMs;
    this.answered = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#watch();
  }

  /** From here on the thread owes the next message. */
  #watch(): void {
    this.#timer?.[Symbol.dispose]();
    if (!this.#ended) this.#timer = this.#thread.after(this.#waitMs, () => this.#thread.stuck(this));
  }

  take(message: FromThread): void {
    this.#timer?.[Symbol.dispose]();
    if (message.kind === "answer") {
      const { status, type, encoding, headers } = message;
      const more = { ...(encoding === undefined ? {} : { encoding }), ...(headers === undefined ? {} : { headers }) };
      this.#resolve({ status, type, body: this.#pieces(), ...more });
      this.#watch();
    } else if (message.kind === "piece") {
      this.#queue.push(message.bytes);
    } else if (message.kind === "end") {
      this.end(message.error === undefined ? undefined : new Error(message.error));
    }
    this.#wake?.();
  }

  end(error: Error | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#timer?.[Symbol.dispose]();
    this.#thread.done(this);
    if (error !== undefined) this.#reject(error);
    this.#wake?.();
  }

  async *#pieces(): AsyncGenerator<Buffer> {
    try {
      for (;;) {
        const bytes = this.#queue.shift();
        if (bytes !== undefined) {
          yield Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
          this.#thread.send({ kind: "more", id: this.id, bytes: bytes.length });
          if (this.#queue.length === 0) this.#watch();
        } else if (this.#ended) {
          if (this.#error !== undefined) throw this.#error;
          return;
        } else {
          await new Promise<void>((resolve) => (this.#wake = resolve));
        }
      }
    } finally {
      this.cancel();
    }
  }

  cancel(): void {
    if (this.#ended) return;
    this.#thread.send({ kind: "cancel", id: this.id });
  }
}

/** One life of the thread. */
class Thread {
  readonly #worker: Worker;
  readonly #server: StoreServer;
  readonly #port: MessagePort;
  readonly #clock: Clock;
  readonly #questions = new Map<number, Question>();
  readonly #ended: (why: string, lost: number) => void;
  #verdict: { readonly culprit: Question; readonly error: UserError } | undefined;
  #gone = false;

  constructor(options: QueryThreadOptions, ended: (why: string, lost: number) => void) {
    const { code, store, clock, engine } = options;
    this.#clock = clock;
    this.#ended = ended;
    const { port1, port2 } = new MessageChannel();
    const bell = new SharedArrayBuffer(4);
    const count = new Int32Array(bell);
    const heapMb = options.heapMb ?? HEAP_MB;
    const data: ThreadData = { kind: "opsmon-query-thread", store: port2, bell, heapMb: heapMb / 2, engine };
    this.#worker = new Worker(code.code, {
      name: "opsmon-query",
      eval: code.eval,
      workerData: data,
      transferList: [port2],
      execArgv: ["--no-warnings"],
      resourceLimits: { maxOldGenerationSizeMb: heapMb, maxYoungGenerationSizeMb: YOUNG_MB },
    });
    this.#port = port1;
    this.#server = new StoreServer(store, {
      send(message, transfer) {
        port1.postMessage(message, transfer);
        Atomics.add(count, 0, 1);
        Atomics.notify(count, 0);
      },
    });
    port1.on("message", (message: ToStore) => this.#server.take(message));
    this.#worker.on("message", (message: FromThread) => {
      if (message.kind !== "ready") this.#questions.get(message.id)?.take(message);
    });
    this.#worker.on("error", (error: Error & { readonly code?: string }) => {
      const memory = error.code === "ERR_WORKER_OUT_OF_MEMORY";
      this.#end(memory ? "it needed more memory than queries are given" : error.message);
    });
    this.#worker.on("exit", () => this.#end("it ended"));
    // What is asked is held by its connection; an idle thread must not keep the process.
    this.#worker.unref();
    port1.unref();
  }

  after(ms: number, fire: () => void): Disposable {
    return this.#clock.after(ms, fire);
  }

  send(message: ToThread, transfer: readonly ArrayBuffer[] = []): void {
    if (!this.#gone) this.#worker.postMessage(message, transfer);
  }

  add(question: Question): void {
    this.#questions.set(question.id, question);
  }

  done(question: Question): void {
    this.#questions.delete(question.id);
  }

  get busy(): boolean {
    return this.#questions.size > 0;
  }

  /** A question's deadline is long over and nothing came: the thread stands in a loop that never yields. */
  stuck(culprit: Question): void {
    const error = new UserError("promql-timeout", "query timed out in expression evaluation and was ended", {
      exit: EXIT.limit,
      hint: "ask for a shorter range, a larger step or fewer series",
    });
    this.#verdict = { culprit, error };
    void this.stop();
    this.#end("a query did not stop at its deadline");
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }

  #end(why: string): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#server.close();
    this.#port.close();
    const lost = [...this.#questions.values()];
    for (const question of lost) {
      const own = question === this.#verdict?.culprit ? this.#verdict.error : undefined;
      question.end(
        own ??
          new UserError("query-thread-lost", `the query thread was ended while it worked on this: ${why}`, {
            exit: EXIT.limit,
            hint: "ask again; when it happens again, ask for fewer series or a shorter time",
          }),
      );
    }
    this.#ended(why, lost.length);
  }
}

class Keeper implements QueryThread {
  readonly #options: QueryThreadOptions;
  #thread: Thread | undefined;
  #idle: Disposable | undefined;
  #closed = false;
  #starts = 0;
  #asked = 0;
  #lost = 0;

  constructor(options: QueryThreadOptions) {
    this.#options = options;
  }

  async ask(ask: Ask, { timeoutMs, leftMs, external, nativeHistograms }: Circumstances): Promise<Answer> {
    const thread = (this.#thread ??= this.#start());
    this.#idle?.[Symbol.dispose]();
    const id = ++this.#asked;
    const question = new Question(id, thread, timeoutMs + (this.#options.graceMs ?? GRACE_MS));
    thread.add(question);
    // A copy that can be given away: small buffers share their memory with others.
    const body = new Uint8Array(ask.body);
    const request = { method: ask.method, url: ask.url.pathname + ask.url.search, headers: plainHeaders(ask), body };
    thread.send({ kind: "ask", id, ...request, timeoutMs: leftMs, external, nativeHistograms }, [body.buffer]);
    const cancel = (): void => question.cancel();
    if (ask.signal.aborted) cancel();
    else ask.signal.addEventListener("abort", cancel, { once: true });
    return question.answered.finally(() => this.#rest());
  }

  forget(): void {
    this.#thread?.send({ kind: "forget" });
  }

  stats(): ThreadStats {
    return { starts: this.#starts, asked: this.#asked, lost: this.#lost };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#idle?.[Symbol.dispose]();
    await this.#thread?.stop();
  }

  #start(): Thread {
    this.#starts++;
    const thread: Thread = new Thread(this.#options, (why, lost) => {
      if (this.#thread === thread) this.#thread = undefined;
      this.#lost += lost;
      if (lost > 0 && !this.#closed) this.#options.log.warn("query thread ended", { why, queries: lost });
    });
    return thread;
  }

  #rest(): void {
    this.#idle?.[Symbol.dispose]();
    if (this.#closed) return;
    this.#idle = this.#options.clock.after(this.#options.idleMs ?? IDLE_MS, () => {
      if (this.#thread?.busy === true) this.#rest();
      else void this.#thread?.stop();
    });
  }
}

/** What routes look at. */
const HEADERS = ["accept", "content-type", "content-encoding"] as const;

function plainHeaders({ headers }: Ask): IncomingHttpHeaders {
  return Object.fromEntries(HEADERS.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]])));
}
