/**
 * What a store tells of an engine that no longer runs: its targets as their last samples left them, and how it ended.
 * "Now" is the newest sample, not the clock: the question is how things stood when the data ends.
 */
import type { EngineStatus, StatusItem, TargetStatus } from "../api/source.ts";
import { formatDuration } from "../model/duration.ts";
import { compareLabels, type Labels, METRIC_NAME } from "../model/labels.ts";
import { createMatcher } from "../model/matcher.ts";
import type { Timestamp } from "../model/sample.ts";
import { formatTime } from "../model/time.ts";
import { formatValue } from "../model/unit.ts";
import type { Journal } from "../journal/journal.ts";
import type { NoteRecord } from "../journal/record.ts";
import type { Queryable, SelectHints } from "../storage/storage.ts";
import type { TsdbStats } from "../tsdb/options.ts";
import { standingItems, worstFirst } from "./store-items.ts";

/** A target without a sample this long before the end was gone already: the longest usual scrape interval, ms. */
const REACH_MS = 300_000;
/** Notes looked at for the last start and stop. */
const NOTES_MAX = 200;

interface Last {
  readonly labels: Labels;
  readonly t: Timestamp;
  readonly v: number;
  /** Between the two newest samples; 0 when there is one. */
  readonly intervalMs: number;
}

async function lastSamples(store: Queryable, metric: string, at: Timestamp): Promise<readonly Last[]> {
  const hints: SelectHints = { start: at - REACH_MS + 1, end: at, stepMs: 0, rangeMs: 0, func: "" };
  using querier = store.querier(hints.start, hints.end);
  const { series } = await querier.select([createMatcher(METRIC_NAME, "=", metric)], hints);
  return series.flatMap((one) => {
    const { t, v, from, to, stale } = one.samples();
    let last = to - 1;
    while (last >= from && stale?.[last] === 1) last--;
    if (last < from) return [];
    const intervalMs = last > from ? (t[last] as number) - (t[last - 1] as number) : 0;
    return [{ labels: one.labels, t: t[last] as number, v: v[last] as number, intervalMs }];
  });
}

/** Targets as `up` and its companions tell them; why one was down is not among the samples. */
export async function lastTargets(store: Queryable, at: Timestamp): Promise<readonly TargetStatus[]> {
  const companions = async (metric: string): Promise<ReadonlyMap<string, number>> =>
    new Map((await lastSamples(store, metric, at)).map(({ labels, v }) => [labels.without(METRIC_NAME).key, v]));
  const seconds = await companions("scrape_duration_seconds");
  const samples = await companions("scrape_samples_scraped");
  const up = [...(await lastSamples(store, "up", at))].sort((a, b) => compareLabels(a.labels, b.labels));
  return up.map(({ labels, t, v, intervalMs }) => {
    const own = labels.without(METRIC_NAME);
    return {
      job: own.get("job"),
      url: own.get("instance"),
      labels: own,
      health: v === 1 ? "up" : "down",
      lastError: v === 1 ? "" : "was down when the data ends; the reason is not stored",
      lastScrapeAt: t,
      lastDurationMs: (seconds.get(own.key) ?? 0) * 1_000,
      samples: samples.get(own.key) ?? 0,
      intervalMs,
      timeoutMs: 0,
    };
  });
}

export interface StoppedParts {
  readonly place: string;
  readonly version: string;
  /** An engine that listens elsewhere is writing there. */
  readonly held: boolean;
  readonly stats: TsdbStats;
  readonly journal: Journal;
  /** The newest sample. */
  readonly at: Timestamp;
  readonly targets: readonly TargetStatus[];
  readonly firing: number;
}

export async function stoppedStatus(parts: StoppedParts): Promise<EngineStatus> {
  const { place, version, stats, targets, firing, at } = parts;
  const down = targets.filter((target) => target.health === "down");
  const items: StatusItem[] = [
    ...standingItems(stats, place, at),
    { name: "engine", state: "warn", text: await ending(parts) },
    ...down.map((one): StatusItem => ({ name: "target", state: "warn", text: `${one.job} ${one.url} was down` })),
    ...(firing > 0 ? [{ name: "alerts", state: "warn" as const, text: `${firing} firing when the data ends` }] : []),
    { name: "store", state: "ok", text: storeText(stats, at) },
    {
      name: "targets",
      state: down.length > 0 ? "warn" : "ok",
      text: `${targets.length - down.length} of ${targets.length} were up`,
    },
  ];
  return { version, pid: 0, startedAt: 0, dataDir: place, configFile: "", embedded: false, items: worstFirst(items) };
}

function storeText(stats: TsdbStats, at: Timestamp): string {
  const size = formatValue(stats.diskBytes, "bytes");
  const span =
    stats.minT === undefined ? "" : `, ${formatDuration(Math.round((at - stats.minT) / 1_000) * 1_000)} of data`;
  return `${stats.series} series, ${stats.samples} samples, ${size} on disk${span}, until ${formatTime(at, false)}`;
}

async function ending({ journal, place, at, held }: StoppedParts): Promise<string> {
  if (held) return `an engine runs on ${place} and listens on another socket (--socket); this is a picture of its data`;
  const notes = (await journal.scan(["note"], 0, Number.MAX_SAFE_INTEGER, NOTES_MAX)) as readonly NoteRecord[];
  const last = notes.filter((note) => note.topic === "engine").at(-1);
  const how =
    last === undefined
      ? ""
      : last.text.startsWith("stopped")
        ? `: it ${last.text} at ${formatTime(last.at, false)}`
        : `: it ended without a word after ${formatTime(at, false)}`;
  return `no engine runs; reading ${place}${how}`;
}
