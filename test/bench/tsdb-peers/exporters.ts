/** The exporters of a run: the generator as a process, and the scrape jobs that point at it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { networkInterfaces } from "node:os";
import path from "node:path";

/** Series on one page. */
export const PAGE_SERIES = 1_000;

/** How late targets were asked, ms. */
export interface Lags {
  readonly pages: number;
  /** Beats at which a target was not asked at all. */
  readonly missed: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface Exporters extends Disposable {
  readonly pid: number;
  /** Host and port. */
  readonly place: string;
  /** Pages served so far. */
  count(): Promise<number>;
  /** Since it was asked before. */
  lags(): Promise<Lags>;
}

export interface ExporterOptions {
  readonly gzip: boolean;
  readonly intervalMs?: number;
  /** The CPU it runs on; any when absent. */
  readonly core?: number;
}

/** opsmon asks for identity on the loopback; on an address of the machine's network card it asks for gzip like all. */
function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.find(({ family, internal }) => family === "IPv4" && !internal)?.address ?? "127.0.0.1";
}

export async function startExporters({ gzip, intervalMs = 1_000, core }: ExporterOptions): Promise<Exporters> {
  const host = gzip ? ownAddress() : "127.0.0.1";
  const script = path.join(import.meta.dirname, "generator.ts");
  const argv = [process.execPath, "--no-warnings", script, gzip ? "gzip" : "plain", host, String(intervalMs)];
  const [program, ...rest] = core === undefined ? argv : ["taskset", "-c", String(core), ...argv];
  const child = spawn(program as string, rest, { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(child.stdout.setEncoding("utf8"), "data")) as [string];
  const place = `${host}:${Number(line)}`;
  const ask = async (what: string): Promise<string> => (await fetch(`http://${place}/${what}`)).text();
  return {
    pid: child.pid as number,
    place,
    count: async () => Number(await ask("count")),
    lags: async () => JSON.parse(await ask("lags")) as Lags,
    [Symbol.dispose]: () => void child.kill("SIGKILL"),
  };
}

/** YAML of as many jobs as targets: the path names the target. */
export function jobsAt(place: string, targets: number, interval: string, ...more: readonly string[]): string {
  const jobs = Array.from({ length: targets }, (_, i) =>
    [
      `  - job_name: job${i}`,
      `    scrape_interval: ${interval}`,
      `    scrape_timeout: ${interval}`,
      `    metrics_path: /t/${i}/metrics`,
      ...more.map((line) => `    ${line}`),
      `    static_configs: [{targets: ["${place}"]}]`,
    ].join("\n"),
  );
  return `\n${jobs.join("\n")}`;
}
