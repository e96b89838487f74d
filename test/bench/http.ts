/**
 * Queries through HTTP beside Prometheus 3.5: the load of a thousand dashboards, large ranges with their JSON, and what
 * reading an expression costs. Both servers hold the same hour and scrape the same 10,000 series; they are asked one
 * after the other, so that neither takes the other's processor.
 *
 * `OPSMON_BENCH_SECONDS` (10) and `OPSMON_BENCH_QPS` (833: 50,000 a minute) change the load.
 */
import { writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { Labels } from "../../src/model/labels.ts";
import { parseExpr } from "../../src/promql/parse.ts";
import { encodeWriteRequest, REMOTE_HEADERS, type RemoteSeries } from "../../src/remote/codec.ts";
import { type Bench, type BenchRow, median } from "../support/bench.ts";
import { freePort, pause, startEngine, tempDir } from "../support/process.ts";
import { oracle, startPrometheus } from "../support/prometheus.ts";
import { cpuSeconds } from "../support/usage.ts";

const SECONDS = Number(process.env["OPSMON_BENCH_SECONDS"] ?? 10);
const QPS = Number(process.env["OPSMON_BENCH_QPS"] ?? 833);
const TARGETS = 10;
const STEP_S = 15;
const HISTORY = 240;
const BOARDS = 50;

interface Line {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly slope: number;
}

/** 1,000 series of one target: requests by code and path, a histogram, processors. */
function lines(): readonly Line[] {
  const out: Line[] = [];
  for (let s = 0; s < 20; s++) {
    const service = `service-${s}`;
    for (const code of ["200", "201", "404", "500"]) {
      for (let p = 0; p < 5; p++)
        out.push({ name: "http_requests_total", labels: { service, code, path: `/api/${p}` }, slope: 1 + s + p });
    }
    for (let b = 0; b < 20; b++) {
      const le = b === 19 ? "+Inf" : String((b + 1) / 10);
      out.push({ name: "http_request_duration_seconds_bucket", labels: { service, le }, slope: b + 1 });
    }
    for (let c = 0; c < 10; c++) out.push({ name: "cpu_seconds_total", labels: { service, core: `${c}` }, slope: 0.3 });
  }
  return out;
}

const LINES = lines();

function page(seconds: number): string {
  return LINES.map(({ name, labels, slope }) => {
    const pairs = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
    return `${name}{${pairs.join(",")}} ${Math.round(seconds * slope * 10) / 10}\n`;
  }).join("");
}

/** Panels as dashboards have them: most over the last hour, a few of the moment. */
function panels(): readonly { readonly expr: string; readonly range: boolean }[] {
  const out: { expr: string; range: boolean }[] = [];
  for (let b = 0; b < BOARDS; b++) {
    const on = `service="service-${b % 20}", job="app${b % TARGETS}"`;
    const requests = `http_requests_total{${on}}`;
    out.push({ expr: `sum by (path) (rate(${requests}[5m]))`, range: true });
    out.push({
      expr: `sum(rate(http_requests_total{${on}, code=~"5.."}[5m])) / sum(rate(${requests}[5m]))`,
      range: true,
    });
    out.push({
      expr: `histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{${on}}[5m])))`,
      range: true,
    });
    out.push({ expr: `avg by (core) (rate(cpu_seconds_total{${on}}[2m]))`, range: true });
    out.push({
      expr: `topk(5, sum by (service) (increase(http_requests_total{job="app${b % TARGETS}"}[1h])))`,
      range: false,
    });
  }
  return out;
}

interface Server {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
}

async function writeHistory(url: string, port: number, end: number): Promise<void> {
  const start = end - HISTORY * STEP_S;
  for (let block = 0; block < HISTORY; block += 120) {
    for (let target = 0; target < TARGETS; target++) {
      const series = LINES.map(({ name, labels, slope }): RemoteSeries => {
        const at = (i: number): number => start + (block + i) * STEP_S;
        return {
          labels: Labels.from({ ...labels, __name__: name, job: `app${target}`, instance: `127.0.0.1:${port}` }),
          t: Float64Array.from({ length: 120 }, (_, i) => at(i) * 1_000),
          v: Float64Array.from({ length: 120 }, (_, i) => Math.round(at(i) * slope * 10) / 10),
          stale: undefined,
        };
      });
      const answer = await fetch(`${url}/api/v1/write`, {
        method: "POST",
        body: Buffer.from(encodeWriteRequest(series)),
        headers: REMOTE_HEADERS,
      });
      if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
    }
  }
}

function jobs(port: number): string {
  const all = Array.from(
    { length: TARGETS },
    (_, i) => `- {job_name: app${i}, metrics_path: /m${i}, static_configs: [{targets: ["127.0.0.1:${port}"]}]}`,
  );
  return `global: {scrape_interval: 10s}\nscrape_configs:\n${all.join("\n")}\n`;
}

const agent: http.Agent = new http.Agent({ keepAlive: true, maxSockets: 200 });

/** @returns ms from `since` to the end of the answer. */
function ask(server: Server, target: string, since: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = http.get(
      `${server.url}${target}`,
      { agent, headers: { "accept-encoding": "gzip" } },
      (response) => {
        response.resume();
        response.on("error", reject);
        response.on("end", () =>
          response.statusCode === 200
            ? resolve(performance.now() - since)
            : reject(new Error(`${server.name} answered ${response.statusCode} to ${target}`)),
        );
      },
    );
    request.setTimeout(60_000, () => request.destroy(new Error(`${server.name} did not answer`)));
    request.on("error", reject);
  });
}

