/**
 * One tick of a group: its rules in order at one evaluation time. Recording rules are committed before the next
 * rule looks; alerts are only computed here, the manager makes them durable together with their consequences.
 */
import { errorText } from "../base/errors.ts";
import { formatDuration } from "../model/duration.ts";
import type { Clock } from "../base/clock.ts";
import type { EvaluationRecord, JournalRecord } from "../journal/record.ts";
import type { AlertState } from "../model/alert.ts";
import type { Labels } from "../model/labels.ts";
import { NO_REF, type Timestamp } from "../model/sample.ts";
import type { Appendable } from "../storage/storage.ts";
import type { ActiveAlert } from "./alert-state.ts";
import { type AlertSample, type Alerts, activeOnes, alertSeries, failedStep, step } from "./alerting.ts";
import {
  type EvaluationContext,
  Liveness,
  type PreparedRule,
  evaluateAlerting,
  evaluateRecording,
} from "./evaluate.ts";
import type { AlertingRule, RuleGroup } from "./group.ts";
import type { Refusal } from "./refusal.ts";
import { type RuleState, transitions } from "./rule-state.ts";

export interface TickContext extends EvaluationContext {
  readonly appendable: Appendable;
  readonly refusal: Refusal;
  readonly clock: Clock;
  readonly queryOffsetMs: number;
  readonly onNoData: "state" | "resolve";
  readonly noDataHoldMs: number;
  /** When this run took over stored alerts and how long nobody evaluated them; undefined: nothing was restored. */
  readonly restored: { readonly at: Timestamp; readonly downMs: number } | undefined;
}

/** A restored alert waits this long for its target to be scraped before an empty answer counts. */
const RESTORE_GRACE_MS = 10 * 60_000;

export interface RuleOutcome {
  readonly state: RuleState;
  readonly alerts: Alerts;
  readonly series: ReadonlyMap<string, Labels>;
  readonly error: string | undefined;
  readonly durationMs: number;
  readonly records: readonly JournalRecord[];
}

/** Evaluates all rules of the group at `at`; never throws for what a rule or the store does. */
export async function runTick(
  group: RuleGroup,
  states: readonly RuleState[],
  context: TickContext,
  at: Timestamp,
): Promise<readonly RuleOutcome[]> {
  const outcomes: RuleOutcome[] = [];
  let liveness: Promise<Liveness> | undefined;
  const sinceMs = context.restored === undefined ? Number.POSITIVE_INFINITY : at - context.restored.at;
  const ask = (): Promise<Liveness> =>
    (liveness ??= Liveness.ask(
      context,
      at - context.queryOffsetMs,
      sinceMs < RESTORE_GRACE_MS ? sinceMs - context.queryOffsetMs : undefined,
    ));
  for (const state of states) outcomes.push(await runRule(group, state, context, at, ask));
  return outcomes;
}

async function runRule(
  group: RuleGroup,
  state: RuleState,
  context: TickContext,
  at: Timestamp,
  ask: () => Promise<Liveness>,
): Promise<RuleOutcome> {
  const startedAt = context.clock.monotonic();
  const { rule } = state;
  let alerts = state.alerts;
  let { series } = state;
  let error: string | undefined;
  let reasons = (_from: AlertState, _to: AlertState): string => "";
  let count = 0;
  try {
    const samples =
      rule.kind === "recording"
        ? limited(await evaluateRecording(rule, context, at - context.queryOffsetMs), group)
        : undefined;
    if (rule.kind === "alerting") {
      const stepped = await alertStep(group, rule, state, context, at, ask);
      alerts = stepped.alerts;
      reasons = stepped.reasonOf;
    }
    const written = samples ?? (rule.kind === "alerting" ? alertSeries(rule, alerts) : []);
    count = samples?.length ?? activeOnes(alerts).length;
    series = await write(written, state.series, context, at - context.queryOffsetMs);
  } catch (thrown) {
    error = errorText(thrown);
    alerts = failedStep(state.alerts, at);
    const text = error;
    reasons = () => `evaluation failed: ${text}`;
  }
  const durationMs = context.clock.monotonic() - startedAt;
  const changed = rule.kind === "alerting" ? transitions(group, rule, state.alerts, alerts, at, reasons) : [];
  const evaluated = evaluationRecord(group, state, at, durationMs, count, error);
  return { state, alerts, series, error, durationMs, records: [...evaluated, ...changed] };
}

async function alertStep(
  group: RuleGroup,
  rule: AlertingRule,
  state: RuleState,
  context: TickContext,
  at: Timestamp,
  ask: () => Promise<Liveness>,
): Promise<{
  readonly alerts: Alerts;
  readonly reasonOf: (from: AlertState, to: AlertState) => string;
}> {
  const { elements, seriesRead } = await evaluateAlerting(rule, state.prepared, context, at - context.queryOffsetMs);
  const keys = new Set(elements.map((element) => element.labels.key));
  const gone = activeOnes(state.alerts).filter((alert) => !keys.has(alert.labels.key));
  const liveness = gone.length > 0 && context.onNoData === "state" ? await ask() : undefined;
  const isSilent = (alert: ActiveAlert): boolean =>
    liveness !== undefined && silent(alert, liveness, state.prepared, seriesRead, at, context);
  const alerts = step({ rule, before: state.alerts, elements, at, isSilent, noDataHoldMs: context.noDataHoldMs });
  limited(activeOnes(alerts), group, "alerts");
  return { alerts, reasonOf: (from, to) => reason(rule, from, to) };
}

