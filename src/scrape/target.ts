/**
 * Targets of a job: discovered addresses with their labels in, relabelled targets with URL and identity out.
 *
 * As in Prometheus 3, `instance` is the address as written: no default port is added.
 */
import { createHash } from "node:crypto";
import type { ScrapeJob, TargetGroup } from "../model/job.ts";
import type { Relabeler } from "../model/relabel.ts";
import { UserError } from "../base/errors.ts";
import { parseDuration } from "../model/duration.ts";
import { Labels, quoteLabelValue } from "../model/labels.ts";

export interface Target {
  /** Same key = same target: its URL and the labels of its series. */
  readonly key: string;
  readonly job: string;
  readonly url: string;
  /** Host and port, for sentences. */
  readonly place: string;
  readonly labels: Labels;
  readonly discovered: Labels;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Where in its interval the target is scraped: 0 (included) to 1; the same after a restart. */
  readonly phase: number;
}

export interface TargetSet {
  readonly targets: readonly Target[];
  readonly dropped: readonly Labels[];
  /** Addresses that cannot be scraped, each with its reason. */
  readonly problems: readonly string[];
}

const PARAM_PREFIX = "__param_";

/** Labels before relabelling; a label that the group sets itself wins over the job's. */
function discoveredLabels(job: ScrapeJob, address: string, group: TargetGroup): Labels {
  const draft = new Map<string, string>([
    ["job", job.name],
    ["__scrape_interval__", durationText(job.intervalMs)],
    ["__scrape_timeout__", durationText(job.timeoutMs)],
    ["__metrics_path__", job.metricsPath],
    ["__scheme__", job.scheme],
  ]);
  for (const [name, values] of Object.entries(job.params)) {
    if (values[0] !== undefined) draft.set(PARAM_PREFIX + name, values[0]);
  }
  for (const [name, value] of Object.entries(group.labels)) draft.set(name, value);
  draft.set("__address__", address);
  return Labels.from(draft);
}

/** Milliseconds alone: any duration survives it, odd ones too. */
function durationText(ms: number): string {
  return ms % 1_000 === 0 ? `${ms / 1_000}s` : `${ms}ms`;
}

/** Sorted by parameter, as Go encodes a query. */
function queryOf(job: ScrapeJob, labels: Labels): string {
  const params = new Map<string, readonly string[]>(Object.entries(job.params));
  for (const [name, value] of labels) {
    if (!name.startsWith(PARAM_PREFIX)) continue;
    const key = name.slice(PARAM_PREFIX.length);
    params.set(key, [value, ...(params.get(key) ?? []).slice(1)]);
  }
  const query = new URLSearchParams();
  for (const name of [...params.keys()].sort()) for (const value of params.get(name) ?? []) query.append(name, value);
  return query.toString();
}

function urlOf(job: ScrapeJob, labels: Labels): URL {
  const address = labels.get("__address__");
  const scheme = labels.get("__scheme__");
  const path = labels.get("__metrics_path__");
  const query = queryOf(job, labels);
  const joined = `${path}${query === "" ? "" : `${path.includes("?") ? "&" : "?"}${query}`}`;
  const text = `${scheme}://${address}${joined.startsWith("/") ? "" : "/"}${joined}`;
  if (address === "" || /[/?#@\s]/.test(address) || !URL.canParse(text) || !/^https?$/.test(scheme)) {
    throw new UserError("bad-target", `${quoteLabelValue(`${scheme}://${address}`)} is not an address to scrape`, {
      hint: 'write "host:port" without a path; the path goes to metrics_path',
    });
  }
  return new URL(text);
}

/** 64 bits of SHA-256 as a fraction: any text spreads evenly and the same everywhere. */
function phaseOf(key: string): number {
  return createHash("sha256").update(key).digest().readUInt32BE(0) / 2 ** 32;
}

function toTarget(job: ScrapeJob, discovered: Labels, relabelled: Labels): Target {
  const url = urlOf(job, relabelled);
  const intervalMs = parseDuration(relabelled.get("__scrape_interval__"));
  const timeoutMs = parseDuration(relabelled.get("__scrape_timeout__"));
  if (intervalMs <= 0 || timeoutMs <= 0 || timeoutMs > intervalMs) {
    throw new UserError("bad-target", `${url.host}: the scrape timeout must be above 0 and at most the interval`);
  }
  const kept = [...relabelled].filter(([name]) => !name.startsWith("__"));
  if (!relabelled.has("instance")) kept.push(["instance", relabelled.get("__address__")]);
  const labels = Labels.from(kept);
  const key = `${url.href}\u0000${labels.key}`;
  return {
    key,
    job: job.name,
    url: url.href,
    place: url.host,
    labels,
    discovered,
    intervalMs,
    timeoutMs,
    phase: phaseOf(key),
  };
}

/** Targets of all groups of a job; the same target found twice is one. */
export function buildTargets(job: ScrapeJob, groups: readonly TargetGroup[], relabel: Relabeler): TargetSet {
  const targets = new Map<string, Target>();
  const dropped: Labels[] = [];
  const problems: string[] = [];
  for (const group of groups) {
    for (const address of group.targets) {
      const discovered = discoveredLabels(job, address, group);
      const relabelled = relabel(discovered);
      if (relabelled === undefined) {
        dropped.push(discovered);
        continue;
      }
      try {
        const target = toTarget(job, discovered, relabelled);
        targets.set(target.key, target);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        problems.push(`${group.source}: ${error.message}`);
      }
    }
  }
  return { targets: [...targets.values()], dropped, problems };
}
