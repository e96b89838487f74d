/**
 * One evaluation of an alerting rule as a pure step: alerts before + what the expression returned → alerts after.
 * The states and times are Prometheus'; beyond them, an element that vanished while its source was silent is held
 * as `nodata`, and a failed evaluation holds everything as `error`: neither is ever read as resolved.
 */
import type { Labels } from "../model/labels.ts";
import { METRIC_NAME } from "../model/labels.ts";
import type { Timestamp } from "../model/sample.ts";
import type { ActiveAlert } from "./alert-state.ts";
import type { AlertingRule } from "./group.ts";

/** Resolved alerts are kept and told this long, as Prometheus does, so that a lost message is repeated. */
export const RESOLVED_RETENTION_MS: number = 15 * 60_000;

/** One element of the result after its templates were expanded. */
export interface Element {
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly value: number;
}

export type Alerts = ReadonlyMap<string, ActiveAlert>;

export interface StepInput {
  readonly rule: AlertingRule;
  readonly before: Alerts;
  readonly elements: readonly Element[];
  readonly at: Timestamp;
  /** Asked for each active alert whose element vanished; true: its source is silent, hold it. */
  readonly isSilent: (alert: ActiveAlert) => boolean;
  readonly noDataHoldMs: number;
}

/**
 * The alerts after a successful evaluation, by key of their labels.
 *
 * @throws Error in Prometheus' words when two elements have the same labels.
 */
export function step(input: StepInput): Alerts {
  const { rule, before, at } = input;
  const found = new Map<string, Element>();
  for (const element of input.elements) {
    if (found.has(element.labels.key)) {
      throw new Error("vector contains metrics with the same labelset after applying alert labels");
    }
    found.set(element.labels.key, element);
  }
  const after = new Map<string, ActiveAlert>();
  for (const [key, alert] of before) {
    const element = found.get(key);
    const next = element === undefined ? vanished(alert, input) : undefined;
    if (next !== undefined) after.set(key, next);
  }
  for (const [key, element] of found) after.set(key, present(before.get(key), element, rule, at));
  return after;
}

function present(known: ActiveAlert | undefined, element: Element, rule: AlertingRule, at: Timestamp): ActiveAlert {
  const continued = known !== undefined && known.base !== "inactive";
  const activeAt = continued ? known.activeAt : at;
  const wasFiring = continued && known.base === "firing";
  const fires = wasFiring || at - activeAt >= rule.forMs;
  return {
    labels: element.labels,
    annotations: element.annotations,
    base: fires ? "firing" : "pending",
    held: undefined,
    heldSince: undefined,
    value: element.value,
    activeAt,
    firedAt: wasFiring ? known.firedAt : fires ? at : undefined,
    resolvedAt: undefined,
    keepFiringSince: undefined,
    lastEvalAt: at,
    seen: true,
  };
}

/** The next state of an alert whose element is gone; undefined: it is forgotten. */
function vanished(alert: ActiveAlert, input: StepInput): ActiveAlert | undefined {
  const { rule, at, noDataHoldMs } = input;
  if (alert.base === "inactive") {
    return at - (alert.resolvedAt ?? at) > RESOLVED_RETENTION_MS ? undefined : { ...alert, lastEvalAt: at };
  }
  const heldSince = alert.held === "nodata" ? (alert.heldSince ?? at) : at;
  if (input.isSilent(alert) && at - heldSince < noDataHoldMs) {
    // A pending one promised nothing to anybody: over a restart it goes on waiting, quietly.
    if (alert.base === "pending") return { ...alert, lastEvalAt: at };
    return { ...alert, held: "nodata", heldSince, lastEvalAt: at };
  }
  if (alert.base === "pending") return undefined;
  const keepSince = alert.keepFiringSince ?? at;
  if (rule.keepFiringForMs > 0 && at - keepSince < rule.keepFiringForMs) {
    const kept = { keepFiringSince: keepSince, lastEvalAt: at, seen: true };
    return { ...alert, held: undefined, heldSince: undefined, ...kept };
  }
  return { ...alert, base: "inactive", held: undefined, heldSince: undefined, resolvedAt: at, lastEvalAt: at };
}

/** After a failed evaluation: every active alert keeps its state and is marked. */
export function failedStep(before: Alerts, at: Timestamp): Alerts {
  return new Map(
    [...before].map(([key, alert]) => [
      key,
      alert.base === "inactive"
        ? alert
        : { ...alert, held: "error" as const, heldSince: alert.held === "error" ? alert.heldSince : at },
    ]),
  );
}

/** Pending, firing, or held: what `limit` counts and ALERTS shows. */
export function activeOnes(alerts: Alerts): readonly ActiveAlert[] {
  return [...alerts.values()].filter((alert) => alert.base !== "inactive");
}

export interface AlertSample {
  readonly labels: Labels;
  readonly value: number;
}

/** The series Prometheus writes of each active alert: ALERTS and ALERTS_FOR_STATE (seconds). */
export function alertSeries(rule: AlertingRule, alerts: Alerts): readonly AlertSample[] {
  return activeOnes(alerts).flatMap((alert) => [
    {
      labels: alert.labels.with({ [METRIC_NAME]: "ALERTS", alertname: rule.name, alertstate: alert.base }),
      value: 1,
    },
    {
      labels: alert.labels.with({ [METRIC_NAME]: "ALERTS_FOR_STATE", alertname: rule.name }),
      value: Math.floor(alert.activeAt / 1000),
    },
  ]);
}
