/**
 * Everything one screen shows, asked for one moment. A request in, a snapshot out: one batch for all visible panels,
 * the alerts of that moment, and now and then the slower facts (targets, metric names, alert changes). Ranges of a
 * bucket grid do not change until the grid moves on, so they are asked again only then or every few seconds.
 */
import type {
  BatchAnswer,
  BatchQuery,
  Capabilities,
  DiscoveredTarget,
  EngineStatus,
  Source,
  TargetStatus,
} from "../api/source.ts";
import { errorText, UserError } from "../base/errors.ts";
import type { Alert } from "../model/alert.ts";
import type { Timestamp } from "../model/sample.ts";
import { buildFrame, failedAnswer, indexAnswers, type SourceFacts } from "../panel/build.ts";
import type { PanelFrame } from "../panel/frame.ts";
import { metricNames } from "../panel/metric-names.ts";
import { panelQueries, type PanelWindow } from "../panel/query.ts";
import type { PanelSpec } from "../panel/spec.ts";

export type JournalEntry = Awaited<ReturnType<Source["journal"]>>[number];
export type Change = Extract<JournalEntry, { kind: "transition" }>;
export type Mark = Extract<JournalEntry, { kind: "mark" }>;

export interface ScreenRequest {
  /** Panels to show; `now` ones are asked for the moment only. */
  readonly panels: readonly { readonly spec: PanelSpec; readonly ranged: boolean }[];
  readonly window: PanelWindow;
  readonly live: boolean;
  /** Targets are what the screen shows: they are asked each time. */
  readonly targets?: boolean;
}

export interface Snapshot {
  readonly window: PanelWindow;
  readonly frames: ReadonlyMap<string, PanelFrame>;
  readonly alerts: readonly Alert[];
  /** Why alerts cannot be known; undefined when they are. */
  readonly alertsError: string | undefined;
  readonly capabilities: Capabilities | undefined;
  readonly targets: readonly TargetStatus[];
  readonly targetsError: string | undefined;
  readonly discovered: readonly DiscoveredTarget[];
  readonly status: EngineStatus | undefined;
  readonly changes: readonly Change[];
  readonly marks: readonly Mark[];
  readonly metrics: ReadonlySet<string> | undefined;
  readonly labels: readonly string[];
}

/** What outlives a request: facts that change slowly and ranges whose grid has not moved. */
export interface Memory {
  slow: SlowFacts | undefined;
  slowAt: number;
  metrics: ReadonlySet<string> | undefined;
  metricsAt: number;
  ranges: Map<string, BatchAnswer>;
  rangesAt: number;
  /** When the engine was started; undefined before anybody was asked, 0 when nobody says. */
  startedAt: Timestamp | undefined;
}

type SlowFacts = Omit<Snapshot, "window" | "frames" | "alerts" | "alertsError" | "metrics">;

export function emptyMemory(): Memory {
  return {
    slow: undefined,
    slowAt: 0,
    metrics: undefined,
    metricsAt: 0,
    ranges: new Map(),
    rangesAt: 0,
    startedAt: undefined,
  };
}

/** Age at which slow facts are asked again, ms. */
const SLOW_MS = 10_000;
/** Age at which ranges are asked again though their grid stands: a late sample must not stay missing. */
const RANGES_MS = 5_000;
/** How far back alert changes are known, for jumping between them. */
const CHANGES_MS = 7 * 86_400_000;
const CHANGES_MAX = 500;
/** Age at which the list of metric names is asked again, ms: a new exporter's panels fill this soon. */
const METRICS_MS = 5_000;
/** Bound of one screen's question, ms; a slower engine is reported as not answering. */
const TIMEOUT_MS = 10_000;
/** Series of one panel query. */
const SERIES_MAX = 500;

/**
 * Asks everything a screen needs.
 *
 * @param monotonic ms of a clock that never runs back, for the age of what is remembered.
 * @throws what the batch throws: a screen without its panels has failed. Slow facts and alerts fail softly.
 */
export async function fetchSnapshot(
  source: Source,
  request: ScreenRequest,
  memory: Memory,
  monotonic: number,
  signal?: AbortSignal,
): Promise<Snapshot> {
  // Names first: what the store has never heard of need not be asked, and most panels are of exporters not here.
  await Promise.all([refreshMetrics(source, memory, monotonic), learnStart(source, memory)]);
  const window = { ...request.window, collectedSince: memory.startedAt ?? 0 };
  const slowDue = memory.slow === undefined || monotonic - memory.slowAt >= SLOW_MS;
  const [answers, alerts, slow, targets] = await Promise.all([
    askPanels(source, { ...request, window }, memory, monotonic, signal),
    settle(source.alerts(request.live ? "now" : window.at)),
    slowDue ? askSlow(source, window.at) : undefined,
    slowDue || request.targets !== true ? undefined : askTargets(source, memory.slow?.capabilities),
  ]);
  // A view without panels learns from the alerts whether anybody answers at all.
  if (request.panels.length === 0 && alerts.cause !== undefined && !isNotSupported(alerts.cause)) throw alerts.cause;
  if (slow !== undefined) {
    memory.slow = slow;
    memory.slowAt = monotonic;
    memory.startedAt = slow.status?.startedAt ?? memory.startedAt;
  }
  if (memory.slow !== undefined && targets !== undefined) memory.slow = { ...memory.slow, ...targets };
  const facts = memory.slow as SlowFacts;
  const byId = indexAnswers(answers);
  const { metrics } = memory;
  const reasons: SourceFacts = {
    ...(metrics === undefined ? {} : { metrics }),
    ...(facts.status === undefined ? {} : { startedAt: facts.status.startedAt }),
  };
  const frames = new Map(
    request.panels.map(({ spec, ranged }) => [spec.id, frameOf(spec, ranged, byId, window, reasons)]),
  );
  return { ...facts, metrics, window, frames, alerts: alerts.value ?? [], alertsError: alerts.error };
}

