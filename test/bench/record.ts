/**
 * `sh bin/node test/bench/record.ts [PAGES [PACE_SECONDS [FOLDER]]]`: records pages of real exporters for the bench's
 * disk rows into test/bench/data: node_exporter, and those of a PostgreSQL and a Redis under the lab's load, while the
 * machine does what it does. As root on Debian, once `npm run lab -- install` was run. Starts what it asks, in a lab of
 * its own beside yours, and ends it; Ctrl-C keeps the pages so far.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { writeConfigs } from "../../bin/lab/configs.ts";
import { pidOf, start, stop } from "../../bin/lab/process.ts";
import { postgresBin, script, service } from "../../bin/lab/services.ts";
import { type Lab, makeFolders, openLab, type PortName } from "../../bin/lab/settings.ts";
import { bringUp } from "../../bin/lab/up.ts";
import { pause } from "../support/process.ts";
import { DATA, type Page, packPages, pagesFile, RECORDED, type Recorded } from "./tsdb-peers/pages.ts";

const [, , pageCount = "480", paceSeconds = "15", folder = DATA] = process.argv;
const SERVICES = ["postgres", "redis", "node-exporter", "postgres-exporter", "redis-exporter"];
const PORTS: Readonly<Record<Recorded, PortName>> = {
  node: "node",
  postgres: "postgresExporter",
  redis: "redisExporter",
};
const LOAD_SECONDS_MAX = 7_200;
const report = (line: string): void => console.error(`record: ${line}`);

function startLoad(lab: Lab): Promise<void> {
  const { port } = lab;
  const env = { LOAD_REDIS: port.redis, LOAD_POSTGRES: port.postgres, LOAD_NGINX: port.nginx, LOAD_RPS: 1 };
  const texts = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, String(value)]));
  const more = { LOAD_PGBIN: postgresBin(), LOAD_SECONDS: String(LOAD_SECONDS_MAX) };
  return start(lab, "load", script("load", [], { ...texts, ...more }));
}

/** Nothing of the machine's own names stays: host, kernel build, addresses of network cards, folders. */
function withoutNames(text: string, lab: Lab): string {
  return text
    .replaceAll(lab.dir, "/lab")
    .replaceAll(os.release(), os.release().replace(/-.*/, ""))
    .replaceAll(`nodename="${os.hostname()}"`, 'nodename="recorded"')
    .replace(/address="(?!00:00)[0-9a-f:]{17}"/g, 'address="02:00:00:00:00:01"');
}

async function record(lab: Lab): Promise<ReadonlyMap<Recorded, readonly Page[]>> {
  const taken = new Map<Recorded, Page[]>(RECORDED.map((job) => [job, []]));
  const end = new AbortController();
  process.once("SIGINT", () => end.abort());
  const began = Date.now();
  for (let i = 0; i < Number(pageCount) && !end.signal.aborted; i++) {
    while (!end.signal.aborted && Date.now() < began + i * Number(paceSeconds) * 1_000) await pause(20);
    for (const [job, pages] of taken) {
      const t = Date.now();
      const answer = await fetch(`http://127.0.0.1:${lab.port[PORTS[job]]}/metrics`);
      pages.push({ t, text: Buffer.from(withoutNames(await answer.text(), lab)) });
    }
    if (i % 40 === 0) report(`${i + 1} of ${pageCount} pages`);
  }
  return taken;
}

process.env["OPSMON_LAB_DIR"] ??= "/var/tmp/opsmon-record";
process.env["OPSMON_LAB_BASE"] ??= "31000";
const lab = openLab();
makeFolders(lab);
writeConfigs(lab);
const own = [...SERVICES, "load"].filter((name) => pidOf(lab, name) === undefined);
try {
  for (const name of SERVICES) await bringUp(lab, service(name), report);
  await startLoad(lab);
  mkdirSync(folder, { recursive: true });
  for (const [job, pages] of await record(lab)) {
    const about = `${pages.length} pages of Debian's exporter for ${job}, one each ${paceSeconds} s from ${new Date(pages[0]?.t ?? 0).toISOString()}, on a machine of ${os.availableParallelism()} CPUs at work; made by test/bench/record.ts`;
    const bytes = packPages(about, pages);
    writeFileSync(pagesFile(folder, job), bytes);
    report(`${path.relative(process.cwd(), pagesFile(folder, job))}: ${pages.length} pages, ${bytes.length} bytes`);
  }
} finally {
  for (const name of own.toReversed()) await stop(lab, name, "SIGINT", 10_000);
}
