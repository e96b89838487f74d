/**
 * From the rules' view of an alert to the notifier's: firing or resolved, nothing else. An alert without data or with
 * a failing rule is held as it was; only an evaluation that says so resolves it.
 */
import type { Alert } from "../model/alert.ts";
import type { Timestamp } from "../model/sample.ts";
import type { AlertRecord } from "./records.ts";

export interface Noted {
  readonly record: AlertRecord;
  /** Must be on disk; otherwise only text or value changed, which the next tick brings again. */
  readonly durable: boolean;
  /** A new firing episode: it joins its groups. */
  readonly fired: boolean;
}

/** @returns undefined where the notifier has no interest: pending, or resolved and never told. */
export function noteAlert(
  known: AlertRecord | undefined,
  alert: Alert,
  fingerprint: string,
  at: Timestamp,
): Noted | undefined {
  const wasFiring = known?.status === "firing";
  const held = (alert.state === "nodata" || alert.state === "error") && alert.firedAt !== undefined;
  if (alert.state !== "firing" && !(held && alert.resolvedAt === undefined)) {
    if (!wasFiring || alert.state === "nodata" || alert.state === "error") return undefined;
    const endsAt = Math.max(known.startsAt, alert.resolvedAt ?? at);
    return {
      record: { ...known, status: "resolved", unknown: undefined, endsAt, updatedAt: at },
      durable: true,
      fired: false,
    };
  }
  const startsAt = alert.firedAt ?? alert.activeAt;
  const unknown = alert.state === "nodata" || alert.state === "error" ? alert.state : undefined;
  const fired = !wasFiring;
  const record: AlertRecord = {
    fingerprint,
    labels: alert.labels.toJSON(),
    annotations: alert.annotations.toJSON(),
    status: "firing",
    unknown,
    startsAt,
    endsAt: undefined,
    value: Number.isFinite(alert.value) ? alert.value : null,
    generatorUrl: alert.generatorUrl,
    expr: alert.rule.expr,
    receivedAt: wasFiring ? known.receivedAt : at,
    updatedAt: at,
  };
  return { record, durable: fired || known.startsAt !== startsAt || known.unknown !== unknown, fired };
}
