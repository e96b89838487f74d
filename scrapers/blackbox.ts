/** Probes of blackbox_exporter. Its `up` stays 1 when a probe fails: only `probe_success` says so. */
import { chart, defineScraper, DOWN_IS_CRITICAL, over, q, stat, table, under, type ScraperSpec } from "./define.ts";

export const blackbox: ScraperSpec = defineScraper({
  name: "blackbox",
  doc: "blackbox_exporter: HTTP, TCP and ICMP probes of endpoints",
  ports: [9115],
  metricsPath: "/metrics",
  fingerprints: ["blackbox_exporter_build_info", "probe_success"],
  rulePacks: ["web"],
  panels: [
    table("web.probes", "Endpoints", "bool", [q("{{instance}} {{module}}", `probe_success{$filter}`)], {
      method: "USE.E",
      resource: "endpoints",
      priority: 1,
      min: 0,
      max: 1,
      thresholds: DOWN_IS_CRITICAL,
    }),
    chart(
      "web.probes.duration",
      "Duration of probes",
      "seconds",
      [q("{{instance}} {{module}}", `probe_duration_seconds{$filter}`)],
      {
        resource: "endpoints",
        priority: 2,
        min: 0,
        thresholds: over(1, 5),
      },
    ),
    table(
      "web.probes.status",
      "HTTP status of probes",
      "none",
      [q("{{instance}}", `probe_http_status_code{$filter} > 0`)],
      {
        resource: "endpoints",
        priority: 3,
        min: 0,
        thresholds: over(399, 499),
      },
    ),
    chart(
      "web.probes.phases",
      "Phases of HTTP probes",
      "seconds",
      [q("{{phase}}", `avg by (phase) (probe_http_duration_seconds{$filter})`)],
      { resource: "endpoints", priority: 4, min: 0 },
    ),
    stat(
      "web.probes.certificate",
      "Certificate still valid",
      "seconds",
      [q("{{instance}}", `probe_ssl_earliest_cert_expiry{$filter} - time()`)],
      { resource: "endpoints", priority: 4, thresholds: under(1_209_600, 259_200), note: "HTTPS endpoints only" },
    ),
  ],
});
