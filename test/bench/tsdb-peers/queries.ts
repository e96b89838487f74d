/** Range queries that aggregate thousands of series, over HTTP, the same in every program; and cold starts. */
import { Labels } from "../../../src/model/labels.ts";
import { pause, tempDir } from "../../support/process.ts";
import { type Feed, feed } from "./feed.ts";
import { type Kind, type Program, startProgram } from "./programs.ts";

const HANDLERS = 10;
const BOUNDS = ["0.01", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"];
const START_MS_MAX = 30_000;
const METRIC = "http_request_duration_seconds_bucket";
export const QUERIES: readonly string[] = [
  `sum by (handler) (rate(${METRIC}[5m]))`,
  `histogram_quantile(0.95, sum by (le, handler) (rate(${METRIC}[5m])))`,
  `topk(5, sum by (instance) (rate(${METRIC}[5m])))`,
  `sum(${METRIC})`,
];

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
    const rate = 1 + (((i / BOUNDS.length) | 0) % 17);
    return Math.floor(rate * row * (stepMs / 1_000) * (1 - 0.6 ** (bucket + 1))) + ((row * 7 + i) % 3);
  };
  return { labels, times, value };
}

export async function ask(program: Program, expr: string, start: number, end: number, stepMs: number): Promise<number> {
  const form = {
    query: expr,
    start: String(start / 1000),
    end: String(end / 1000),
    step: String(stepMs / 1000),
    nocache: "1",
  };
  const began = performance.now();
  const answer = await fetch(`${program.url}/api/v1/query_range`, { method: "POST", body: new URLSearchParams(form) });
  const body = (await answer.json()) as { status: string; data?: { result: unknown[] } };
  const ms = performance.now() - began;
  if (body.status !== "success" || (body.data?.result.length ?? 0) === 0)
    throw new Error(`${program.kind}: ${expr}: ${JSON.stringify(body).slice(0, 200)}`);
  return ms;
}

/** Medians by program and query, asked in turn; each run a millisecond later, so that nobody answers from memory. */
export async function queryMs(
  programs: readonly Program[],
  { spanMs, stepMs }: RangeCase,
  end: number,
  runs: number,
): Promise<ReadonlyMap<Kind, readonly number[]>> {
  const found = new Map<Kind, number[]>(programs.map(({ kind }) => [kind, []]));
  for (const expr of QUERIES) {
    const times = new Map<Kind, number[]>(programs.map(({ kind }) => [kind, []]));
    for (let run = 0; run < runs; run++) {
      for (const program of programs) {
        const at = end - run * 1_000 - 1;
        times.get(program.kind)?.push(await ask(program, expr, at - spanMs, at, stepMs));
      }
    }
    for (const [kind, list] of times) found.get(kind)?.push(list.sort((a, b) => a - b)[list.length >> 1] as number);
  }
  return found;
}

/** Milliseconds from the start of the process to the first right answer, a million samples in the log. */
export async function coldStartMs(kind: Kind, runs: number): Promise<number> {
  using home = tempDir();
  // VictoriaMetrics does not show the newest half minute.
  const end = Math.floor(Date.now() / 1000) * 1000 - 60_000;
  const data = bucketFeed(10_000, end, { what: "", spanMs: 900_000, stepMs: 15_000 });
  {
    await using program = await startProgram(kind, home.path);
    await feed([program], data);
    if (kind === "VictoriaMetrics") await fetch(`${program.url}/internal/force_flush`);
    await pause(1_500);
    await program.end("SIGKILL");
  }
  const times: number[] = [];
  for (let run = 0; run < runs; run++) {
    const began = performance.now();
    await using program = await startProgram(kind, home.path);
    const form = { query: `count(${METRIC})`, time: String(end / 1000) };
    for (;;) {
      const answer = await fetch(`${program.url}/api/v1/query?${new URLSearchParams(form).toString()}`);
      const body = (await answer.json().catch(() => ({}))) as { data?: { result: { value: [number, string] }[] } };
      if (Number(body.data?.result[0]?.value[1]) === data.labels.length) break;
      if (performance.now() - began > START_MS_MAX) throw new Error(`${kind} never answers ${form.query} right`);
      await pause(2);
    }
    times.push(performance.now() - began);
    await program.end("SIGKILL");
  }
  return times.sort((a, b) => a - b)[times.length >> 1] as number;
}
