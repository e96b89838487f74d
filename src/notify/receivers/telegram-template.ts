/**
 * A configured message template: compiled once with the files of `templates:`, rendered with Alertmanager's data. In
 * HTML mode every printed value is escaped, so a label cannot break the markup. A template that fails or grows too
 * long costs a warning, not the message: our own layout goes out instead.
 */
import { UserError, errorText } from "../../base/errors.ts";
import type { Alert } from "../../model/alert.ts";
import { Labels } from "../../model/labels.ts";
import type { TelegramConfig } from "../../model/routing.ts";
import { messageData, messageFunctions } from "../../template/alertmanager.ts";
import { compileTemplate, templateLibrary } from "../../template/template.ts";
import type { Delivery, NotifiedAlert } from "../receiver.ts";
import { cleanText, parsedLength } from "./chat-text.ts";

export type MessageTemplate = (
  delivery: Delivery,
  limit: number,
) => { readonly ok: true; readonly text: string } | { readonly ok: false; readonly warning: string };

/** @returns undefined where our own layout is asked for. */
export function compileMessage(
  config: TelegramConfig,
  files: ReadonlyMap<string, string>,
  now: () => number,
): MessageTemplate | undefined {
  if (config.message === undefined) return undefined;
  const functions = messageFunctions(now);
  const escape = config.parseMode === "HTML" ? { escape: "html" as const } : {};
  try {
    const templates = templateLibrary(
      [...files].map(([name, text]) => ({ name, text })),
      functions,
    );
    const template = compileTemplate(config.message, { name: "message", functions, templates, ...escape });
    return (delivery, limit) => {
      try {
        const repeat = delivery.maybeRepeat ? "\n(repeat?)" : "";
        const text = cleanText(template.render(dataOf(delivery))).trim() + repeat;
        const length = parsedLength(text);
        if (text !== "" && length <= limit) return { ok: true, text };
        return { ok: false, warning: `the message template gave ${length} characters; sent in opsmon's own layout` };
      } catch (error) {
        return { ok: false, warning: `the message template failed, sent in opsmon's own layout: ${errorText(error)}` };
      }
    };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return () => ({
      ok: false,
      warning: `the message template is wrong, sent in opsmon's own layout: ${error.message}`,
    });
  }
}

function dataOf({ notification }: Delivery): ReturnType<typeof messageData> {
  return messageData({
    receiver: notification.receiver,
    groupLabels: Labels.from(notification.groupLabels),
    alerts: notification.alerts.map((alert) => ({ alert: alertOf(alert), fingerprint: alert.fingerprint })),
    externalUrl: notification.externalUrl,
  });
}

function alertOf(alert: NotifiedAlert): Alert {
  return {
    labels: Labels.from(alert.labels),
    annotations: Labels.from(alert.annotations),
    state: alert.status === "resolved" ? "inactive" : (alert.unknown ?? "firing"),
    value: alert.value ?? Number.NaN,
    activeAt: alert.startsAt,
    firedAt: alert.startsAt,
    resolvedAt: alert.endsAt,
    lastEvalAt: alert.endsAt ?? alert.startsAt,
    rule: { group: "", file: "", name: alert.labels["alertname"] ?? "", expr: "" },
    generatorUrl: alert.generatorUrl,
  };
}
