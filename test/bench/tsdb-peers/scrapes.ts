/** What scraping costs the whole program over real HTTP: CPU, memory at many active series, bytes written. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { pause, tempDir } from "../../support/process.ts";
import { cpuSeconds, residentMb } from "../../support/usage.ts";
import { type Kind, type Program, startProgram, writtenBytes } from "./programs.ts";

const SERIES = 1_000;

export interface ScrapeCost {
  readonly cpuPerMillion: number;
  readonly residentMb: number;
  readonly writtenPerSample: number;
  readonly samplesPerSecond: number;
}

export interface ScrapeLoad {
  readonly targets: number;
  readonly gzip: boolean;
  readonly warmMs: number;
  readonly watchMs: number;
}

function jobs(port: number, { targets, gzip }: ScrapeLoad, kind: Kind): string {
  const jobs = Array.from({ length: targets }, (_, i) => [
    `  - job_name: job${i}`,
    `    metrics_path: /t/${i}/metrics`,
    kind === "VictoriaMetrics" && !gzip ? "    disable_compression: true" : "",
    `    static_configs: [{targets: ["127.0.0.1:${port}"]}]`,
  ]);
  const head = `\n  # each target is a job, because the path names it\n`;
  return (
    head +
    jobs
      .map((lines) =>
        [lines[0], "    scrape_interval: 1s", "    scrape_timeout: 1s", ...lines.slice(1)]
          .filter((line) => line !== "")
          .join("\n"),
      )
      .join("\n")
  );
}

export async function scrapeCost(kind: Kind, load: ScrapeLoad): Promise<ScrapeCost> {
  const generator = spawn(
    process.execPath,
    ["--no-warnings", path.join(import.meta.dirname, "generator.ts"), load.gzip ? "gzip" : "plain"],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  try {
    const [line] = (await once(generator.stdout.setEncoding("utf8"), "data")) as [string];
    const port = Number(line);
    const count = async (): Promise<number> => Number(await (await fetch(`http://127.0.0.1:${port}/count`)).text());
    using home = tempDir();
    await using program: Program = await startProgram(kind, home.path, jobs(port, load, kind));
    await pause(load.warmMs);
    const [pages, cpu] = [await count(), cpuSeconds(program.pid)];
    await pause(load.watchMs);
    const samples = ((await count()) - pages) * SERIES;
    const spent = cpuSeconds(program.pid) - cpu;
    return {
      cpuPerMillion: spent / (samples / 1e6),
      residentMb: residentMb(program.pid),
      writtenPerSample: writtenBytes(program.pid) / ((await count()) * SERIES),
      samplesPerSecond: samples / (load.watchMs / 1_000),
    };
  } finally {
    generator.kill("SIGKILL");
  }
}
