/** From a group's plan to the notification its receiver gets, and how urgent that is. Pure. */
import type { Timestamp } from "../model/sample.ts";
import { type LabelMap, common } from "./group.ts";
import { PRIORITY } from "./outbox.ts";
import type { Plan, Quiet } from "./plan.ts";
import type { Notification, NotifiedAlert } from "./receiver.ts";
import type { AlertRecord } from "./records.ts";

/** Alerts carried in one notification; the rest is counted. A webhook of 1,000 alerts has about half a megabyte. */
const ALERTS_PER_NOTIFICATION_MAX = 1_000;

export interface Composition {
  readonly plan: Plan;
  readonly receiver: string;
  readonly groupKey: string;
  readonly groupLabels: LabelMap;
  readonly externalUrl: string;
  readonly alerts: ReadonlyMap<string, AlertRecord>;
  readonly quiet: ReadonlyMap<string, Quiet>;
}

export function compose(input: Composition): Notification {
  const { plan, alerts, quiet } = input;
  const found = (ids: readonly string[]): AlertRecord[] => ids.flatMap((id) => alerts.get(id) ?? []);
  const firing = found(plan.shown).sort((a, b) => a.startsAt - b.startsAt);
  const resolved = found(plan.resolved).sort((a, b) => a.startsAt - b.startsAt);
  const all = [...firing, ...resolved];
  const authors = new Set(plan.shown.map((id) => quiet.get(id)).map((one) => one?.by ?? ""));
  return {
    receiver: input.receiver,
    groupKey: input.groupKey,
    status: plan.status,
    groupLabels: input.groupLabels,
    commonLabels: all.length === 0 ? input.groupLabels : common(all.map((alert) => alert.labels)),
    commonAnnotations: common(all.map((alert) => alert.annotations)),
    externalUrl: input.externalUrl,
    alerts: all.slice(0, ALERTS_PER_NOTIFICATION_MAX).map((alert) => show(alert, quiet.get(alert.fingerprint))),
    firing: plan.shown.length,
    resolved: plan.resolved.length,
    truncated: Math.max(0, all.length - ALERTS_PER_NOTIFICATION_MAX),
    digest: undefined,
    acknowledgedBy: plan.status === "acknowledged" ? [...authors].sort().join(", ") : "",
    insteadOf: "",
  };
}

function show(alert: AlertRecord, quiet: Quiet | undefined): NotifiedAlert {
  return {
    fingerprint: alert.fingerprint,
    status: alert.status,
    labels: alert.labels,
    annotations: alert.annotations,
    startsAt: alert.startsAt,
    endsAt: alert.endsAt,
    value: alert.value,
    generatorUrl: alert.generatorUrl,
    unknown: alert.unknown,
    quiet: alert.status === "firing" ? quiet?.text : undefined,
  };
}

const CRITICAL = new Set(["critical", "page", "emergency", "disaster", "fatal"]);
const INFO = new Set(["info", "none", "debug", "notice"]);

/** How urgent a version is: critical firings, then changes of what was told, then warnings, then the rest. */
export function priorityOf(plan: Plan, notification: Notification): number {
  if (plan.reason === "resolved" || plan.reason === "quiet") return PRIORITY.change;
  const severities = notification.alerts.filter((a) => a.status === "firing").map((a) => a.labels["severity"] ?? "");
  if (severities.some((severity) => CRITICAL.has(severity))) return PRIORITY.critical;
  return severities.length > 0 && severities.every((severity) => INFO.has(severity)) ? PRIORITY.info : PRIORITY.warning;
}

/** `14:05` of the same day, else with its date; UTC, as a chat spans time zones. */
export function clockText(at: Timestamp, now: Timestamp): string {
  const iso = new Date(at).toISOString();
  return iso.slice(0, 10) === new Date(now).toISOString().slice(0, 10)
    ? `${iso.slice(11, 16)} UTC`
    : `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;
}