/**
 * Whether a vanished element means "no data" and not "no longer true": what would have given it does not answer,
 * or this run has not seen the alert yet and its target has not been scraped.
 */
function silent(
  alert: ActiveAlert,
  liveness: Liveness,
  prepared: PreparedRule,
  seriesRead: number,
  at: Timestamp,
  context: TickContext,
): boolean {
  const state = liveness.of(alert.labels);
  const named = alert.labels.has("instance") || alert.labels.has("job");
  const since = context.restored === undefined || alert.seen ? Number.POSITIVE_INFINITY : at - context.restored.at;
  if (since < RESTORE_GRACE_MS && state === "unknown" && (named || seriesRead === 0)) return true;
  if (since < RESTORE_GRACE_MS && inHole(alert, prepared, liveness, since, context.restored?.downMs ?? 0)) return true;
  if (prepared.judgesSilence || state !== "down") return false;
  // Pending alerts promise nothing to anybody: they are held over a restart only.
  return alert.base === "firing" && (named || seriesRead === 0);
}

/** Scrapes from which a rate has a value. */
const RATE_SAMPLES = 2;

/**
 * Whether an empty answer is none because the outage tore a hole into the window: a rate answers again from two
 * scrapes on, a sum only when its window is past the hole, and then only a firing alert is worth the wait.
 */
function inHole(
  alert: ActiveAlert,
  { rangeMs, sumMs }: PreparedRule,
  liveness: Liveness,
  sinceMs: number,
  downMs: number,
): boolean {
  if (rangeMs === 0 || downMs <= rangeMs / 2) return false;
  const scrapes = liveness.scrapes(alert.labels);
  if (scrapes === undefined) return sinceMs < rangeMs;
  return scrapes < RATE_SAMPLES || (alert.base === "firing" && sinceMs < sumMs);
}

function reason(rule: AlertingRule, from: AlertState, to: AlertState): string {
  switch (to) {
    case "pending":
      return from === "inactive" ? "the expression returned this element" : "data is back";
    case "firing":
      if (from === "nodata" || from === "error") return "data is back";
      return rule.forMs > 0 ? `held for ${formatDuration(rule.forMs)}` : "the expression returned this element";
    case "nodata":
      return "the element is gone and its source does not answer";
    case "error":
      return "evaluation failed";
    case "inactive":
      if (from === "pending") return "no longer true before it fired";
      return from === "nodata" ? "its source answers without it, or gave no data for too long" : "no longer true";
  }
}

function limited<T>(items: readonly T[], group: RuleGroup, what: "series" | "alerts" = "series"): readonly T[] {
  if (group.limit > 0 && items.length > group.limit) {
    throw new Error(`exceeded limit of ${group.limit} with ${items.length} ${what}`);
  }
  return items;
}

/** Kept: a rule's first evaluation, each new error, and its end. */
function evaluationRecord(
  group: RuleGroup,
  state: RuleState,
  at: Timestamp,
  durationMs: number,
  series: number,
  error: string | undefined,
): readonly EvaluationRecord[] {
  const first = state.health === "unknown";
  const recovered = state.health === "err" && error === undefined;
  const news = error !== undefined && error !== state.lastError;
  if (!first && !recovered && !news) return [];
  return [
    {
      kind: "evaluation",
      at,
      group: group.name,
      rule: state.rule.name,
      ruleVersion: state.rule.version,
      durationMs,
      series,
      outcome: error === undefined ? "ok" : "error",
      ...(error !== undefined && { error }),
    },
  ];
}

/** Writes the samples and ends series that vanished. A store that refuses (full disk) must not stop alerts. */
async function write(
  samples: readonly AlertSample[],
  before: ReadonlyMap<string, Labels>,
  context: TickContext,
  at: Timestamp,
): Promise<ReadonlyMap<string, Labels>> {
  const now = new Map(samples.map(({ labels }) => [labels.key, labels]));
  if (samples.length === 0 && before.size === 0) return now;
  const appender = context.appendable.appender();
  try {
    for (const { labels, value } of samples) {
      const ref = appender.series(labels);
      if (ref !== NO_REF) appender.append(ref, at, value);
    }
    for (const [key, labels] of before) {
      if (now.has(key)) continue;
      const ref = appender.series(labels);
      if (ref !== NO_REF) appender.appendStale(ref, at);
    }
    const result = await appender.commit();
    context.refusal.taken(context.log);
    if (result.limited > 0) context.log.warn("series of rules were refused", { limited: result.limited });
  } catch (error) {
    appender.rollback();
    context.refusal.refused(context.log, error);
  }
  return now;
}

/** Ends series of rules that are gone. */
export async function endSeries(
  series: readonly Labels[],
  context: Pick<TickContext, "appendable" | "log">,
  at: Timestamp,
): Promise<void> {
  if (series.length === 0) return;
  const appender = context.appendable.appender();
  try {
    for (const labels of series) {
      const ref = appender.series(labels);
      if (ref !== NO_REF) appender.appendStale(ref, at);
    }
    await appender.commit();
  } catch (error) {
    appender.rollback();
    context.log.warn("series of removed rules were not ended", { error: errorText(error) });
  }
}
