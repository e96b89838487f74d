/**
 * A program: as many exporters as are asked for, `/t/N/metrics` each, from a ring of pages rendered beforehand, so
 * that its own work is small. `/count` tells how many pages went out; `/lags` how late each page was asked for since
 * `/lags` was asked before, measured against the target's own earliest beat. Prints its port. Arguments: `gzip` or
 * `plain`, the address to listen on, the interval in ms.
 */
import { createServer } from "node:http";
import { gzipSync } from "node:zlib";
import type { Lags } from "./exporters.ts";
import { TargetModel } from "./model.ts";

const RING = 40;

const [, , mode = "plain", host = "127.0.0.1", interval = "1000"] = process.argv;
const gzip = mode === "gzip";
const intervalMs = Number(interval);
const model = new TargetModel(1);
const pages = Array.from({ length: RING }, () => {
  model.step(1);
  const text = Buffer.from(model.page());
  return { text, packed: gzipSync(text, { level: 5 }) };
});
const at = new Map<string, number>();
let arrivals = new Map<string, number[]>();
let count = 0;

/** A target's beat is where its earliest request lies in the interval; every other one is late by the rest. */
function lags(): Lags {
  const late: number[] = [];
  let missed = 0;
  for (const times of arrivals.values()) {
    const [first = 0] = times;
    const beats = times.map((t) => Math.round((t - first) / intervalMs));
    const offsets = times.map((t, i) => t - (beats[i] as number) * intervalMs);
    const earliest = Math.min(...offsets);
    late.push(...offsets.map((offset) => offset - earliest));
    missed += (beats.at(-1) ?? 0) + 1 - times.length;
  }
  arrivals = new Map();
  late.sort((a, b) => a - b);
  const quantile = (q: number): number => late[Math.min(late.length - 1, Math.floor(late.length * q))] ?? 0;
  return { pages: late.length, missed, medianMs: quantile(0.5), p99Ms: quantile(0.99), maxMs: quantile(1) };
}

const server = createServer((request, response) => {
  if (request.url === "/count") {
    response.end(String(count));
    return;
  }
  if (request.url === "/lags") {
    response.end(JSON.stringify(lags()));
    return;
  }
  count++;
  const url = request.url ?? "";
  const times = arrivals.get(url);
  if (times === undefined) arrivals.set(url, [performance.now()]);
  else times.push(performance.now());
  const turn = (at.get(url) ?? Number(/\d+/.exec(url)?.[0] ?? 0)) + 1;
  at.set(url, turn);
  const page = pages[turn % RING] as (typeof pages)[number];
  const packed = gzip && /gzip/.test(String(request.headers["accept-encoding"] ?? ""));
  const body = packed ? page.packed : page.text;
  response.writeHead(200, {
    "content-type": "text/plain; version=0.0.4; charset=utf-8",
    "content-length": body.length,
    ...(packed ? { "content-encoding": "gzip" } : {}),
  });
  response.end(body);
});
server.keepAliveTimeout = 60_000;
server.listen(0, host, () => {
  const address = server.address();
  process.stdout.write(`${typeof address === "object" ? address?.port : ""}\n`);
});
