/** Hostile expressions and clients, while the engine scrapes each second: the right refusal, and everything goes on. */
import { readFileSync, writeFileSync } from "node:fs";
import http from "node:http";
import { connect, type Socket } from "node:net";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Labels } from "../../src/model/labels.ts";
import { encodeWriteRequest, REMOTE_HEADERS } from "../../src/remote/codec.ts";
import { HOSTILE } from "../support/api-hostile.ts";
import { type Engine, eventually, freePort, pause, startEngine, startPage, tempDir } from "../support/process.ts";

const DEADLINE_S = 10;
const SERIES = 1_000;
const SAMPLES = 1_440;
const STEP_MS = 15_000;

describe("hostile requests", () => {
  const stack = new AsyncDisposableStack();
  const end = Math.floor(Date.now() / STEP_MS) * STEP_MS;
  const start = end - SAMPLES * STEP_MS;
  let engine: Engine;
  let port: number;

  beforeAll(async () => {
    const home = stack.use(tempDir());
    const page = stack.use(await startPage("alive 1\n"));
    const config = path.join(home.path, "opsmon.yml");
    const target = `{job_name: live, static_configs: [{targets: ["127.0.0.1:${page.port}"]}]}`;
    writeFileSync(config, `global: {scrape_interval: 1s, scrape_timeout: 900ms}\nscrape_configs: [${target}]\n`);
    port = await freePort();
    const argv = ["--listen", `127.0.0.1:${port}`, "--query-timeout", `${DEADLINE_S}s`];
    engine = stack.use(await startEngine({ home: home.path, config, argv }));
    for (let from = 0; from < SERIES; from += 100) {
      const series = Array.from({ length: 100 }, (_, k) => ({
        labels: Labels.from({ __name__: "big", i: `${from + k}`, g: `${k % 10}`, t: `${"a".repeat(30)}${from + k}` }),
        t: Float64Array.from({ length: SAMPLES }, (_, n) => start + n * STEP_MS),
        v: Float64Array.from({ length: SAMPLES }, (_, n) => n * (k + 1)),
        stale: undefined,
      }));
      const body = Buffer.from(encodeWriteRequest(series));
      const answer = await fetch(`http://127.0.0.1:${port}/api/v1/write`, {
        method: "POST",
        body,
        headers: REMOTE_HEADERS,
      });
      if (answer.status !== 204) throw new Error(`the samples were refused: ${answer.status}`);
    }
  });
  afterAll(() => stack.disposeAsync());

  /** Reads the answer to its end without keeping it. */
  function ask(form: Record<string, string>, target: string, signal?: AbortSignal): Promise<number> {
    return new Promise((resolve, reject) => {
      const headers = { "content-type": "application/x-www-form-urlencoded" };
      const options = { host: "127.0.0.1", port, path: target, method: "POST", headers, agent: false as const };
      const request = http.request({ ...options, ...(signal === undefined ? {} : { signal }) }, (response) => {
        response.resume();
        response.on("error", reject);
        response.on("end", () => resolve(response.statusCode ?? 0));
      });
      request.on("error", reject);
      request.end(new URLSearchParams(form).toString());
    });
  }
  const query = (expr: string, step: number | undefined, signal?: AbortSignal): Promise<number> =>
    step === undefined
      ? ask({ query: expr, time: `${end / 1_000}` }, "/api/v1/query", signal)
      : ask(
          { query: expr, start: `${start / 1_000}`, end: `${end / 1_000}`, step: `${step}` },
          "/api/v1/query_range",
          signal,
        );
  const alive = async (): Promise<void> => expect(await query("1", undefined)).toBe(200);

  test.each(HOSTILE)("$name", async ({ expr, step, statuses }) => {
    expect(statuses).toContain(await query(expr, step));
    await alive();
  });

  test("a client that leaves takes its evaluation with it", async () => {
    const ticks = (): number => {
      const fields = readFileSync(`/proc/${engine.pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
      return Number(fields[11]) + Number(fields[12]);
    };
    const left = new AbortController();
    const asked = query("quantile_over_time(0.9, big[6h])", 2, left.signal).catch(() => "left");
    await pause(500);
    left.abort();
    expect(await asked).toBe("left");
    await pause(500);
    const before = ticks();
    await pause(2_000);
    // Two seconds of an evaluation would be near 200 ticks; scraping one target is a few.
    expect(ticks() - before).toBeLessThan(60);
  });

  test("a request whose headers never end is cut off", async () => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined);
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    socket.write("GET /api/v1/query?query=1 HTTP/1.1\r\nHost: x\r\n");
    const drip = setInterval(() => socket.write("X-A: b\r\n"), 1_000);
    socket.resume();
    await closed;
    clearInterval(drip);
    expect(socket.destroyed).toBe(true);
    await alive();
  });

  test("a flood of connections leaves the local socket alone", async () => {
    const sockets: Socket[] = [];
    for (let i = 0; i < 700; i++) {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => undefined);
      sockets.push(socket);
    }
    await pause(500);
    expect(await engine.get("/api/v1/query?query=1")).toMatchObject({ status: "success" });
    for (const socket of sockets) socket.destroy();
    await eventually("connections to be free again", async () => (await query("1", undefined)) === 200);
  });

  test("headers without end are refused", async () => {
    const status = await new Promise<number>((resolve, reject) => {
      const request = http.get(
        { host: "127.0.0.1", port, path: `/?${"x".repeat(300_000)}`, agent: false },
        (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        },
      );
      request.on("error", (error: NodeJS.ErrnoException) =>
        error.code === "ECONNRESET" || error.code === "EPIPE" ? resolve(431) : reject(error),
      );
    });
    expect(status).toBe(431);
    await alive();
  });
});
