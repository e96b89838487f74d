/**
 * The whole product beside Prometheus and VictoriaMetrics on the same load in one run: scraping, disk, queries, restart.
 * Short by default (some twenty minutes); OPSMON_BENCH_FULL=1 asks for more series and longer looks. OPSMON_BENCH_ONLY
 * picks parts: scrape, sustained, memory, disk, query, start.
 */
import type { Bench, BenchRow } from "../support/bench.ts";
import { bytesPerSample, capturedFeed, modelFeed } from "./tsdb-peers/disk.ts";
import { type Kind, present } from "./tsdb-peers/programs.ts";
import { PAGE_SERIES } from "./tsdb-peers/exporters.ts";
import { coldStartMs } from "./tsdb-peers/queries.ts";
import { beside, type Bound, queryRows } from "./tsdb-peers/query-rows.ts";
import { type ScrapeCost, scrapeCost } from "./tsdb-peers/scrapes.ts";
import { memoryRows } from "./tsdb-peers/memory.ts";
import { sustained } from "./tsdb-peers/sustained.ts";

const FULL = process.env["OPSMON_BENCH_FULL"] === "1";
const ONLY = process.env["OPSMON_BENCH_ONLY"] ?? "scrape sustained memory disk query start";
const QUERY_SERIES = FULL ? [10_000, 100_000] : [10_000];

async function scrapes(kinds: readonly Kind[]): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const gzip of [false, true]) {
    const load = { targets: 100, gzip, warmMs: FULL ? 48_000 : 16_000, watchMs: FULL ? 48_000 : 16_000 };
    const costs = new Map<Kind, ScrapeCost>();
    for (const kind of kinds) costs.set(kind, await scrapeCost(kind, load));
    const of = (field: keyof ScrapeCost): Map<Kind, number> =>
      new Map([...costs].map(([kind, cost]) => [kind, cost[field]]));
    const what = `scraping ${gzip ? "gzip" : "identity"}, CPU for a million samples`;
    rows.push(...beside(what, "s", of("cpuPerMillion"), [["Prometheus", gzip ? 0.35 : 0.2]]));
    if (gzip) continue;
    rows.push(...beside("written for a sample", "B", of("writtenPerSample"), [["Prometheus", 0.5]]));
    rows.push({ what: "samples scraped", value: costs.get("opsmon")?.samplesPerSecond ?? 0, unit: "/s" });
  }
  return rows;
}

/** OPSMON_BENCH_TARGETS asks for another number of thousands of samples a second. */
async function sustains(): Promise<BenchRow[]> {
  const targets = Number(process.env["OPSMON_BENCH_TARGETS"] ?? (FULL ? 1_000 : 500));
  const found = await sustained(targets, FULL ? 60_000 : 30_000, FULL ? 60_000 : 30_000);
  const { samplesPerSecond, lags, cpuShare, residentMb, panelsMs } = found;
  const what = `${targets * PAGE_SERIES} samples/s on one core, with rules and panels`;
  return [
    { what: `${what}: kept`, value: samplesPerSecond, unit: "/s", atLeast: targets * PAGE_SERIES * 0.99 },
    { what: `${what}: scrapes left out`, value: lags.missed, unit: "", atMost: 0 },
    { what: `${what}: p99 scrape lag`, value: lags.p99Ms, unit: "ms", atMost: 100 },
    { what: `${what}: median and largest lag`, value: lags.medianMs, unit: `and ${Math.round(lags.maxMs)} ms` },
    { what: `${what}: of that core`, value: cpuShare * 100, unit: "%" },
    { what: `${what}: six panels`, value: panelsMs, unit: "ms" },
    { what: `${what}: memory`, value: residentMb, unit: "MB" },
  ];
}

async function disk(kinds: readonly Kind[]): Promise<BenchRow[]> {
  const end = Math.floor(Date.now() / 15_000) * 15_000;
  const bounds: readonly Bound[] = [
    ["Prometheus", 0.36],
    ["VictoriaMetrics", 0.85],
  ];
  const made = await bytesPerSample(kinds, modelFeed(5, end));
  const rows = beside("on disk for a sample, 2 h of 15 s", "B", made, bounds);
  const file = process.env["OPSMON_BENCH_PAGES"];
  if (file === undefined) return rows;
  return [
    ...rows,
    ...beside("the same, captured pages", "B", await bytesPerSample(kinds, capturedFeed(file, end)), bounds),
  ];
}

async function starts(kinds: readonly Kind[]): Promise<BenchRow[]> {
  const times = new Map<Kind, number>();
  // VictoriaMetrics has no log: what kill -9 took it does not answer for.
  for (const kind of kinds.filter((one) => one !== "VictoriaMetrics")) times.set(kind, await coldStartMs(kind, 3));
  return beside("kill -9 to first right answer, 1 M samples in the log", "ms", times, [["Prometheus", 0.6]]);
}

export const bench: Bench = {
  name: "tsdb-peers",
  async run() {
    const kinds = present();
    const rows: BenchRow[] = [];
    if (ONLY.includes("scrape")) rows.push(...(await scrapes(kinds)));
    if (ONLY.includes("sustained")) rows.push(...(await sustains()));
    if (ONLY.includes("memory"))
      rows.push(
        ...(await memoryRows(
          kinds.filter((kind) => kind !== "VictoriaMetrics"),
          FULL ? 600_000 : 150_000,
        )),
      );
    if (ONLY.includes("disk")) rows.push(...(await disk(kinds)));
    if (ONLY.includes("query")) rows.push(...(await queryRows(kinds, QUERY_SERIES)));
    if (ONLY.includes("start")) rows.push(...(await starts(kinds)));
    return rows;
  },
};
