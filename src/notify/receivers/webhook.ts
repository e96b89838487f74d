/**
 * The webhook receiver: Alertmanager's payload version 4, so existing consumers read it unchanged, with an
 * idempotency key that is the same for every attempt and, where configured, a signature over time and body.
 * @see https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
 */
import { createHash, createHmac } from "node:crypto";
import { errorText } from "../../base/errors.ts";
import type { Secret } from "../../model/job.ts";
import type { WebhookConfig } from "../../model/routing.ts";
import type { Delivery, DeliveryOutcome, NotifiedAlert, Receiver } from "../receiver.ts";
import { HttpFailure, createHttpClient } from "./http.ts";

/** Go's zero time: how Alertmanager writes "no end yet". */
const NO_END = "0001-01-01T00:00:00Z";
/** Longest piece of an answer kept as a reason. */
const ANSWER_LENGTH_MAX = 200;

export function createWebhook(config: WebhookConfig): Receiver {
  const http = createHttpClient(config.http);
  return {
    integration: "webhook",
    channel: `webhook:${createHash("sha256").update(tryReveal(config.url)).digest("hex").slice(0, 16)}`,
    edits: false,
    digests: false,
    sendResolved: config.sendResolved,
    pace: undefined,
    listener: undefined,
    async deliver(delivery, _memory, signal) {
      const body = JSON.stringify(webhookPayload(delivery, config.maxAlerts));
      try {
        const answer = await http.send({
          url: config.url.reveal(),
          method: "POST",
          headers: {
            "content-type": "application/json",
            "user-agent": "opsmon",
            "idempotency-key": delivery.intent,
            ...(config.hmacSecret === undefined ? {} : signature(config.hmacSecret, body, delivery.at)),
          },
          body,
          timeoutMs: config.timeoutMs,
          signal,
        });
        return outcomeOf(answer.status, answer.text, answer.header("retry-after"));
      } catch (error) {
        // The idempotency key makes a second arrival harmless, but the consumer may ignore it.
        const maybeDelivered = !(error instanceof HttpFailure) || error.maybeDelivered;
        return { kind: "retry", reason: `webhook: ${errorText(error)}`, maybeDelivered };
      }
    },
    close: () => http.close(),
  };
}

function tryReveal(secret: Secret): string {
  try {
    return secret.reveal();
  } catch {
    return "";
  }
}

function outcomeOf(status: number, text: string, retryAfter: string): DeliveryOutcome {
  if (status >= 200 && status < 300) return { kind: "sent", externalId: undefined };
  const reason = `webhook: HTTP ${status}: ${text.replace(/\s+/g, " ").slice(0, ANSWER_LENGTH_MAX)}`;
  if (status === 429 || status >= 500 || status === 408) {
    const seconds = /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) : undefined;
    return {
      kind: "retry",
      reason,
      maybeDelivered: status >= 500,
      ...(seconds === undefined ? {} : { retryAfterMs: Math.max(1, seconds) * 1_000 }),
    };
  }
  return { kind: "dead", reason };
}

function signature(secret: Secret, body: string, at: number): Record<string, string> {
  const seconds = Math.floor(at / 1_000);
  const mac = createHmac("sha256", secret.reveal()).update(`${seconds}.${body}`).digest("hex");
  return { "x-opsmon-signature": `t=${seconds},v1=${mac}` };
}

/** Alertmanager's document; `acknowledged` is `firing` there, as it knows two states. */
function webhookPayload({ notification }: Delivery, maxAlerts: number): object {
  const alerts = maxAlerts === 0 ? notification.alerts : notification.alerts.slice(0, maxAlerts);
  return {
    receiver: notification.receiver,
    status: notification.status === "resolved" ? "resolved" : "firing",
    alerts: alerts.map(payloadAlert),
    groupLabels: notification.groupLabels,
    commonLabels: notification.commonLabels,
    commonAnnotations: notification.commonAnnotations,
    externalURL: notification.externalUrl,
    version: "4",
    groupKey: notification.groupKey,
    truncatedAlerts: notification.truncated + notification.alerts.length - alerts.length,
  };
}

function payloadAlert(alert: NotifiedAlert): object {
  return {
    status: alert.status,
    labels: alert.labels,
    annotations: alert.annotations,
    startsAt: new Date(alert.startsAt).toISOString(),
    endsAt: alert.endsAt === undefined ? NO_END : new Date(alert.endsAt).toISOString(),
    generatorURL: alert.generatorUrl,
    fingerprint: alert.fingerprint,
  };
}
