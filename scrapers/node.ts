/**
 * Machines. node_exporter's names, which the built-in host collector uses too, so every panel here works without any
 * exporter. What only one of them has (pressure, single processes) comes with an alternative or says what is missing.
 */
import {
  ANY_IS_CRITICAL,
  ANY_IS_WARNING,
  bar,
  chart,
  defineScraper,
  over,
  q,
  stat,
  table,
  type ScraperSpec,
} from "./define.ts";

/** Images of containers and user mounts: their numbers are those of another filesystem. */
const REAL_FS = `fstype!~"overlay|squashfs|ramfs|fuse.*"`;

const cpu = [
  chart(
    "hosts.cpu",
    "CPU",
    "percent",
    [
      q(
        "{{instance}}",
        `100 * (1 - sum by (instance) (rate(node_cpu_seconds_total{mode="idle",$filter}[$rate])) / sum by (instance) (rate(node_cpu_seconds_total{$filter}[$rate])))`,
      ),
    ],
    { method: "USE.U", resource: "cpu", priority: 1, min: 0, max: 100, thresholds: over(80, 95) },
  ),
  chart(
    "hosts.load",
    "Load",
    "none",
    [
      q("{{instance}} 1m", `node_load1{$filter}`),
      q("{{instance}} 5m", `node_load5{$filter}`),
      q("{{instance}} 15m", `node_load15{$filter}`),
    ],
    { priority: 2, min: 0 },
  ),
  chart(
    "hosts.cpu.saturation",
    "Load per core",
    "none",
    [
      q(
        "{{instance}}",
        `node_load1{$filter} / on (job, instance) count by (job, instance) (node_cpu_seconds_total{mode="idle",$filter})`,
      ),
    ],
    { method: "USE.S", resource: "cpu", priority: 3, min: 0, thresholds: over(2, 5) },
  ),
  bar(
    "hosts.cpu.cores",
    "CPU by core",
    "percent",
    [
      q(
        "{{instance}} core {{cpu}}",
        `100 * (1 - sum by (instance, cpu) (rate(node_cpu_seconds_total{mode="idle",$filter}[$rate])) / sum by (instance, cpu) (rate(node_cpu_seconds_total{$filter}[$rate])))`,
      ),
    ],
    { priority: 4, min: 0, max: 100, thresholds: over(80, 95) },
  ),
  chart(
    "hosts.pressure",
    "Pressure stall",
    "percent",
    [
      q("{{instance}} cpu", `100 * rate(node_pressure_cpu_waiting_seconds_total{$filter}[$rate])`),
      q("{{instance}} io", `100 * rate(node_pressure_io_waiting_seconds_total{$filter}[$rate])`),
      q("{{instance}} memory", `100 * rate(node_pressure_memory_waiting_seconds_total{$filter}[$rate])`),
    ],
    { priority: 5, min: 0, note: "share of time in which some task waited; needs a kernel with PSI" },
  ),
];

const memory = [
  chart(
    "hosts.memory",
    "Memory",
    "percent",
    [q("{{instance}}", `100 * (1 - node_memory_MemAvailable_bytes{$filter} / node_memory_MemTotal_bytes{$filter})`)],
    { method: "USE.U", resource: "memory", priority: 1, min: 0, max: 100, thresholds: over(85, 95) },
  ),
  chart(
    "hosts.memory.bytes",
    "Memory in bytes",
    "bytes",
    [
      q("{{instance}} used", `node_memory_MemTotal_bytes{$filter} - node_memory_MemAvailable_bytes{$filter}`),
      q("{{instance}} total", `node_memory_MemTotal_bytes{$filter}`),
    ],
    { priority: 4, min: 0 },
  ),
  chart(
    "hosts.memory.swap",
    "Swap used",
    "percent",
    [
      q(
        "{{instance}}",
        `100 * (1 - node_memory_SwapFree_bytes{$filter} / (node_memory_SwapTotal_bytes{$filter} > 0))`,
        `0 * node_memory_SwapTotal_bytes{$filter}`,
      ),
    ],
    { method: "USE.S", resource: "memory", priority: 4, min: 0, max: 100, thresholds: over(50, 90) },
  ),
  stat(
    "hosts.memory.oom",
    "Processes killed for memory",
    "count",
    [q("{{instance}}", `increase(node_vmstat_oom_kill{$filter}[$rate])`)],
    { method: "USE.E", resource: "memory", priority: 4, min: 0, thresholds: ANY_IS_CRITICAL },
  ),
];

