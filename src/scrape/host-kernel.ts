/**
 * CPU, memory, load, pressure and kernel counters from /proc, under node_exporter's names and with its default
 * selections. Each collector returns false when its file is not there.
 */
import { machine } from "node:os";
import { join } from "node:path";
import { fieldsOf, readNumber, readSmall } from "./host-files.ts";
import { type HostPage, hostFamily } from "./host-page.ts";

/** Ticks of /proc/stat in a second; USER_HZ is 100 on every Linux that Node runs on. */
export const USER_HZ = 100;
/** The idle and iowait counters of a CPU may step back a little; a real reset is larger. */
const CPU_STEP_BACK_S_MAX = 3;

const CPU_MODES = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"] as const;
const CPU = hostFamily("node_cpu_seconds_total", "counter", "Seconds the CPUs spent in each mode.", "cpu", "mode");
const STAT = {
  ctxt: hostFamily("node_context_switches_total", "counter", "Total number of context switches."),
  btime: hostFamily("node_boot_time_seconds", "gauge", "Node boot time, in unixtime."),
  intr: hostFamily("node_intr_total", "counter", "Total number of interrupts serviced."),
  processes: hostFamily("node_forks_total", "counter", "Total number of forks."),
  procs_running: hostFamily("node_procs_running", "gauge", "Number of processes in runnable state."),
  procs_blocked: hostFamily("node_procs_blocked", "gauge", "Number of processes blocked waiting for I/O to complete."),
} as const;

/** /proc/stat. Holds the last CPU seconds, so that a counter never steps back by a rounding of the kernel. */
export class StatCollector {
  readonly #last: Map<string, number> = new Map();

  collect(page: HostPage, proc: string): boolean {
    const text = readSmall(join(proc, "stat"));
    if (text === undefined) return false;
    for (const fields of fieldsOf(text)) {
      const [word, value] = fields as readonly [string, string | undefined];
      const cpu = /^cpu(\d+)$/.exec(word)?.[1];
      if (cpu !== undefined) {
        CPU_MODES.forEach((mode, i) =>
          page.add(CPU, this.#steady(cpu, mode, Number(fields[i + 1]) / USER_HZ), cpu, mode),
        );
      } else if (Object.hasOwn(STAT, word)) {
        page.add(STAT[word as keyof typeof STAT], Number(value));
      }
    }
    return true;
  }

  #steady(cpu: string, mode: string, seconds: number): number {
    const key = `${cpu} ${mode}`;
    const last = this.#last.get(key) ?? 0;
    if (seconds < last && last - seconds < CPU_STEP_BACK_S_MAX) return last;
    this.#last.set(key, seconds);
    return seconds;
  }
}

const LOADS = [
  hostFamily("node_load1", "gauge", "1m load average."),
  hostFamily("node_load5", "gauge", "5m load average."),
  hostFamily("node_load15", "gauge", "15m load average."),
] as const;

export function collectLoad(page: HostPage, proc: string): boolean {
  const text = readSmall(join(proc, "loadavg"));
  if (text === undefined) return false;
  const fields = text.trim().split(/\s+/);
  LOADS.forEach((family, i) => page.add(family, Number(fields[i])));
  return true;
}

/** Families whose names come from a file are made once each. */
const made = new Map<string, ReturnType<typeof hostFamily>>();
/** Names in these files are the kernel's; should they ever be anybody's, this bounds them. */
const MADE_MAX = 2_000;

function named(name: string, type: "gauge" | "counter" | "unknown", help: string): ReturnType<typeof hostFamily> {
  let family = made.get(name);
  if (family === undefined) {
    family = hostFamily(name, type, help);
    if (made.size < MADE_MAX) made.set(name, family);
  }
  return family;
}

export function collectMemory(page: HostPage, proc: string): boolean {
  const text = readSmall(join(proc, "meminfo"));
  if (text === undefined) return false;
  for (const [word, value, unit] of fieldsOf(text)) {
    const field = (word as string).replace(":", "").replace(/\((.*)\)/, "_$1");
    if (!/^\w+$/.test(field)) continue;
    const name = `node_memory_${field}${unit === "kB" ? "_bytes" : ""}`;
    page.add(named(name, "gauge", `Memory information field ${name}.`), Number(value) * (unit === "kB" ? 1_024 : 1));
  }
  return true;
}

const VMSTAT_SHOWN = /^(?:oom_kill|pgpg|pswp|pg.*fault)/;

