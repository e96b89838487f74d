/**
 * Bench of the store alone: what one sample costs to take in (head, append log, sealing), what it weighs on disk, and
 * how long reads take. Run: node --expose-gc test/bench/tsdb.ts [targets] [series] [pages]. The floor printed beside
 * each figure is the peer's figure from the same kind of load.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { manualClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import { createMatcher } from "../../src/model/matcher.ts";
import type { SelectHints } from "../../src/storage/storage.ts";
import { openTsdb, type Tsdb } from "../../src/tsdb/tsdb.ts";
import { pageSource } from "./tsdb-pages.ts";

const [targets = 10, series = 1_000, pages = 480] = process.argv.slice(2).map(Number);
const T0 = 1_700_000_000_000;
const STEP = 15_000;
/** Prometheus 2.42: microseconds of CPU for one scraped sample, and bytes of its chunks, on a like page. */
const PROMETHEUS_CPU_NS = 1_300;
const PROMETHEUS_BYTES = 2.165;

function hints(start: number, end: number): SelectHints {
  return { start, end, stepMs: STEP, rangeMs: 0, func: "" };
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

async function readAll(db: Tsdb, name: string, start: number, end: number): Promise<number> {
  using querier = db.querier(start, end);
  const { series: found } = await querier.select([createMatcher("__name__", "=~", name)], hints(start, end));
  let samples = 0;
  for (const one of found) {
    const { from, to } = one.samples();
    samples += to - from;
  }
  return samples;
}

async function timeReads(db: Tsdb, label: string, name: string, start: number, end: number): Promise<void> {
  const times: number[] = [];
  let samples = 0;
  for (let run = 0; run < 5; run++) {
    const began = performance.now();
    samples = await readAll(db, name, start, end);
    times.push(performance.now() - began);
  }
  const [first = 0] = times;
  const median = times.toSorted((a, b) => a - b)[2] ?? 0;
  console.log(
    `read ${label}: first ${first.toFixed(1)} ms, median ${median.toFixed(1)} ms, ${samples} samples, ${((median * 1e6) / Math.max(1, samples)).toFixed(1)} ns/sample`,
  );
}

const dir = mkdtempSync(join(tmpdir(), "opsmon-bench-"));
const clock = manualClock(T0 + 86_400_000);
const open = (): Promise<Tsdb> => openTsdb({ dir, clock, log: silentLogger, reserveBytes: 0 });
let db = await open();
const sources = Array.from({ length: targets }, (_, k) => {
  const source = pageSource(`node-${k}:9100`, series, k + 1);
  const appender = db.appender();
  return {
    source,
    appender,
    refs: Float64Array.from(source.labels, (labels) => appender.series(labels)),
    values: new Float64Array(series),
  };
});
let spent = 0;
const samples = targets * series * pages;
for (let page = 0; page < pages; page++) {
  clock.jump(T0 + page * STEP);
  for (const { source, appender, refs, values } of sources) {
    source.step(values);
    const began = cpuMs();
    appender.appendRow(refs, T0 + page * STEP, values, series);
    await appender.commit();
    spent += cpuMs() - began;
  }
  const began = cpuMs();
  if (page % 4 === 0) await db.upkeep();
  spent += cpuMs() - began;
}
globalThis.gc?.();
const live = db.stats();
console.log(`${targets} targets x ${series} series x ${pages} pages = ${(samples / 1e6).toFixed(2)} M samples`);
console.log(
  `ingest CPU ${((spent * 1e6) / samples).toFixed(0)} ns/sample, ${(((spent / samples) * 1e6) / PROMETHEUS_CPU_NS).toFixed(3)}x of Prometheus' whole scrape`,
);
console.log(
  `memory ${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MiB rss, log ${(live.logBytes / 2 ** 20).toFixed(1)} MiB for ${live.headSamples} head samples`,
);
const beforeClose = performance.now();
await db.close();
const beforeOpen = performance.now();
db = await open();
console.log(
  `close ${(beforeOpen - beforeClose).toFixed(0)} ms, open with replay ${(performance.now() - beforeOpen).toFixed(0)} ms`,
);
await db.flush();
const { bytesPerSample, blocks, diskBytes } = db.stats();
console.log(
  `sealed ${bytesPerSample.toFixed(3)} B/sample (${(bytesPerSample / PROMETHEUS_BYTES).toFixed(2)}x of Prometheus), ${blocks} chunks; all files ${(diskBytes / samples).toFixed(3)} B/sample`,
);
const end = T0 + pages * STEP;
await timeReads(db, "1 metric, 1 h", "node_cpu_seconds_total_1", end - 3_600_000, end);
await timeReads(db, "a fifth of all, 1 h", "node_memory.*", end - 3_600_000, end);
await timeReads(db, "everything, all time", ".+", T0, end);
await db.close();
rmSync(dir, { recursive: true });
