/**
 * All scrape jobs of one engine: configuration in, running targets out. Applying a configuration again costs only
 * what changed in it; the rest keeps its phase, its caches and its series.
 */
import { compareLabels } from "../model/labels.ts";
import { compileRelabel } from "../model/relabel.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { ScrapeJob } from "../model/job.ts";
import type { Appendable } from "../storage/storage.ts";
import type { DroppedTarget, ScrapeTargetStatus } from "./status.ts";
import { BodyBudget } from "./body.ts";
import { SERIES_PER_TARGET_MAX } from "./breaker.ts";
import { PageBuffers } from "./page-buffers.ts";
import { type JobOptions, JobRunner, jobKey } from "./job.ts";

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
  /** The same for all targets of one job together; 0 or absent: no limit. */
  readonly seriesPerJobMax?: number;
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

export function createScrapeManager(options: ScrapeManagerOptions): ScrapeManager {
  return new Manager(options);
}

class Manager implements ScrapeManager {
  readonly #options: JobOptions;
  #runners: Map<string, JobRunner> = new Map();
  #applying: Promise<void> = Promise.resolve();

  constructor(options: ScrapeManagerOptions) {
    this.#options = {
      appendable: options.appendable,
      clock: options.clock,
      log: options.log.with({ room: "scrape" }),
      budget: new BodyBudget(),
      buffers: new PageBuffers(),
      userAgent: `opsmon/${options.version ?? "0"}`,
      baseDir: options.baseDir ?? process.cwd(),
      seriesPerTargetMax: options.seriesPerTargetMax ?? SERIES_PER_TARGET_MAX,
      seriesPerJobMax: options.seriesPerJobMax ?? 0,
      eager: options.eager ?? true,
      onScrape: options.onScrape,
    };
  }

  apply(jobs: readonly ScrapeJob[]): Promise<void> {
    const done = this.#applying.then(() => this.#apply(jobs));
    this.#applying = done.catch(() => undefined);
    return done;
  }

  async #apply(jobs: readonly ScrapeJob[]): Promise<void> {
    const wanted = new Map(jobs.map((job) => [job.name, job]));
    // First of all: a broken regular expression must leave what runs alone.
    for (const job of wanted.values()) for (const rules of [job.relabel, job.metricRelabel]) compileRelabel(rules);
    const gone = [...this.#runners].filter(([name]) => !wanted.has(name));
    for (const [name] of gone) this.#runners.delete(name);
    await Promise.all(gone.map(([, runner]) => runner.close(true)));
    await Promise.all([...wanted.values()].map((job) => this.#applyJob(job)));
  }

  async #applyJob(job: ScrapeJob): Promise<void> {
    const before = this.#runners.get(job.name);
    if (before?.key === jobKey(job)) return;
    const runner = new JobRunner(job, this.#options, await before?.release());
    this.#runners.set(job.name, runner);
    await runner.start();
  }

  targets(): readonly ScrapeTargetStatus[] {
    const all = [...this.#runners.values()].flatMap((runner) => runner.targets());
    return all.sort((a, b) => (a.job < b.job ? -1 : a.job > b.job ? 1 : compareLabels(a.labels, b.labels)));
  }

  dropped(): readonly DroppedTarget[] {
    return [...this.#runners.values()].flatMap((runner) => runner.dropped());
  }

  async close(): Promise<void> {
    await this.#applying;
    const runners = [...this.#runners.values()];
    this.#runners = new Map();
    await Promise.all(runners.map((runner) => runner.close(false)));
  }
}
