/** The query thread's lives: real threads, real questions, and code that misbehaves on purpose. */
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { createAside } from "../../../../src/app/query-worker/aside.ts";
import { threadCode } from "../../../../src/app/query-worker/code.ts";
import {
  createQueryThread,
  type QueryThread,
  type QueryThreadOptions,
} from "../../../../src/app/query-worker/thread.ts";
import type { Answer } from "../../../../src/api/http.ts";
import type { Ask } from "../../../../src/api/services.ts";
import { systemClock } from "../../../../src/base/clock.ts";
import { silentLogger } from "../../../../src/base/log.ts";
import { Labels } from "../../../../src/model/labels.ts";
import { parseExpr } from "../../../../src/promql/parse.ts";
import { Turnstile } from "../../../../src/promql/turnstile.ts";
import { memoryStore } from "../../../support/memory-store.ts";

const T0 = 1_700_000_000_000;
const ENGINE = { features: [], timeoutMs: 60_000, maxSamples: undefined, lookbackMs: undefined };

interface Box extends AsyncDisposable {
  readonly thread: QueryThread;
  readonly store: ReturnType<typeof memoryStore>;
}

async function box(options: Partial<QueryThreadOptions> = {}, series = 100): Promise<Box> {
  const store = memoryStore();
  const appender = store.appender();
  for (let i = 0; i < series; i++) {
    const ref = appender.series(Labels.from({ __name__: "m", i: String(i) }));
    for (let k = 0; k < 100; k++) appender.append(ref, T0 + k * 1_000, i + k);
  }
  await appender.commit();
  const base = { code: threadCode(), store, clock: systemClock, log: silentLogger, engine: ENGINE };
  const thread = createQueryThread({ ...base, ...options });
  return { thread, store, [Symbol.asyncDispose]: () => thread.close() };
}

function question(path: string, parameters: Readonly<Record<string, string>>, signal?: AbortSignal): Ask {
  const url = new URL(`http://x${path}?${new URLSearchParams(parameters).toString()}`);
  return { method: "GET", url, headers: {}, body: Buffer.alloc(0), signal: signal ?? new AbortController().signal };
}

const at = `${T0 / 1_000 + 99}`;
const query = (text: string, signal?: AbortSignal): Ask => question("/api/v1/query", { query: text, time: at }, signal);
const CIRCUMSTANCES = { timeoutMs: 30_000, leftMs: undefined, external: [], nativeHistograms: [] };

async function textOf({ body }: Answer): Promise<string> {
  if (typeof body === "string" || Buffer.isBuffer(body)) return String(body);
  let text = "";
  for await (const piece of body) text += String(piece);
  return text;
}

/** Text that runs as the thread's whole code. */
const misbehaving = (text: string): QueryThreadOptions["code"] => ({
  code: `const { parentPort: port } = require("node:worker_threads"); port.on("message", (message) => { ${text} });`,
  eval: true,
});
const OK = `port.postMessage({ kind: "answer", id: message.id, status: 200, type: "t" });`;

