/**
 * What the scraper tells the rest of the program about its targets: plain data, with the fields that a screen,
 * `opsmon targets` and `/api/v1/targets` need. Texts that came from a target are escaped before they get here.
 */
import type { Labels } from "../model/labels.ts";
import type { Timestamp } from "../model/sample.ts";

/** New series that the cardinality breaker keeps out, by the metric and label that grow most. */
export interface Quarantine {
  /** Series of the last page that were not taken. */
  readonly series: number;
  readonly metric: string;
  /** The label with the most distinct values among them; "" when none stands out. */
  readonly label: string;
  /** Whose limit it is … */
  readonly of: "target" | "job" | "store";
  /** … and what it is; 0 when only the store knows. */
  readonly limit: number;
}

export interface ScrapeTargetStatus {
  readonly job: string;
  readonly url: string;
  /** Labels that every series of the target carries. */
  readonly labels: Labels;
  /** Labels before relabelling, `__address__` and `__meta_…` included. */
  readonly discovered: Labels;
  readonly health: "up" | "down" | "unknown";
  /** A sentence that names the cause; "" when up. */
  readonly lastError: string;
  /** 0 before the first scrape. */
  readonly lastScrapeAt: Timestamp;
  readonly lastDurationMs: number;
  /** Samples on the last page, before relabelling. */
  readonly samples: number;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** What the target is up with all the same, e.g. quarantined or duplicate series; empty when all is well. */
  readonly warnings: readonly string[];
  readonly quarantine: Quarantine | undefined;
}

/** A target that relabelling dropped, for `state=dropped` of `/api/v1/targets`. */
export interface DroppedTarget {
  readonly job: string;
  readonly discovered: Labels;
}
