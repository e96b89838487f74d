/**
 * Applications that count their requests with the usual names of client libraries: RED for each service, the golden
 * signals, and where the traffic goes. Three styles of status labels are understood, see `names.ts`.
 */
import { chart, defineScraper, over, q, stat, table, type ScraperSpec } from "./define.ts";
import { anyOf, ERROR_RATIO, FAILED, latency, requestsWith, ROUTE_LABELS, SERVICE, STATUS_LABELS } from "./names.ts";

const ROUTES = ROUTE_LABELS.join(", ");
const ROUTE = anyOf(ROUTE_LABELS);
/** Only processes of services: every exporter has process metrics too. */
const OF_SERVICE = `service!="",$filter`;

function perService(expr: (matchers: string) => string): readonly string[] {
  return [expr(OF_SERVICE), `${expr("$filter")} and on (job, instance) http_requests_total{$filter}`];
}

const red = [
  chart(
    "services.requests",
    "Requests",
    "req/s",
    [
      q(
        "{{service}}",
        `sum by (${SERVICE}) (rate(http_requests_total{$filter}[$rate]))`,
        `sum by (${SERVICE}) (rate(http_request_duration_seconds_count{$filter}[$rate]))`,
        `sum by (${SERVICE}) (rate(http_server_request_duration_seconds_count{$filter}[$rate]))`,
      ),
    ],
    { method: "RED.R", priority: 1, min: 0 },
  ),
  chart("services.errors", "Error ratio", "ratio", [q("{{service}}", ERROR_RATIO)], {
    method: "RED.E",
    priority: 1,
    min: 0,
    thresholds: over(0.005, 0.01),
  }),
  chart(
    "services.latency",
    "Latency p95",
    "seconds",
    [
      q(
        "{{service}}",
        latency(0.95),
        `histogram_quantile(0.95, sum by (${SERVICE}, le) (rate(http_server_request_duration_seconds_bucket{$filter}[$rate])))`,
      ),
    ],
    { method: "RED.D", priority: 1, min: 0, thresholds: over(0.5, 1) },
  ),
  chart("services.latency.p50", "Latency p50", "seconds", [q("{{service}}", latency(0.5))], { priority: 3, min: 0 }),
  chart("services.latency.p99", "Latency p99", "seconds", [q("{{service}}", latency(0.99))], {
    priority: 3,
    min: 0,
    note: "cannot exceed the last bucket of the histogram",
  }),
  stat("services.requests.total", "All requests", "req/s", [q("", `sum(rate(http_requests_total{$filter}[$rate]))`)], {
    priority: 3,
    min: 0,
  }),
  stat(
    "services.latency.all",
    "Latency p95 of all",
    "seconds",
    [q("", `histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{$filter}[$rate])))`)],
    { priority: 5, min: 0 },
  ),
];