interface Load {
  readonly p50: number;
  readonly p95: number;
  readonly cpuPercent: number;
}

/** Sends at a fixed rate whatever the answers do; latency counts from when a query was due. */
async function dashboards(server: Server): Promise<Load> {
  const all = panels();
  const latencies: number[] = [];
  const flying: Promise<void>[] = [];
  const cpu = cpuSeconds(server.pid);
  const start = performance.now();
  const total = Math.round(SECONDS * QPS);
  for (let i = 0; i < total; i++) {
    const due = start + (i * 1_000) / QPS;
    while (performance.now() < due) await pause(Math.max(1, due - performance.now()));
    const { expr, range } = all[i % all.length] as (typeof all)[number];
    // A dashboard's range ends at the last whole step before now.
    const now = Math.floor(Date.now() / 15_000) * 15;
    const query = encodeURIComponent(expr);
    const target = range
      ? `/api/v1/query_range?query=${query}&start=${now - 3_600}&end=${now}&step=15`
      : `/api/v1/query?query=${query}&time=${now}`;
    flying.push(ask(server, target, due).then((ms) => void latencies.push(ms)));
  }
  await Promise.all(flying);
  const elapsed = (performance.now() - start) / 1_000;
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
  return { p50: at(0.5), p95: at(0.95), cpuPercent: ((cpuSeconds(server.pid) - cpu) / elapsed) * 100 };
}

const RANGES = [
  ["10,000 series as they are, 60 steps", '{__name__=~"http_.*|cpu_.*"}', 60],
  ["a rate of 4,000 series, 240 steps", "rate(http_requests_total[5m])", 15],
  ["a sum of 4,000 rates, 240 steps", "sum by (service) (rate(http_requests_total[5m]))", 15],
  [
    "quantiles of 4,000 buckets, 240 steps",
    "histogram_quantile(0.9, sum by (service, le) (rate(http_request_duration_seconds_bucket[5m])))",
    15,
  ],
] as const;

