/** Brings the lab up and down: stages in order, the services of a stage together, everything idempotent. */
import { existsSync, openSync, closeSync, readdirSync, readFileSync, rmSync, writeSync } from "node:fs";
import { writeConfigs } from "./configs.ts";
import { emptyDisk } from "./disk.ts";
import { lastLine, listens, pidOf, start, stop, until } from "./process.ts";
import { type Service, SERVICES, STAGES } from "./services.ts";
import { type Lab, LabError, makeFolders } from "./settings.ts";

export type Report = (line: string) => void;

const READY_MS = 30_000;

/** Starts one service and waits until it answers. @throws LabError with its log's last line. */
export async function bringUp(lab: Lab, service: Service, report: Report): Promise<void> {
  const startedAt = performance.now();
  if (pidOf(lab, service.name) === undefined) {
    service.prepare?.(lab);
    await start(lab, service.name, service.launch(lab));
  }
  const alive = (): Promise<boolean> => {
    if (pidOf(lab, service.name) === undefined)
      throw new LabError(`${service.name} ended: ${lastLine(lab, service.name)}`);
    return service.ready(lab).catch(() => false);
  };
  let ended: unknown;
  const ready = await until(
    () =>
      alive().catch((error: unknown) => {
        ended = error;
        return true;
      }),
    service.readyMs ?? READY_MS,
  );
  if (ended !== undefined) throw ended;
  if (!ready) throw new LabError(`${service.name} does not answer; its log is ${lab.at("log", `${service.name}.log`)}`);
  await service.fill?.(lab);
  report(`${service.name} ready after ${Math.round(performance.now() - startedAt)} ms`);
}

/** A port held by somebody else is found before anything is started. */
async function checkPorts(lab: Lab): Promise<void> {
  for (const service of SERVICES) {
    if (pidOf(lab, service.name) !== undefined) continue;
    for (const port of service.ports) {
      if (!(await listens(lab.port[port]))) continue;
      throw new LabError(
        `port ${lab.port[port]} (${service.name}) is taken by something the lab did not start; set OPSMON_LAB_BASE`,
      );
    }
  }
}

/** One lab command at a time: a second `up` would start everything twice. The lock of a dead command is taken over. */
export async function locked<T>(lab: Lab, work: () => Promise<T>): Promise<T> {
  const file = lab.at("lock");
  if (existsSync(file) && !existsSync(`/proc/${readFileSync(file, "utf8").trim() || "none"}`))
    rmSync(file, { force: true });
  let lock: number;
  try {
    lock = openSync(file, "wx");
  } catch {
    throw new LabError(`another lab command is running (${file})`);
  }
  try {
    writeSync(lock, String(process.pid));
    return await work();
  } finally {
    closeSync(lock);
    rmSync(file, { force: true });
  }
}

export async function up(lab: Lab, report: Report): Promise<void> {
  makeFolders(lab);
  await locked(lab, async () => {
    await checkPorts(lab);
    writeConfigs(lab);
    for (const stage of STAGES) {
      const results = await Promise.allSettled(stage.map((service) => bringUp(lab, service, report)));
      const failed = results.flatMap((result) => (result.status === "rejected" ? [result.reason as Error] : []));
      if (failed.length > 0) throw new LabError(failed.map((error) => error.message).join("\n"));
    }
  });
}

export async function down(lab: Lab, wipe: boolean): Promise<void> {
  if (!existsSync(lab.at("pid"))) return;
  await locked(lab, async () => {
    const names = SERVICES.map(({ name }) => name);
    const others = readdirSync(lab.at("pid")).filter((name) => !names.includes(name));
    await Promise.all(others.map((name) => stop(lab, name, "SIGTERM", 5_000)));
    await emptyDisk(lab);
    for (const stage of STAGES.toReversed()) {
      // epmd is in the first stage, so it outlives the broker, which signs off there
      await Promise.all(stage.map(({ name, signal, endMs }) => stop(lab, name, signal, endMs)));
    }
    for (const name of readdirSync(lab.at("break"))) rmSync(lab.at("break", name));
  });
  if (!wipe) return;
  // what `install` fetched stays: it is no data
  for (const name of readdirSync(lab.dir))
    if (name !== "oracle") rmSync(lab.at(name), { recursive: true, force: true });
}
