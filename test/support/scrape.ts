/** A scrape manager on a hand-moved clock, real HTTP and the memory store, with ways to wait for scrapes. */
import { type ManualClock, manualClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import type { ScrapeJob } from "../../src/model/job.ts";
import { createMatcher } from "../../src/model/matcher.ts";
import { createScrapeManager, type ScrapeManager, type ScrapeManagerOptions } from "../../src/scrape/manager.ts";
import type { ScrapeTargetStatus } from "../../src/scrape/status.ts";
import { memoryStore, type MemoryStore } from "./memory-store.ts";

export const SCRAPE_START = 1_700_000_000_000;

export function scrapeJob(name: string, targets: readonly string[], changes: Partial<ScrapeJob> = {}): ScrapeJob {
  return {
    name,
    intervalMs: 10_000,
    timeoutMs: 5_000,
    metricsPath: "/metrics",
    scheme: "http",
    params: {},
    honorLabels: false,
    honorTimestamps: true,
    trackTimestampsStaleness: false,
    enableCompression: true,
    http: { followRedirects: true },
    discovery: [{ kind: "static", groups: [{ targets, labels: {}, source: "test" }] }],
    relabel: [],
    metricRelabel: [],
    bodySizeLimitBytes: 0,
    sampleLimit: 0,
    labelLimit: 0,
    labelNameLengthLimit: 0,
    labelValueLengthLimit: 0,
    targetLimit: 0,
    ...changes,
  };
}

/** All samples of the store as `series` → `[t - SCRAPE_START, value]`, with "stale" for markers. */
export type Dump = Readonly<Record<string, readonly (readonly [number, number | "stale"])[]>>;

export async function dumpStore(store: MemoryStore, metric = ".*"): Promise<Dump> {
  using querier = store.querier(0, 2 ** 52);
  const hints = { start: 0, end: 2 ** 52, stepMs: 0, rangeMs: 0, func: "" };
  const { series } = await querier.select([createMatcher("__name__", "=~", metric)], hints);
  const out: Record<string, [number, number | "stale"][]> = {};
  for (const one of series) {
    const { t, v, from, to, stale } = one.samples();
    const rows: [number, number | "stale"][] = [];
    for (let i = from; i < to; i++)
      rows.push([(t[i] as number) - SCRAPE_START, stale?.[i] === 1 ? "stale" : (v[i] as number)]);
    out[one.labels.toString()] = rows;
  }
  return out;
}

export interface ScrapeRig extends AsyncDisposable {
  readonly clock: ManualClock;
  readonly store: MemoryStore;
  readonly manager: ScrapeManager;
  /** Statuses in the order in which scrapes ended. */
  readonly scraped: readonly ScrapeTargetStatus[];
  /** Resolves when `count` scrapes have ended since the rig was made. */
  ended(count: number): Promise<void>;
  /** Moves the clock and waits for one more scrape to end. */
  next(ms: number): Promise<ScrapeTargetStatus>;
}

export function scrapeRig(options: Partial<ScrapeManagerOptions> = {}): ScrapeRig {
  const clock = manualClock(SCRAPE_START);
  const store = memoryStore();
  const scraped: ScrapeTargetStatus[] = [];
  let waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  const manager = createScrapeManager({
    appendable: store,
    clock,
    log: silentLogger,
    onScrape(status) {
      scraped.push(status);
      for (const { count, resolve } of waiting) if (scraped.length >= count) resolve();
      waiting = waiting.filter(({ count }) => scraped.length < count);
    },
    ...options,
  });
  const ended = async (count: number): Promise<void> => {
    if (scraped.length >= count) return;
    await new Promise<void>((resolve) => waiting.push({ count, resolve }));
  };
  return {
    clock,
    store,
    manager,
    scraped,
    ended,
    async next(ms) {
      const count = scraped.length + 1;
      await clock.advance(ms);
      await ended(count);
      // Let the loop come round to waiting for its next tick.
      await clock.advance(0);
      return scraped[count - 1] as ScrapeTargetStatus;
    },
    [Symbol.asyncDispose]: () => manager.close(),
  };
}
