/**
 * Where the lab lives: one folder, one block of loopback ports. OPSMON_LAB_BASE and OPSMON_LAB_DIR choose both, so
 * two labs can run side by side; a lab that is up remembers its own in lab.json, whatever the caller's environment.
 */
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import path from "node:path";

/** Offsets from the base port; no default port of any service is among the results for a base above 20000. */
const OFFSETS = {
  mes: 1,
  shop: 2,
  crm: 3,
  calc: 4,
  emr: 5,
  nginx: 80,
  stubStatus: 81,
  prometheus: 90,
  pushgateway: 91,
  alertmanager: 93,
  sink: 98,
  faulty: 99,
  node: 100,
  nginxExporter: 113,
  blackbox: 115,
  redisExporter: 121,
  postgresExporter: 187,
  epmd: 369,
  redis: 379,
  victoria: 428,
  postgres: 432,
  management: 671,
  amqp: 672,
  distribution: 673,
  rabbitmqMetrics: 692,
} as const;

export type PortName = keyof typeof OFFSETS;

export interface Lab {
  readonly base: number;
  /** Absolute; holds everything: data, logs, pid files, generated configuration. */
  readonly dir: string;
  readonly port: Readonly<Record<PortName, number>>;
  readonly scrapeInterval: string;
  readonly at: (...parts: string[]) => string;
}

export const root: string = path.resolve(import.meta.dirname, "../..");
export const BOT_TOKEN = "123456:LABTOKEN";
export const CHAT_ID = -1001;

/** An error that is the caller's to mend: printed without a stack. */
export class LabError extends Error {}

export function labDir(): string {
  return path.resolve(process.env["OPSMON_LAB_DIR"] ?? path.join(root, ".lab"));
}

/** The lab of this environment; a base written by an earlier `up` wins over the default. */
export function openLab(): Lab {
  const dir = labDir();
  const file = path.join(dir, "lab.json");
  const known = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as { base: number }).base : undefined;
  const base = Number(process.env["OPSMON_LAB_BASE"] ?? known ?? 21_000);
  if (!Number.isInteger(base) || base < 1_024 || base > 64_000) {
    throw new LabError(
      `OPSMON_LAB_BASE is "${process.env["OPSMON_LAB_BASE"] ?? ""}": expected a port from 1024 to 64000`,
    );
  }
  const port = Object.fromEntries(Object.entries(OFFSETS).map(([name, offset]) => [name, base + offset]));
  return {
    base,
    dir,
    port: port as Readonly<Record<PortName, number>>,
    scrapeInterval: process.env["OPSMON_LAB_SCRAPE"] ?? "5s",
    at: (...parts) => path.join(dir, ...parts),
  };
}

const FOLDERS = [
  "pid",
  "log",
  "conf",
  "break",
  "redis",
  "nginx/body",
  "rabbitmq/home",
  "rabbitmq/mnesia",
  "rabbitmq/log",
  "rabbitmq/gen",
  "prometheus",
  "victoria",
  "alertmanager",
  "textfile",
];

/** Numeric ids of a system user. @throws LabError when the package that makes it is not installed. */
export function userIds(user: string): { readonly uid: number; readonly gid: number } {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((each) => each.startsWith(`${user}:`));
  if (line === undefined) throw new LabError(`no user "${user}" on this machine: run npm run lab -- install`);
  const [, , uid, gid] = line.split(":");
  return { uid: Number(uid), gid: Number(gid) };
}

/**
 * Makes the folders. Postgres refuses to run as root, and its own user cannot enter a checkout under /root: then the
 * lab lies in /var/tmp and .lab is a link to it.
 */
export function makeFolders(lab: Lab): void {
  if (!existsSync(lab.dir)) {
    const parent = path.dirname(lab.dir);
    const reachable = spawnSync("test", ["-x", parent], userIds("postgres")).status === 0;
    if (reachable || process.env["OPSMON_LAB_DIR"] !== undefined) {
      mkdirSync(lab.dir, { mode: 0o755, recursive: true });
    } else {
      const elsewhere = `/var/tmp/opsmon-lab-${lab.base}`;
      mkdirSync(elsewhere, { mode: 0o755, recursive: true });
      symlinkSync(elsewhere, lab.dir);
      console.error(`lab: the user postgres cannot enter ${parent}; the data lies in ${elsewhere}`);
    }
  }
  for (const folder of FOLDERS) mkdirSync(lab.at(folder), { recursive: true });
  writeFileSync(lab.at("lab.json"), `${JSON.stringify({ base: lab.base, port: lab.port }, undefined, 2)}\n`);
}
