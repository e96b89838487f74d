/**
 * Monitoring itself: are the targets there, how long do scrapes take, who has too many series, what fires; plus
 * Prometheus, Alertmanager and Pushgateway where they are scraped. `up` and `scrape_*` come with every target.
 */
import { bar, chart, defineScraper, DOWN_IS_CRITICAL, over, q, stat, table, type ScraperSpec } from "./define.ts";

export const targets: ScraperSpec = defineScraper({
  name: "targets",
  doc: "what every scrape tells about itself",
  ports: [],
  metricsPath: "/metrics",
  fingerprints: [],
  rulePacks: ["targets"],
  panels: [
    table("overview.up", "Targets up", "bool", [q("{{job}} {{instance}}", `up{$filter}`)], {
      method: "USE.U",
      resource: "targets",
      priority: 1,
      min: 0,
      max: 1,
      thresholds: DOWN_IS_CRITICAL,
    }),
    stat("overview.down", "Targets down", "count", [q("", `count(up{$filter} == 0) or 0 * count(up{$filter})`)], {
      resource: "targets",
      priority: 2,
      min: 0,
      thresholds: [{ at: 0, state: "crit" }],
    }),
    table(
      "overview.alerts",
      "Alerts firing",
      "count",
      [q("{{alertname}}", `count by (alertname) (ALERTS{alertstate="firing",$filter})`, `0 * count(up{$filter})`)],
      { resource: "alerts", priority: 2, min: 0, thresholds: over(0) },
    ),
    bar(
      "overview.scrape.duration",
      "Duration of scrapes",
      "seconds",
      [q("{{job}}", `max by (job) (scrape_duration_seconds{$filter})`)],
      {
        method: "USE.S",
        resource: "targets",
        priority: 4,
        min: 0,
        thresholds: over(5, 9),
      },
    ),
    bar(
      "overview.series",
      "Series by target",
      "count",
      [q("{{job}} {{instance}}", `topk(10, scrape_samples_post_metric_relabeling{$filter})`)],
      { resource: "targets", priority: 4, min: 0, thresholds: over(5_000) },
    ),
    table(
      "overview.metrics",
      "Metrics of applications",
      "count",
      [
        q(
          "{{__name__}}",
          `topk(30, count by (__name__) ({service!="",__name__!~"nodejs_.*|process_.*|go_.*",$filter}))`,
        ),
      ],
      { resource: "targets", priority: 5, min: 0 },
    ),
    table("overview.usage", "CPU by host and core (pushed)", "none", [q("{{host}} {{core}}", `cpu_usage{$filter}`)], {
      resource: "cpu",
      priority: 5,
      note: "only where somebody pushes it: no exporter has this name",
    }),
    stat(
      "overview.jobs.age",
      "Since the last push of a batch job",
      "seconds",
      [q("{{job}}", `time() - push_time_seconds{$filter}`)],
      { resource: "batch", priority: 4, min: 0 },
    ),
    stat(
      "overview.jobs.failed",
      "Last failed push",
      "timestamp",
      [q("{{job}}", `push_failure_time_seconds{$filter} > 0`, `0 * push_failure_time_seconds{$filter}`)],
      {
        resource: "batch",
        priority: 5,
        note: "the epoch: never",
      },
    ),
  ],
});

export const prometheus: ScraperSpec = defineScraper({
  name: "prometheus",
  doc: "Prometheus, Alertmanager or a server like them",
  ports: [9090, 9093],
  metricsPath: "/metrics",
  fingerprints: ["prometheus_build_info", "alertmanager_build_info", "vm_app_version"],
  rulePacks: ["targets"],
  panels: [
    stat(
      "overview.monitors",
      "Monitoring servers",
      "bool",
      [q("{{job}}", `min by (job) (up{job=~".*(prometheus|alertmanager|victoria|thanos|mimir|opsmon).*",$filter})`)],
      {
        resource: "monitoring",
        priority: 4,
        min: 0,
        max: 1,
        thresholds: DOWN_IS_CRITICAL,
      },
    ),
    chart(
      "overview.ingest",
      "Samples appended",
      "ops/s",
      [q("{{instance}}", `sum by (instance) (rate(prometheus_tsdb_head_samples_appended_total{$filter}[$rate]))`)],
      {
        resource: "monitoring",
        priority: 5,
        min: 0,
      },
    ),
    stat(
      "overview.head_series",
      "Series in memory",
      "count",
      [q("{{instance}}", `prometheus_tsdb_head_series{$filter}`)],
      {
        resource: "monitoring",
        priority: 5,
        min: 0,
      },
    ),
    stat(
      "overview.head_chunks",
      "Chunks in memory",
      "count",
      [q("{{instance}}", `prometheus_tsdb_head_chunks{$filter}`)],
      {
        resource: "monitoring",
        priority: 5,
        min: 0,
      },
    ),
    stat(
      "overview.query_time",
      "Query time p99",
      "seconds",
      [q("{{instance}}", `prometheus_engine_query_duration_seconds{slice="inner_eval",quantile="0.99",$filter}`)],
      { resource: "monitoring", priority: 5, min: 0, thresholds: over(1) },
    ),
    stat(
      "overview.history",
      "History kept",
      "seconds",
      [q("{{instance}}", `time() - prometheus_tsdb_lowest_timestamp_seconds{$filter}`)],
      { resource: "monitoring", priority: 5, min: 0 },
    ),
    bar(
      "overview.scrape.interval",
      "Interval between scrapes",
      "seconds",
      [q("{{interval}}", `max by (interval) (prometheus_target_interval_length_seconds{quantile="0.5",$filter})`)],
      { resource: "monitoring", priority: 5, min: 0 },
    ),
    bar(
      "overview.rules.duration",
      "Duration of rule groups",
      "seconds",
      [q("{{rule_group}}", `prometheus_rule_group_last_duration_seconds{$filter}`)],
      { resource: "monitoring", priority: 5, min: 0 },
    ),
    table(
      "overview.notifications",
      "Notifications sent",
      "count",
      [
        q(
          "{{integration}}",
          `sum by (integration) (alertmanager_notifications_total{$filter}) > 0`,
          `sum by (integration) (alertmanager_notifications_total{$filter})`,
        ),
      ],
      { resource: "monitoring", priority: 5, min: 0 },
    ),
  ],
});
