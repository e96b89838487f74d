/**
 * The engine is killed while it scrapes a page that counts its own visits, ten times a second. Afterwards the stored
 * values must still be the visits in order: whatever was answered before the kill is there, and each kill may cost the
 * one scrape in flight.
 */
import { writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { type Engine, eventually, pause, startEngine, tempDir } from "../support/process.ts";
import type { Torture } from "./scenario.ts";

const INTERVAL_MS = 100;

export async function stored(engine: Engine, selector: string): Promise<readonly number[]> {
  const answer = (await engine.get(`/api/v1/query?query=${encodeURIComponent(`${selector}[1h]`)}`)) as {
    data: { result: readonly { values: readonly (readonly [number, string])[] }[] };
  };
  return (answer.data.result[0]?.values ?? []).map(([, value]) => Number(value));
}

export const visitsStored = (engine: Engine): Promise<readonly number[]> => stored(engine, "visits_total");

/** Scrapes that failed by themselves, on a busy machine by their own time limit: their visit is rightly not stored. */
const failures = async (engine: Engine): Promise<number> =>
  (await stored(engine, 'up{job="visits"}')).filter((up) => up === 0).length;

/** What is wrong with the stored visits, if anything. */
async function wrong(engine: Engine, known: ReadonlySet<number>, kills: number): Promise<string | undefined> {
  const visits = await visitsStored(engine);
  const have = new Set(visits);
  const gone = [...known].filter((visit) => !have.has(visit));
  if (gone.length > 0) return `samples that were answered before are gone: ${gone.slice(0, 5).join(" ")}`;
  if (visits.some((visit, index) => index > 0 && visit <= (visits[index - 1] ?? 0))) return "samples are out of order";
  const missing = visits.length === 0 ? 0 : (visits.at(-1) ?? 0) - (visits[0] ?? 0) + 1 - visits.length;
  const failed = await failures(engine);
  if (missing <= kills + failed) return undefined;
  const gaps = visits.filter((visit, index) => index > 0 && visit !== (visits[index - 1] ?? 0) + 1);
  return `${missing} samples missing (before ${gaps.join(" ")}) after ${kills} kills and ${failed} failed scrapes`;
}

/** A page that counts its own visits. */
export async function startVisits(): Promise<AsyncDisposable & { readonly port: number }> {
  let visits = 0;
  const server = http.createServer((_request, response) => {
    response.setHeader("content-type", "text/plain; version=0.0.4");
    response.end(`# TYPE visits_total counter\nvisits_total ${++visits}\n`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Writes a configuration that scrapes it ten times a second. @returns its file. */
export function visitsConfig(dir: string, port: number): string {
  const config = path.join(dir, "prometheus.yml");
  const timing = `scrape_interval: ${INTERVAL_MS}ms, scrape_timeout: ${INTERVAL_MS}ms`;
  const job = `{job_name: visits, ${timing}, static_configs: [{targets: ["127.0.0.1:${port}"]}]}`;
  writeFileSync(config, `scrape_configs: [${job}]\n`);
  return config;
}

export async function killedScrapes({ rounds, random, report }: Torture): Promise<void> {
  await using visits = await startVisits();
  using home = tempDir();
  const config = visitsConfig(home.path, visits.port);
  let known: ReadonlySet<number> = new Set();
  for (let round = 1; round <= rounds; round++) {
    const engine = await startEngine({ home: home.path, config });
    const problem = await wrong(engine, known, round - 1);
    await eventually("a new sample", async () => (await visitsStored(engine)).length > known.size);
    await pause(random() * 600);
    known = new Set(await visitsStored(engine));
    await pause(random() * INTERVAL_MS);
    await engine.stop("SIGKILL");
    report(`scrapes, round ${round}: ${known.size} samples`, problem);
  }
  await using engine = await startEngine({ home: home.path, config });
  report("scrapes, after the last kill", await wrong(engine, known, rounds));
}
