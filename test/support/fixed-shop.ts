/**
 * The shop behind `fixed-source`: metric names, label sets and formulas, and the panels that show them. A formula
 * gives the value at a time, or undefined where there is no sample: a gap is a gap, not a zero.
 */
import { Labels } from "../../src/model/labels.ts";
import type { Method, PanelSpec, Threshold, Unit, ViewId } from "../../src/panel/spec.ts";

export interface Formula {
  readonly labels: Labels;
  readonly at: (time: number) => number | undefined;
}

const MINUTE = 60_000;

/** Noise between -1 and 1 that depends on time and salt alone; the same within 15 s, as between two scrapes. */
function noise(time: number, salt: number): number {
  let x = (Math.floor(time / 15_000) * 374_761_393 + salt * 668_265_263) | 0;
  x = Math.imul(x ^ (x >>> 13), 1_274_126_177);
  return (((x ^ (x >>> 16)) >>> 0) / 0xffff_ffff) * 2 - 1;
}

function wave(base: number, swing: number, periodMs: number, jitter: number, salt: number): Formula["at"] {
  return (time) => base + swing * Math.sin((time / periodMs) * 2 * Math.PI) + jitter * noise(time, salt);
}

/** Grows by `perMinute` from `since` on. */
function ramp(before: number, since: number, perMinute: number): Formula["at"] {
  return (time) => before + Math.max(0, ((time - since) / MINUTE) * perMinute);
}

const until =
  (end: number, at: Formula["at"]): Formula["at"] =>
  (time) =>
    time < end ? at(time) : undefined;

function series(labels: Readonly<Record<string, string>>, at: Formula["at"]): Formula {
  return { labels: Labels.from(labels), at };
}

const GIB = 1024 ** 3;
const WEB = { instance: "web-01" };
const PG = { instance: "127.0.0.1:9187", job: "postgres" };
const REDIS = { instance: "127.0.0.1:9121", job: "redis" };

export function formulas(noon: number): ReadonlyMap<string, readonly Formula[]> {
  const redisDown = noon - 9 * MINUTE;
  const fill = noon - 7 * MINUTE;
  const service = (name: string, at: Formula["at"]): Formula =>
    series({ service: name, instance: "10.0.0.7:8080" }, at);
  return new Map<string, readonly Formula[]>([
    ["node_cpu_busy", [series(WEB, wave(41, 14, 11 * MINUTE, 6, 1))]],
    ["node_load1", [series(WEB, wave(1.8, 0.7, 9 * MINUTE, 0.2, 2))]],
    ["node_memory_used_percent", [series(WEB, wave(63, 4, 17 * MINUTE, 0.4, 3))]],
    ["node_swap_pages", [series(WEB, () => 0)]],
    [
      "node_filesystem_used_percent",
      [
        series({ ...WEB, mountpoint: "/" }, () => 47.2),
        series({ ...WEB, mountpoint: "/var" }, ramp(84.4, noon - 60 * MINUTE, 0.03)),
      ],
    ],
    [
      "node_disk_io",
      [
        series({ ...WEB, device: "nvme0n1" }, wave(23, 9, 6 * MINUTE, 8, 4)),
        series({ ...WEB, device: "sda" }, wave(4, 2, 8 * MINUTE, 1, 5)),
      ],
    ],
    [
      "node_network_bytes",
      [
        series({ ...WEB, device: "eth0", direction: "in" }, wave(3.2e6, 1.1e6, 7 * MINUTE, 4e5, 6)),
        series({ ...WEB, device: "eth0", direction: "out" }, wave(8.4e6, 2.9e6, 7 * MINUTE, 9e5, 7)),
      ],
    ],
    ["node_network_errors", [series({ ...WEB, device: "eth0" }, () => 0)]],
    ["node_processes", [series(WEB, wave(214, 6, 13 * MINUTE, 3, 8))]],
    ["node_uptime", [series(WEB, (time) => (time - noon) / 1_000 + 1_231_200)]],
    ["pg_up", [series(PG, () => 1)]],
    ["pg_connections", [series(PG, wave(61, 12, 10 * MINUTE, 4, 10))]],
    [
      "pg_transactions",
      [
        series({ ...PG, datname: "shop" }, wave(318, 90, 8 * MINUTE, 25, 11)),
        series({ ...PG, datname: "audit" }, wave(21, 6, 12 * MINUTE, 3, 12)),
      ],
    ],
    ["pg_cache_hit", [series(PG, wave(0.991, 0.004, 9 * MINUTE, 0.001, 13))]],
    ["pg_deadlocks", [series(PG, () => 0)]],
    ["pg_replication_lag", [series({ ...PG, replica: "pg-2" }, wave(0.042, 0.02, 5 * MINUTE, 0.01, 14))]],
    ["pg_locks", [series(PG, wave(14, 5, 6 * MINUTE, 3, 15))]],
    [
      "pg_database_bytes",
      [
        series({ ...PG, datname: "shop" }, ramp(18.4 * GIB, noon - 600 * MINUTE, 2e6)),
        series({ ...PG, datname: "audit" }, () => 3.1 * GIB),
      ],
    ],
    ["redis_up", [series(REDIS, (time) => (time < redisDown ? 1 : 0))]],
    ["redis_memory", [series(REDIS, until(redisDown, wave(1.4 * GIB, 0.2 * GIB, 14 * MINUTE, 0.02 * GIB, 16)))]],
    ["redis_commands", [series(REDIS, until(redisDown, wave(4_200, 1_100, 7 * MINUTE, 300, 17)))]],
    ["redis_clients", [series(REDIS, until(redisDown, wave(88, 9, 9 * MINUTE, 3, 18)))]],
    ["redis_hit_ratio", [series(REDIS, until(redisDown, wave(0.94, 0.02, 6 * MINUTE, 0.005, 19)))]],
    [
      "rabbitmq_queue_messages_ready",
      [
        series({ queue: "orders.created", vhost: "/" }, ramp(40, fill, 257)),
        series({ queue: "mail", vhost: "/" }, wave(14, 9, 5 * MINUTE, 4, 20)),
        series({ queue: "orders.dead", vhost: "/" }, () => 3),
      ],
    ],
    ["rabbitmq_publish", [series({ job: "rabbitmq" }, wave(120, 30, 8 * MINUTE, 10, 21))]],
    ["rabbitmq_unacked", [series({ job: "rabbitmq" }, wave(22, 8, 6 * MINUTE, 4, 22))]],
    [
      "http_requests",
      [
        service("checkout", wave(84, 22, 9 * MINUTE, 6, 23)),
        service("catalog", wave(412, 96, 11 * MINUTE, 30, 24)),
        service("login", wave(37, 9, 7 * MINUTE, 4, 25)),
      ],
    ],
    [
      "http_errors_ratio",
      [
        service("checkout", ramp(0.004, noon - 5 * MINUTE, 0.0138)),
        service("catalog", wave(0.001, 0.0005, 9 * MINUTE, 0.0004, 26)),
        service("login", () => 0),
      ],
    ],
    [
      "http_p95_seconds",
      [
        service("checkout", wave(0.42, 0.06, 9 * MINUTE, 0.03, 27)),
        service("catalog", wave(0.081, 0.01, 9 * MINUTE, 0.006, 28)),
        service("login", wave(0.19, 0.03, 6 * MINUTE, 0.02, 29)),
      ],
    ],
    ["orders_total", [series({ job: "shop" }, wave(41, 9, 12 * MINUTE, 4, 30))]],
  ]);
}

