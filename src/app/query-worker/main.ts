/**
 * The query thread: the routes that only read samples, with an engine and a writer of JSON of their own, over the
 * store's port. It owns nothing that would be missed: the main thread ends it when it stands still or grows too large.
 */
import { readlinkSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { getHeapStatistics } from "node:v8";
import { parentPort, workerData } from "node:worker_threads";
import { failureOf, matchRoute, parametersOf, type Answer, type Route } from "../../api/http.ts";
import { returnPiece } from "../../api/pieces.ts";
import { questionRoutes } from "../../api/questions.ts";
import { assert } from "../../base/assert.ts";
import { systemClock } from "../../base/clock.ts";
import { errorText, EXIT, UserError } from "../../base/errors.ts";
import { nextTurn, overdue } from "../../base/turns.ts";
import { Labels } from "../../model/labels.ts";
import { createEngine } from "../../promql/engine.ts";
import { cacheRanges } from "../../promql/range-cache.ts";
import { guarded, watchNativeHistograms } from "../native-histograms.ts";
import { portQueryable } from "./store-client.ts";
import { type FromThread, SENT_AHEAD_BYTES, type ThreadData, type ToThread } from "./messages.ts";

/** Steps behind the main thread: a scrape goes first where there are fewer processors than work. */
const NICE = 5;
/** Pieces are collected up to this before they are sent. */
const PIECE_BYTES = 128 * 1024;
/** Range results kept here, beside those of the main thread. */
const CACHE_BYTES = 64 * 1024 * 1024;

type AskMessage = ToThread & { readonly kind: "ask" };

interface Running {
  readonly controller: AbortController;
  /** Bytes that may be sent now. */
  room: number;
  wake: (() => void) | undefined;
}

const data = workerData as ThreadData;
assert(data.kind === "opsmon-query-thread" && parentPort !== null, "this file is the query thread");
const port = parentPort;
const running = new Map<number, Running>();
const histograms = watchNativeHistograms();
let external = Labels.EMPTY;

const { features, timeoutMs, maxSamples, lookbackMs } = data.engine;
const store = portQueryable({ port: data.store, bell: data.bell });
const evaluator = cacheRanges(
  createEngine({
    queryable: store,
    clock: systemClock,
    features: new Set(features),
    timeoutMs,
    // Places are given by the main thread.
    maxConcurrency: Number.POSITIVE_INFINITY,
    ...(maxSamples === undefined ? {} : { maxSamples }),
    ...(lookbackMs === undefined ? {} : { lookbackMs }),
  }),
  { clock: systemClock, maxBytes: CACHE_BYTES },
);
const routes: readonly Route[] = questionRoutes({
  storage: { ...store, metadata: () => new Map() },
  evaluator: guarded(evaluator, histograms, Promise.resolve()),
  now: () => systemClock.now(),
  externalLabels: () => external,
});

/** Best effort: not every machine lets a thread be found. */
function stepBehind(): void {
  try {
    os.setPriority(Number(path.basename(readlinkSync("/proc/thread-self"))), NICE);
  } catch {
    // Then all threads are served alike.
  }
}

function tell(message: FromThread, transfer: readonly ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

async function answerOf(ask: AskMessage, signal: AbortSignal): Promise<Answer> {
  const url = new URL(ask.url, "http://opsmon.invalid");
  const body = Buffer.from(ask.body.buffer, ask.body.byteOffset, ask.body.byteLength);
  const found = matchRoute(routes, ask.method, url.pathname);
  assert("route" in found, "only questions are asked here");
  const parameters = parametersOf(url, ask.headers, body, ask.timeoutMs);
  const request = { method: ask.method, path: url.pathname, parameters, headers: ask.headers, body, signal };
  const answer = await found.route.handle({ ...request, raw: undefined }, found.holes);
  assert(answer !== undefined, "questions are answered");
  return answer;
}

/** Columns of all queries together, MB: some hundred million values. */
const COLUMNS_MB = 1_536;
/** How often the thread looks at its memory, ms. */
const LOOK_MS = 50;
const MB = 1_048_576;

/** Ends what is evaluated while there is room to say so: no query is worth the others' and its own clear answer. */
function watchMemory(): void {
  setInterval(() => {
    if (running.size === 0) return;
    const { used_heap_size: heap, external_memory: columns } = getHeapStatistics();
    if (heap <= data.heapMb * MB && columns <= COLUMNS_MB * MB) return;
    const hint = "ask for fewer series, a shorter range or a larger step";
    const why = new UserError("promql-limit", "query needed more memory than queries are given", {
      exit: EXIT.limit,
      hint,
    });
    for (const { controller } of running.values()) controller.abort(why);
  }, LOOK_MS).unref();
}

/** Why an evaluation was cut off, when it was not by its client. */
function reasonOf({ reason }: AbortSignal): UserError | undefined {
  return reason instanceof UserError ? reason : undefined;
}

/** V8 makes no text of half a gigabyte, and no array of four: an answer is no bug for wanting one. */
function tooLarge(error: unknown): unknown {
  if (!(error instanceof RangeError)) return error;
  return new UserError("promql-limit", "the query made a text or a list larger than any may be", {
    exit: EXIT.limit,
    cause: error,
  });
}

async function serve(ask: AskMessage): Promise<void> {
  const mine: Running = { controller: new AbortController(), room: SENT_AHEAD_BYTES, wake: undefined };
  running.set(ask.id, mine);
  external = Labels.from(ask.external);
  histograms.note(ask.nativeHistograms, 0);
  try {
    const answer = await answerOf(ask, mine.controller.signal).catch((error: unknown) =>
      failureOf(reasonOf(mine.controller.signal) ?? tooLarge(error)),
    );
    const { status, type, encoding, headers, body } = answer;
    tell({ kind: "answer", id: ask.id, status, type, encoding, headers });
    const pieces = typeof body === "string" || Buffer.isBuffer(body) ? [body] : body;
    for await (const piece of gathered(pieces)) await sendPiece(ask.id, mine, piece);
    tell({ kind: "end", id: ask.id, error: undefined });
  } catch (error) {
    tell({ kind: "end", id: ask.id, error: errorText(error) });
  } finally {
    running.delete(ask.id);
  }
}

/** Short pieces together, so that a message is worth its while; copied, since a piece lies in memory used again. */
async function* gathered(pieces: Exclude<Answer["body"], string>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let out = new Uint8Array(PIECE_BYTES);
  let at = 0;
  for await (const piece of pieces as AsyncIterable<string | Buffer>) {
    const bytes = typeof piece === "string" ? Buffer.from(piece) : piece;
    if (at + bytes.length > out.length) {
      if (at > 0) yield out.subarray(0, at);
      out = new Uint8Array(Math.max(PIECE_BYTES, bytes.length));
      at = 0;
    }
    out.set(bytes, at);
    at += bytes.length;
    returnPiece(piece);
    if (overdue()) await nextTurn();
  }
  if (at > 0) yield at * 2 > out.length ? out.subarray(0, at) : out.slice(0, at);
}

async function sendPiece(id: number, mine: Running, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  while (mine.room <= 0 && !mine.controller.signal.aborted) {
    await new Promise<void>((resolve) => (mine.wake = resolve));
  }
  if (mine.controller.signal.aborted) throw new Error("the client went away");
  mine.room -= bytes.length;
  tell({ kind: "piece", id, bytes }, [bytes.buffer]);
}

port.on("message", (message: ToThread) => {
  if (message.kind === "ask") return void serve(message);
  if (message.kind === "forget") return evaluator.clear();
  const mine = running.get(message.id);
  if (message.kind === "cancel") mine?.controller.abort();
  else if (mine !== undefined) mine.room += message.bytes;
  return mine?.wake?.();
});

stepBehind();
watchMemory();
tell({ kind: "ready" });