const disk = [
  bar(
    "hosts.disk.space",
    "Disk space used",
    "percent",
    [
      q(
        "{{mountpoint}} {{instance}}",
        `100 - 100 * node_filesystem_avail_bytes{${REAL_FS},$filter} / (node_filesystem_size_bytes{${REAL_FS},$filter} > 0)`,
        `100 - 100 * node_filesystem_avail_bytes{$filter} / (node_filesystem_size_bytes{$filter} > 0)`,
      ),
    ],
    { method: "USE.U", resource: "disk space", priority: 1, min: 0, max: 100, thresholds: over(85, 95) },
  ),
  bar(
    "hosts.disk.size",
    "Filesystem size",
    "bytes",
    [
      q(
        "{{mountpoint}} {{instance}}",
        `node_filesystem_size_bytes{${REAL_FS},$filter} > 0`,
        `node_filesystem_size_bytes{$filter} > 0`,
      ),
    ],
    { priority: 5, min: 0, note: "capacity of a database is that of the filesystem its data lies on" },
  ),
  stat(
    "hosts.disk.errors",
    "Filesystems that cannot be read",
    "count",
    [
      q(
        "{{mountpoint}} {{instance}}",
        `node_filesystem_device_error{${REAL_FS},$filter} > 0`,
        `0 * count by (instance) (node_filesystem_size_bytes{$filter})`,
      ),
    ],
    { method: "USE.E", resource: "disk space", priority: 5, min: 0, thresholds: ANY_IS_WARNING },
  ),
  chart(
    "hosts.disk.io",
    "Disk I/O",
    "bytes/s",
    [
      q("{{device}} read", `sum by (instance, device) (rate(node_disk_read_bytes_total{$filter}[$rate]))`),
      q("{{device}} write", `sum by (instance, device) (rate(node_disk_written_bytes_total{$filter}[$rate]))`),
    ],
    { resource: "disk io", priority: 2, min: 0 },
  ),
  chart(
    "hosts.disk.busy",
    "Disk busy",
    "percent",
    [q("{{device}} {{instance}}", `100 * rate(node_disk_io_time_seconds_total{$filter}[$rate])`)],
    { method: "USE.U", resource: "disk io", priority: 3, min: 0, max: 100, thresholds: over(80, 95) },
  ),
  chart(
    "hosts.disk.queue",
    "Disk queue",
    "none",
    [q("{{device}} {{instance}}", `rate(node_disk_io_time_weighted_seconds_total{$filter}[$rate])`)],
    { method: "USE.S", resource: "disk io", priority: 4, min: 0, thresholds: over(8, 32) },
  ),
];

const network = [
  chart(
    "hosts.network",
    "Network",
    "bytes/s",
    [
      q(
        "{{device}} in",
        `sum by (instance, device) (rate(node_network_receive_bytes_total{device!="lo",$filter}[$rate]))`,
        `sum by (instance, device) (rate(node_network_receive_bytes_total{$filter}[$rate]))`,
      ),
      q(
        "{{device}} out",
        `sum by (instance, device) (rate(node_network_transmit_bytes_total{device!="lo",$filter}[$rate]))`,
        `sum by (instance, device) (rate(node_network_transmit_bytes_total{$filter}[$rate]))`,
      ),
    ],
    { method: "USE.U", resource: "network", priority: 2, min: 0 },
  ),
  chart(
    "hosts.network.drops",
    "Packets dropped",
    "ops/s",
    [
      q(
        "{{instance}}",
        `sum by (instance) (rate(node_network_receive_drop_total{device!="lo",$filter}[$rate]) + rate(node_network_transmit_drop_total{device!="lo",$filter}[$rate]))`,
        `sum by (instance) (rate(node_network_receive_drop_total{$filter}[$rate]) + rate(node_network_transmit_drop_total{$filter}[$rate]))`,
      ),
    ],
    { method: "USE.S", resource: "network", priority: 5, min: 0, thresholds: over(10) },
  ),
  chart(
    "hosts.network.errors",
    "Packets in error",
    "ops/s",
    [
      q(
        "{{instance}}",
        `sum by (instance) (rate(node_network_receive_errs_total{device!="lo",$filter}[$rate]) + rate(node_network_transmit_errs_total{device!="lo",$filter}[$rate]))`,
        `sum by (instance) (rate(node_network_receive_errs_total{$filter}[$rate]) + rate(node_network_transmit_errs_total{$filter}[$rate]))`,
      ),
    ],
    { method: "USE.E", resource: "network", priority: 5, min: 0, thresholds: over(1) },
  ),
];

const processes = [
  chart(
    "hosts.processes",
    "Processes",
    "count",
    [
      q("{{instance}} running", `node_procs_running{$filter}`),
      q("{{instance}} blocked", `node_procs_blocked{$filter}`),
    ],
    { resource: "processes", priority: 3, min: 0 },
  ),
  table(
    "hosts.processes.cpu",
    "Processes by CPU",
    "percent",
    [
      q(
        "{{name}}{{groupname}} {{pid}}",
        `topk(10, 100 * rate(opsmon_process_cpu_seconds_total{$filter}[$rate]))`,
        `topk(10, 100 * sum by (groupname) (rate(namedprocess_namegroup_cpu_seconds_total{$filter}[$rate])))`,
      ),
    ],
    { resource: "processes", priority: 2, min: 0, note: "percent of one core" },
  ),
  table(
    "hosts.processes.memory",
    "Processes by memory",
    "bytes",
    [
      q(
        "{{name}}{{groupname}} {{pid}}",
        `topk(10, opsmon_process_resident_memory_bytes{$filter})`,
        `topk(10, namedprocess_namegroup_memory_bytes{memtype="resident",$filter})`,
      ),
    ],
    { resource: "processes", priority: 4, min: 0 },
  ),
];

export const node: ScraperSpec = defineScraper({
  name: "node",
  doc: "node_exporter: CPU, memory, disks, network and processes of a machine",
  ports: [9100],
  metricsPath: "/metrics",
  fingerprints: ["node_exporter_build_info", "node_uname_info"],
  panels: [...cpu, ...memory, ...disk, ...network, ...processes],
  rulePacks: ["host"],
});
