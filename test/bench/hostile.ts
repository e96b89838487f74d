/**
 * Scrapes beside hostile clients: 10,000 series scraped every second over an hour of history, and four clients that ask
 * for the worst there is, one question after the other. Measured is how late scrapes come to the exporter, quiet and
 * beside the clients, in one run: what the machine itself costs shows in the quiet half.
 *
 * `OPSMON_BENCH_SECONDS` (30) changes how long each half takes.
 */
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import { Labels } from "../../src/model/labels.ts";
import { encodeReadRequest } from "../../src/remote/read.ts";
import { openTsdb } from "../../src/tsdb/tsdb.ts";
import type { Bench, BenchRow } from "../support/bench.ts";
import { freePort, pause, root, startEngine, tempDir } from "../support/process.ts";
import { cpuSeconds, residentMb } from "../support/usage.ts";
import { pageLabels, SERIES_PER_TARGET, TARGETS, valueAt } from "./hostile/exporter.ts";
import { type Question, questions, TIMEOUT_S } from "./hostile/questions.ts";

const SECONDS = Number(process.env["OPSMON_BENCH_SECONDS"] ?? 30);
const HISTORY_S = 3_600;
const CLIENTS = 4;
/** Promised lateness, ms, beyond what the machine itself shows in the quiet half. */
const LATE_MS_MAX = 100;
/** After its deadline an answer may take so much longer, s: a queue, the way back, the other clients' turns. */
const GRACE_S = 5;

/** An hour as scrapes would have left it. */
async function writeHistory(dir: string, port: number): Promise<void> {
  const store = await openTsdb({ dir, clock: systemClock, log: silentLogger });
  const end = Math.floor(Date.now() / 1_000);
  for (let target = 0; target < TARGETS; target++) {
    const appender = store.appender();
    const refs = Float64Array.from(pageLabels(), (labels) =>
      appender.series(Labels.from({ ...labels, job: `m${target}`, instance: `127.0.0.1:${port}` })),
    );
    await appender.commit();
    for (let second = end - HISTORY_S; second < end; second++) {
      const row = store.appender();
      const values = Float64Array.from({ length: SERIES_PER_TARGET }, (_, i) => valueAt(i, second));
      row.appendRow(refs, second * 1_000, values, SERIES_PER_TARGET);
      await row.commit();
    }
  }
  await store.close();
}

function configuration(port: number): string {
  const jobs = Array.from(
    { length: TARGETS },
    (_, i) => `- {job_name: m${i}, metrics_path: /m${i}, static_configs: [{targets: ["127.0.0.1:${port}"]}]}`,
  );
  return `global: {scrape_interval: 1s}\nscrape_configs:\n${jobs.join("\n")}\n`;
}

interface Reply {
  readonly status: number;
  readonly ms: number;
  readonly bytes: number;
}

const agent: http.Agent = new http.Agent({ keepAlive: true, maxSockets: 64 });

/** Status 0: the client left. */
function ask(url: string, { path: target, parameters, leavesAfterMs }: Question): Promise<Reply> {
  const since = performance.now();
  const body = new URLSearchParams(parameters).toString();
  const method = body.length < 8_000 ? "GET" : "POST";
  const type = { "content-type": "application/x-www-form-urlencoded" };
  return new Promise((resolve, reject) => {
    const place = method === "GET" ? `${url}${target}?${body}` : `${url}${target}`;
    const request = http.request(place, { agent, method, headers: method === "GET" ? {} : type }, (response) => {
      let bytes = 0;
      response.on("data", (chunk: Buffer) => (bytes += chunk.length));
      response.on("error", () => resolve({ status: 0, ms: performance.now() - since, bytes }));
      response.on("close", () => resolve({ status: response.statusCode ?? 0, ms: performance.now() - since, bytes }));
    });
    const left = (error: Error): void =>
      leavesAfterMs === undefined ? reject(error) : resolve({ status: 0, ms: performance.now() - since, bytes: 0 });
    request.on("error", left);
    if (leavesAfterMs !== undefined) setTimeout(() => request.destroy(), leavesAfterMs);
    request.end(method === "GET" ? undefined : body);
  });
}

