/** Range queries over thousands of series, over HTTP, the same in every program. */
import http from "node:http";
import { gunzipSync } from "node:zlib";
import { Labels } from "../../../src/model/labels.ts";
import { median, progress } from "../../support/bench.ts";
import type { Feed } from "./feed.ts";
import type { Kind, Program } from "./programs.ts";

const HANDLERS = 10;
const BOUNDS = ["0.01", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"];
export const METRIC = "http_request_duration_seconds_bucket";
/** Rates and quotients are the same to the last bits; sums of them may differ in the last one. */
const TOLERANCE = 1e-12;

/** What a panel asks, by what its answer is made of. */
export type QueryClass = "aggregates of all series" | "large answers" | "small aggregates";

export interface QueryCase {
  readonly of: QueryClass;
  readonly expr: string;
}

/** @param series a large answer is a thousand of them, however many there are. */
export function queryCases(series: number): readonly QueryCase[] {
  const some = series > 10_000 ? `, le="0.5"` : "";
  const all = (...exprs: readonly string[]): readonly QueryCase[] =>
    exprs.map((expr) => ({ of: "aggregates of all series", expr }));
  return [
    ...all(
      `sum by (handler) (rate(${METRIC}[5m]))`,
      `histogram_quantile(0.95, sum by (le, handler) (rate(${METRIC}[5m])))`,
      `topk(5, sum by (instance) (rate(${METRIC}[5m])))`,
      `sum(${METRIC})`,
    ),
    { of: "large answers", expr: `rate(${METRIC}{handler="/h3"${some}}[5m])` },
    { of: "large answers", expr: `${METRIC}{handler="/h4"${some}}` },
    { of: "small aggregates", expr: `sum(rate(${METRIC}{instance="host-3:8080"}[5m]))` },
    { of: "small aggregates", expr: `sum by (le) (rate(${METRIC}{instance=~"host-[45]:8080", handler="/h7"}[5m]))` },
  ];
}

export interface RangeCase {
  readonly what: string;
  readonly spanMs: number;
  readonly stepMs: number;
}

/** Histogram buckets of `series / 100` instances, growing at rates of their own. */
export function bucketFeed(series: number, end: number, { spanMs, stepMs }: RangeCase): Feed {
  const labels: Labels[] = [];
  for (let instance = 0; instance < series / (HANDLERS * BOUNDS.length); instance++) {
    for (let handler = 0; handler < HANDLERS; handler++) {
      for (const le of BOUNDS) {
        labels.push(
          Labels.from({ __name__: METRIC, instance: `host-${instance}:8080`, job: "api", handler: `/h${handler}`, le }),
        );
      }
    }
  }
  const rows = Math.floor((spanMs + 600_000) / stepMs);
  const times = Float64Array.from({ length: rows }, (_, i) => end - (rows - 1 - i) * stepMs);
  const value = (i: number, row: number): number => {
    const bucket = i % BOUNDS.length;
    // No two instances alike: which of equals topk takes depends on the order in which a program met them.
    const instance = Math.floor(i / (HANDLERS * BOUNDS.length));
    const rate = (1 + (((i / BOUNDS.length) | 0) % 17)) * (1 + (instance % 1_009) / 1_009);
    return Math.floor(rate * row * (stepMs / 1_000) * (1 - 0.6 ** (bucket + 1))) + ((row * 7 + i) % 3);
  };
  return { labels, times, value };
}

/** A connection that stays, and no parsing in the measured time: it is the server that is looked at. */
const agent: http.Agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

export interface Reply {
  readonly ms: number;
  /** As it came over the wire, compressed if the server saw fit. */
  readonly bytes: Buffer;
  readonly packed: boolean;
}

/** @returns with the time from asking to the last byte. */
export function ask(program: Program, expr: string, start: number, end: number, stepMs: number): Promise<Reply> {
  const form = {
    query: expr,
    start: String(start / 1000),
    end: String(end / 1000),
    step: String(stepMs / 1000),
    nocache: "1",
  };
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const request = http.get(
      `${program.url}/api/v1/query_range?${new URLSearchParams(form).toString()}`,
      // As Grafana's client asks.
      { agent, headers: { "accept-encoding": "gzip" } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const ms = performance.now() - began;
          const packed = response.headers["content-encoding"] === "gzip";
          const bytes = Buffer.concat(chunks);
          if (response.statusCode === 200) resolve({ ms, bytes, packed });
          else reject(new Error(`${program.kind}: ${expr}: ${response.statusCode} ${bytes.toString().slice(0, 200)}`));
        });
      },
    );
    request.on("error", reject);
  });
}

