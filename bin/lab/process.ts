/**
 * Processes that outlive the command that starts them. Each has its own session and a pid file "pid starttime": a
 * recycled pid is never signalled, and ending one ends its session and nothing else.
 */
import { spawn } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { LabError, type Lab } from "./settings.ts";

export interface Launch {
  readonly argv: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
  readonly uid?: number;
  readonly gid?: number;
  readonly cwd?: string;
}

interface Stat {
  readonly session: number;
  readonly startTime: string;
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Undefined when there is no such process, or only its corpse. */
function stat(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // the name in parentheses may itself hold spaces and parentheses
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X") return undefined;
    return { session: Number(fields[3]), startTime: fields[19] ?? "" };
  } catch {
    return undefined;
  }
}

/** Pid of a process this lab started and that still runs. */
export function pidOf(lab: Lab, name: string): number | undefined {
  try {
    const [pid, startTime] = readFileSync(lab.at("pid", name), "utf8").trim().split(" ");
    return stat(Number(pid))?.startTime === startTime ? Number(pid) : undefined;
  } catch {
    return undefined;
  }
}

function session(leader: number): readonly number[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => stat(pid)?.session === leader);
}

/** Resident memory of a process and its session, in MiB; shared pages count once for each. */
export function residentMib(leader: number): number {
  let kib = 0;
  for (const pid of session(leader)) {
    try {
      kib += Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
    } catch {
      // gone meanwhile
    }
  }
  return Math.round(kib / 1024);
}

/** What the services get: nothing of the caller's that could lead them to its own databases or proxies. */
function cleanEnvironment(): Record<string, string> {
  const keep = ["PATH", "HOME", "LANG", "NODE_EXTRA_CA_CERTS"];
  const kept = Object.fromEntries(
    keep.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name] ?? ""]])),
  );
  return { ...kept, LC_ALL: "C.UTF-8", TZ: "UTC" };
}

/** Starts `launch` unless it runs already. @throws LabError with the log's last line when it ends at once. */
export async function start(lab: Lab, name: string, launch: Launch): Promise<void> {
  if (pidOf(lab, name) !== undefined) return;
  const log = openSync(lab.at("log", `${name}.log`), "a");
  const [command, ...argv] = launch.argv;
  const child = spawn(command, argv, {
    detached: true,
    stdio: ["ignore", log, log],
    cwd: launch.cwd ?? "/",
    env: { ...cleanEnvironment(), ...launch.env },
    ...(launch.uid === undefined ? {} : { uid: launch.uid }),
    ...(launch.gid === undefined ? {} : { gid: launch.gid }),
  });
  closeSync(log);
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (error) => reject(new LabError(`${name}: ${error.message}: run npm run lab -- install`)));
  });
  const pid = child.pid ?? 0;
  const startTime = stat(pid)?.startTime;
  if (startTime === undefined) throw new LabError(`${name} ended at once: ${lastLine(lab, name)}`);
  writeFileSync(lab.at("pid", name), `${pid} ${startTime}\n`);
  child.unref();
}

export function lastLine(lab: Lab, name: string): string {
  try {
    return (
      readFileSync(lab.at("log", `${name}.log`), "utf8")
        .trim()
        .split("\n")
        .at(-1) ?? ""
    );
  } catch {
    return "(no log)";
  }
}

/** Signals the leader, waits, then kills what is left of its session. */
export async function stop(lab: Lab, name: string, signal: NodeJS.Signals = "SIGTERM", waitMs = 10_000): Promise<void> {
  const pid = pidOf(lab, name);
  if (pid !== undefined) {
    process.kill(pid, signal);
    const until = performance.now() + waitMs;
    while (pidOf(lab, name) !== undefined && performance.now() < until) await pause(25);
    if (pidOf(lab, name) !== undefined) console.error(`lab: ${name} did not end in ${waitMs / 1000} s, killed`);
    for (const member of session(pid)) {
      try {
        process.kill(member, "SIGKILL");
      } catch {
        // gone meanwhile
      }
    }
  }
  rmSync(lab.at("pid", name), { force: true });
}

export async function until(holds: () => Promise<boolean>, ms: number): Promise<boolean> {
  const end = performance.now() + ms;
  for (;;) {
    if (await holds().catch(() => false)) return true;
    if (performance.now() > end) return false;
    await pause(100);
  }
}

/** True when something on loopback accepts connections there. */
export function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1");
    const end = (open: boolean): void => {
      socket.destroy();
      resolve(open);
    };
    socket.setTimeout(1_000, () => end(false));
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}

export async function answers(url: string, headers: Readonly<Record<string, string>> = {}): Promise<boolean> {
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(3_000) });
  await response.body?.cancel();
  return response.ok;
}
