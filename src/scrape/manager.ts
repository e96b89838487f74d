/**
 * All scrape jobs of one engine.
 */
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { ScrapeJob } from "../model/job.ts";
import type { Appendable } from "../storage/storage.ts";
import type { DroppedTarget, ScrapeTargetStatus } from "./status.ts";

export type { DroppedTarget, Quarantine, ScrapeTargetStatus } from "./status.ts";

export interface ScrapeManagerOptions {
  readonly appendable: Appendable;
  readonly clock: Clock;
  readonly log: Logger;
  /** Sent as `User-Agent: opsmon/<version>`. */
  readonly version?: string;
  /** Relative paths of file_sd, certificates and keys are seen from here; default the working directory. */
  readonly baseDir?: string;
  /** Series one target may have before new ones are quarantined. */
  readonly seriesPerTargetMax?: number;
  /** Scrape a new target at once instead of waiting for its phase; default true. */
  readonly eager?: boolean;
  /** Called after each scrape has been committed. */
  readonly onScrape?: (status: ScrapeTargetStatus) => void;
}

export interface ScrapeManager {
  /** Makes these jobs, and only these, run. Unchanged targets keep their phase, caches and state. */
  apply(jobs: readonly ScrapeJob[]): Promise<void>;
  /** Sorted by job, then by labels. */
  targets(): readonly ScrapeTargetStatus[];
  dropped(): readonly DroppedTarget[];
  /** Stops all loops; no stale markers are written, as in Prometheus. */
  close(): Promise<void>;
}

export declare function createScrapeManager(options: ScrapeManagerOptions): ScrapeManager;
