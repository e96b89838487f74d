/** PostgreSQL through postgres_exporter; its many panels lie next door. */
import { defineScraper, type ScraperSpec } from "./define.ts";
import { POSTGRES_PANELS } from "./postgres-panels.ts";

export const postgres: ScraperSpec = defineScraper({
  name: "postgres",
  doc: "postgres_exporter: connections, transactions, cache, locks and statements of PostgreSQL",
  ports: [9187],
  metricsPath: "/metrics",
  fingerprints: ["pg_up", "postgres_exporter_build_info", "pg_exporter_last_scrape_error"],
  panels: POSTGRES_PANELS,
  rulePacks: ["postgres"],
});
