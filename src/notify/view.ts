/** What screens and `/api/v2` see of the notifier's records, and the message of `opsmon notify test`. Pure. */
import type { Timestamp } from "../model/sample.ts";
import { type FlushContext, type Group, whyQuiet } from "./flush.ts";
import { mutedBy } from "./interval.ts";
import type { AlertView } from "./notifier.ts";
import type { Notification } from "./receiver.ts";
import type { AlertRecord } from "./records.ts";
import { silencesOver } from "./silence.ts";

export function alertView(alert: AlertRecord, context: FlushContext, own: readonly Group[]): AlertView {
  const silencedBy = silencesOver(context.memory.silence.values(), alert.labels, alert.fingerprint, context.at);
  const inhibitedBy = context.inhibitor.inhibitedBy(alert.fingerprint, alert.labels);
  const muted = own.map((group) => mutedBy(group.route, context.config.timeIntervals, context.at));
  const waiting = own.every((group) => group.flushedAt === undefined);
  const quiet = whyQuiet(alert, context) !== undefined || (muted.length > 0 && muted.every((by) => by !== undefined));
  return {
    fingerprint: alert.fingerprint,
    labels: alert.labels,
    annotations: alert.annotations,
    startsAt: alert.startsAt,
    endsAt: alert.endsAt,
    updatedAt: alert.updatedAt,
    generatorUrl: alert.generatorUrl,
    state: quiet ? "suppressed" : waiting ? "unprocessed" : "active",
    silencedBy: silencedBy.map((silence) => silence.id),
    inhibitedBy: inhibitedBy.map((source) => source.fingerprint),
    mutedBy: [...new Set(muted.filter((by) => by !== undefined))],
    receivers: [...new Set(own.map((group) => group.route.receiver))],
  };
}

export function testNotification(receiver: string, externalUrl: string, at: Timestamp): Notification {
  const labels = { alertname: "OpsmonTest", severity: "info" };
  const annotations = { summary: "This is a test: alerts reach you here." };
  return {
    receiver,
    groupKey: "test",
    status: "firing",
    groupLabels: { alertname: "OpsmonTest" },
    commonLabels: labels,
    commonAnnotations: annotations,
    externalUrl,
    alerts: [
      {
        fingerprint: "0000000000000000",
        status: "firing",
        labels,
        annotations,
        startsAt: at,
        endsAt: undefined,
        value: 1,
        generatorUrl: "",
        unknown: undefined,
        quiet: undefined,
      },
    ],
    firing: 1,
    resolved: 0,
    truncated: 0,
    digest: undefined,
    acknowledgedBy: "",
    insteadOf: "",
  };
}
