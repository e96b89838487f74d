/** What scraping costs the whole program over real HTTP: CPU and bytes written. */
import { pause, tempDir } from "../../support/process.ts";
import { cpuSeconds } from "../../support/usage.ts";
import { jobsAt, PAGE_SERIES, startExporters } from "./exporters.ts";
import { type Kind, type Program, startProgram, writtenBytes } from "./programs.ts";

export interface ScrapeCost {
  readonly cpuPerMillion: number;
  readonly writtenPerSample: number;
  readonly samplesPerSecond: number;
}

export interface ScrapeLoad {
  readonly targets: number;
  readonly gzip: boolean;
  readonly warmMs: number;
  readonly watchMs: number;
}

export async function scrapeCost(kind: Kind, load: ScrapeLoad): Promise<ScrapeCost> {
  const { targets, gzip } = load;
  using exporters = await startExporters({ gzip });
  using home = tempDir();
  const plain = kind === "VictoriaMetrics" && !gzip ? ["disable_compression: true"] : [];
  const jobs = jobsAt(exporters.place, targets, "1s", ...plain);
  await using program: Program = await startProgram(kind, home.path, jobs);
  await pause(load.warmMs);
  const [pages, cpu] = [await exporters.count(), cpuSeconds(program.pid)];
  await pause(load.watchMs);
  const samples = ((await exporters.count()) - pages) * PAGE_SERIES;
  const spent = cpuSeconds(program.pid) - cpu;
  return {
    cpuPerMillion: spent / (samples / 1e6),
    writtenPerSample: writtenBytes(program.pid) / ((await exporters.count()) * PAGE_SERIES),
    samplesPerSecond: samples / (load.watchMs / 1_000),
  };
}
