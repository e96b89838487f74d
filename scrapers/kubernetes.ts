/** Pods and containers, where kube-state-metrics or cAdvisor are scraped. */
import { chart, defineScraper, over, q, table, type ScraperSpec } from "./define.ts";

export const kubernetes: ScraperSpec = defineScraper({
  name: "kubernetes",
  doc: "kube-state-metrics: restarts and states of pods",
  ports: [8081],
  metricsPath: "/metrics",
  fingerprints: ["kube_pod_container_status_restarts_total", "kube_pod_info"],
  rulePacks: ["kubernetes"],
  panels: [
    table(
      "services.pods.restarts",
      "Pod restarts in 15 minutes",
      "count",
      [
        q(
          "{{namespace}}/{{pod}}",
          `sum by (namespace, pod) (increase(kube_pod_container_status_restarts_total{$filter}[15m]))`,
        ),
      ],
      { resource: "pods", priority: 3, min: 0, thresholds: over(0) },
    ),
  ],
});

export const cadvisor: ScraperSpec = defineScraper({
  name: "cadvisor",
  doc: "cAdvisor: CPU and memory of containers",
  ports: [8088],
  metricsPath: "/metrics",
  fingerprints: ["container_cpu_usage_seconds_total", "cadvisor_version_info"],
  rulePacks: ["containers"],
  panels: [
    chart(
      "hosts.containers.cpu",
      "CPU of containers",
      "percent",
      [q("{{name}}", `100 * sum by (name) (rate(container_cpu_usage_seconds_total{name!="",$filter}[$rate]))`)],
      { resource: "containers", priority: 4, min: 0, note: "percent of one core" },
    ),
    chart(
      "hosts.containers.memory",
      "Memory of containers",
      "bytes",
      [q("{{name}}", `sum by (name) (container_memory_working_set_bytes{name!="",$filter})`)],
      { resource: "containers", priority: 4, min: 0 },
    ),
  ],
});