type Matrix = ReadonlyMap<string, readonly (readonly [number, number])[]>;

function matrixOf({ bytes, packed }: Reply): Matrix {
  const text = (packed ? gunzipSync(bytes) : bytes).toString();
  const { data } = JSON.parse(text) as {
    data: { result: { metric: Record<string, string>; values: [number, string][] }[] };
  };
  return new Map(
    data.result.map(({ metric, values }) => [
      Labels.from(metric).key,
      values.map(([t, v]) => [t, Number(v.replace("Inf", "Infinity"))] as const),
    ]),
  );
}

/** @throws Error when two answers to one question are not the same. */
function mustEqual(expr: string, own: Matrix, theirs: Matrix): void {
  const fail = (why: string): never => {
    throw new Error(`opsmon and Prometheus differ on ${expr}: ${why}`);
  };
  if (own.size === 0 || own.size !== theirs.size) fail(`${own.size} and ${theirs.size} series`);
  for (const [key, points] of own) {
    const others = theirs.get(key) ?? fail(`only opsmon has ${key.replaceAll("\u0000", " ")}`);
    if (points.length !== others.length) fail(`${points.length} and ${others.length} points`);
    points.forEach(([t, v], i) => {
      const [time, value] = others[i] as readonly [number, number];
      const same = Object.is(v, value) || Math.abs(v - value) <= TOLERANCE * Math.max(Math.abs(v), Math.abs(value));
      if (t !== time || !same) fail(`${v} at ${t}, and ${value} at ${time}`);
    });
  }
}

/** How often each question is put. */
export interface Effort {
  readonly runs: number;
  /** How long a program is asked before it is measured: what runs for weeks is not measured in its first second. */
  readonly warmMs: number;
}

async function warm(
  program: Program,
  expr: string,
  { spanMs, stepMs }: RangeCase,
  end: number,
  warmMs: number,
): Promise<void> {
  const until = performance.now() + warmMs;
  let run = 1;
  do {
    const at = end - 500 - run++ * 1_000;
    await ask(program, expr, at - spanMs, at, stepMs);
  } while (performance.now() < until);
}

/**
 * Medians by program and question, asked in turn, each time another program first; each round a second earlier, so that
 * nobody answers from memory. Answers of opsmon and Prometheus have to be equal; VictoriaMetrics computes rates its own
 * way and only has to answer.
 */
export async function queryMs(
  programs: readonly Program[],
  cases: readonly QueryCase[],
  { spanMs, stepMs }: RangeCase,
  end: number,
  { runs, warmMs }: Effort,
): Promise<ReadonlyMap<Kind, readonly number[]>> {
  const found = new Map<Kind, number[]>(programs.map(({ kind }) => [kind, []]));
  for (const { expr } of cases) {
    const times = new Map<Kind, number[]>(programs.map(({ kind }) => [kind, []]));
    for (const program of programs) await warm(program, expr, { what: "", spanMs, stepMs }, end, warmMs);
    for (let run = 0; run < runs; run++) {
      const replies = new Map<Kind, Reply>();
      for (let i = 0; i < programs.length; i++) {
        const program = programs[(run + i) % programs.length] as Program;
        const at = end - run * 1_000 - 1;
        const reply = await ask(program, expr, at - spanMs, at, stepMs);
        times.get(program.kind)?.push(reply.ms);
        replies.set(program.kind, reply);
      }
      const [own, theirs] = [replies.get("opsmon"), replies.get("Prometheus")];
      if (own !== undefined && theirs !== undefined) mustEqual(expr, matrixOf(own), matrixOf(theirs));
      const other = replies.get("VictoriaMetrics");
      if (other !== undefined && matrixOf(other).size === 0) throw new Error(`VictoriaMetrics has nothing on ${expr}`);
    }
    for (const [kind, list] of times) found.get(kind)?.push(median(list));
    progress(`${[...times].map(([kind, list]) => `${kind} ${median(list).toFixed(1)}`).join(", ")} ms: ${expr}`);
  }
  return found;
}