async function ranges(server: Server, end: number): Promise<readonly number[]> {
  const out: number[] = [];
  for (const [, expr, step] of RANGES) {
    const times: number[] = [];
    // Each run looks at another second, so that no answer can be a kept one.
    for (let run = 0; run < 3; run++) {
      const to = end - 1 - run;
      const target = `/api/v1/query_range?query=${encodeURIComponent(expr)}&start=${to - 3_540}&end=${to}&step=${step}`;
      times.push(await ask(server, target, performance.now()));
    }
    out.push(median(times));
  }
  return out;
}

/** A usual panel of about 200 characters. */
const EXPRESSION =
  'histogram_quantile(0.95, sum by (service, le) (rate(http_request_duration_seconds_bucket{service=~"shop-.*", code!~"5..", job="api"}[5m]))) > on (service) group_left () (0.25 * max by (service) (slo_seconds))';

function parsing(): BenchRow {
  const runs = 2_000;
  const rounds: number[] = [];
  for (let round = 0; round < 7; round++) {
    const start = performance.now();
    for (let i = 0; i < runs; i++) parseExpr(EXPRESSION);
    rounds.push(((performance.now() - start) * 1_000) / runs);
  }
  return {
    what: `reading an expression of ${EXPRESSION.length} characters`,
    value: Math.min(...rounds),
    unit: "us",
    atMost: 30,
  };
}

async function measure(): Promise<readonly BenchRow[]> {
  using home = tempDir();
  const exporter = http.createServer((_request, response) => response.end(page(Date.now() / 1_000)));
  await new Promise<void>((resolve) => exporter.listen(0, "127.0.0.1", resolve));
  const { port } = exporter.address() as AddressInfo;
  try {
    const listen = await freePort();
    const config = path.join(home.path, "opsmon.yml");
    writeFileSync(config, "global: {}\n");
    await using engine = await startEngine({ home: home.path, config, argv: ["--listen", `127.0.0.1:${listen}`] });
    await using prometheus = await startPrometheus(path.join(home.path, "prometheus"), "global: {}\n");
    const servers: readonly Server[] = [
      { name: "opsmon", url: `http://127.0.0.1:${listen}`, pid: engine.pid },
      { name: "Prometheus", url: prometheus.url, pid: prometheus.pid },
    ];
    const end = Math.floor(Date.now() / 15_000) * 15;
    for (const server of servers) await writeHistory(server.url, port, end);
    writeFileSync(config, jobs(port));
    writeFileSync(path.join(home.path, "prometheus/prometheus.yml"), jobs(port));
    for (const { url } of servers) await fetch(`${url}/-/reload`, { method: "POST" });
    await pause(2_000);
    const loads: Load[] = [];
    for (const server of servers) loads.push(await dashboards(server));
    const times: (readonly number[])[] = [];
    for (const server of servers) times.push(await ranges(server, end));
    return rows(loads, times);
  } finally {
    agent.destroy();
    exporter.closeAllConnections();
    exporter.close();
  }
}

function rows(loads: readonly Load[], times: readonly (readonly number[])[]): readonly BenchRow[] {
  const [ours, theirs] = loads as readonly [Load, Load];
  const beside = (what: string, unit: string, value: number, reference: number, atMost?: number): BenchRow => ({
    what,
    value,
    unit,
    reference: { what: "Prometheus 3.5", value: reference },
    ...(atMost === undefined ? {} : { atMost }),
  });
  const queries = `${Math.round(QPS * 60).toLocaleString("en")} dashboard queries a minute`;
  return [
    beside(`${queries}, p50`, "ms", ours.p50, theirs.p50),
    beside(`${queries}, p95`, "ms", ours.p95, theirs.p95, 1_000),
    beside(`${queries}, CPU`, "% of a core", ours.cpuPercent, theirs.cpuPercent),
    ...RANGES.map(([what], i) => beside(what, "ms", times[0]?.[i] as number, times[1]?.[i] as number)),
  ];
}

export const bench: Bench = {
  name: "http",
  async run() {
    oracle("prometheus");
    return [parsing(), ...(await measure())];
  },
};
