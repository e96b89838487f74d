/**
 * `npm run lab -- install|up|down [--wipe]|status|load start|stop|break [NAME]|fix NAME|all`: real services with real
 * exporters on private loopback ports, without Docker or systemd. As root on Debian. Settings: OPSMON_LAB_BASE (first
 * port, 21000), OPSMON_LAB_DIR (.lab), OPSMON_LAB_SCRAPE (5s), OPSMON_LAB_RPS (15).
 */
import { existsSync, readdirSync } from "node:fs";
import { chalk } from "zx";
import { breakIt, fixIt, INCIDENTS } from "./lab/incidents.ts";
import { install } from "./lab/install.ts";
import { pidOf, residentMib, start, stop } from "./lab/process.ts";
import { postgresBin, script, SERVICES } from "./lab/services.ts";
import { type Lab, LabError, openLab } from "./lab/settings.ts";
import { down, up } from "./lab/up.ts";

const USAGE =
  "usage: npm run lab -- install | up | down [--wipe] | status | load start|stop | break [NAME] | fix NAME|all";
const startedAt: number = performance.now();
const report = (line: string): void =>
  console.error(`${chalk.dim(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(6)} s`)}  ${line}`);

function broken(lab: Lab): readonly string[] {
  return existsSync(lab.at("break")) ? readdirSync(lab.at("break")).sort() : [];
}

async function status(lab: Lab): Promise<boolean> {
  let good = true;
  for (const service of SERVICES) {
    const pid = pidOf(lab, service.name);
    const ready = pid !== undefined && (await service.ready(lab).catch(() => false));
    good &&= ready;
    const state = ready ? chalk.green("up") : pid === undefined ? chalk.red("down") : chalk.yellow("not ready");
    const ports = service.ports.map((port) => lab.port[port]).join(" ");
    const process = pid === undefined ? "" : `pid ${pid}, ${residentMib(pid)} MiB`;
    console.log(`${service.name.padEnd(22)}${state.padEnd(20)}${process.padEnd(24)}${ports}`);
  }
  const load = pidOf(lab, "load");
  console.log(`${"load".padEnd(22)}${load === undefined ? "off" : `on, pid ${load}`}`);
  if (broken(lab).length > 0) console.log(`${"broken".padEnd(22)}${chalk.red(broken(lab).join(" "))}`);
  return good;
}

async function load(lab: Lab, verb: string | undefined): Promise<void> {
  if (verb === "stop") {
    await stop(lab, "load", "SIGTERM", 5_000);
    return report("load stopped");
  }
  if (verb !== "start") throw new LabError(USAGE);
  if (pidOf(lab, "nginx") === undefined) throw new LabError("the lab is down: npm run lab -- up");
  const seconds = process.env["OPSMON_LAB_LOAD_SECONDS"] ?? "1800";
  await start(
    lab,
    "load",
    script("load", [], {
      LOAD_NGINX: String(lab.port.nginx),
      LOAD_REDIS: String(lab.port.redis),
      LOAD_POSTGRES: String(lab.port.postgres),
      LOAD_PGBIN: postgresBin(),
      LOAD_RPS: process.env["OPSMON_LAB_RPS"] ?? "15",
      LOAD_SECONDS: seconds,
    }),
  );
  report(`load started; it ends by itself after ${seconds} s`);
}

async function fix(lab: Lab, name: string | undefined): Promise<void> {
  if (name === undefined) throw new LabError(USAGE);
  for (const each of name === "all" ? broken(lab) : [name]) {
    await fixIt(lab, each);
    report(`fixed: ${each}`);
  }
}

function summary(lab: Lab): void {
  const { port } = lab;
  console.log(
    `prometheus http://127.0.0.1:${port.prometheus}  alertmanager http://127.0.0.1:${port.alertmanager}  victoria http://127.0.0.1:${port.victoria}`,
  );
  console.log(`telegram sink http://127.0.0.1:${port.sink}, log ${lab.at("log/sink.jsonl")}`);
  console.log(`bin/opsmon top --config ${lab.at("opsmon.yml")}     (or ${lab.at("prometheus.yml")}, without delivery)`);
}

async function run(lab: Lab, [verb = "", ...rest]: readonly string[]): Promise<void> {
  if (process.getuid?.() !== 0) throw new LabError("the lab starts services under their own users: run it as root");
  switch (verb) {
    case "install":
      return install(lab, report);
    case "up":
      await up(lab, report);
      report("up");
      return summary(lab);
    case "down":
      await down(lab, rest.includes("--wipe"));
      return report("down");
    case "status":
      if (!(await status(lab))) process.exitCode = 1;
      return;
    case "load":
      return load(lab, rest[0]);
    case "break": {
      const [name] = rest;
      if (name !== undefined) {
        await breakIt(lab, name);
        return report(`broken: ${name} (${INCIDENTS[name]?.doc ?? ""})`);
      }
      for (const [each, { doc, end }] of Object.entries(INCIDENTS)) {
        console.log(`${each.padEnd(24)}${doc}${end === undefined ? " (passes by itself)" : ""}`);
      }
      return;
    }
    case "fix":
      return fix(lab, rest[0]);
    default:
      throw new LabError(USAGE);
  }
}

try {
  await run(openLab(), process.argv.slice(2));
  // clients of the services may keep the process alive; everything asked for is done
  process.exit();
} catch (error) {
  if (!(error instanceof LabError)) throw error;
  console.error(`lab: ${error.message}`);
  process.exit(1);
}
