/** nginx through its exporter's stub_status: requests and connections. stub_status knows no status codes; services do. */
import { chart, defineScraper, DOWN_IS_CRITICAL, over, q, stat, type ScraperSpec } from "./define.ts";

export const nginx: ScraperSpec = defineScraper({
  name: "nginx",
  doc: "nginx-prometheus-exporter: requests and connections of nginx",
  ports: [9113],
  metricsPath: "/metrics",
  fingerprints: ["nginx_up", "nginxexporter_build_info", "nginx_exporter_build_info"],
  rulePacks: ["web"],
  panels: [
    stat("web.nginx.up", "nginx", "bool", [q("{{instance}}", `nginx_up{$filter}`)], {
      method: "USE.E",
      resource: "nginx",
      priority: 1,
      min: 0,
      max: 1,
      thresholds: DOWN_IS_CRITICAL,
    }),
    chart(
      "web.nginx.requests",
      "nginx requests",
      "req/s",
      [q("{{instance}}", `sum by (instance) (rate(nginx_http_requests_total{$filter}[$rate]))`)],
      {
        method: "USE.U",
        resource: "nginx",
        priority: 1,
        min: 0,
        note: "stub_status has no status codes: see the services view for those",
      },
    ),
    chart(
      "web.nginx.connections",
      "nginx connections",
      "count",
      [
        q("active", `sum by (instance) (nginx_connections_active{$filter})`),
        q("reading", `sum by (instance) (nginx_connections_reading{$filter})`),
        q("writing", `sum by (instance) (nginx_connections_writing{$filter})`),
        q("waiting", `sum by (instance) (nginx_connections_waiting{$filter})`),
      ],
      { resource: "nginx", priority: 2, min: 0 },
    ),
    chart(
      "web.nginx.dropped",
      "nginx connections dropped",
      "ops/s",
      [
        q(
          "{{instance}}",
          `clamp_min(rate(nginx_connections_accepted{$filter}[$rate]) - rate(nginx_connections_handled{$filter}[$rate]), 0)`,
        ),
      ],
      { method: "USE.S", resource: "nginx", priority: 3, min: 0, thresholds: over(0) },
    ),
    chart(
      "web.nginx.codes",
      "nginx answers by status",
      "req/s",
      [
        q(
          "{{code}}",
          `sum by (code) (rate(nginx_vts_server_requests_total{code!="total",$filter}[$rate]))`,
          `sum by (code) (rate(nginxplus_server_zone_responses{$filter}[$rate]))`,
        ),
      ],
      { resource: "nginx", priority: 4, min: 0, note: "needs nginx-vts or NGINX Plus" },
    ),
  ],
});