async function remoteRead(url: string, nowS: number): Promise<Reply> {
  const since = performance.now();
  const matchers = [{ name: "__name__", op: "=~" as const, value: ".+" }];
  const query = { start: (nowS - 600) * 1_000, end: nowS * 1_000, matchers, stepMs: 0, rangeMs: 0, func: "" };
  const answer = await fetch(`${url}/api/v1/read`, {
    method: "POST",
    body: Buffer.from(encodeReadRequest({ queries: [query] })),
    headers: { "content-type": "application/x-protobuf", "content-encoding": "snappy" },
  });
  const { byteLength } = await answer.arrayBuffer();
  return { status: answer.status, ms: performance.now() - since, bytes: byteLength };
}

interface Told {
  readonly slowest: Map<string, number>;
  readonly wrong: string[];
  asked: number;
}

/** Asks until the time is over; what is under way then is waited for. */
async function client(url: string, first: number, until: number, told: Told): Promise<void> {
  for (let turn = first; performance.now() < until; turn++) {
    const nowS = Math.floor(Date.now() / 1_000);
    const all = questions(nowS);
    const question = all[turn % (all.length + 1)];
    const what = question?.what ?? "remote read of everything";
    try {
      const reply = await (question === undefined ? remoteRead(url, nowS) : ask(url, question));
      told.asked++;
      told.slowest.set(what, Math.max(told.slowest.get(what) ?? 0, reply.ms));
      const right = reply.status === 0 || (question?.statuses ?? [200, 422]).includes(reply.status);
      if (!right) told.wrong.push(`${what}: status ${reply.status}`);
      if (reply.ms > (TIMEOUT_S + GRACE_S) * 1_000 && reply.bytes < 1e6) told.wrong.push(`${what}: ${reply.ms} ms`);
    } catch (error) {
      told.wrong.push(`${what}: ${String(error)}`);
    }
  }
}

