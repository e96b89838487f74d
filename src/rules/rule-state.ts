/** What the manager keeps of one rule between ticks, and what one tick of a group found out. */
import type { JournalRecord, TransitionRecord } from "../journal/record.ts";
import type { AlertState } from "../model/alert.ts";
import type { Labels } from "../model/labels.ts";
import { fingerprint } from "../model/fingerprint.ts";
import type { Timestamp } from "../model/sample.ts";
import type { StateOp } from "../state/state.ts";
import { alertKey, encodeAlert, sameRecord, stateOf } from "./alert-state.ts";
import type { Alerts } from "./alerting.ts";
import { type PreparedRule, prepareRule } from "./evaluate.ts";
import type { AlertingRule, Rule, RuleGroup } from "./group.ts";

export class RuleState {
  /** Names the rule across reloads and restarts. */
  readonly key: string;
  readonly rule: Rule;
  readonly prepared: PreparedRule;
  /** Alerts as of the last evaluation. */
  alerts: Alerts = new Map();
  /** Alerts as they are on disk; differs from `alerts` only while the disk refuses writes. */
  stored: Alerts = new Map();
  /** Series written by the last evaluation, to mark those that vanish as stale. */
  series: ReadonlyMap<string, Labels> = new Map();
  health: "ok" | "err" | "unknown" = "unknown";
  lastError = "";
  lastEvalAt: Timestamp = 0;
  lastDurationMs = 0;

  constructor(key: string, rule: Rule) {
    this.key = key;
    this.rule = rule;
    this.prepared = prepareRule(rule);
  }

  /** Takes over what the same rule knew before a reload. */
  inherit(before: RuleState): void {
    this.alerts = before.alerts;
    this.stored = before.stored;
    this.series = before.series;
    this.health = before.health;
    this.lastError = before.lastError;
    this.lastEvalAt = before.lastEvalAt;
    this.lastDurationMs = before.lastDurationMs;
  }
}

/**
 * A state for each rule of the group, in order. A rule is known by kind, group, name and labels, so its expression,
 * its `for` and its file may change; rules that share all of these are told apart by their order.
 */
export function ruleStates(group: RuleGroup): readonly RuleState[] {
  const counts = new Map<string, number>();
  return group.rules.map((rule) => {
    const name = JSON.stringify([rule.kind, group.name, rule.name, [...rule.labels]]);
    const count = counts.get(name) ?? 0;
    counts.set(name, count + 1);
    return new RuleState(count === 0 ? name : `${name}#${count}`, rule);
  });
}

/** Operations that bring the stored alerts of a rule to `after`. */
export function alertOps(
  key: string,
  group: RuleGroup,
  rule: AlertingRule,
  stored: Alerts,
  after: Alerts,
): readonly StateOp[] {
  const ops: StateOp[] = [];
  for (const [id, alert] of after) {
    const known = stored.get(id);
    if (known !== undefined && sameRecord(known, alert)) continue;
    ops.push({ kind: "put", key: alertKey(key, alert.labels), value: encodeAlert(key, group.name, rule.name, alert) });
  }
  for (const [id, alert] of stored) if (!after.has(id)) ops.push({ kind: "del", key: alertKey(key, alert.labels) });
  return ops;
}

/** Longest label or annotation the journal keeps: enough to read, too little to fill a disk in a storm. */
const KEPT_LENGTH_MAX = 4_096;

function clipped(labels: Labels): Record<string, string> {
  return Object.fromEntries(
    [...labels].map(([name, value]) => [
      name,
      value.length > KEPT_LENGTH_MAX ? `${value.slice(0, KEPT_LENGTH_MAX - 1).toWellFormed()}…` : value,
    ]),
  );
}

function journalValue(value: number): TransitionRecord["value"] {
  if (Number.isFinite(value)) return value;
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}

/** The journal's lines for what changed between two evaluations. */
export function transitions(
  group: RuleGroup,
  rule: AlertingRule,
  before: Alerts,
  after: Alerts,
  at: Timestamp,
  reasonOf: (from: AlertState, to: AlertState) => string,
): readonly JournalRecord[] {
  const records: JournalRecord[] = [];
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const old = before.get(key);
    const now = after.get(key);
    const from = old === undefined ? "inactive" : stateOf(old);
    const to = now === undefined ? "inactive" : stateOf(now);
    const alert = now ?? old;
    if (from === to || alert === undefined) continue;
    records.push({
      kind: "transition",
      at,
      fingerprint: fingerprint(alert.labels),
      labels: clipped(alert.labels),
      annotations: clipped(alert.annotations),
      group: group.name,
      rule: rule.name,
      ruleVersion: rule.version,
      from,
      to,
      value: journalValue(alert.value),
      activeAt: alert.activeAt,
      reason: reasonOf(from, to),
    });
  }
  return records;
}
