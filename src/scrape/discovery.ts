/**
 * Service discovery: each source keeps its last good answer and tells when its groups change. A source that fails
 * changes nothing: targets do not vanish because a file was half written or DNS was slow.
 */
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { DiscoveryConfig, TargetGroup } from "../model/job.ts";
import type { HttpClient } from "./client.ts";
import { STATUS_CODES } from "node:http";
import { UserError } from "../base/errors.ts";
import { causeSentence } from "./cause.ts";
import { watchFiles } from "./discovery-file.ts";
import { resolveNames } from "./discovery-dns.ts";
import { parseTargetGroups } from "./groups.ts";

/** Largest answer of a discovery endpoint: 100,000 targets of 160 bytes. */
const HTTP_BODY_BYTES_MAX = 16 * 1024 * 1024;
/** A discovery endpoint may compute its answer; no scrape waits for it. */
const HTTP_TIMEOUT_MS = 30_000;
/** Refreshing more often than this helps nobody. */
const REFRESH_MS_MIN = 1_000;

export interface DiscoveryOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly baseDir: string;
  readonly userAgent: string;
  /** For `http` sources, with the source's own credentials. */
  readonly clientFor: (config: DiscoveryConfig & { readonly kind: "http" }) => HttpClient;
}

export interface Discovery {
  /** Resolves when files and static groups have been read once; endpoints and DNS answer when they answer. */
  start(): Promise<void>;
  close(): Promise<void>;
}

/** @param onGroups is called with all groups of the source, each time they may have changed. */
export function createDiscovery(
  config: DiscoveryConfig,
  options: DiscoveryOptions,
  onGroups: (groups: readonly TargetGroup[]) => void,
): Discovery {
  switch (config.kind) {
    case "static":
      return { start: async () => onGroups(config.groups), close: async () => undefined };
    case "file":
      return watchFiles(config, options, onGroups);
    case "dns":
      return poll("dns_sd", config.refreshMs, options, async () => onGroups(await resolveNames(config, options.log)));
    case "http": {
      const client = options.clientFor(config);
      const polled = poll("http_sd", config.refreshMs, options, async () => {
        onGroups(await fetchGroups(config.url, config.refreshMs, client, options.userAgent));
      });
      return {
        start: () => polled.start(),
        async close() {
          await polled.close();
          await client.close();
        },
      };
    }
  }
}

/** Asks at once and then every `refreshMs`; never two questions at a time. */
function poll(what: string, refreshMs: number, options: DiscoveryOptions, ask: () => Promise<void>): Discovery {
  const { clock, log } = options;
  let timer: Disposable | undefined;
  let closed = false;
  const round = async (): Promise<void> => {
    try {
      await ask();
    } catch (error) {
      log.warn(`${what} keeps its last targets`, { cause: causeSentence(error, what) });
    }
    if (!closed) timer = clock.after(Math.max(refreshMs, REFRESH_MS_MIN), () => void round());
  };
  return {
    async start() {
      void round();
    },
    async close() {
      closed = true;
      timer?.[Symbol.dispose]();
    },
  };
}

async function fetchGroups(
  url: string,
  refreshMs: number,
  client: HttpClient,
  userAgent: string,
): Promise<readonly TargetGroup[]> {
  const answer = await client.get({
    url,
    headers: {
      accept: "application/json",
      "accept-encoding": "gzip",
      "user-agent": userAgent,
      "x-prometheus-refresh-interval-seconds": String(refreshMs / 1_000),
    },
    timeoutMs: HTTP_TIMEOUT_MS,
    bodyBytesMax: HTTP_BODY_BYTES_MAX,
  });
  if (answer.status !== 200) {
    throw new UserError("http-status", `${url} answered ${answer.status} ${STATUS_CODES[answer.status] ?? ""}`.trim());
  }
  return parseTargetGroups(answer.page.bytes.toString("utf8"), url, { __meta_url: url });
}
