/**
 * One scrape job at work: its discoveries, its HTTP client, its loops. Groups in, running loops out; a change of
 * groups or of the job's own settings touches only the targets it concerns.
 */
import { createHash } from "node:crypto";
import { Secret, type ScrapeJob, type TargetGroup } from "../model/job.ts";
import { compileRelabel, type Relabeler } from "../model/relabel.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { Appendable } from "../storage/storage.ts";
import type { BodyBudget } from "./body.ts";
import type { DroppedTarget, ScrapeTargetStatus } from "./status.ts";
import type { PageBuffers } from "./page-buffers.ts";
import { SeriesBudget } from "./breaker.ts";
import { createHttpClient, type HttpClient } from "./client.ts";
import { createDiscovery, type Discovery } from "./discovery.ts";
import { createScrapeLoop, type ScrapeLoop } from "./loop.ts";
import { createSampleSink, type SampleSink } from "./sink.ts";
import { buildTargets, type Target } from "./target.ts";

/** Targets of one job; more are left out and counted. One engine is measured honest at far fewer. */
const TARGETS_PER_JOB_MAX = 10_000;
/** New targets start this far apart, so a thousand of them do not start in one turn. */
const EAGER_GAP_MS = 2;

export interface JobOptions {
  readonly appendable: Appendable;
  readonly clock: Clock;
  readonly log: Logger;
  readonly budget: BodyBudget;
  readonly buffers: PageBuffers;
  readonly userAgent: string;
  readonly baseDir: string;
  readonly seriesPerTargetMax: number;
  /** Of all targets of one job together; 0 = no limit. */
  readonly seriesPerJobMax: number;
  readonly eager: boolean;
  readonly onScrape: ((status: ScrapeTargetStatus) => void) | undefined;
}

/** Text that is equal for equal jobs, secrets included without showing them. */
export function jobKey(job: ScrapeJob): string {
  return JSON.stringify(job, function (this: unknown, key: string, value: unknown) {
    const raw: unknown = (this as Readonly<Record<string, unknown>>)[key];
    if (!(raw instanceof Secret)) return value;
    try {
      return createHash("sha256").update(raw.reveal()).digest("hex");
    } catch {
      return "unreadable";
    }
  });
}

/** What a runner leaves to the one that takes its place. */
export interface Estate {
  readonly loops: ReadonlyMap<string, ScrapeLoop>;
  /** In use by the loops until they are taken over or stopped. */
  readonly clients: readonly HttpClient[];
}

export class JobRunner {
  readonly job: ScrapeJob;
  readonly key: string;
  readonly #options: JobOptions;
  readonly #client: HttpClient;
  readonly #relabel: Relabeler;
  readonly #metricRelabel: Relabeler;
  readonly #budget: SeriesBudget | undefined;
  readonly #discoveries: Discovery[] = [];
  /** By index of the discovery. */
  readonly #groups: Map<number, readonly TargetGroup[]> = new Map();
  #loops: Map<string, ScrapeLoop> = new Map();
  #dropped: readonly DroppedTarget[] = [];
  #reconciling: Promise<void> = Promise.resolve();
  #closed = false;
  /** Loops of the runner whose place this one takes, until they are taken over or gone. */
  #heirs: Map<string, ScrapeLoop>;
  #heirClients: readonly HttpClient[];
  #answered: Set<number> = new Set();

  /** @throws UserError `bad-regexp`. */
  constructor(job: ScrapeJob, options: JobOptions, estate: Estate | undefined) {
    this.job = job;
    this.key = jobKey(job);
    this.#options = options;
    this.#relabel = compileRelabel(job.relabel);
    this.#metricRelabel = compileRelabel(job.metricRelabel);
    this.#budget = options.seriesPerJobMax > 0 ? new SeriesBudget(options.seriesPerJobMax) : undefined;
    this.#heirs = new Map(estate?.loops);
    this.#heirClients = estate?.clients ?? [];
    const { clock, budget, buffers, baseDir } = options;
    this.#client = createHttpClient({ config: job.http, clock, budget, buffers, baseDir });
  }

