/**
 * A notification as a chat message: what, how bad, where, since when, in an order that reads on a phone's lock screen.
 * It is made to fit: alerts are left out from the end, and the message says how many.
 */
import { formatDuration } from "../../model/duration.ts";
import { clockText } from "../compose.ts";
import type { LabelMap } from "../group.ts";
import type { Delivery, Notification, NotifiedAlert } from "../receiver.ts";
import { type Line, type Span, cleanLine, cleanText, clip, visibleLength } from "./chat-text.ts";

/** Longest annotation shown, code points. */
const ANNOTATION_MAX = 600;
const LABEL_MAX = 120;
/** Labels listed on one line. */
const LABELS_MAX = 12;
const REASON_MAX = 200;

/** @param limit code points the message may have. */
export function chatMessage(delivery: Delivery, limit: number): readonly Line[] {
  const { notification } = delivery;
  const head = [...heading(notification), ...notices(delivery)];
  const foot = footer(notification);
  let left = limit - length(head) - length(foot) - MORE_RESERVE;
  const body: Line[] = [];
  const blocks =
    notification.digest === undefined
      ? notification.alerts.map((alert) => alertBlock(alert, notification, delivery.at))
      : digestBlocks(notification);
  let shown = 0;
  for (const block of blocks) {
    const size = length(block);
    if (size > left) break;
    left -= size;
    body.push(...block);
    shown++;
  }
  const total = notification.digest === undefined ? notification.alerts.length + notification.truncated : blocks.length;
  const more: Line[] = shown < total ? [[{ text: `… and ${total - shown} more`, tag: "i" }]] : [];
  return [...head, ...body, ...more, ...foot];
}

/** Room for "… and N more". */
const MORE_RESERVE = 40;

function length(lines: readonly Line[]): number {
  return lines.reduce((sum, line) => sum + visibleLength(line), 0);
}

const MARK = { firing: "🔥", acknowledged: "👤", resolved: "✅" } as const;

function heading(notification: Notification): Line[] {
  const { status, digest, commonLabels, groupLabels } = notification;
  const name = cleanLine(commonLabels["alertname"] ?? groupLabels["alertname"] ?? "");
  const title = clip(name === "" ? labelText(groupLabels, []) || "alerts" : name, LABEL_MAX);
  const severity = cleanLine(commonLabels["severity"] ?? "");
  if (digest !== undefined) {
    const live = `${notification.firing} alerts in ${digest.firingGroups} groups`;
    const text = status === "resolved" ? `storm over: ${digest.groups} groups` : `storm: ${live}`;
    return [[{ text: `${MARK[status]} ` }, { text, tag: "b" }]];
  }
  const count = notification.firing > 1 ? ` · ${notification.firing} firing` : "";
  const state =
    status === "acknowledged"
      ? `ACKNOWLEDGED by ${clip(cleanLine(notification.acknowledgedBy), 60)}`
      : status.toUpperCase();
  const first: Span[] = [{ text: `${MARK[status]} ${state} ` }, { text: title, tag: "b" }];
  if (severity !== "") first.push({ text: ` · ${clip(severity, 40)}` });
  if (status !== "resolved") first.push({ text: count });
  else if (notification.resolved > 1) first.push({ text: ` · ${notification.resolved} alerts` });
  const shared = labelText(commonLabels, ["alertname", "severity"]);
  return shared === "" || notification.alerts.length === 0 ? [first] : [first, [{ text: shared, tag: "code" }]];
}

function notices({ notification, maybeRepeat }: Delivery): Line[] {
  const lines: Line[] = [];
  if (maybeRepeat) lines.push([{ text: "(repeat?)", tag: "i" }]);
  if (notification.insteadOf !== "") {
    lines.push([{ text: `⚠ instead of ${clip(cleanLine(notification.insteadOf), REASON_MAX)}`, tag: "i" }]);
  }
  return lines;
}

function labelText(labels: LabelMap, without: readonly string[]): string {
  const pairs = Object.entries(labels).filter(([name]) => !without.includes(name) && name !== "__name__");
  const shown = pairs
    .slice(0, LABELS_MAX)
    .map(([name, value]) => clip(`${cleanLine(name)}=${cleanLine(value)}`, LABEL_MAX));
  return shown.join(", ") + (pairs.length > LABELS_MAX ? ", …" : "");
}

function alertBlock(alert: NotifiedAlert, notification: Notification, at: number): Line[] {
  const own = Object.fromEntries(
    Object.entries(alert.labels).filter(([name, value]) => notification.commonLabels[name] !== value),
  );
  const lines: Line[] = [];
  const title = labelText(own, []);
  const several = notification.alerts.length > 1;
  const mark = alert.status === "resolved" && notification.status !== "resolved" ? "✅ " : several ? "• " : "";
  if (title !== "") lines.push([{ text: mark }, { text: title, tag: "b" }]);
  const words = alert.annotations["summary"] ?? alert.annotations["message"] ?? "";
  const description = alert.annotations["description"] ?? "";
  for (const text of [words, several && words !== "" ? "" : description]) {
    if (text !== "") lines.push([{ text: clip(cleanText(text).trim(), ANNOTATION_MAX) }]);
  }
  lines.push([{ text: timing(alert, at) }]);
  if (alert.unknown === "nodata") lines.push([{ text: "no fresh data: still counted as firing", tag: "i" }]);
  if (alert.unknown === "error") lines.push([{ text: "its rule fails: still counted as firing", tag: "i" }]);
  if (alert.quiet !== undefined && notification.status !== "acknowledged") {
    lines.push([{ text: clip(cleanLine(alert.quiet), REASON_MAX), tag: "i" }]);
  }
  return lines;
}

function timing(alert: NotifiedAlert, at: number): string {
  const value = alert.value === null ? "" : `value ${Number(alert.value.toPrecision(6))} · `;
  const since = clockText(alert.startsAt, at);
  if (alert.endsAt === undefined) return `${value}since ${since}`;
  const lasted = formatDuration(Math.max(1_000, Math.round((alert.endsAt - alert.startsAt) / 1_000) * 1_000));
  return `${value === "" ? "" : `last ${value}`}${since} – ${clockText(alert.endsAt, at)}, ${lasted}`;
}

function digestBlocks(notification: Notification): Line[][] {
  const rows = (notification.digest?.byName ?? []).filter((row) => row.alerts > 0);
  return rows.map(({ name, severity, alerts }) => {
    const suffix = severity === "" ? "" : ` · ${clip(cleanLine(severity), 40)}`;
    return [[{ text: `${alerts} × ` }, { text: clip(cleanLine(name), LABEL_MAX), tag: "b" }, { text: suffix }]];
  });
}

function footer(notification: Notification): Line[] {
  const links: Span[] = [];
  const add = (text: string, href: string | undefined): void => {
    if (href === undefined || !/^https?:\/\/[^\s<>"]{1,1000}$/.test(href)) return;
    links.push({ text: links.length === 0 ? "" : " · " }, { text, href });
  };
  add("Runbook", notification.commonAnnotations["runbook_url"] ?? notification.commonAnnotations["runbook"]);
  const [first] = notification.alerts;
  if (notification.alerts.length === 1) add("Source", first?.generatorUrl);
  add("Console", notification.externalUrl);
  return links.length === 0 ? [] : [links];
}
