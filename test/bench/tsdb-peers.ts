/**
 * The whole product beside Prometheus and VictoriaMetrics on the same load in one run: scraping, disk, queries, restart.
 * Short by default (some four minutes); OPSMON_BENCH_FULL=1 asks for more series and longer looks. OPSMON_BENCH_ONLY
 * picks parts: scrape, disk, query, start.
 */
import type { Bench, BenchRow } from "../support/bench.ts";
import { tempDir } from "../support/process.ts";
import { bytesPerSample, capturedFeed, modelFeed } from "./tsdb-peers/disk.ts";
import { feed } from "./tsdb-peers/feed.ts";
import { type Kind, present, type Program, startProgram } from "./tsdb-peers/programs.ts";
import { ask, bucketFeed, coldStartMs, QUERIES, queryMs, type RangeCase } from "./tsdb-peers/queries.ts";
import { type ScrapeCost, scrapeCost } from "./tsdb-peers/scrapes.ts";

const FULL = process.env["OPSMON_BENCH_FULL"] === "1";
const ONLY = process.env["OPSMON_BENCH_ONLY"] ?? "scrape disk query start";
const SERIES = FULL ? 100_000 : 10_000;
const RANGES: readonly RangeCase[] = [
  { what: "1 h / 15 s", spanMs: 3_600_000, stepMs: 15_000 },
  { what: "6 h / 60 s", spanMs: 6 * 3_600_000, stepMs: 60_000 },
];

type Bound = readonly [peer: Kind, most: number];

/** One row for each peer: our value, the peer's, and the bound as a multiple of it. */
function beside(what: string, unit: string, values: ReadonlyMap<Kind, number>, bounds: readonly Bound[]): BenchRow[] {
  const own = values.get("opsmon") as number;
  return [...values]
    .filter(([kind]) => kind !== "opsmon")
    .map(([kind, value]) => {
      const bound = bounds.find(([peer]) => peer === kind);
      const reference = { what: kind, value };
      return { what, value: own, unit, reference, ...(bound === undefined ? {} : { atMost: value * bound[1] }) };
    });
}

async function scrapes(kinds: readonly Kind[]): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const gzip of [false, true]) {
    const load = { targets: 100, gzip, warmMs: FULL ? 30_000 : 8_000, watchMs: FULL ? 30_000 : 10_000 };
    const costs = new Map<Kind, ScrapeCost>();
    for (const kind of kinds) costs.set(kind, await scrapeCost(kind, load));
    const of = (field: keyof ScrapeCost): Map<Kind, number> =>
      new Map([...costs].map(([kind, cost]) => [kind, cost[field]]));
    const what = `scraping ${gzip ? "gzip" : "identity"}, CPU for a million samples`;
    rows.push(...beside(what, "s", of("cpuPerMillion"), [["Prometheus", gzip ? 0.35 : 0.2]]));
    if (gzip) continue;
    rows.push(...beside("memory at 100k active series", "MB", of("residentMb"), [["Prometheus", 0.55]]));
    rows.push(...beside("written for a sample", "B", of("writtenPerSample"), [["Prometheus", 0.5]]));
    rows.push({ what: "samples scraped", value: costs.get("opsmon")?.samplesPerSecond ?? 0, unit: "/s" });
  }
  return rows;
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

function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

async function queries(kinds: readonly Kind[]): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  const means = new Map<Kind, number[]>(kinds.map((kind) => [kind, []]));
  for (const range of RANGES) {
    using home = tempDir();
    const programs: Program[] = [];
    try {
      for (const kind of kinds) programs.push(await startProgram(kind, home.path));
      const end = Math.floor(Date.now() / 60_000) * 60_000 - 60_000;
      await feed(programs, bucketFeed(SERIES, end, range));
      for (const program of programs)
        if (program.kind === "VictoriaMetrics") await fetch(`${program.url}/internal/force_flush`);
      const found = await queryMs(programs, range, end, 7);
      QUERIES.forEach((expr, i) => {
        const times = new Map([...found].map(([kind, list]) => [kind, list[i] as number]));
        rows.push(...beside(`${range.what}: ${expr.slice(0, 44)}`, "ms", times, []));
      });
      for (const [kind, list] of found) means.get(kind)?.push(...list);
      const [own] = programs as [Program];
      const again: number[] = [];
      for (let run = 0; run < 9; run++)
        again.push(await ask(own, QUERIES[0] as string, end - range.spanMs, end - 600_000, range.stepMs));
      rows.push({
        what: `${range.what}: the same once more, over HTTP`,
        value: Math.min(...again),
        unit: "ms",
        atMost: 1,
      });
    } finally {
      for (const program of programs) await program.end("SIGKILL");
    }
  }
  const all = new Map([...means].map(([kind, list]) => [kind, geometricMean(list)]));
  const bounds: readonly Bound[] = [
    ["Prometheus", 0.3],
    ["VictoriaMetrics", 1],
  ];
  return [...rows, ...beside(`all queries, ${SERIES} series, geometric mean`, "ms", all, bounds)];
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
    if (ONLY.includes("disk")) rows.push(...(await disk(kinds)));
    if (ONLY.includes("query")) rows.push(...(await queries(kinds)));
    if (ONLY.includes("start")) rows.push(...(await starts(kinds)));
    return rows;
  },
};