/** A panel asked for the moment only is built as if it were a bar, and then is what it was. */
function frameOf(
  spec: PanelSpec,
  ranged: boolean,
  answers: ReadonlyMap<string, BatchAnswer>,
  window: PanelWindow,
  facts: SourceFacts,
): PanelFrame {
  if (ranged) return buildFrame(spec, answers, window, facts);
  return { ...buildFrame(momentOnly(spec), answers, window, facts), spec };
}

function momentOnly(spec: PanelSpec): PanelSpec {
  return spec.kind === "bar" || spec.kind === "gauge" || spec.kind === "table" ? spec : { ...spec, kind: "bar" };
}

async function askPanels(
  source: Source,
  { panels, window, live }: ScreenRequest,
  memory: Memory,
  monotonic: number,
  signal: AbortSignal | undefined,
): Promise<readonly BatchAnswer[]> {
  const queries: BatchQuery[] = [];
  const kept: BatchAnswer[] = [];
  if (monotonic - memory.rangesAt >= RANGES_MS) {
    memory.ranges.clear();
    memory.rangesAt = monotonic;
  }
  const { metrics } = memory;
  for (const { spec, ranged } of panels) {
    for (const query of panelQueries(ranged ? spec : momentOnly(spec), window)) {
      // What the store has never heard of need not be asked every second; the slow facts tell when it has.
      if (metrics !== undefined && live && !mayAnswer(query.expr, metrics)) continue;
      const known = query.stepMs > 0 ? memory.ranges.get(rangeKey(query)) : undefined;
      if (known === undefined) queries.push(query);
      else kept.push({ ...known, id: query.id });
    }
  }
  if (queries.length === 0) return kept;
  const options = { timeoutMs: TIMEOUT_MS, limit: SERIES_MAX, ...(signal === undefined ? {} : { signal }) };
  const answers = await source.batch(queries, options);
  const byId = new Map(answers.map((answer) => [answer.id, answer]));
  for (const query of queries) {
    const answer = byId.get(query.id) ?? failedAnswer(query.id, "the engine gave no answer to this query");
    if (query.stepMs > 0 && answer.ok) memory.ranges.set(rangeKey(query), answer);
    kept.push(answer);
  }
  return kept;
}

const NAMES = new Map<string, readonly string[]>();
/** Expressions whose names are remembered; every panel's, at a few rate windows. */
const NAMES_MAX = 5_000;

function mayAnswer(expr: string, metrics: ReadonlySet<string>): boolean {
  let names = NAMES.get(expr);
  if (names === undefined) {
    names = metricNames(expr);
    if (NAMES.size >= NAMES_MAX) NAMES.clear();
    NAMES.set(expr, names);
  }
  return names.length === 0 || names.some((name) => metrics.has(name));
}

function rangeKey(query: BatchQuery): string {
  return `${query.start} ${query.end} ${query.stepMs} ${query.expr}`;
}

/** Everything that fails here fails softly: the screen says so and shows the rest. */
async function askSlow(source: Source, at: Timestamp): Promise<SlowFacts> {
  const capabilities = await settle(source.capabilities());
  const can = capabilities.value;
  const [targets, status, records, labels] = await Promise.all([
    askTargets(source, can),
    can?.kind === "engine" || can === undefined ? settle(source.status()) : undefined,
    can?.journal === false
      ? undefined
      : settle(source.journal(["transition", "mark"], at - CHANGES_MS, at + CHANGES_MS, CHANGES_MAX)),
    settle(source.labelNames([])),
  ]);
  return {
    capabilities: can,
    ...targets,
    status: status?.value,
    changes: (records?.value ?? []).filter((record) => record.kind === "transition"),
    marks: (records?.value ?? []).filter((record) => record.kind === "mark"),
    labels: labels.value ?? [],
  };
}

async function askTargets(
  source: Source,
  can: Capabilities | undefined,
): Promise<Pick<Snapshot, "targets" | "targetsError" | "discovered">> {
  const [targets, discovered] = await Promise.all([
    can?.targets === false ? undefined : settle(source.targets()),
    can?.control === true ? settle(source.discovered()) : undefined,
  ]);
  return {
    targets: targets?.value ?? [],
    targetsError: targets === undefined ? "this source does not know its targets" : targets.error,
    discovered: discovered?.value ?? [],
  };
}

/** A store that has just started knows no names yet: then they are asked for every time. */
async function refreshMetrics(source: Source, memory: Memory, monotonic: number): Promise<void> {
  const known = memory.metrics !== undefined && memory.metrics.size > 0;
  if (known && monotonic - memory.metricsAt < METRICS_MS) return;
  const names = await settle(source.labelValues("__name__", []));
  memory.metrics = names.value === undefined ? undefined : new Set(names.value);
  memory.metricsAt = monotonic;
}

/** Whether rate windows are full has to be known before the first rate is asked. */
async function learnStart(source: Source, memory: Memory): Promise<void> {
  if (memory.startedAt !== undefined) return;
  memory.startedAt = (await settle(source.status())).value?.startedAt ?? 0;
}

function isNotSupported(error: unknown): boolean {
  return error instanceof UserError && error.code === "not-supported";
}

interface Settled<T> {
  readonly value: T | undefined;
  readonly error: string | undefined;
  readonly cause: unknown;
}

async function settle<T>(promise: Promise<T>): Promise<Settled<T>> {
  try {
    return { value: await promise, error: undefined, cause: undefined };
  } catch (error) {
    return { value: undefined, error: errorText(error), cause: error };
  }
}
