/**
 * Names that applications give to the same thing. The status of an answer is `status_code`, `status` or `code`
 * (`500` or `5xx`), its route `route`, `path`, `endpoint` or `handler`: all are accepted at query time, in this order.
 */

/** Labels that hold the status of an answer. */
export const STATUS_LABELS = ["status_code", "status", "code"] as const;

/** Labels that hold what was asked for. */
export const ROUTE_LABELS = ["route", "path", "endpoint", "handler"] as const;

/** What makes one service, also where no label `service` exists. */
export const SERVICE = "job, service";

/** Legend of a line whose series carry one of these labels. */
export function anyOf(labels: readonly string[]): string {
  return labels.map((label) => `{{${label}}}`).join("");
}

/** Union over the three labels of requests whose status matches, e.g. `5..`, which also matches `5xx`. */
export function requestsWith(status: string, matchers: string = "$filter", range: string = "$rate"): string {
  return STATUS_LABELS.map((label) => `rate(http_requests_total{${label}=~"${status}",${matchers}}[${range}])`).join(
    " or ",
  );
}

/** Failed requests per second by service; 0, not absent, where there was none yet. */
export const FAILED: string = `(sum by (${SERVICE}) (${requestsWith("5..")}) or 0 * sum by (${SERVICE}) (rate(http_requests_total{$filter}[$rate])))`;

/** Share of failed requests by service; a service without traffic has no value. */
export const ERROR_RATIO: string = `${FAILED} / (sum by (${SERVICE}) (rate(http_requests_total{$filter}[$rate])) > 0)`;

/** A quantile of the request duration by these labels. */
export function latency(quantile: number, by: string = SERVICE): string {
  return `histogram_quantile(${quantile}, sum by (${by}, le) (rate(http_request_duration_seconds_bucket{$filter}[$rate])))`;
}
