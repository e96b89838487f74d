/**
 * The built-in host collector: /proc and /sys in, series with node_exporter's names out, stored like any target's
 * page, `up` and staleness included. What this kernel or container does not show is left out and named in the
 * status; nothing missing is an error. Where a node_exporter of the same machine is scraped, only what it does not
 * tell (processes) is collected: the same reading under two instances would be drawn and alerted on twice.
 */
import { hostname } from "node:os";
import { errorText } from "../base/errors.ts";
import { Labels } from "../model/labels.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { Appendable } from "../storage/storage.ts";
import type { ScrapeTargetStatus } from "./status.ts";
import { SERIES_PER_TARGET_MAX } from "./breaker.ts";
import { collectDisks, FilesystemCollector } from "./host-disk.ts";
import {
  collectConntrack,
  collectFilefd,
  collectLoad,
  collectMemory,
  collectPressure,
  collectTime,
  collectUname,
  collectVmstat,
  StatCollector,
} from "./host-kernel.ts";
import { collectDevices, collectNetstat, collectSockstat } from "./host-network.ts";
import { HostPage, hostFamily } from "./host-page.ts";
import { ProcessCollector } from "./host-process.ts";
import { alignTimestamp, untilTickAfter } from "./schedule.ts";
import { createTurn } from "./turns.ts";
import { createSampleSink, type SampleSink, type ScrapeTimes } from "./sink.ts";

export interface HostCollectorOptions {
  readonly appendable: Appendable;
  readonly clock: Clock;
  readonly log: Logger;
  /** Default `/proc`. */
  readonly procPath?: string;
  /** Default `/sys`. */
  readonly sysPath?: string;
  /** Default the machine's host name. */
  readonly instance?: string;
  /** Default `node`. */
  readonly job?: string;
  /** Default 1,000. */
  readonly intervalMs?: number;
  /** Asked before each collection: another target that delivers this machine's readings; undefined when none does. */
  readonly rival?: () => Promise<string | undefined>;
}

export interface HostCollector {
  /** Collects once per interval until `close`. */
  start(): void;
  /** Collects and commits once, now. Call twice, 250 ms apart, and every rate has a value. */
  collect(): Promise<void>;
  /** Reads now; what it gives stores that, once. Before the first `collect`, where storing has to wait. */
  read(): Promise<() => Promise<void>>;
  /** The target that makes it pause; undefined while it collects. */
  pausedFor(): string | undefined;
  /** The collector as a target, for `opsmon targets`; `warnings` name what could not be read. */
  status(): ScrapeTargetStatus;
  close(): Promise<void>;
}

/** What no other exporter of the host tells. */
const PROCESSES = "process";
const INTERVAL_MS_DEFAULT = 1_000;
const SUCCESS = hostFamily(
  "node_scrape_collector_success",
  "gauge",
  "Whether a collector found what it reads.",
  "collector",
);

export function createHostCollector(options: HostCollectorOptions): HostCollector {
  return new Host(options);
}

type Collector = readonly [name: string, collect: () => boolean | Promise<boolean>];

class Host implements HostCollector {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #makeSink: () => SampleSink;
  #sink: SampleSink;
  readonly #page: HostPage = new HostPage();
  /** Processes come and go: a page and rows of their own keep the layout of the rest as it is. */
  readonly #processSink: SampleSink;
  readonly #processPage: HostPage = new HostPage();
  readonly #collectors: readonly Collector[];
  readonly #rhythm: { readonly intervalMs: number; readonly phase: number };
  #status: ScrapeTargetStatus;
  #timer: Disposable | undefined;
  #closed = false;
  readonly #rival: () => Promise<string | undefined>;
  #pausedFor: string | undefined;
  /** One collection at a time; whoever asks meanwhile gets the next one. */
  #collecting: Promise<void> = Promise.resolve();

