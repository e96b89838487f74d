/**
 * What is known of one alert between evaluations, and its stored form. A record is written at every transition and
 * read back whole at start, whatever the rule's `for`.
 */
import { UserError } from "../base/errors.ts";
import { decodeJson, encodeJson } from "../journal/codec.ts";
import type { Alert, AlertState } from "../model/alert.ts";
import { Labels } from "../model/labels.ts";
import { fingerprint } from "../model/fingerprint.ts";
import type { Timestamp } from "../model/sample.ts";
import type { AlertingRule, RuleGroup } from "./group.ts";

/** Immutable: an evaluation makes new ones, which take effect when they are durable. */
export interface ActiveAlert {
  readonly labels: Labels;
  readonly annotations: Labels;
  /** What Prometheus would call its state. */
  readonly base: "pending" | "firing" | "inactive";
  /** Why `base` is held instead of evaluated. */
  readonly held: "nodata" | "error" | undefined;
  readonly heldSince: Timestamp | undefined;
  readonly value: number;
  readonly activeAt: Timestamp;
  readonly firedAt: Timestamp | undefined;
  readonly resolvedAt: Timestamp | undefined;
  readonly keepFiringSince: Timestamp | undefined;
  readonly lastEvalAt: Timestamp;
  /** False for a restored alert that no evaluation of this run has judged yet. */
  readonly seen: boolean;
}

export function stateOf(alert: ActiveAlert): AlertState {
  return alert.base === "inactive" ? "inactive" : (alert.held ?? alert.base);
}

/** Whether two states of one alert differ in something that must survive a kill. */
export function sameRecord(a: ActiveAlert, b: ActiveAlert): boolean {
  return (
    a.base === b.base &&
    a.held === b.held &&
    a.heldSince === b.heldSince &&
    a.activeAt === b.activeAt &&
    a.firedAt === b.firedAt &&
    a.resolvedAt === b.resolvedAt &&
    a.keepFiringSince === b.keepFiringSince
  );
}

export const ALERT_PREFIX = "alert/";
export const ALERT_END = "alert0";
/** Raised when a field changes meaning. */
const SCHEMA = 1;

export interface StoredAlert {
  readonly key: string;
  readonly rule: string;
  readonly group: string;
  readonly name: string;
  readonly alert: ActiveAlert;
}

/** One alert of one rule; the fingerprint comes last so that a rule's alerts lie together. */
export function alertKey(rule: string, labels: Labels): string {
  return `${ALERT_PREFIX}${encodeURIComponent(rule)}/${fingerprint(labels)}`;
}

export function encodeAlert(rule: string, group: string, name: string, alert: ActiveAlert): string {
  const { labels, annotations, seen, ...rest } = alert;
  return encodeJson({
    schema: SCHEMA,
    rule,
    group,
    name,
    ...rest,
    labels: [...labels],
    annotations: [...annotations],
    // `seen` is about one run; it is written so that a record shows whether the run had data.
    seen,
  });
}

/** @throws UserError `state-damaged` when the record is of no known form. */
export function decodeAlert(key: string, text: string): StoredAlert {
  const fail = (why: string): never => {
    throw new UserError("state-damaged", `the stored alert "${key}" cannot be read: ${why}`, { exit: 6 });
  };
  let value: Record<string, unknown>;
  try {
    value = decodeJson(text) as Record<string, unknown>;
  } catch {
    return fail("not JSON");
  }
  if (value["schema"] !== SCHEMA) fail(`schema ${String(value["schema"])}`);
  const time = (name: string): Timestamp | undefined => {
    const at = value[name];
    return typeof at === "number" && Number.isFinite(at) ? at : undefined;
  };
  const pairs = (name: string): Labels =>
    Array.isArray(value[name]) ? Labels.from(value[name] as (readonly [string, string])[]) : fail(`no ${name}`);
  const base = value["base"];
  if (base !== "pending" && base !== "firing" && base !== "inactive") return fail(`state ${String(base)}`);
  const held = value["held"];
  const alert: ActiveAlert = {
    labels: pairs("labels"),
    annotations: pairs("annotations"),
    base,
    held: held === "nodata" || held === "error" ? held : undefined,
    heldSince: time("heldSince"),
    value: typeof value["value"] === "number" ? value["value"] : Number.NaN,
    activeAt: time("activeAt") ?? fail("no activeAt"),
    firedAt: time("firedAt"),
    resolvedAt: time("resolvedAt"),
    keepFiringSince: time("keepFiringSince"),
    lastEvalAt: time("lastEvalAt") ?? fail("no lastEvalAt"),
    seen: false,
  };
  return { key, rule: String(value["rule"]), group: String(value["group"]), name: String(value["name"]), alert };
}

/** The alert as other rooms see it. */
export function toAlert(alert: ActiveAlert, group: RuleGroup, rule: AlertingRule, generatorUrl: string): Alert {
  return {
    labels: alert.labels,
    annotations: alert.annotations,
    state: stateOf(alert),
    value: alert.value,
    activeAt: alert.activeAt,
    firedAt: alert.firedAt,
    resolvedAt: alert.resolvedAt,
    ...(alert.seen || alert.base === "inactive" ? {} : { restored: true as const }),
    lastEvalAt: alert.lastEvalAt,
    rule: { group: group.name, file: group.file, name: rule.name, expr: rule.expr },
    generatorUrl,
  };
}