interface Lateness {
  readonly scrapes: number;
  readonly missed: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const arrivalsOf = async (port: number): Promise<number[][]> =>
  (await (await fetch(`http://127.0.0.1:${port}/arrivals`)).json()) as number[][];

/** A target's place in the second is the earliest it ever came. */
function placesOf(arrivals: readonly number[][]): readonly number[] {
  return arrivals.map((times) => {
    const [first = 0] = times;
    const offsets = times.map((t) => ((((t - first) % 1_000) + 1_500) % 1_000) - 500).sort((a, b) => a - b);
    return first + (offsets[0] ?? 0);
  });
}

function latenessOf(arrivals: readonly number[][], places: readonly number[], seconds: number): Lateness {
  const all: number[] = [];
  let missed = 0;
  arrivals.forEach((times, target) => {
    const place = places[target] as number;
    // a moment early is the timer's own rounding
    for (const t of times) all.push(Math.max(0, ((((t - place + 50) % 1_000) + 1_000) % 1_000) - 50));
    missed += Math.max(0, Math.floor(seconds) - 1 - times.length);
  });
  all.sort((a, b) => a - b);
  const at = (share: number): number => all[Math.min(all.length - 1, Math.floor(all.length * share))] ?? Number.NaN;
  return { scrapes: all.length, missed, p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** The longest the engine's loop stood still since it was last asked, ms. */
async function standstill(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^nodejs_eventloop_lag_max_seconds (\S+)/m.exec(text)?.[1]) * 1_000;
}

interface Half {
  readonly lateness: Lateness;
  readonly standstillMs: number;
  /** Most processor of the main thread between two turns of its loop, ms. */
  readonly busyMs: number;
  readonly cpuPercent: number;
}

interface Bed {
  readonly url: string;
  readonly pid: number;
  readonly port: number;
  readonly probe: string;
  readonly places: readonly number[];
}

async function busyMs({ pid, probe }: Bed): Promise<number> {
  process.kill(pid, "SIGUSR2");
  await pause(300);
  return Number(readFileSync(probe, "utf8"));
}

async function half(bed: Bed, run: () => Promise<void>): Promise<Half> {
  const { url, pid, port, places } = bed;
  await standstill(url);
  await busyMs(bed);
  await arrivalsOf(port);
  const since = performance.now();
  const cpu = cpuSeconds(pid);
  await run();
  const seconds = (performance.now() - since) / 1_000;
  const lateness = latenessOf(await arrivalsOf(port), places, seconds);
  const cpuPercent = ((cpuSeconds(pid) - cpu) / seconds) * 100;
  return { lateness, standstillMs: await standstill(url), busyMs: await busyMs(bed), cpuPercent };
}

async function measure(): Promise<readonly BenchRow[]> {
  using home = tempDir();
  const exporter = spawn(process.execPath, ["--no-warnings", path.join(root, "test/bench/hostile/exporter.ts")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const port = Number(
      await new Promise<string>((resolve) => exporter.stdout.once("data", (d) => resolve(String(d)))),
    );
    await writeHistory(path.join(home.path, "data"), port);
    const config = path.join(home.path, "opsmon.yml");
    writeFileSync(config, configuration(port));
    const listen = await freePort();
    const probe = path.join(home.path, "probe");
    const env = {
      NODE_OPTIONS: `--import=${path.join(root, "test/bench/hostile/probe.ts")}`,
      OPSMON_BENCH_PROBE: probe,
    };
    await using engine = await startEngine({ home: home.path, config, argv: ["--listen", `127.0.0.1:${listen}`], env });
    const url = `http://127.0.0.1:${listen}`;
    await pause(3_000);
    await arrivalsOf(port);
    await pause(10_000);
    const places = placesOf(await arrivalsOf(port));
    const bed = { url, pid: engine.pid, port, probe, places };
    const quiet = await half(bed, () => pause(SECONDS * 1_000));
    const told: Told = { slowest: new Map(), wrong: [], asked: 0 };
    const hostile = await half(bed, async () => {
      const until = performance.now() + SECONDS * 1_000;
      await Promise.all(Array.from({ length: CLIENTS }, (_, i) => client(url, i * 7, until, told)));
    });
    report(told);
    return rows(quiet, hostile, told, residentMb(engine.pid));
  } finally {
    agent.destroy();
    exporter.kill("SIGKILL");
  }
}

function report({ slowest, wrong }: Told): void {
  const slow = [...slowest].sort((a, b) => b[1] - a[1]).map(([what, ms]) => `${what} ${Math.round(ms)} ms`);
  console.log(`  slowest answers: ${slow.join(", ")}`);
  for (const one of wrong) console.log(`  wrong: ${one}`);
}

function rows(quiet: Half, hostile: Half, told: Told, rssMb: number): readonly BenchRow[] {
  const row = (what: string, unit: string, value: number, reference: number, atMost?: number): BenchRow => ({
    what,
    value,
    unit,
    reference: { what: "quiet", value: reference },
    ...(atMost === undefined ? {} : { atMost }),
  });
  return [
    row("scrapes late beside hostile clients, p50", "ms", hostile.lateness.p50, quiet.lateness.p50),
    row("scrapes late beside hostile clients, p99", "ms", hostile.lateness.p99, quiet.lateness.p99),
    row(
      "scrapes late beside hostile clients, most",
      "ms",
      hostile.lateness.max,
      quiet.lateness.max,
      LATE_MS_MAX + quiet.lateness.max,
    ),
    row("the engine's loop stood still, most", "ms", hostile.standstillMs, quiet.standstillMs),
    row("… of that its own work, most (processor time)", "ms", hostile.busyMs, quiet.busyMs, 30),
    row("the engine's CPU", "% of a core", hostile.cpuPercent, quiet.cpuPercent),
    { what: "scrapes missed", value: hostile.lateness.missed, unit: `of ${hostile.lateness.scrapes}`, atMost: 0 },
    { what: "hostile questions answered", value: told.asked, unit: "" },
    { what: "answers that were wrong or too late", value: told.wrong.length, unit: "", atMost: 0 },
    { what: "resident memory afterwards", value: rssMb, unit: "MB" },
  ];
}

export const bench: Bench = { name: "hostile", run: measure };