interface Extra {
  readonly min?: number;
  readonly max?: number;
  readonly thresholds?: readonly Threshold[];
  readonly kind?: PanelSpec["kind"];
  readonly priority?: PanelSpec["priority"];
  readonly note?: string;
}

function panel(
  id: string,
  title: string,
  method: Method,
  resource: string,
  unit: Unit,
  expr: string,
  legend: string,
  extra: Extra = {},
): PanelSpec {
  const view = (id.split(".")[0] ?? "hosts") as ViewId;
  return {
    id,
    view,
    title,
    method,
    resource,
    kind: "chart",
    unit,
    queries: [{ exprs: [expr], legend }],
    priority: 2,
    ...extra,
  };
}

const over = (warn: number, crit: number): readonly Threshold[] => [
  { at: warn, state: "warn" },
  { at: crit, state: "crit" },
];

/** The shop's panels, all views but those the console makes itself. */
export const shopPanels: readonly PanelSpec[] = [
  panel("hosts.cpu", "CPU busy", "USE.U", "cpu", "percent", "node_cpu_busy", "{{instance}}", {
    min: 0,
    max: 100,
    thresholds: over(80, 95),
    priority: 1,
  }),
  panel("hosts.load", "Load, 1 min", "USE.S", "cpu", "none", "node_load1", "{{instance}}", {
    min: 0,
    thresholds: over(8, 16),
  }),
  panel("hosts.memory", "Memory used", "USE.U", "memory", "percent", "node_memory_used_percent", "{{instance}}", {
    min: 0,
    max: 100,
    thresholds: over(85, 95),
    priority: 1,
  }),
  panel("hosts.swap", "Swapped pages", "USE.S", "memory", "ops/s", "node_swap_pages", "{{instance}}", {
    kind: "stat",
    priority: 3,
  }),
  panel(
    "hosts.disk",
    "Disk space used",
    "USE.U",
    "disk space",
    "percent",
    "node_filesystem_used_percent",
    "{{mountpoint}}",
    { min: 0, max: 100, thresholds: over(85, 95), kind: "bar", priority: 1 },
  ),
  panel("hosts.io", "Disk busy", "USE.U", "disk i/o", "percent", "node_disk_io", "{{device}}", {
    min: 0,
    max: 100,
    thresholds: over(70, 90),
  }),
  panel("hosts.network", "Network", "USE.U", "network", "bytes/s", "node_network_bytes", "{{device}} {{direction}}", {
    min: 0,
    priority: 1,
  }),
  panel("hosts.neterrors", "Network errors", "USE.E", "network", "ops/s", "node_network_errors", "{{device}}", {
    kind: "stat",
    thresholds: over(0, 10),
    priority: 3,
  }),
  panel("hosts.processes", "Processes", "none", "processes", "count", "node_processes", "{{instance}}", {
    kind: "stat",
    priority: 4,
  }),
  panel("hosts.uptime", "Up since", "none", "uptime", "seconds", "node_uptime", "{{instance}}", {
    kind: "stat",
    priority: 4,
  }),
  panel("postgres.up", "PostgreSQL up", "USE.E", "postgres", "bool", "pg_up", "{{instance}}", {
    kind: "stat",
    thresholds: [{ at: 1, state: "crit", below: true }],
    priority: 1,
  }),
  panel("postgres.connections", "Connections used", "USE.U", "postgres", "percent", "pg_connections", "{{instance}}", {
    min: 0,
    max: 100,
    thresholds: over(80, 95),
    priority: 1,
  }),
  panel("postgres.transactions", "Transactions", "none", "transactions", "ops/s", "pg_transactions", "{{datname}}", {
    min: 0,
    priority: 1,
  }),
  panel("postgres.cache", "Cache hit ratio", "none", "cache", "ratio", "pg_cache_hit", "{{instance}}", {
    min: 0,
    max: 1,
    thresholds: [{ at: 0.9, state: "warn", below: true }],
  }),
  panel("postgres.deadlocks", "Deadlocks", "none", "locks", "ops/s", "pg_deadlocks", "{{instance}}", {
    kind: "stat",
    thresholds: over(0, 1),
    priority: 3,
  }),
  panel("postgres.lag", "Replication lag", "USE.S", "postgres", "seconds", "pg_replication_lag", "{{replica}}", {
    min: 0,
    thresholds: over(10, 60),
  }),
  panel("postgres.locks", "Locks held", "none", "locks", "count", "pg_locks", "{{instance}}", { min: 0, priority: 3 }),
  panel("postgres.size", "Database size", "none", "size", "bytes", "pg_database_bytes", "{{datname}}", {
    kind: "bar",
    priority: 3,
  }),
  panel("redis.up", "Redis up", "USE.E", "redis", "bool", "redis_up", "{{instance}}", {
    kind: "stat",
    thresholds: [{ at: 1, state: "crit", below: true }],
    priority: 1,
  }),
  panel("redis.memory", "Memory", "USE.U", "redis", "bytes", "redis_memory", "{{instance}}", { min: 0, priority: 1 }),
  panel("redis.commands", "Commands", "none", "commands", "ops/s", "redis_commands", "{{instance}}", {
    min: 0,
    priority: 1,
  }),
  panel("redis.clients", "Clients", "USE.S", "redis", "count", "redis_clients", "{{instance}}", { min: 0 }),
  panel("redis.hits", "Hit ratio", "none", "cache", "ratio", "redis_hit_ratio", "{{instance}}", { min: 0, max: 1 }),
  panel(
    "rabbitmq.ready",
    "Messages ready",
    "USE.S",
    "rabbitmq",
    "count",
    "rabbitmq_queue_messages_ready",
    "{{queue}}",
    { min: 0, thresholds: over(1_000, 10_000), priority: 1 },
  ),
  panel("rabbitmq.publish", "Published", "USE.U", "rabbitmq", "ops/s", "rabbitmq_publish", "{{job}}", {
    min: 0,
    priority: 1,
  }),
  panel("rabbitmq.unacked", "Unacknowledged", "none", "unacked", "count", "rabbitmq_unacked", "{{job}}", { min: 0 }),
  panel("services.rate", "Requests", "RED.R", "http", "req/s", "http_requests", "{{service}}", { min: 0, priority: 1 }),
  panel("services.errors", "Errors", "RED.E", "http", "ratio", "http_errors_ratio", "{{service}}", {
    min: 0,
    thresholds: over(0.01, 0.05),
    priority: 1,
  }),
  panel("services.duration", "Duration, p95", "RED.D", "http", "seconds", "http_p95_seconds", "{{service}}", {
    min: 0,
    thresholds: over(0.5, 1),
    priority: 1,
    note: "95th percentile of the histogram, all handlers",
  }),
  panel("web.nginx", "nginx connections", "USE.U", "nginx", "count", "nginx_connections_active", "{{instance}}", {
    min: 0,
    priority: 1,
  }),
  panel("business.orders", "Orders", "none", "orders", "ops/s", "orders_total", "{{job}}", { min: 0, priority: 1 }),
];