export function collectVmstat(page: HostPage, proc: string): boolean {
  const text = readSmall(join(proc, "vmstat"));
  if (text === undefined) return false;
  for (const [word, value] of fieldsOf(text)) {
    const field = word as string;
    if (!VMSTAT_SHOWN.test(field) || !/^\w+$/.test(field)) continue;
    page.add(named(`node_vmstat_${field}`, "unknown", `/proc/vmstat information field ${field}.`), Number(value));
  }
  return true;
}

const PRESSURE = [
  [
    "cpu",
    "some",
    hostFamily(
      "node_pressure_cpu_waiting_seconds_total",
      "counter",
      "Total time in seconds that processes have waited for CPU time",
    ),
  ],
  [
    "io",
    "some",
    hostFamily(
      "node_pressure_io_waiting_seconds_total",
      "counter",
      "Total time in seconds that processes have waited due to IO congestion",
    ),
  ],
  [
    "io",
    "full",
    hostFamily(
      "node_pressure_io_stalled_seconds_total",
      "counter",
      "Total time in seconds no process could make progress due to IO congestion",
    ),
  ],
  [
    "memory",
    "some",
    hostFamily(
      "node_pressure_memory_waiting_seconds_total",
      "counter",
      "Total time in seconds that processes have waited for memory",
    ),
  ],
  [
    "memory",
    "full",
    hostFamily(
      "node_pressure_memory_stalled_seconds_total",
      "counter",
      "Total time in seconds no process could make progress due to memory congestion",
    ),
  ],
  [
    "irq",
    "full",
    hostFamily(
      "node_pressure_irq_stalled_seconds_total",
      "counter",
      "Total time in seconds no process could make progress due to IRQ congestion",
    ),
  ],
] as const;

export function collectPressure(page: HostPage, proc: string): boolean {
  let found = false;
  for (const [resource, kind, family] of PRESSURE) {
    const text = readSmall(join(proc, "pressure", resource));
    const total = new RegExp(`^${kind} .*total=(\\d+)`, "m").exec(text ?? "")?.[1];
    if (total === undefined) continue;
    found = true;
    page.add(family, Number(total) / 1_000_000);
  }
  return found;
}

const FILEFD_ALLOCATED = hostFamily("node_filefd_allocated", "gauge", "File descriptor statistics: allocated.");
const FILEFD_MAXIMUM = hostFamily("node_filefd_maximum", "gauge", "File descriptor statistics: maximum.");

export function collectFilefd(page: HostPage, proc: string): boolean {
  const text = readSmall(join(proc, "sys/fs/file-nr"));
  if (text === undefined) return false;
  const fields = text.trim().split(/\s+/);
  page.add(FILEFD_ALLOCATED, Number(fields[0]));
  page.add(FILEFD_MAXIMUM, Number(fields[2]));
  return true;
}

const UNAME = hostFamily(
  "node_uname_info",
  "gauge",
  "Labeled system information as provided by the uname system call.",
  "sysname",
  "release",
  "version",
  "machine",
  "nodename",
  "domainname",
);
const TIME = hostFamily("node_time_seconds", "gauge", "System time in seconds since epoch (1970).");

export function collectUname(page: HostPage, proc: string): boolean {
  const kernel = (name: string): string => readSmall(join(proc, "sys/kernel", name))?.trim() ?? "";
  const sysname = kernel("ostype");
  if (sysname === "") return false;
  page.add(
    UNAME,
    1,
    sysname,
    kernel("osrelease"),
    kernel("version"),
    machine(),
    kernel("hostname"),
    kernel("domainname"),
  );
  return true;
}

export function collectTime(page: HostPage, nowMs: number): boolean {
  page.add(TIME, nowMs / 1_000);
  return true;
}

const CONNTRACK_ENTRIES = hostFamily(
  "node_nf_conntrack_entries",
  "gauge",
  "Number of currently allocated flow entries for connection tracking.",
);
const CONNTRACK_LIMIT = hostFamily(
  "node_nf_conntrack_entries_limit",
  "gauge",
  "Maximum size of connection tracking table.",
);

export function collectConntrack(page: HostPage, proc: string): boolean {
  const entries = readNumber(join(proc, "sys/net/netfilter/nf_conntrack_count"));
  page.add(CONNTRACK_ENTRIES, entries);
  page.add(CONNTRACK_LIMIT, readNumber(join(proc, "sys/net/netfilter/nf_conntrack_max")));
  return !Number.isNaN(entries);
}
