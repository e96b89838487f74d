/**
 * What is scraped beyond the configuration: exporters recognised on loopback ports are offered, and those a person
 * added with one key are remembered in the state store, so a restart scrapes them again.
 */
import type { DiscoveredTarget } from "../api/source.ts";
import type { Clock } from "../base/clock.ts";
import { EXIT, UserError, errorText } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { ScrapeJob } from "../model/job.ts";
import { discoverExporters } from "../scrape/discover.ts";
import type { ScrapeManager } from "../scrape/manager.ts";
import type { StateStore } from "../state/state.ts";
import { SCRAPERS } from "../../scrapers/index.ts";
import type { Settings } from "./settings.ts";

const PREFIX = "target/";
const END = "target0";
/** Targets a person may add by key; a fleet belongs into a configuration file. */
const ADDED_MAX = 100;
/** A found exporter is scraped this often, ms: the documents' usual interval. */
const INTERVAL_MS = 15_000;
/** Found exporters are looked for again when the last look is older than this, ms. */
const FRESH_MS = 10_000;

export interface Discovery {
  start(): Promise<void>;
  /** Exporters found and not scraped. */
  found(): Promise<readonly DiscoveredTarget[]>;
  /** @throws UserError `unknown-scraper`, `bad-target`, `too-many-targets`. */
  add(scraper: string, url: string): Promise<void>;
  /** New configuration: its jobs and the added ones are applied together. */
  reload(settings: Settings): Promise<void>;
  close(): void;
}

export interface DiscoveryOptions {
  readonly state: StateStore;
  readonly scraper: ScrapeManager;
  readonly clock: Clock;
  readonly log: Logger;
  readonly settings: Settings;
  readonly addFound: boolean;
}

export function createDiscovery({ state, scraper, clock, log, settings, addFound }: DiscoveryOptions): Discovery {
  let current = settings;
  const added = new Map<string, ScrapeJob>();
  let lastLook = Number.NEGATIVE_INFINITY;
  let seen: readonly DiscoveredTarget[] = [];
  let timer: Disposable | undefined;

  const apply = (): Promise<void> => scraper.apply([...current.config.scrapeJobs, ...added.values()]);

  const look = async (): Promise<readonly DiscoveredTarget[]> => {
    if (clock.monotonic() - lastLook > FRESH_MS) {
      lastLook = clock.monotonic();
      seen = await discoverExporters(SCRAPERS);
    }
    const scraped = new Set(scraper.targets().map((target) => target.url));
    return seen.filter((one) => !scraped.has(one.url));
  };

  const add = async (name: string, url: string): Promise<void> => {
    const job = jobFor(name, url);
    if (added.size >= ADDED_MAX)
      throw new UserError("too-many-targets", `${ADDED_MAX} targets have been added already`, {
        hint: "write them into a prometheus.yml and start with --config",
      });
    added.set(url, job);
    await state.batch([{ kind: "put", key: PREFIX + url, value: JSON.stringify({ scraper: name, url }) }]);
    await apply();
    log.info("target added", { scraper: name, url });
  };

  const addAll = async (): Promise<void> => {
    for (const one of await look()) if (added.size < ADDED_MAX) await add(one.scraper, one.url);
  };

  const arm = (): void => {
    const { enabled, intervalMs } = current.config.own.discover;
    if (!enabled || !(addFound || current.config.own.discover.add)) return;
    timer = clock.after(intervalMs, () => {
      addAll().catch((error: unknown) => log.warn("discovery failed", { error: errorText(error) }));
      arm();
    });
  };

  return {
    async start() {
      for await (const [, value] of state.scan({ gte: PREFIX, lt: END, limit: ADDED_MAX })) {
        const { scraper: name, url } = JSON.parse(value) as { scraper: string; url: string };
        try {
          added.set(url, jobFor(name, url));
        } catch (error) {
          log.warn("added target left out", { url, error: errorText(error) });
        }
      }
      await apply();
      if (addFound || current.config.own.discover.add) await addAll();
      arm();
    },
    found: () => (current.config.own.discover.enabled ? look() : Promise.resolve([])),
    add,
    async reload(next) {
      current = next;
      timer?.[Symbol.dispose]();
      await apply();
      arm();
    },
    close: () => timer?.[Symbol.dispose](),
  };
}

function jobFor(name: string, text: string): ScrapeJob {
  const spec = SCRAPERS.find((one) => one.name === name);
  if (spec === undefined) {
    throw new UserError("unknown-scraper", `there is no scraper "${name}"`, {
      hint: `scrapers: ${SCRAPERS.map((one) => one.name).join(", ")}`,
      exit: EXIT.usage,
    });
  }
  if (!URL.canParse(text)) throw new UserError("bad-target", `"${text}" is not a URL`, { exit: EXIT.usage });
  const url = new URL(text);
  return {
    name: spec.name,
    intervalMs: INTERVAL_MS,
    timeoutMs: 10_000,
    metricsPath: url.pathname,
    scheme: url.protocol === "https:" ? "https" : "http",
    params: Object.fromEntries([...new Set(url.searchParams.keys())].map((key) => [key, url.searchParams.getAll(key)])),
    honorLabels: false,
    honorTimestamps: true,
    trackTimestampsStaleness: false,
    enableCompression: false,
    http: { followRedirects: true },
    discovery: [{ kind: "static", groups: [{ targets: [url.host], labels: {}, source: "added" }] }],
    relabel: [],
    metricRelabel: [],
    bodySizeLimitBytes: 0,
    sampleLimit: 0,
    labelLimit: 0,
    labelNameLengthLimit: 0,
    labelValueLengthLimit: 0,
    targetLimit: 0,
  };
}
