/** Redis through redis_exporter. `up` of the exporter stays 1 when Redis dies: only `redis_up` says so. */
import { ANY_IS_CRITICAL, chart, defineScraper, DOWN_IS_CRITICAL, over, q, stat, type ScraperSpec } from "./define.ts";

const HIT_RATIO = `100 * rate(redis_keyspace_hits_total{$filter}[$rate]) / (rate(redis_keyspace_hits_total{$filter}[$rate]) + rate(redis_keyspace_misses_total{$filter}[$rate]) > 0)`;

export const redis: ScraperSpec = defineScraper({
  name: "redis",
  doc: "redis_exporter: memory, commands, hit ratio and clients of Redis",
  ports: [9121],
  metricsPath: "/metrics",
  fingerprints: ["redis_up", "redis_exporter_build_info"],
  rulePacks: ["redis"],
  panels: [
    stat("redis.up", "Redis", "bool", [q("{{instance}}", `redis_up{$filter}`)], {
      method: "USE.E",
      priority: 1,
      min: 0,
      max: 1,
      thresholds: DOWN_IS_CRITICAL,
    }),
    chart(
      "redis.memory",
      "Memory of the limit",
      "percent",
      [
        q(
          "{{instance}}",
          `100 * redis_memory_used_bytes{$filter} / (redis_memory_max_bytes{$filter} > 0)`,
          `100 * redis_memory_used_bytes{$filter} / (redis_total_system_memory_bytes{$filter} > 0)`,
        ),
      ],
      {
        method: "USE.U",
        priority: 1,
        min: 0,
        max: 100,
        thresholds: over(80, 90),
        note: "of the machine's memory where Redis has no limit",
      },
    ),
    chart(
      "redis.commands",
      "Commands by name",
      "ops/s",
      [q("{{cmd}}", `sum by (cmd) (rate(redis_commands_total{$filter}[$rate]))`)],
      { priority: 1, min: 0 },
    ),
    chart(
      "redis.commands.rate",
      "Commands",
      "ops/s",
      [
        q("{{instance}} now", `rate(redis_commands_processed_total{$filter}[$rate])`),
        q("{{instance}} an hour ago", `rate(redis_commands_processed_total{$filter}[$rate] offset 1h)`),
      ],
      { priority: 3, min: 0 },
    ),
    chart(
      "redis.commands.history",
      "Commands against an hour ago",
      "ratio",
      [
        q(
          "{{instance}}",
          `rate(redis_commands_processed_total{$filter}[$rate]) / (rate(redis_commands_processed_total{$filter}[$rate] offset 1h) > 0)`,
        ),
      ],
      { priority: 5, min: 0, note: "has a value once there is an hour of history" },
    ),
    chart(
      "redis.latency",
      "Time per command",
      "seconds",
      [
        q(
          "{{cmd}}",
          `sum by (cmd) (rate(redis_commands_duration_seconds_total{$filter}[$rate])) / (sum by (cmd) (rate(redis_commands_total{$filter}[$rate])) > 0)`,
        ),
      ],
      { priority: 2, min: 0, note: "mean: this exporter has no histogram" },
    ),
    chart("redis.hit_ratio", "Hit ratio", "percent", [q("{{instance}}", HIT_RATIO)], { priority: 2, min: 0, max: 100 }),
    chart(
      "redis.misses",
      "Hits and misses",
      "ops/s",
      [
        q("{{instance}} hits", `rate(redis_keyspace_hits_total{$filter}[$rate])`),
        q("{{instance}} misses", `rate(redis_keyspace_misses_total{$filter}[$rate])`),
      ],
      { priority: 4, min: 0 },
    ),
    chart(
      "redis.memory.bytes",
      "Memory",
      "bytes",
      [
        q("{{instance}} used", `redis_memory_used_bytes{$filter}`),
        q("{{instance}} limit", `redis_memory_max_bytes{$filter}`),
        q("{{instance}} resident", `redis_memory_used_rss_bytes{$filter}`),
      ],
      { priority: 3, min: 0 },
    ),
    chart(
      "redis.memory.system",
      "Memory of the machine's",
      "percent",
      [q("{{instance}}", `100 * redis_memory_used_bytes{$filter} / (redis_total_system_memory_bytes{$filter} > 0)`)],
      { priority: 5, min: 0, note: "needs the exporter's flag -include-system-metrics" },
    ),
    stat(
      "redis.fragmentation",
      "Fragmentation",
      "none",
      [
        q(
          "{{instance}}",
          `redis_mem_fragmentation_ratio{$filter}`,
          `redis_memory_used_rss_bytes{$filter} / redis_memory_used_bytes{$filter}`,
        ),
      ],
      { priority: 4, min: 0, note: "says nothing below about 100 MB of data" },
    ),
    chart(
      "redis.evictions",
      "Keys evicted",
      "ops/s",
      [q("{{instance}}", `rate(redis_evicted_keys_total{$filter}[$rate])`)],
      {
        priority: 4,
        min: 0,
      },
    ),
    chart("redis.clients", "Clients", "count", [q("{{instance}}", `redis_connected_clients{$filter}`)], {
      priority: 2,
      min: 0,
      thresholds: over(100),
    }),
    chart("redis.clients.blocked", "Blocked clients", "count", [q("{{instance}}", `redis_blocked_clients{$filter}`)], {
      method: "USE.S",
      priority: 4,
      min: 0,
    }),
    stat(
      "redis.rejected",
      "Connections rejected",
      "count",
      [q("{{instance}}", `increase(redis_rejected_connections_total{$filter}[$rate])`)],
      { method: "USE.E", priority: 3, min: 0, thresholds: ANY_IS_CRITICAL },
    ),
    chart(
      "redis.cpu",
      "CPU of Redis",
      "percent",
      [
        q(
          "{{instance}}",
          `100 * (rate(redis_cpu_user_seconds_total{$filter}[$rate]) + rate(redis_cpu_sys_seconds_total{$filter}[$rate]))`,
        ),
      ],
      { priority: 4, min: 0, note: "percent of one core" },
    ),
  ],
});