  /** Resolves when static groups and files have been read and their targets run. */
  async start(): Promise<void> {
    const { clock, log, budget, buffers, baseDir, userAgent } = this.#options;
    const common = { clock, log: log.with({ job: this.job.name }), baseDir, userAgent };
    this.job.discovery.forEach((config, index) => {
      const clientFor = (source: { readonly http: ScrapeJob["http"] }): HttpClient =>
        createHttpClient({ config: source.http, clock, budget, buffers, baseDir });
      const onGroups = (groups: readonly TargetGroup[]): void => {
        this.#groups.set(index, groups);
        this.#answered.add(index);
        this.#reconcile();
      };
      this.#discoveries.push(createDiscovery(config, { ...common, clientFor }, onGroups));
    });
    await Promise.all(this.#discoveries.map((discovery) => discovery.start()));
    if (this.#discoveries.length === 0) this.#reconcile();
    await this.#reconciling;
  }

  targets(): readonly ScrapeTargetStatus[] {
    return [...this.#heirs.values(), ...this.#loops.values()].map((loop) => loop.status());
  }

  dropped(): readonly DroppedTarget[] {
    return this.#dropped;
  }

  /** Stops discovering and leaves the loops, still running, to the runner that takes this one's place. */
  async release(): Promise<Estate> {
    await this.#stopDiscovery();
    const estate = { loops: new Map([...this.#heirs, ...this.#loops]), clients: [...this.#heirClients, this.#client] };
    this.#loops = new Map();
    this.#heirs = new Map();
    this.#heirClients = [];
    return estate;
  }

  /** @param gone true writes stale markers: the job was removed, the program goes on. */
  async close(gone: boolean): Promise<void> {
    await this.#stopDiscovery();
    await Promise.all([...this.#loops.values(), ...this.#heirs.values()].map((loop) => loop.stop(gone)));
    this.#loops = new Map();
    this.#heirs = new Map();
    await Promise.all([this.#client, ...this.#heirClients].map((client) => client.close()));
  }

  async #stopDiscovery(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#discoveries.map((discovery) => discovery.close()));
    await this.#reconciling;
  }

  #reconcile(): void {
    this.#reconciling = this.#reconciling
      .then(() => this.#apply())
      .catch((error: unknown) => {
        this.#options.log.error("targets of a job could not be set up", { job: this.job.name, cause: String(error) });
      });
  }

  async #apply(): Promise<void> {
    if (this.#closed) return;
    const { log } = this.#options;
    const groups = [...this.#groups].sort((a, b) => a[0] - b[0]).flatMap(([, found]) => found);
    const { targets, dropped, problems } = buildTargets(this.job, groups, this.#relabel);
    for (const problem of problems) log.warn("a target is not scraped", { job: this.job.name, cause: problem });
    this.#dropped = dropped.map((discovered) => ({ job: this.job.name, discovered }));
    if (targets.length > TARGETS_PER_JOB_MAX) {
      log.error("a job has too many targets", {
        job: this.job.name,
        targets: targets.length,
        max: TARGETS_PER_JOB_MAX,
      });
    }
    const wanted = new Map(targets.slice(0, TARGETS_PER_JOB_MAX).map((target) => [target.key, target]));
    await this.#stopAbsent(wanted);
    const limit = this.job.targetLimit;
    const refusal =
      limit > 0 && targets.length > limit
        ? `the job has ${targets.length} targets, target_limit is ${limit}: none is scraped`
        : undefined;
    let started = 0;
    for (const [key, target] of wanted) {
      const running = this.#loops.get(key);
      if (running !== undefined && running.refusal === refusal && sameTimes(running.target, target)) continue;
      started += await this.#replace(key, target, running ?? this.#heirs.get(key), refusal, started);
    }
    if (this.#answered.size >= this.job.discovery.length) await this.#stopHeirs();
  }

  /** Stops what is no longer wanted; inherited loops wait until every discovery has answered once. */
  async #stopAbsent(wanted: ReadonlyMap<string, Target>): Promise<void> {
    const gone = [...this.#loops].filter(([key]) => !wanted.has(key));
    for (const [key] of gone) this.#loops.delete(key);
    await Promise.all(gone.map(([, loop]) => loop.stop(true)));
  }

  async #stopHeirs(): Promise<void> {
    const left = [...this.#heirs.values()];
    this.#heirs = new Map();
    await Promise.all(left.map((loop) => loop.stop(true)));
    const clients = this.#heirClients;
    this.#heirClients = [];
    await Promise.all(clients.map((client) => client.close()));
  }

  /** Starts a loop, in the place of `before` when there is one. @returns 1 when it is a new target. */
  async #replace(
    key: string,
    target: Target,
    before: ScrapeLoop | undefined,
    refusal: string | undefined,
    started: number,
  ): Promise<number> {
    await before?.stop(false);
    this.#heirs.delete(key);
    const { eager, clock, log, userAgent, onScrape } = this.#options;
    const loop = createScrapeLoop({
      target,
      job: this.job,
      client: this.#client,
      sink: this.#sinkFor(target, before?.sink()),
      clock,
      log: log.with({ job: this.job.name }),
      userAgent,
      firstAfterMs: eager && before === undefined ? started * EAGER_GAP_MS : undefined,
      refusal,
      before: before?.status(),
      onScrape,
    });
    this.#loops.set(key, loop);
    loop.start();
    return before === undefined ? 1 : 0;
  }

  #sinkFor(target: Target, before: SampleSink | undefined): SampleSink {
    const { appendable, seriesPerTargetMax } = this.#options;
    const { honorLabels, honorTimestamps, trackTimestampsStaleness, sampleLimit } = this.job;
    const { labelLimit, labelNameLengthLimit, labelValueLengthLimit } = this.job;
    const rules = {
      target: target.labels,
      relabel: this.#metricRelabel,
      seriesMax: seriesPerTargetMax,
      budget: this.#budget,
      honorLabels,
      honorTimestamps,
      trackTimestampsStaleness,
      sampleLimit,
      labelLimit,
      labelNameLengthLimit,
      labelValueLengthLimit,
    };
    return createSampleSink(appendable, rules, { before });
  }
}

function sameTimes(a: Target, b: Target): boolean {
  return a.intervalMs === b.intervalMs && a.timeoutMs === b.timeoutMs;
}
