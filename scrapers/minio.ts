/** S3 storage through MinIO's metrics, version 2 names first, version 3 names second; sizes of files come from who uploads them. */
import { chart, defineScraper, gauge, over, q, type ScraperSpec } from "./define.ts";

const USED = ["minio_cluster_usage_total_bytes", "minio_cluster_usage_objects_total_bytes"] as const;
const CAPACITY = [
  "minio_cluster_capacity_usable_total_bytes",
  "minio_cluster_health_capacity_usable_total_bytes",
] as const;

export const minio: ScraperSpec = defineScraper({
  name: "minio",
  doc: "MinIO: capacity, requests and errors of S3 storage",
  ports: [9000],
  metricsPath: "/minio/v2/metrics/cluster",
  fingerprints: [...CAPACITY, ...USED],
  rulePacks: ["storage"],
  panels: [
    gauge(
      "storage.usage",
      "S3 storage used",
      "percent",
      [
        q(
          "",
          `100 * sum(max without (job, instance) (${USED[0]}{$filter})) / sum(max without (job, instance) (${CAPACITY[0]}{$filter}) > 0)`,
          `100 * sum(max without (job, instance) (${USED[1]}{$filter})) / sum(max without (job, instance) (${CAPACITY[1]}{$filter}) > 0)`,
        ),
      ],
      { method: "USE.U", resource: "s3", priority: 1, min: 0, max: 100, thresholds: over(80, 95) },
    ),
    chart(
      "storage.bytes",
      "S3 storage",
      "bytes",
      [
        q("used", ...USED.map((metric) => `sum(max without (job, instance) (${metric}{$filter}))`)),
        q("capacity", ...CAPACITY.map((metric) => `sum(max without (job, instance) (${metric}{$filter}))`)),
      ],
      { resource: "s3", priority: 2, min: 0, note: "used are logical bytes, without parity" },
    ),
    chart(
      "storage.in_flight",
      "S3 requests in flight",
      "count",
      [
        q(
          "{{api}}{{name}}",
          `sum by (api) (minio_s3_requests_inflight_total{$filter})`,
          `sum by (name) (minio_api_requests_inflight_total{$filter})`,
        ),
      ],
      { method: "USE.S", resource: "s3", priority: 2, min: 0, note: "S3 knows no connections" },
    ),
    chart(
      "storage.requests",
      "S3 requests",
      "req/s",
      [
        q(
          "{{api}}{{name}}",
          `sum by (api) (rate(minio_s3_requests_total{$filter}[$rate]))`,
          `sum by (name) (rate(minio_api_requests_total{$filter}[$rate]))`,
        ),
      ],
      { resource: "s3", priority: 2, min: 0 },
    ),
    chart(
      "storage.errors",
      "S3 errors, read and write",
      "req/s",
      [
        q(
          "{{api}}{{name}}",
          `sum by (api) (rate(minio_s3_requests_5xx_errors_total{api=~"(?i)(get|put)object",$filter}[$rate]))`,
          `sum by (name) (rate(minio_api_requests_5xx_errors_total{name=~"(?i)(get|put)object",$filter}[$rate]))`,
        ),
        q("{{service}} {{operation}}", `sum by (service, operation) (rate(s3_errors_total{$filter}[$rate]))`),
      ],
      { method: "USE.E", resource: "s3", priority: 1, min: 0, thresholds: over(0, 1) },
    ),
    chart(
      "storage.file_size",
      "Size of uploaded files, p95",
      "bytes",
      [q("p95", `histogram_quantile(0.95, sum by (le) (rate(s3_upload_size_bytes_bucket{$filter}[$rate])))`)],
      { resource: "s3", priority: 3, min: 0, note: "measured by the uploading service: MinIO has ranges only" },
    ),
    chart(
      "storage.traffic",
      "S3 traffic",
      "bytes/s",
      [
        q(
          "received",
          `sum(rate(minio_s3_traffic_received_bytes{$filter}[$rate]))`,
          `sum(rate(minio_api_requests_traffic_received_bytes{$filter}[$rate]))`,
        ),
        q(
          "sent",
          `sum(rate(minio_s3_traffic_sent_bytes{$filter}[$rate]))`,
          `sum(rate(minio_api_requests_traffic_sent_bytes{$filter}[$rate]))`,
        ),
      ],
      { resource: "s3", priority: 4, min: 0 },
    ),
  ],
});
