/**
 * What a program keeps in memory while it scrapes many series: resident bytes through the whole product path, looked at
 * twice a second from the first scrape on. Programs run one after the other and for the same time: an open chunk that
 * fills and is sealed is part of the picture, so only equal ages compare.
 */
import { type BenchRow, median } from "../../support/bench.ts";
import { pause, tempDir } from "../../support/process.ts";
import { residentMb } from "../../support/usage.ts";
import { jobsAt, PAGE_SERIES, startExporters } from "./exporters.ts";
import { type Kind, type Program, startProgram } from "./programs.ts";
import { beside, type Bound } from "./query-rows.ts";

const LOOK_EVERY_MS = 500;
/** With fewer pages than that share of what was asked for, the machine was the limit and ages are not equal. */
const KEPT_LEAST = 0.9;

/** Each target shows a thousand series. */
const LOADS: readonly { readonly targets: number; readonly bounds: readonly Bound[] }[] = [
  { targets: 100, bounds: [["Prometheus", 0.55]] },
  { targets: 300, bounds: [["Prometheus", 0.3]] },
];
/** Beyond the first hundred thousand; what a program needs by itself is not in it. */
const BYTES_PER_SERIES_MAX = 350;

interface Memory {
  /** Of the second half, MB. */
  readonly median: number;
  readonly peak: number;
  /** Pages that went out, as a share of those asked for. */
  readonly kept: number;
}

async function scrapeMemory(kind: Kind, targets: number, lastMs: number): Promise<Memory> {
  using exporters = await startExporters({ gzip: false });
  using home = tempDir();
  await using program: Program = await startProgram(kind, home.path, jobsAt(exporters.place, targets, "1s"));
  const seen: number[] = [];
  const began = performance.now();
  while (performance.now() - began < lastMs) {
    await pause(LOOK_EVERY_MS);
    seen.push(residentMb(program.pid));
  }
  const kept = (await exporters.count()) / ((targets * lastMs) / 1_000);
  return { median: median(seen.slice(seen.length >> 1)), peak: Math.max(...seen), kept };
}

/** @param lastMs at least 150 s: the first chunks are sealed after 60 to 120 scrapes. */
export async function memoryRows(kinds: readonly Kind[], lastMs: number): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  const own: Memory[] = [];
  for (const { targets, bounds } of LOADS) {
    const found = new Map<Kind, Memory>();
    for (const kind of kinds) found.set(kind, await scrapeMemory(kind, targets, lastMs));
    const of = (field: keyof Memory): Map<Kind, number> =>
      new Map([...found].map(([kind, memory]) => [kind, memory[field]]));
    const what = `memory at ${(targets * PAGE_SERIES) / 1_000}k active series`;
    rows.push(...beside(`${what}, median`, "MB", of("median"), bounds));
    rows.push(...beside(`${what}, peak`, "MB", of("peak"), bounds));
    for (const [kind, kept] of of("kept"))
      rows.push({ what: `${what}: pages served to ${kind}`, value: kept * 100, unit: "%", atLeast: KEPT_LEAST * 100 });
    const mine = found.get("opsmon");
    if (mine !== undefined) own.push(mine);
  }
  const [few, many] = own;
  const [less, more] = LOADS;
  if (few === undefined || many === undefined || less === undefined || more === undefined) return rows;
  const bytes = ((many.median - few.median) * 1e6) / ((more.targets - less.targets) * PAGE_SERIES);
  rows.push({ what: "memory of one more active series", value: bytes, unit: "B", atMost: BYTES_PER_SERIES_MAX });
  return rows;
}
