/**
 * How long a program that was killed takes to its first right answer, a million samples in its log: as an agent writes them
 * (100 samples of 10,000 series by remote write), and as scrapes leave them (100 pages of 10 targets of 1,000 series).
 */
import { cpSync, rmSync } from "node:fs";
import path from "node:path";
import { type BenchRow, median } from "../../support/bench.ts";
import { pause, tempDir } from "../../support/process.ts";
import { jobsAt, PAGE_SERIES, startExporters } from "./exporters.ts";
import { feed } from "./feed.ts";
import { type Kind, startProgram } from "./programs.ts";
import { bucketFeed, METRIC } from "./queries.ts";
import { beside } from "./query-rows.ts";

const SERIES = 10_000;
const ROWS = 100;
const STEP_MS = 15_000;
const SCRAPE_EVERY_MS = 200;
/** Series of its own that a scrape adds to a page: up and four more. */
const OWN_SERIES = 5;
const RUNS = 7;
const START_MS_MAX = 30_000;

/** What a killed program left behind, and what it has to say then. */
interface Left {
  readonly query: string;
  readonly at: number;
  readonly count: number;
}

async function written(kind: Kind, home: string): Promise<Left> {
  const at = Math.floor(Date.now() / 1000) * 1000 - 60_000;
  // 600 s are read before the first step.
  const data = bucketFeed(SERIES, at, { what: "", spanMs: ROWS * STEP_MS - 600_000, stepMs: STEP_MS });
  await using program = await startProgram(kind, home);
  await feed([program], data);
  await pause(1_500);
  await program.end("SIGKILL");
  return { query: `count(${METRIC})`, at, count: SERIES };
}

async function scraped(kind: Kind, home: string): Promise<Left> {
  const targets = SERIES / PAGE_SERIES;
  using exporters = await startExporters({ gzip: false, intervalMs: SCRAPE_EVERY_MS });
  const jobs = jobsAt(exporters.place, targets, `${SCRAPE_EVERY_MS}ms`);
  await using program = await startProgram(kind, home, jobs);
  while ((await exporters.count()) < targets * ROWS) await pause(SCRAPE_EVERY_MS / 4);
  await program.end("SIGKILL");
  return { query: 'count({instance!=""})', at: Date.now(), count: targets * (PAGE_SERIES + OWN_SERIES) };
}

/** Milliseconds from the start of the process, on a copy of what was left, the very same each time. */
async function startMs(kind: Kind, home: string, { query, at, count }: Left): Promise<number> {
  const left = path.join(home, kind);
  const kept = path.join(home, "kept");
  cpSync(left, kept, { recursive: true });
  try {
    const began = performance.now();
    await using program = await startProgram(kind, home);
    const form = { query, time: String(at / 1000) };
    for (;;) {
      const answer = await fetch(`${program.url}/api/v1/query?${new URLSearchParams(form).toString()}`);
      const body = (await answer.json().catch(() => ({}))) as { data?: { result: { value: [number, string] }[] } };
      if (Number(body.data?.result[0]?.value[1]) === count) break;
      if (performance.now() - began > START_MS_MAX) throw new Error(`${kind} never answers ${query} right`);
      await pause(2);
    }
    const took = performance.now() - began;
    await program.end("SIGKILL");
    return took;
  } finally {
    rmSync(left, { recursive: true });
    cpSync(kept, left, { recursive: true });
    rmSync(kept, { recursive: true });
  }
}

async function times(
  kinds: readonly Kind[],
  leave: (kind: Kind, home: string) => Promise<Left>,
): Promise<ReadonlyMap<Kind, number>> {
  using home = tempDir();
  const left = new Map<Kind, Left>();
  for (const kind of kinds) left.set(kind, await leave(kind, home.path));
  const taken = new Map<Kind, number[]>(kinds.map((kind) => [kind, []]));
  // Once for what a program keeps from its first start, then in turn.
  for (const [kind, one] of left) await startMs(kind, home.path, one);
  for (let run = 0; run < RUNS; run++)
    for (const [kind, one] of left) taken.get(kind)?.push(await startMs(kind, home.path, one));
  return new Map([...taken].map(([kind, list]) => [kind, median(list)]));
}

export async function startRows(kinds: readonly Kind[]): Promise<BenchRow[]> {
  const what = "kill -9 to first right answer, 1 M samples in the log";
  return [
    ...beside(`${what}, written`, "ms", await times(kinds, written), [["Prometheus", 0.6]]),
    ...beside(`${what}, scraped`, "ms", await times(kinds, scraped), [["Prometheus", 0.6]]),
  ];
}
