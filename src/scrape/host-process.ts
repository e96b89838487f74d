/**
 * The processes worth a line on the screen: those that use most CPU and most memory, under opsmon's own names.
 *
 * At most 40 processes have series at a time. One comes in when it has lived for 10 s and stays while it is among the
 * first 20 of either order, so a build that starts a thousand compilers leaves no thousand series behind. Those shown are
 * read each time; all of /proc every 5 s, and in at most one fiftieth of the time: on a host with many processes the
 * choice is made more rarely, the host does not get slower.
 */
import { basename, join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { listDirectory, readNumber, readSmall } from "./host-files.ts";
import { USER_HZ } from "./host-kernel.ts";
import { type HostPage, hostFamily } from "./host-page.ts";

const ENTER_RANK = 10;
const STAY_RANK = 20;
const ENTER_AGE_S = 10;
const PROCESSES_MAX = 20_000;
const SHARE_OF_TIME = 50;
/** Who is shown changes no faster than this, ms. */
const CHOICE_MS = 5_000;
const PAGE_BYTES_DEFAULT = 4_096;

const CPU = hostFamily(
  "opsmon_process_cpu_seconds_total",
  "counter",
  "CPU seconds of the processes that use most CPU or memory.",
  "pid",
  "name",
);
const RSS = hostFamily(
  "opsmon_process_resident_memory_bytes",
  "gauge",
  "Resident memory of the processes that use most CPU or memory.",
  "pid",
  "name",
);
const COUNT = hostFamily("opsmon_processes", "gauge", "Processes on the host.");

interface Reading {
  readonly pid: string;
  readonly name: string;
  /** Together with the pid it is one process: pids are used again. */
  readonly startedTicks: string;
  readonly cpuTicks: number;
  readonly residentPages: number;
}

/** `pid (name) state …`; the name may hold blanks and brackets, so it ends at the last bracket. */
export function parseProcessStat(text: string): Reading | undefined {
  const open = text.indexOf("(");
  const close = text.lastIndexOf(")");
  if (open < 0 || close < open) return undefined;
  const rest = text
    .slice(close + 2)
    .trim()
    .split(" ");
  if (rest.length < 22) return undefined;
  return {
    pid: text.slice(0, open).trim(),
    name: text.slice(open + 1, close),
    startedTicks: rest[19] as string,
    cpuTicks: Number(rest[11]) + Number(rest[12]),
    residentPages: Number(rest[21]),
  };
}

/** The kernel's page size, by comparing the two ways it tells our own resident memory. */
function pageBytes(proc: string): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readSmall(join(proc, "self/status")) ?? "")?.[1];
  const pages = (readSmall(join(proc, "self/statm")) ?? "").split(" ")[1];
  const ratio = (Number(kilobytes) * 1_024) / Number(pages);
  if (!Number.isFinite(ratio) || ratio <= 0) return PAGE_BYTES_DEFAULT;
  return 2 ** Math.max(12, Math.round(Math.log2(ratio)));
}

export class ProcessCollector {
  readonly #clock: Clock;
  readonly #proc: string;
  readonly #pageBytes: number;
  #ticksBefore: ReadonlyMap<string, number> = new Map();
  #shown: readonly Reading[] = [];
  #count = Number.NaN;
  #notBefore = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, proc: string) {
    this.#clock = clock;
    this.#proc = proc;
    this.#pageBytes = pageBytes(proc);
  }

  collect(page: HostPage): boolean {
    const begun = this.#clock.monotonic();
    if (begun >= this.#notBefore) {
      // Two readings make a rate: the second is never put off, or the first screen shows idle processes only.
      const first = this.#ticksBefore.size === 0;
      this.#read();
      const ended = this.#clock.monotonic();
      if (!first) this.#notBefore = ended + Math.max(CHOICE_MS, (ended - begun) * SHARE_OF_TIME);
    } else {
      this.#refresh();
    }
    page.add(COUNT, this.#count);
    for (const { pid, name, cpuTicks, residentPages } of this.#shown) {
      page.add(CPU, cpuTicks / USER_HZ, pid, name);
      page.add(RSS, residentPages * this.#pageBytes, pid, name);
    }
    return this.#count > 0;
  }

  #stat(pid: string): Reading | undefined {
    const text = readSmall(join(this.#proc, pid, "stat"));
    return text === undefined ? undefined : parseProcessStat(text);
  }

  /** The same processes again, under the names they were chosen by; who has ended, or lent its pid, is gone. */
  #refresh(): void {
    this.#shown = this.#shown.flatMap((before) => {
      const now = this.#stat(before.pid);
      return now?.startedTicks === before.startedTicks ? [{ ...now, name: before.name }] : [];
    });
  }

  #read(): void {
    const pids = listDirectory(this.#proc).filter((name) => /^\d+$/.test(name));
    this.#count = pids.length;
    const readings: Reading[] = [];
    for (const pid of pids.slice(0, PROCESSES_MAX)) {
      const reading = this.#stat(pid);
      if (reading !== undefined) readings.push(reading);
    }
    this.#choose(readings);
    this.#ticksBefore = new Map(readings.map((reading) => [identity(reading), reading.cpuTicks]));
  }

  /** The name a person knows: Node calls its own thread "MainThread", and kernel workers carry their task of the moment. */
  #named(reading: Reading): Reading {
    if (reading.name.startsWith("kworker/")) return { ...reading, name: reading.name.replace(/[-+].*$/, "") };
    if (reading.name !== "MainThread") return reading;
    const program = (readSmall(join(this.#proc, reading.pid, "cmdline")) ?? "").split("\u0000")[0] as string;
    return program === "" ? reading : { ...reading, name: basename(program) };
  }

  #choose(readings: readonly Reading[]): void {
    const used = (reading: Reading): number => {
      const before = this.#ticksBefore.get(identity(reading));
      // Before the first difference is known, a process counts with its whole life.
      return reading.cpuTicks - (before ?? (this.#ticksBefore.size === 0 ? 0 : reading.cpuTicks));
    };
    const busiest = readings.toSorted((a, b) => used(b) - used(a) || b.cpuTicks - a.cpuTicks).slice(0, STAY_RANK);
    const largest = readings.toSorted((a, b) => b.residentPages - a.residentPages).slice(0, STAY_RANK);
    const youngest = readNumber(join(this.#proc, "uptime")) - ENTER_AGE_S;
    const top = [...busiest.slice(0, ENTER_RANK), ...largest.slice(0, ENTER_RANK)];
    const entering = new Set(top.filter((one) => !(Number(one.startedTicks) / USER_HZ > youngest)).map(identity));
    const before = new Set(this.#shown.map(identity));
    const candidates = new Map([...busiest, ...largest].map((reading) => [identity(reading), reading]));
    this.#shown = [...candidates]
      .filter(([key]) => entering.has(key) || before.has(key))
      .map(([, reading]) => this.#named(reading))
      .sort((a, b) => Number(a.pid) - Number(b.pid));
  }
}

function identity(reading: Reading): string {
  return `${reading.pid} ${reading.startedTicks}`;
}
