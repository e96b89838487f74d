/**
 * The store alone: what one sample costs to take in (head, append log, sealing), what it weighs on disk and in memory,
 * and how long reads and a restart take. References are Prometheus 2.42's figures for like pages, or the least
 * possible: copying the same doubles.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { manualClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import { createMatcher } from "../../src/model/matcher.ts";
import { openTsdb, type Tsdb } from "../../src/tsdb/tsdb.ts";
import { type Bench, type BenchRow, median } from "../support/bench.ts";
import { pageSource } from "./tsdb-pages.ts";

const TARGETS = 20;
const SERIES = 1_000;
const PAGES = 480;
const SAMPLES = TARGETS * SERIES * PAGES;
const T0 = 1_700_000_000_000;
const STEP = 15_000;
const END = T0 + PAGES * STEP;
/** CPU for one scraped sample of a like page, parsing included; bytes of chunks; bytes written to its log and chunks. */
const PROMETHEUS = { cpuNs: 1_300, bytes: 2.165 } as const;

function cpuNs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1_000;
}

/** Scrapes all pages. @returns nanoseconds of CPU spent in the store. */
async function ingest(db: Tsdb, clock: ReturnType<typeof manualClock>): Promise<number> {
  const targets = Array.from({ length: TARGETS }, (_, k) => {
    const source = pageSource(`node-${k}:9100`, SERIES, k + 1);
    const appender = db.appender();
    const refs = Float64Array.from(source.labels, (labels) => appender.series(labels));
    return { source, appender, refs, values: new Float64Array(SERIES) };
  });
  let spent = 0;
  for (let page = 0; page < PAGES; page++) {
    clock.jump(T0 + page * STEP);
    for (const { source, appender, refs, values } of targets) {
      source.step(values);
      const began = cpuNs();
      appender.appendRow(refs, T0 + page * STEP, values, SERIES);
      await appender.commit();
      spent += cpuNs() - began;
    }
    const began = cpuNs();
    if (page % 4 === 0) await db.upkeep();
    spent += cpuNs() - began;
  }
  return spent;
}

interface Read {
  readonly ms: number;
  readonly samples: number;
}

async function read(db: Tsdb, name: string, start: number, end: number): Promise<Read> {
  using querier = db.querier(start, end);
  const began = performance.now();
  const hints = { start, end, stepMs: STEP, rangeMs: 0, func: "" };
  const { series } = await querier.select([createMatcher("__name__", "=~", name)], hints);
  let samples = 0;
  for (const one of series) {
    const { from, to } = one.samples();
    samples += to - from;
  }
  return { ms: performance.now() - began, samples };
}

/** Copies as many doubles, twice (times and values): no store can hand over columns faster. */
function copyMs(samples: number): number {
  const source = new Float64Array(samples);
  const began = performance.now();
  new Float64Array(samples).set(source);
  new Float64Array(samples).set(source);
  return performance.now() - began;
}

async function reads(db: Tsdb): Promise<BenchRow[]> {
  const cases = [
    ["one metric of all targets, 1 h", "node_cpu_seconds_total_1", END - 3_600_000],
    ["a fifth of all series, 1 h", "node_memory.*", END - 3_600_000],
    ["every series, 2 h", ".+", T0],
  ] as const;
  const rows: BenchRow[] = [];
  for (const [what, name, start] of cases) {
    const runs: Read[] = [];
    for (let run = 0; run < 7; run++) runs.push(await read(db, name, start, END));
    const samples = runs[0]?.samples ?? 0;
    rows.push({
      what: `read ${what}, ${samples} samples`,
      value: median(runs.map(({ ms }) => ms)),
      unit: "ms",
      reference: { what: "copying as many doubles", value: median([1, 2, 3].map(() => copyMs(samples))) },
    });
  }
  return rows;
}

export const bench: Bench = {
  name: "tsdb",
  async run() {
    const dir = mkdtempSync(join(tmpdir(), "opsmon-bench-"));
    const clock = manualClock(T0);
    const open = (): Promise<Tsdb> => openTsdb({ dir, clock, log: silentLogger, reserveBytes: 0 });
    const before = process.memoryUsage().rss;
    let db = await open();
    const spent = await ingest(db, clock);
    const grown = process.memoryUsage().rss - before;
    await db.close();
    const began = performance.now();
    db = await open();
    const opening = performance.now() - began;
    await db.flush();
    const { bytesPerSample, diskBytes } = db.stats();
    const rows: BenchRow[] = [
      {
        what: "ingest, CPU for a sample",
        value: spent / SAMPLES,
        unit: "ns",
        reference: { what: "Prometheus, whole scrape", value: PROMETHEUS.cpuNs },
        atMost: PROMETHEUS.cpuNs * 0.2,
      },
      {
        what: "chunks, bytes for a sample",
        value: bytesPerSample,
        unit: "B",
        reference: { what: "Prometheus, chunks", value: PROMETHEUS.bytes },
        atMost: PROMETHEUS.bytes * 0.4,
      },
      { what: "all files, bytes for a sample", value: diskBytes / SAMPLES, unit: "B" },
      { what: "memory grown, for a series", value: grown / (TARGETS * SERIES), unit: "B" },
      { what: "opening after a stop without sealing", value: opening, unit: "ms" },
      ...(await reads(db)),
    ];
    await db.close();
    rmSync(dir, { recursive: true });
    return rows;
  },
};
