/**
 * The whole product beside Prometheus and VictoriaMetrics on the same load in one run: scraping, memory, disk, queries,
 * restart. Half an hour by default; OPSMON_BENCH_FULL=1 asks for longer looks and twice the sustained load.
 * OPSMON_BENCH_ONLY picks parts: scrape, sustained, memory, disk, query (or query-10k, query-100k), start.
 */
import os from "node:os";
import { type Bench, type BenchRow, progress } from "../support/bench.ts";
import { pause, tempDir } from "../support/process.ts";
import { bytesPerSample, modelFeed, recordedFeed } from "./tsdb-peers/disk.ts";
import type { Feed } from "./tsdb-peers/feed.ts";
import { DATA, pagesFile, type Recorded } from "./tsdb-peers/pages.ts";
import { described, type Kind, present, startProgram } from "./tsdb-peers/programs.ts";
import { PAGE_SERIES } from "./tsdb-peers/exporters.ts";
import { beside, queryRows } from "./tsdb-peers/query-rows.ts";
import { type ScrapeCost, scrapeCost } from "./tsdb-peers/scrapes.ts";
import { memoryRows } from "./tsdb-peers/memory.ts";
import { startRows } from "./tsdb-peers/starts.ts";
import { sustained } from "./tsdb-peers/sustained.ts";

const FULL = process.env["OPSMON_BENCH_FULL"] === "1";
const ONLY = process.env["OPSMON_BENCH_ONLY"] ?? "scrape sustained memory disk query start";

async function scrapes(kinds: readonly Kind[]): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const gzip of [false, true]) {
    // An open chunk packs its rows every 32 scrapes: any 32 s have one packing of each target in them.
    const load = { targets: 100, gzip, warmMs: FULL ? 48_000 : 16_000, watchMs: FULL ? 64_000 : 32_000 };
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
  const { samplesPerSecond, lags, cpuShare, exportersShare, residentMb, panelsMs } = found;
  const what = `${targets * PAGE_SERIES} samples/s on one core, with rules and panels`;
  return [
    { what: `${what}: kept`, value: samplesPerSecond, unit: "/s", atLeast: targets * PAGE_SERIES * 0.99 },
    { what: `${what}: scrapes left out`, value: lags.missed, unit: "", atMost: 0 },
    { what: `${what}: p99 scrape lag`, value: lags.p99Ms, unit: "ms", atMost: 100 },
    { what: `${what}: median and largest lag`, value: lags.medianMs, unit: `and ${Math.round(lags.maxMs)} ms` },
    { what: `${what}: of that core`, value: cpuShare * 100, unit: "%" },
    { what: `${what}: exporters, of the other core`, value: exportersShare * 100, unit: "%" },
    { what: `${what}: six panels`, value: panelsMs, unit: "ms" },
    { what: `${what}: memory`, value: residentMb, unit: "MB" },
  ];
}

/** OPSMON_BENCH_PAGES names a further recording, of a node_exporter, as test/bench/tsdb-peers/pages.ts reads it. */
async function disk(kinds: readonly Kind[]): Promise<BenchRow[]> {
  const end = Math.floor(Date.now() / 15_000) * 15_000;
  const own = (job: Recorded): readonly [string, string] => [job, pagesFile(DATA, job)];
  const other = process.env["OPSMON_BENCH_PAGES"];
  const feeds: readonly (readonly [what: string, data: Feed])[] = [
    ["node_exporter recorded", recordedFeed([own("node")], end)],
    ["PostgreSQL and Redis exporters recorded", recordedFeed([own("postgres"), own("redis")], end)],
    ["generated", modelFeed(5, end)],
    ...(other === undefined ? [] : [["OPSMON_BENCH_PAGES", recordedFeed([["node", other]], end)] as const]),
  ];
  const rows: BenchRow[] = [];
  for (const [what, data] of feeds) {
    const found = await bytesPerSample(kinds, data);
    rows.push(
      ...beside(`samples, index and log, bytes for a sample, 2 h of 15 s, ${what}`, "B", found, [
        ["Prometheus", 0.36],
        ["VictoriaMetrics", 0.85],
      ]),
    );
  }
  return rows;
}

/** An engine keeps the code it compiled after three seconds, once for a bundle: nobody's figure has that in it. */
const COMPILED_MS = 4_000;

async function compileOnce(): Promise<void> {
  using home = tempDir();
  await using _engine = await startProgram("opsmon", home.path);
  await pause(COMPILED_MS);
}

/** The parts, in the order of a run; none needs what another leaves behind. */
const PARTS: Readonly<Record<string, (kinds: readonly Kind[]) => Promise<BenchRow[]>>> = {
  scrape: scrapes,
  sustained: sustains,
  memory: (kinds) =>
    memoryRows(
      kinds.filter((kind) => kind !== "VictoriaMetrics"),
      FULL ? 600_000 : 150_000,
    ),
  disk,
  "query-10k": (kinds) => queryRows(kinds, [10_000]),
  "query-100k": (kinds) => queryRows(kinds, [100_000]),
  // VictoriaMetrics has no log: what kill -9 took it does not answer for.
  start: (kinds) => startRows(kinds.filter((kind) => kind !== "VictoriaMetrics")),
};

export const bench: Bench = {
  name: "tsdb-peers",
  about() {
    const [cpu] = os.cpus();
    return [...described(), `${os.availableParallelism()} CPUs (${cpu?.model.trim()}), Node ${process.versions.node}`];
  },
  async run() {
    const kinds = present();
    await compileOnce();
    const wanted = ONLY.split(/[ ,]+/);
    const rows: BenchRow[] = [];
    for (const [name, part] of Object.entries(PARTS)) {
      if (!wanted.some((word) => name.startsWith(word))) continue;
      progress(`${name} …`);
      try {
        rows.push(...(await part(kinds)));
      } catch (error) {
        // What the other parts measure is worth having all the same.
        const failed = error instanceof Error ? error.message : String(error);
        rows.push({ what: name, value: Number.NaN, unit: "", failed });
      }
    }
    return rows;
  },
};