describe("the query thread", () => {
  test("answers as the engine does, errors too, and is started once", async () => {
    await using one = await box();
    const answers = await Promise.all([
      one.thread.ask(query("sum(m)"), CIRCUMSTANCES),
      one.thread.ask(query("sum("), CIRCUMSTANCES),
      one.thread.ask(question("/api/v1/series", { "match[]": 'm{i=~"1|2"}' }), CIRCUMSTANCES),
      one.thread.ask(question("/api/v1/label/i/values", {}), CIRCUMSTANCES),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 400, 200, 200]);
    const [sum, , series, values] = await Promise.all(answers.map(textOf));
    expect(JSON.parse(sum as string)).toMatchObject({ data: { result: [{ value: [T0 / 1_000 + 99, "14850"] }] } });
    expect(JSON.parse(series as string)).toMatchObject({ data: [{ i: "1" }, { i: "2" }] });
    expect((JSON.parse(values as string) as { data: string[] }).data).toHaveLength(100);
    expect(one.thread.stats()).toEqual({ starts: 1, asked: 4, lost: 0 });
  });

  test("sees what was written before the question, and forgets ranges when told", async () => {
    await using one = await box();
    const range = { query: "count(m)", start: `${T0 / 1_000 - 600}`, end: `${T0 / 1_000 - 500}`, step: "10" };
    const ask = async (): Promise<string> =>
      textOf(await one.thread.ask(question("/api/v1/query_range", range), CIRCUMSTANCES));
    expect(await ask()).toContain('"result":[]');
    const appender = one.store.appender();
    appender.append(appender.series(Labels.from({ __name__: "m", i: "late" })), T0 - 600_000, 1);
    await appender.commit();
    expect(await ask(), "the range is remembered").toContain('"result":[]');
    one.thread.forget();
    expect(await ask()).toContain('"1"]');
  });

  test("an evaluation that never yields is ended after its deadline, and the next question starts anew", async () => {
    const code = misbehaving(
      `if (message.url.includes("stuck")) for (;;); ${OK} port.postMessage({ kind: "end", id: message.id });`,
    );
    await using one = await box({ code, graceMs: 50 });
    const stuck = one.thread.ask(query("stuck"), { ...CIRCUMSTANCES, timeoutMs: 50 });
    const beside = one.thread.ask(query("innocent"), CIRCUMSTANCES);
    await expect(stuck).rejects.toMatchObject({ code: "promql-timeout" });
    await expect(beside).rejects.toMatchObject({ code: "query-thread-lost" });
    expect((await one.thread.ask(query("innocent"), CIRCUMSTANCES)).status).toBe(200);
    expect(one.thread.stats()).toEqual({ starts: 2, asked: 3, lost: 2 });
  });

  test("memory that runs out ends the thread and nothing else", async () => {
    const code = misbehaving(
      `if (message.url.includes("hoard")) { const kept = []; for (;;) kept.push({ n: kept.length }); } ${OK} port.postMessage({ kind: "end", id: message.id });`,
    );
    await using one = await box({ code, heapMb: 16 });
    await expect(one.thread.ask(query("hoard"), CIRCUMSTANCES)).rejects.toMatchObject({
      code: "query-thread-lost",
      message: expect.stringContaining("more memory") as string,
    });
    expect((await one.thread.ask(query("modest"), CIRCUMSTANCES)).status).toBe(200);
  });

  test("an answer that breaks off is an error, not a short answer", async () => {
    const code = misbehaving(
      `${OK} port.postMessage({ kind: "piece", id: message.id, bytes: new Uint8Array(3) }); setTimeout(() => process.exit(1), 50);`,
    );
    await using one = await box({ code });
    const answer = await one.thread.ask(query("m"), CIRCUMSTANCES);
    await expect(textOf(answer)).rejects.toThrow("the query thread was ended");
  });

  test("a client that leaves cancels its evaluation", async () => {
    await using one = await box({}, 400);
    const client = new AbortController();
    const slow = "sum(sum_over_time(sum_over_time(m[1m:1s])[1h:1s]))";
    const answer = one.thread.ask(query(slow, client.signal), CIRCUMSTANCES);
    client.abort();
    expect((await answer).status).toBe(499);
  });

  test("nobody asks: it ends, and the next question starts it", async () => {
    await using one = await box({ idleMs: 20 });
    await textOf(await one.thread.ask(query("m"), CIRCUMSTANCES));
    await new Promise((resolve) => setTimeout(resolve, 500));
    await textOf(await one.thread.ask(query("m"), CIRCUMSTANCES));
    expect(one.thread.stats()).toEqual({ starts: 2, asked: 2, lost: 0 });
  });

  test("a long answer comes whole, in pieces, however slowly it is read", async () => {
    await using one = await box({}, 2_000);
    const range = { query: "m", start: `${T0 / 1_000}`, end: `${T0 / 1_000 + 99}`, step: "1" };
    const { body } = await one.thread.ask(question("/api/v1/query_range", range), CIRCUMSTANCES);
    const pieces: string[] = [];
    for await (const piece of body as AsyncIterable<Buffer>) {
      if (pieces.length < 3) await new Promise((resolve) => setTimeout(resolve, 30));
      pieces.push(String(piece));
    }
    expect(pieces.length).toBeGreaterThan(10);
    const { data } = JSON.parse(pieces.join("")) as { data: { result: { values: unknown[] }[] } };
    expect(data.result.flatMap(({ values }) => values)).toHaveLength(200_000);
  });
});

describe("what goes aside", () => {
  test("heavy questions do, under one limit of concurrency; light ones and everything else stay", async () => {
    const asked: string[] = [];
    const gate = new EventTarget();
    const thread: QueryThread = {
      async ask({ url }) {
        asked.push(url.searchParams.get("query") ?? url.pathname);
        await once(gate, "open");
        return { status: 200, type: "", body: "" };
      },
      forget: () => undefined,
      stats: () => ({ starts: 0, asked: 0, lost: 0 }),
      close: async () => undefined,
    };
    const aside = createAside({
      mode: "auto",
      thread,
      scales: {
        weigh: (matchers) => ({ series: matchers.some(({ value }) => value === "m") ? 1e6 : 1, samples: 1 }),
        parse: (text) => parseExpr(text),
        now: () => T0,
      },
      turnstile: new Turnstile(1, systemClock),
      clock: systemClock,
      timeoutMs: 30_000,
      started: Promise.resolve(),
      external: () => [],
      nativeHistograms: () => [],
    });
    expect(aside(query("light"))).toBeUndefined();
    expect(aside(question("/api/v1/write", {}))).toBeUndefined();
    const both = [aside(query("m")), aside(query("m + m"))];
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(asked).toEqual(["m"]);
    gate.dispatchEvent(new Event("open"));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(asked).toEqual(["m", "m + m"]);
    gate.dispatchEvent(new Event("open"));
    for (const one of both) expect((await one)?.status).toBe(200);
  });
});
