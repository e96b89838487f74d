/** `/api/v1/targets`, `targets/metadata`, `scrape_pools`, `alertmanagers`: what is scraped, as Prometheus tells it. */
import { hostname } from "node:os";
import { formatDuration } from "../../model/duration.ts";
import { createMatcher, type Matcher } from "../../model/matcher.ts";
import { METRIC_NAME } from "../../model/labels.ts";
import type { Metadata } from "../../model/metadata.ts";
import { type Request, type Route, success } from "../http.ts";
import { TIME_MS_MAX } from "../params.ts";
import { parseSelectors } from "../selectors.ts";
import type { EngineServices } from "../services.ts";
import type { TargetStatus } from "../source.ts";
import { instantText } from "../encode.ts";

/** What a family's samples may end with beside its own name. */
const SUFFIXES = ["", "_total", "_bucket", "_count", "_sum", "_info", "_created"] as const;
const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

function targetJson(target: TargetStatus): unknown {
  return {
    discoveredLabels: target.discovered ?? { __address__: addressOf(target.url), job: target.job },
    labels: target.labels,
    scrapePool: target.job,
    scrapeUrl: target.url,
    globalUrl: globalUrl(target.url),
    lastError: target.lastError,
    lastScrape: instantText(target.lastScrapeAt),
    lastScrapeDuration: target.lastDurationMs / 1_000,
    health: target.health,
    scrapeInterval: formatDuration(target.intervalMs),
    scrapeTimeout: formatDuration(target.timeoutMs),
  };
}

function addressOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}

/** How another machine would reach the target: a loopback name means nothing there. */
function globalUrl(url: string): string {
  if (!URL.canParse(url)) return url;
  const parsed = new URL(url);
  if (!LOOPBACK.test(parsed.hostname)) return url;
  return url.replace(parsed.hostname, hostname());
}

function targets(services: EngineServices, { parameters }: Request): unknown {
  const state = (parameters.text("state") ?? "any").toLowerCase();
  const pool = parameters.text("scrapePool");
  const dropped = services.dropped();
  const withDropped = state === "any" || state === "dropped";
  return {
    activeTargets:
      state === "any" || state === "active"
        ? services
            .targets()
            .flatMap((target) => (pool === undefined || target.job === pool ? [targetJson(target)] : []))
        : [],
    droppedTargets: withDropped
      ? dropped.flatMap((one) =>
          pool === undefined || one.job === pool ? [{ discoveredLabels: one.discovered, scrapePool: one.job }] : [],
        )
      : [],
    droppedTargetCounts: withDropped
      ? Object.fromEntries(
          services.scrapePools().map((name) => [name, dropped.filter((one) => one.job === name).length]),
        )
      : null,
  };
}

/** Which of the described families a target exposes, by the names of its series. */
async function familiesOf(
  services: EngineServices,
  target: TargetStatus,
  described: ReadonlyMap<string, readonly Metadata[]>,
): Promise<readonly (readonly [family: string, metadata: Metadata])[]> {
  using querier = services.storage.querier(-TIME_MS_MAX, TIME_MS_MAX);
  const own = [...target.labels].map(([name, value]) => createMatcher(name, "=", value));
  const names = new Set(await querier.labelValues(METRIC_NAME, own));
  return [...described].flatMap(([family, all]) => {
    const [first] = all;
    return first !== undefined && SUFFIXES.some((suffix) => names.has(family + suffix))
      ? [[family, first] as const]
      : [];
  });
}

async function targetMetadata(services: EngineServices, { parameters }: Request): Promise<readonly unknown[]> {
  const limit = parameters.integer("limit", -1);
  const metric = parameters.text("metric");
  const text = parameters.text("match_target");
  const matchers: readonly Matcher[] = text === undefined ? [] : (parseSelectors([text], "match_target")[0] ?? []);
  const described = services.storage.metadata(metric);
  const rows: unknown[] = [];
  for (const target of services.targets()) {
    if (limit >= 0 && rows.length >= limit) break;
    if (!matchers.every(({ name, matches }) => matches(target.labels.get(name)))) continue;
    for (const [family, { type, help, unit }] of await familiesOf(services, target, described)) {
      if (limit >= 0 && rows.length >= limit) break;
      rows.push({ target: target.labels, ...(metric === undefined ? { metric: family } : {}), type, help, unit });
    }
  }
  return rows;
}

export function targetRoutes(services: EngineServices): readonly Route[] {
  const get = (path: string, data: (request: Request) => unknown): Route => ({
    methods: ["GET"],
    path: `/api/v1/${path}`,
    handle: async (request) => success(await data(request)),
  });
  return [
    get("targets", (request) => targets(services, request)),
    get("targets/metadata", (request) => targetMetadata(services, request)),
    get("scrape_pools", () => ({ scrapePools: services.scrapePools() })),
    get("alertmanagers", () => ({ activeAlertmanagers: [], droppedAlertmanagers: [] })),
  ];
}
