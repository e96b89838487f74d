/**
 * Orders, calculations and synchronisations: what the business asks about. These metrics have no standard names; an
 * application that wants these panels publishes the names used here.
 */
import { chart, defineScraper, over, q, stat, type ScraperSpec } from "./define.ts";

function quantile(q95: string, metric: string, by: string): string {
  return `histogram_quantile(${q95}, sum by (${by}) (rate(${metric}_bucket{$filter}[$rate])))`;
}

export const business: ScraperSpec = defineScraper({
  name: "business",
  doc: "an application that publishes orders, calculations and synchronisations",
  ports: [],
  metricsPath: "/metrics",
  fingerprints: ["orders_in_status", "calculations_total", "emr_sync_duration_seconds_count"],
  rulePacks: ["business"],
  panels: [
    chart(
      "business.orders",
      "Orders by status",
      "count",
      [q("{{status}}", `sum by (status) (orders_in_status{$filter})`)],
      {
        priority: 1,
        min: 0,
      },
    ),
    chart(
      "business.orders.wait",
      "Wait of new orders, p95",
      "seconds",
      [q("p95", quantile("0.95", "order_new_to_in_progress_seconds", "le"))],
      {
        priority: 1,
        min: 0,
        thresholds: over(1_800),
        note: "seen when an order is taken; one still waiting is not in it",
      },
    ),
    stat(
      "business.orders.late",
      "Orders that waited over 30 minutes",
      "count",
      [
        q(
          "in 15 minutes",
          `sum(increase(order_new_to_in_progress_seconds_count{$filter}[15m])) - sum(increase(order_new_to_in_progress_seconds_bucket{le=~"1800(\\\\.0)?",$filter}[15m]))`,
        ),
      ],
      { priority: 3, min: 0, thresholds: over(0) },
    ),
    chart(
      "business.calculations.duration",
      "Duration of calculations, p95",
      "seconds",
      [q("p95", quantile("0.95", "calculation_duration_seconds", "le"))],
      { priority: 1, min: 0, thresholds: over(1_800) },
    ),
    stat(
      "business.calculations.running",
      "Calculations in progress",
      "count",
      [q("{{service}}", `sum by (job, service) (calculations_in_progress{$filter})`)],
      { priority: 2, min: 0 },
    ),
    chart(
      "business.calculations.errors",
      "Failed calculations",
      "ratio",
      [
        q(
          "",
          `sum(rate(calculations_total{result="error",$filter}[$rate])) / (sum(rate(calculations_total{$filter}[$rate])) > 0)`,
        ),
      ],
      { priority: 1, min: 0, thresholds: over(0.3), note: "share of all calculations" },
    ),
    chart(
      "business.calculations.slow",
      "Calculations over 30 minutes this week",
      "ratio",
      [
        q(
          "",
          `1 - sum(increase(calculation_duration_seconds_bucket{le=~"1800(\\\\.0)?",$filter}[7d])) / (sum(increase(calculation_duration_seconds_count{$filter}[7d])) > 0)`,
        ),
      ],
      { priority: 4, min: 0, thresholds: over(0.05) },
    ),
    chart(
      "business.sync",
      "Duration of synchronisations, p95",
      "seconds",
      [q("{{emr_system}}", quantile("0.95", "emr_sync_duration_seconds", "emr_system, le"))],
      { priority: 2, min: 0 },
    ),
    chart(
      "business.tasks",
      "Tasks",
      "ops/s",
      [q("{{operation}} {{status}}", `sum by (operation, status) (rate(tasks_total{$filter}[$rate]))`)],
      {
        priority: 2,
        min: 0,
      },
    ),
  ],
});
