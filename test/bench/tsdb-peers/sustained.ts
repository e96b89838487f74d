/**
 * The promise of one core: so many samples a second, every target asked in time, while rules are evaluated and panels
 * drawn. opsmon gets a CPU of its own, exporters and this program share the other. Lag is measured by the exporters:
 * how much later than its own earliest beat a target was asked. Where others work on the same CPUs it measures them:
 * `chrt -r 5 npm run bench:tsdb` keeps them away.
 */
import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import path from "node:path";
import { pause, tempDir } from "../../support/process.ts";
import { cpuSeconds, residentMb } from "../../support/usage.ts";
import { jobsAt, type Lags, PAGE_SERIES, startExporters } from "./exporters.ts";
import { startProgram } from "./programs.ts";

const OWN_CORE = 0;
const OTHER_CORE = 1;
/** A screen's panels: one machine in detail, the fleet in sums. Asked together once a second, 10 minutes at 5 s. */
const PANELS: readonly string[] = [
  'sum by (mode) (rate(node_cpu_seconds_total{job="job7"}[1m]))',
  'histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{job="job7"}[1m])))',
  'rate(node_network_kind3_total{job="job7"}[1m])',
  "sum(node_memory_Field1_bytes)",
  "topk(5, node_memory_Field4_bytes)",
  "count(up == 1)",
];
const PANEL_SPAN_MS = 600_000;
const PANEL_STEP_S = 5;
const RULES = `groups:
  - name: fleet
    interval: 5s
    rules:
      - {record: "fleet:memory:sum", expr: "sum(node_memory_Field1_bytes)"}
      - {record: "fleet:net:rate1m", expr: "sum(rate(node_network_kind3_total{device=\\"eth0\\"}[1m]))"}
      - {alert: TargetDown, expr: "up == 0", for: 30s}
      - {alert: SlowScrape, expr: "scrape_duration_seconds > 0.5", for: 30s}
      - {alert: MemoryGone, expr: "node_memory_Field1_bytes < 0"}
`;

export interface Sustained {
  readonly samplesPerSecond: number;
  readonly lags: Lags;
  /** Of one CPU. */
  readonly cpuShare: number;
  /** Of one CPU, what the exporters took: near 1 they were the limit. */
  readonly exportersShare: number;
  readonly residentMb: number;
  /** One round of all panels, ms. */
  readonly panelsMs: number;
}

async function drawPanels(url: string): Promise<number> {
  const began = performance.now();
  const end = Math.floor(Date.now() / 1_000 / PANEL_STEP_S) * PANEL_STEP_S;
  await Promise.all(
    PANELS.map(async (query) => {
      const form = { query, start: String(end - PANEL_SPAN_MS / 1_000), end: String(end), step: String(PANEL_STEP_S) };
      const answer = await fetch(`${url}/api/v1/query_range?${new URLSearchParams(form).toString()}`);
      const { status, error } = (await answer.json()) as { status: string; error?: string };
      if (status !== "success") throw new Error(`${query}: ${error}`);
    }),
  );
  return performance.now() - began;
}

export async function sustained(targets: number, warmMs: number, watchMs: number): Promise<Sustained> {
  const pinned = availableParallelism() > 1;
  using exporters = await startExporters({ gzip: false, ...(pinned ? { core: OTHER_CORE } : {}) });
  using home = tempDir();
  const rules = path.join(home.path, "rules.yml");
  writeFileSync(rules, RULES);
  const more = { config: `rule_files: ["${rules}"]\n`, ...(pinned ? { core: OWN_CORE } : {}) };
  await using program = await startProgram("opsmon", home.path, jobsAt(exporters.place, targets, "1s"), more);
  const rounds: number[] = [];
  const screen = new AbortController();
  const panels = (async (): Promise<void> => {
    while (!screen.signal.aborted) {
      const took = await drawPanels(program.url);
      rounds.push(took);
      await pause(Math.max(0, 1_000 - took));
    }
  })();
  await pause(warmMs);
  await exporters.lags();
  rounds.length = 0;
  const [pages, cpu, began] = [await exporters.count(), cpuSeconds(program.pid), performance.now()];
  const exportersCpu = cpuSeconds(exporters.pid);
  await pause(watchMs);
  const seconds = (performance.now() - began) / 1_000;
  const spent = cpuSeconds(program.pid) - cpu;
  const serving = cpuSeconds(exporters.pid) - exportersCpu;
  const served = (await exporters.count()) - pages;
  const lags = await exporters.lags();
  screen.abort();
  await panels;
  return {
    samplesPerSecond: (served * PAGE_SERIES) / seconds,
    lags,
    cpuShare: spent / seconds,
    exportersShare: serving / seconds,
    residentMb: residentMb(program.pid),
    panelsMs: rounds.sort((a, b) => a - b)[rounds.length >> 1] ?? Number.NaN,
  };
}