const traffic = [
  chart(
    "services.status",
    "Answers by status",
    "req/s",
    [
      q(
        `{{service}} ${anyOf(STATUS_LABELS)}`,
        `sum by (service, ${STATUS_LABELS.join(", ")}) (rate(http_requests_total{$filter}[$rate]))`,
      ),
    ],
    { priority: 2, min: 0 },
  ),
  chart(
    "services.responses.ok",
    "Successful answers by route",
    "req/s",
    [q(`{{service}} ${ROUTE}`, `sum by (service, ${ROUTES}) (${requestsWith("2..")})`)],
    { priority: 4, min: 0 },
  ),
  chart(
    "services.responses.failed",
    "Failed answers by route",
    "req/s",
    [q(`{{service}} ${ROUTE}`, `sum by (service, ${ROUTES}) (${requestsWith("5..")})`, FAILED)],
    { priority: 3, min: 0 },
  ),
  table(
    "services.routes",
    "Requests by route",
    "req/s",
    [q(`{{service}} ${ROUTE}`, `topk(20, sum by (service, ${ROUTES}) (rate(http_requests_total{$filter}[$rate])))`)],
    { priority: 3, min: 0 },
  ),
  table(
    "services.clients",
    "Requests by client",
    "req/s",
    [
      q(
        "{{service}} {{client}}{{user}}",
        `topk(20, sum by (service, client, user) (rate(http_requests_total{client!="",$filter}[$rate]) or rate(http_requests_total{user!="",$filter}[$rate])))`,
      ),
    ],
    { priority: 5, min: 0, note: "ids of single users as labels multiply series: name components" },
  ),
  chart(
    "services.latency.routes",
    "Latency p95 by route",
    "seconds",
    [q(`{{service}} ${ROUTE}`, latency(0.95, `service, ${ROUTES}`))],
    {
      priority: 4,
      min: 0,
    },
  ),
  chart(
    "services.received",
    "Bytes received",
    "bytes/s",
    [
      q(
        "{{service}}",
        `sum by (${SERVICE}) (rate(http_request_size_bytes_sum{$filter}[$rate]))`,
        `sum by (${SERVICE}) (rate(http_server_request_body_size_bytes_sum{$filter}[$rate]))`,
      ),
    ],
    { priority: 4, min: 0 },
  ),
  chart(
    "services.sent",
    "Bytes sent",
    "bytes/s",
    [
      q(
        "{{service}}",
        `sum by (${SERVICE}) (rate(http_response_size_bytes_sum{$filter}[$rate]))`,
        `sum by (${SERVICE}) (rate(http_server_response_body_size_bytes_sum{$filter}[$rate]))`,
      ),
    ],
    { priority: 4, min: 0 },
  ),
];

const saturation = [
  chart(
    "services.in_flight",
    "Requests in flight",
    "count",
    [q("{{service}}", `sum by (${SERVICE}) (http_requests_in_flight{$filter})`)],
    {
      priority: 3,
      min: 0,
    },
  ),
  chart(
    "services.event_loop",
    "Event loop lag p99",
    "seconds",
    [q("{{service}}", `max by (${SERVICE}) (nodejs_eventloop_lag_p99_seconds{$filter})`)],
    {
      priority: 3,
      min: 0,
      thresholds: over(0.1, 0.5),
    },
  ),
  chart(
    "services.cpu",
    "CPU of services",
    "percent",
    [
      q(
        "{{service}}",
        ...perService((m) => `100 * sum by (job, service, instance) (rate(process_cpu_seconds_total{${m}}[$rate]))`),
      ),
    ],
    { priority: 2, min: 0, thresholds: over(85), note: "percent of one core" },
  ),
  chart(
    "services.memory",
    "Memory of services",
    "bytes",
    [q("{{service}}", ...perService((m) => `sum by (job, service, instance) (process_resident_memory_bytes{${m}})`))],
    { priority: 4, min: 0 },
  ),
  chart(
    "services.sessions",
    "Sessions",
    "count",
    [q("{{service}}", `sum by (${SERVICE}) (active_sessions{$filter})`)],
    {
      priority: 4,
      min: 0,
      note: "a gauge of the application",
    },
  ),
  chart(
    "services.db_errors",
    "Database errors in 5 minutes",
    "count",
    [q("{{service}} {{operation}}", `sum by (service, operation) (increase(db_errors_total{$filter}[5m]))`)],
    { priority: 3, min: 0, thresholds: over(0) },
  ),
  chart(
    "services.cache_errors",
    "Cache errors in 5 minutes",
    "count",
    [q("{{service}} {{operation}}", `sum by (service, operation) (increase(cache_errors_total{$filter}[5m]))`)],
    { priority: 3, min: 0, thresholds: over(0) },
  ),
];

export const app: ScraperSpec = defineScraper({
  name: "app",
  doc: "an application that counts its HTTP requests: rate, errors and duration of each service",
  ports: [8080, 3000, 8000],
  metricsPath: "/metrics",
  fingerprints: [
    "http_requests_total",
    "http_request_duration_seconds_count",
    "http_server_request_duration_seconds_count",
  ],
  panels: [...red, ...traffic, ...saturation],
  rulePacks: ["services"],
});