  constructor(options: HostCollectorOptions) {
    const { appendable, clock, log, procPath = "/proc", sysPath = "/sys" } = options;
    this.#clock = clock;
    this.#log = log.with({ room: "host" });
    this.#rhythm = { intervalMs: options.intervalMs ?? INTERVAL_MS_DEFAULT, phase: 0 };
    const job = options.job ?? "node";
    const labels = Labels.from({ job, instance: options.instance ?? hostname() });
    this.#makeSink = () => createSampleSink(appendable, hostRules(labels));
    this.#sink = this.#makeSink();
    this.#rival = options.rival ?? (() => Promise.resolve(undefined));
    this.#processSink = createSampleSink(appendable, hostRules(labels), { report: false });
    this.#collectors = collectorsOf(this.#page, this.#processPage, clock, procPath, sysPath);
    const { intervalMs } = this.#rhythm;
    this.#status = {
      job,
      url: `file://${procPath}`,
      labels,
      discovered: labels,
      intervalMs,
      timeoutMs: intervalMs,
      health: "unknown",
      lastError: "",
      lastScrapeAt: 0,
      lastDurationMs: 0,
      samples: 0,
      warnings: [],
      quarantine: undefined,
    };
  }

  start(): void {
    if (this.#closed) return;
    this.#timer = this.#clock.after(untilTickAfter(this.#clock.now(), this.#status.lastScrapeAt, this.#rhythm), () => {
      void this.collect().finally(() => this.start());
    });
  }

  collect(): Promise<void> {
    this.#collecting = this.#collecting.then(() => (this.#closed ? undefined : this.#collect()));
    return this.#collecting;
  }

  status(): ScrapeTargetStatus {
    return this.#status;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.[Symbol.dispose]();
    await this.#collecting;
  }

  pausedFor(): string | undefined {
    return this.#pausedFor;
  }

  async #collect(): Promise<void> {
    await this.#yield();
    const store = await this.read();
    await store();
  }

  /** Ends the own readings where somebody else gives them, and takes them up again when that one is gone. */
  async #yield(): Promise<void> {
    const rival = await this.#rival().catch(() => undefined);
    if (rival === this.#pausedFor) return;
    const before = this.#pausedFor;
    this.#pausedFor = rival;
    this.#log.info(rival === undefined ? "collecting again" : "pausing", { target: rival ?? before });
    if (before !== undefined) return;
    const at = alignTimestamp(this.#clock.now(), this.#rhythm);
    await this.#sink.end(at).catch((error: unknown) => {
      this.#log.warn("host readings were not ended", { cause: errorText(error) });
    });
    this.#sink = this.#makeSink();
  }

  /** Neither rejects: a store that takes nothing for a while must not stop the collector. */
  async read(): Promise<() => Promise<void>> {
    const begun = this.#clock.monotonic();
    const at = alignTimestamp(this.#clock.now(), this.#rhythm);
    const missing = await this.#fill();
    const tookMs = this.#clock.monotonic() - begun;
    return async () => {
      const storing = this.#clock.monotonic();
      const durationMs = (): number => tookMs + this.#clock.monotonic() - storing;
      try {
        await this.#store(missing, { at, now: at, durationMs, turn: createTurn(this.#clock) });
      } catch (error) {
        const lastError = errorText(error);
        if (this.#status.health !== "down") this.#log.warn("host readings are not stored", { cause: lastError });
        this.#update({ health: "down", lastError }, at, durationMs());
      }
    };
  }

  async #store(missing: readonly string[], scrape: ScrapeTimes): Promise<void> {
    const processes = this.#processPage.finish();
    await this.#processSink.write(processes, scrape);
    const warnings = missing.length === 0 ? [] : [`not readable here: ${missing.join(", ")}`];
    let samples = processes.count;
    if (this.#pausedFor === undefined) {
      const page = this.#page.finish();
      const { unsaved } = await this.#sink.write(page, scrape);
      if (unsaved !== "") warnings.push(`not saved: ${unsaved}`);
      samples += page.count;
    }
    this.#update({ health: "up", lastError: "", samples, warnings }, scrape.at, scrape.durationMs());
  }

  #update(change: Partial<ScrapeTargetStatus>, lastScrapeAt: number, lastDurationMs: number): void {
    this.#status = { ...this.#status, ...change, lastScrapeAt, lastDurationMs };
  }

  /** @returns the collectors that found nothing to read. */
  async #fill(): Promise<readonly string[]> {
    const page = this.#page;
    page.begin();
    this.#processPage.begin();
    const missing: string[] = [];
    for (const [name, collect] of this.#collectors) {
      if (this.#pausedFor !== undefined && name !== PROCESSES) continue;
      let found = false;
      try {
        found = await collect();
      } catch (error) {
        this.#log.debug("a collector failed", { collector: name, cause: errorText(error) });
      }
      if (!found) missing.push(name);
      page.add(SUCCESS, found ? 1 : 0, name);
    }
    return missing;
  }
}

function hostRules(target: Labels): Parameters<typeof createSampleSink>[1] {
  return {
    target,
    honorLabels: false,
    relabel: (labels) => labels,
    labelLimit: 0,
    labelNameLengthLimit: 0,
    labelValueLengthLimit: 0,
    honorTimestamps: false,
    trackTimestampsStaleness: false,
    sampleLimit: 0,
    seriesMax: SERIES_PER_TARGET_MAX,
  };
}

function collectorsOf(
  page: HostPage,
  processPage: HostPage,
  clock: Clock,
  proc: string,
  sys: string,
): readonly Collector[] {
  const stat = new StatCollector();
  const filesystems = new FilesystemCollector(clock);
  const processes = new ProcessCollector(clock, proc);
  return [
    ["stat", () => stat.collect(page, proc)],
    ["meminfo", () => collectMemory(page, proc)],
    ["loadavg", () => collectLoad(page, proc)],
    ["filesystem", () => filesystems.collect(page, proc)],
    ["diskstats", () => collectDisks(page, proc)],
    ["netdev", () => collectDevices(page, proc, sys)],
    ["netstat", () => collectNetstat(page, proc)],
    ["sockstat", () => collectSockstat(page, proc)],
    ["filefd", () => collectFilefd(page, proc)],
    ["vmstat", () => collectVmstat(page, proc)],
    ["pressure", () => collectPressure(page, proc)],
    ["conntrack", () => collectConntrack(page, proc)],
    ["uname", () => collectUname(page, proc)],
    ["time", () => collectTime(page, clock.now())],
    [PROCESSES, () => processes.collect(processPage)],
  ];
}
