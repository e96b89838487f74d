/** A real API server on a unix socket over the in-memory store and the real query engine, and a client for raw requests. */
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import type { EngineServices } from "../../src/api/services.ts";
import { createApiServer } from "../../src/api/server.ts";
import { NOTHING_IMPORTED } from "../../src/app/samples.ts";
import { takePage } from "../../src/app/page.ts";
import { manualClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import { Labels } from "../../src/model/labels.ts";
import { createEngine } from "../../src/promql/engine.ts";
import { memoryStore } from "./memory-store.ts";

export interface ApiFixture extends AsyncDisposable {
  readonly socket: string;
  readonly services: EngineServices;
  /** How many screens are attached. */
  attached(): number;
  call(
    method: string,
    target: string,
    options?: { body?: string | Uint8Array; headers?: Record<string, string> },
  ): Promise<RawReply>;
}

export interface RawReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly bytes: Buffer;
  readonly text: string;
  json(): unknown;
}

export async function serveApi(now: number, overrides: Partial<EngineServices> = {}): Promise<ApiFixture> {
  const dir = mkdtempSync(path.join(tmpdir(), "opsmon-api-"));
  const socket = path.join(dir, "s.sock");
  const store = memoryStore();
  const clock = manualClock(now);
  const engine = createEngine({ queryable: store, clock });
  let screens = 0;
  const services: EngineServices = {
    storage: store,
    evaluator: {
      instant: (...question) => engine.instant(...question),
      range: (...question) => engine.range(...question),
      generation: () => 0,
    },
    now: () => now,
    targets: () => [],
    discovered: async () => [],
    rules: () => [],
    alerts: async () => [],
    silences: () => [],
    journal: async () => [],
    status: async () => ({
      version: "1.2.3",
      pid: 1,
      startedAt: now,
      dataDir: dir,
      configFile: "",
      embedded: false,
      items: [],
    }),
    dropped: () => [],
    scrapePools: () => [],
    externalLabels: () => Labels.from({}),
    storeSummary: () => ({ labelPairs: 0, chunks: 0, minTime: undefined, maxTime: undefined, labelBytes: [] }),
    takePage: (page, type) => takePage(store, page, type, now),
    nativeHistograms: () => undefined,
    cardinality: async () => ({ series: 0, metrics: [], labels: [], pairs: [], jobs: [] }),
    async *backup() {
      yield { bytes: 0, total: 0, records: 0, done: true };
    },
    importText: async () => NOTHING_IMPORTED,
    importSeries: async () => NOTHING_IMPORTED,
    command: async (command) => ({ text: command.kind }),
    configText: () => "global: {}\n",
    flags: () => ({}),
    metricsText: async () => "",
    ready: async () => undefined,
    attached: (change) => {
      screens += change;
    },
    acceptsWrites: true,
    quit: () => undefined,
    ...overrides,
  };
  const server = createApiServer(services, silentLogger);
  await server.listenSocket(socket, 0o600);
  return {
    socket,
    services,
    attached: () => screens,
    call: (method, target, options = {}) => call(socket, method, target, options),
    async [Symbol.asyncDispose]() {
      await server.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function call(
  socketPath: string,
  method: string,
  target: string,
  options: { body?: string | Uint8Array; headers?: Record<string, string> },
): Promise<RawReply> {
  return new Promise((resolve, reject) => {
    const exchange = request({ socketPath, method, path: target, headers: options.headers ?? {} }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const bytes = Buffer.concat(chunks);
        const text = bytes.toString("utf8");
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          bytes,
          text,
          json: () => JSON.parse(text) as unknown,
        });
      });
    });
    exchange.on("error", reject);
    exchange.end(options.body);
  });
}

/** Writes one series through the storage port. */
export async function fill(
  services: EngineServices,
  labels: Record<string, string>,
  points: readonly (readonly [t: number, v: number])[],
): Promise<void> {
  const appender = services.storage.appender();
  const ref = appender.series(Labels.from(labels));
  for (const [t, v] of points) appender.append(ref, t, v);
  await appender.commit();
}
