/**
 * RabbitMQ through its own plugin. The same numbers may be scraped from two of its pages: `/metrics` has sums without
 * a queue label, `/metrics/per-object` the same names with one. Sums take the page without the label first and drop
 * the job before they add, so that scraping both counts nothing twice.
 */
import {
  ANY_IS_CRITICAL,
  chart,
  defineScraper,
  DOWN_IS_CRITICAL,
  over,
  q,
  stat,
  table,
  type ScraperSpec,
} from "./define.ts";

/** The queues' sum on one broker, whichever page is scraped. */
function total(metric: string): readonly string[] {
  return [
    `sum by (instance) (max without (job) (${metric}{queue="",$filter}))`,
    `sum by (instance) (max without (job) (${metric}{$filter}))`,
  ];
}

/** Queue by queue: the detailed page, then the per-object page. */
function perQueue(metric: string, matcher: string): readonly string[] {
  const detailed = metric.replace("rabbitmq_", "rabbitmq_detailed_");
  return [
    `sum by (vhost, queue) (max without (job) (${detailed}{${matcher},$filter}))`,
    `sum by (vhost, queue) (max without (job) (${metric}{queue!="",${matcher},$filter}))`,
  ];
}

function deadLettered(cause: string): string {
  return `sum by (instance) (max without (job) (rate(rabbitmq_global_messages_dead_lettered_${cause}_total{$filter}[$rate])))`;
}

/** Names people give to queues of dead letters. */
const DEAD = `queue=~".*(dead|dlq|dlx).*"`;

export const rabbitmq: ScraperSpec = defineScraper({
  name: "rabbitmq",
  doc: "RabbitMQ's rabbitmq_prometheus plugin: queues, messages and dead letters",
  ports: [15692, 9419],
  metricsPath: "/metrics",
  fingerprints: ["rabbitmq_build_info", "rabbitmq_identity_info"],
  rulePacks: ["rabbitmq"],
  panels: [
    chart(
      "rabbitmq.memory",
      "Memory of the watermark",
      "percent",
      [
        q(
          "{{instance}}",
          `100 * max without (job) (rabbitmq_process_resident_memory_bytes{$filter}) / max without (job) (rabbitmq_resident_memory_limit_bytes{$filter} > 0)`,
        ),
      ],
      { method: "USE.U", priority: 1, min: 0, max: 100, thresholds: over(80, 95) },
    ),
    chart("rabbitmq.ready", "Messages ready", "count", [q("{{instance}}", ...total("rabbitmq_queue_messages_ready"))], {
      method: "USE.S",
      priority: 1,
      min: 0,
      thresholds: over(10_000, 100_000),
    }),
    chart(
      "rabbitmq.unacked",
      "Messages in flight",
      "count",
      [q("{{instance}}", ...total("rabbitmq_queue_messages_unacked"))],
      {
        priority: 2,
        min: 0,
      },
    ),
    chart(
      "rabbitmq.dead_letters",
      "Dead letters",
      "ops/s",
      ["rejected", "expired", "maxlen", "delivery_limit"].map((cause) =>
        q(cause.replace("_", " "), deadLettered(cause)),
      ),
      { method: "USE.E", priority: 1, min: 0, thresholds: [{ at: 0, state: "warn" }] },
    ),
    table(
      "rabbitmq.dead_letters.waiting",
      "Dead letters waiting",
      "count",
      [q("{{vhost}} {{queue}}", ...perQueue("rabbitmq_queue_messages", DEAD))],
      { priority: 2, min: 0, note: "needs /metrics/detailed or /metrics/per-object: /metrics has no queue label" },
    ),
    table(
      "rabbitmq.queues",
      "Messages ready by queue",
      "count",
      [q("{{vhost}} {{queue}}", ...perQueue("rabbitmq_queue_messages_ready", `queue!=""`))],
      { priority: 2, min: 0, note: "needs /metrics/detailed or /metrics/per-object" },
    ),
    chart(
      "rabbitmq.messages",
      "Messages in and out",
      "ops/s",
      [
        q(
          "received",
          `sum by (instance) (max without (job) (rate(rabbitmq_global_messages_received_total{$filter}[$rate])))`,
        ),
        q(
          "delivered",
          `sum by (instance) (max without (job) (rate(rabbitmq_global_messages_delivered_total{$filter}[$rate])))`,
        ),
        q(
          "acknowledged",
          `sum by (instance) (max without (job) (rate(rabbitmq_global_messages_acknowledged_total{$filter}[$rate])))`,
        ),
      ],
      { priority: 2, min: 0 },
    ),
    stat(
      "rabbitmq.unroutable",
      "Unroutable messages dropped",
      "ops/s",
      [
        q(
          "{{instance}}",
          `sum by (instance) (max without (job) (rate(rabbitmq_global_messages_unroutable_dropped_total{$filter}[$rate])))`,
        ),
      ],
      { method: "USE.E", priority: 4, min: 0, thresholds: over(0) },
    ),
    stat(
      "rabbitmq.alarms",
      "Alarms",
      "count",
      [
        q("memory", `max by (instance) (rabbitmq_alarms_memory_used_watermark{$filter})`),
        q("disk", `max by (instance) (rabbitmq_alarms_free_disk_space_watermark{$filter})`),
        q("files", `max by (instance) (rabbitmq_alarms_file_descriptor_limit{$filter})`),
      ],
      { method: "USE.E", priority: 3, min: 0, max: 1, thresholds: ANY_IS_CRITICAL },
    ),
    chart(
      "rabbitmq.cpu",
      "CPU of the Erlang VM",
      "percent",
      [
        q(
          "{{instance}}",
          `100 * max without (job) (rate(erlang_vm_statistics_runtime_milliseconds{$filter}[$rate])) / 1000`,
        ),
      ],
      { priority: 4, min: 0, note: "percent of one core, from the VM's runtime counter" },
    ),
    chart(
      "rabbitmq.connections",
      "Connections and channels",
      "count",
      [
        q("connections", `sum by (instance) (max without (job) (rabbitmq_connections{$filter}))`),
        q("channels", `sum by (instance) (max without (job) (rabbitmq_channels{$filter}))`),
        q("consumers", `sum by (instance) (max without (job) (rabbitmq_consumers{$filter}))`),
      ],
      { priority: 4, min: 0 },
    ),
    stat("rabbitmq.up", "Plugin", "bool", [q("{{instance}}", `clamp_max(rabbitmq_build_info{$filter}, 1)`)], {
      priority: 5,
      min: 0,
      max: 1,
      thresholds: DOWN_IS_CRITICAL,
    }),
  ],
});
