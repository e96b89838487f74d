/**
 * Who else tells about this machine. In: the scraped targets and the store. Out: the address of a target on this very
 * machine that delivers `node_uname_info` with its name, as a node_exporter does; the own collector pauses for it.
 *
 * A machine elsewhere may have the same name (clones, containers): only a target at one of our own addresses counts.
 * What the run before this one stored counts as well, until the target's first scrape says otherwise: two samples of
 * our own after every restart would stand in five minutes of rates as a second machine, and fire alerts for it.
 */
import { hostname, networkInterfaces } from "node:os";
import type { Clock } from "../base/clock.ts";
import { METRIC_NAME } from "../model/labels.ts";
import { createMatcher } from "../model/matcher.ts";
import type { Timestamp } from "../model/sample.ts";
import type { ScrapeTargetStatus } from "../scrape/status.ts";
import type { Queryable } from "../storage/storage.ts";

/** How often it is looked for, ms. */
const LOOK_MS = 2_000;
/** A sample older than this says nothing of now: beyond the longest usual interval. */
const FRESH_MS = 150_000;
/** From so many samples on it has rates too: pausing before would empty the first screens. */
const SAMPLES_MIN = 2;

export interface HostRivalOptions {
  readonly store: Queryable;
  readonly targets: () => readonly ScrapeTargetStatus[];
  readonly clock: Clock;
  /** Default the name of this machine. */
  readonly nodename?: string;
}

/** Asks at most every few seconds and answers from memory in between. */
export function createHostRival(options: HostRivalOptions): () => Promise<string | undefined> {
  const { clock } = options;
  let found: string | undefined;
  let lookedAt = Number.NEGATIVE_INFINITY;
  return async () => {
    if (clock.monotonic() - lookedAt < LOOK_MS) return found;
    lookedAt = clock.monotonic();
    found = await look(options);
    return found;
  };
}

async function look({ store, targets, clock, nodename = hostname() }: HostRivalOptions): Promise<string | undefined> {
  const near = targets().filter((target) => target.health !== "down" && isOurs(target.url));
  if (near.length === 0) return undefined;
  const end: Timestamp = clock.now();
  const start: Timestamp = end - FRESH_MS;
  const matchers = [createMatcher(METRIC_NAME, "=", "node_uname_info"), createMatcher("nodename", "=", nodename)];
  using querier = store.querier(start, end);
  const { series } = await querier.select(matchers, { start, end, stepMs: 0, rangeMs: 0, func: "" });
  const alive = series.filter((one) => {
    const { from, to, stale } = one.samples();
    return to - from >= SAMPLES_MIN && stale?.[to - 1] !== 1;
  });
  return near.find((target) =>
    alive.some(({ labels }) => ["job", "instance"].every((name) => labels.get(name) === target.labels.get(name))),
  )?.url;
}

/** Loopback, our name, or an address of one of our interfaces. */
function isOurs(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const host = new URL(url).hostname.replace(/^\[(.*)\]$/, "$1");
  if (host === "localhost" || host === "::1" || host === hostname() || /^127\.\d+\.\d+\.\d+$/.test(host)) return true;
  return Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === host));
}
