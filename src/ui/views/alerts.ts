/** The alert pane that is always in sight, the alert table, and one alert in full with its history. */
import { sanitise, textWidth } from "../../draw/sanitise.ts";
import { STYLE } from "../../draw/theme.ts";
import { type Alert, type AlertState, type Suppression, suppressedWord, suppressionText } from "../../model/alert.ts";
import { fingerprint } from "../../model/fingerprint.ts";
import { METRIC_NAME } from "../../model/labels.ts";
import { formatValue } from "../../model/unit.ts";
import type { Rect } from "../layout.ts";
import {
  alertStyle,
  ALERT_WORD,
  changeWord,
  cell,
  severityState,
  span,
  stateSign,
  type Line,
  type Look,
  type Span,
} from "../look.ts";
import { boxPane, insideOf, row, scrollTop, wrapWords, type Pane, type PaneRow } from "../pane.ts";
import { ageText, clockText, momentOf } from "../time.ts";
import { alertsUnknown, type ViewInput } from "./input.ts";

/** Labels that say nothing about where: the name is shown, the rest is bookkeeping. */
const QUIET_LABELS = new Set([METRIC_NAME, "alertname", "severity"]);

export function alertName(alert: Alert): string {
  return alert.labels.get("alertname") || alert.rule.name || "unnamed alert";
}

/** `redis 127.0.0.1:9121`: the values that tell where, instance and service first. */
export function alertPlace(alert: Alert): string {
  const first = ["service", "job", "instance", "queue", "datname", "mountpoint"];
  const values: string[] = [];
  for (const name of first) if (alert.labels.get(name) !== "") values.push(alert.labels.get(name));
  for (const [name, value] of alert.labels) {
    if (!QUIET_LABELS.has(name) && !first.includes(name)) values.push(`${name}=${value}`);
  }
  return values.join(" ");
}

export function alertSummary(alert: Alert): string {
  const { annotations } = alert;
  const text = annotations.get("summary") || annotations.get("message") || annotations.get("description");
  return alert.restored === true ? `not evaluated since the restart; before it: ${text || "active"}` : text;
}

function alertSign(alert: Alert, look: Look): Span {
  const severity = alert.labels.get("severity");
  const style = wordStyle(alert);
  const state =
    alert.state === "firing"
      ? severityState(severity)
      : alert.state === "pending"
        ? "warn"
        : alert.state === "inactive"
          ? "ok"
          : "unknown";
  return span(stateSign(state, look), style);
}

/** At most eight letters, as every word of the state column. */
const QUIET_WORD: Readonly<Record<Suppression["by"], string>> = {
  ack: "ACKED",
  silence: "SILENCED",
  inhibition: "INHIBIT",
};

/** FIRING says how bad in the same word's place: `CRITICAL` needs no second column. */
function alertWord(alert: Alert): string {
  return alert.suppressed === undefined ? stateWord(alert) : QUIET_WORD[alert.suppressed.by];
}

function stateWord(alert: Alert): string {
  if (alert.state !== "firing") return ALERT_WORD[alert.state];
  return severityState(alert.labels.get("severity")) === "crit" ? "CRITICAL" : "WARNING";
}

/** An alert somebody has taken does not shout. */
function wordStyle(alert: Alert): number {
  return alert.suppressed === undefined ? alertStyle(alert.state, alert.labels.get("severity")) : STYLE.dim;
}

function ageOf(alert: Alert, at: number): string {
  return ageText(at - (alert.firedAt ?? alert.activeAt));
}

export function alertsPane(input: ViewInput, rect: Rect): Pane {
  const { state, survey, look } = input;
  const rule = survey.layout.class === "phone" || survey.layout.class === "compact" || survey.layout.class === "line";
  const inside = insideOf(rect, rule);
  const focus = state.pane === "alerts";
  const rows = [...alertRows(input, inside.width, inside.height)];
  if (inside.height - rows.length >= HISTORY_ROWS_MIN) rows.push(...recentRows(input, inside.height - rows.length));
  return boxPane("alerts", rect, rows, { title: titleOf(input), right: factsOf(input), focus, rule }, look);
}

/** Room from which the pane also tells what changed lately. */
const HISTORY_ROWS_MIN = 6;

/** Alert changes and marks up to the moment shown, the newest first. */
function recentRows({ snapshot, state, look, now }: ViewInput, height: number): readonly PaneRow[] {
  const at = momentOf(state.time, now);
  const changes = [...(snapshot?.changes ?? []), ...(snapshot?.marks ?? [])].filter((record) => record.at <= at);
  if (changes.length === 0) return [];
  const rows = changes
    .toSorted((a, b) => b.at - a.at)
    .slice(0, height - 2)
    .map((record) => {
      const time = cell(
        ` ${clockText(record.at, now, look.utc)}`,
        clockText(record.at, now, look.utc).length + 3,
        STYLE.dim,
      );
      if (record.kind === "mark") return row(time, span(`mark  ${record.text}`, STYLE.key));
      const style = alertStyle(record.to, record.labels["severity"] ?? "");
      return row(
        time,
        cell(changeWord(record.to, record.from).toLowerCase(), 9, style),
        span(record.labels["alertname"] ?? record.rule),
      );
    });
  return [row(), row(span(" what changed, newest first", STYLE.dim)), ...rows];
}

function titleOf(input: ViewInput): Line {
  const { survey, look } = input;
  if (alertsUnknown(input) !== undefined)
    return [span(stateSign("unknown", look), STYLE.unknown), span(" Alerts unknown", STYLE.unknown)];
  const worst = survey.alerts[0];
  const style = worst === undefined ? STYLE.title : wordStyle(worst);
  const sign = worst === undefined ? span(stateSign("ok", look), STYLE.ok) : alertSign(worst, look);
  return [sign, span(" Alerts", worst === undefined ? STYLE.title : style)];
}

function factsOf(input: ViewInput): Line {
  const { survey } = input;
  if (alertsUnknown(input) !== undefined)
    return survey.alerts.length === 0 ? [] : [span("the last ones known", STYLE.dim)];
  const counted: readonly (readonly [AlertState, string])[] = [
    ["firing", "firing"],
    ["pending", "pending"],
    ["nodata", "no data"],
    ["error", "failed"],
    ["inactive", "resolved"],
  ];
  const parts = counted.flatMap(([state, word]) => {
    const count = survey.alerts.filter((alert) => alert.state === state && alert.suppressed === undefined).length;
    return count === 0 ? [] : [`${count} ${word}`];
  });
  parts.push(...suppressedCounts(survey.alerts));
  return parts.length === 0 ? [] : [span(parts.join(", "), STYLE.dim)];
}

/** `1 acked`, `2 silenced`: what fires and nobody is told of. */
export function suppressedCounts(alerts: readonly Alert[]): readonly string[] {
  return (["ack", "silence", "inhibition"] as const).flatMap((by) => {
    const found = alerts.filter((alert) => alert.suppressed?.by === by);
    const first = found[0]?.suppressed;
    return first === undefined ? [] : [`${found.length} ${suppressedWord(first)}`];
  });
}

/** Why the pane has no rows, when it has none. */
function quietText(input: ViewInput): string {
  const unknown = alertsUnknown(input);
  if (unknown !== undefined) return unknown;
  if (input.state.view === "alerts" && input.state.filter !== "")
    return `no alert passes the filter "${input.state.filter}"`;
  return input.state.time.mode === "live" ? "all quiet: nothing is pending or firing" : "nothing was pending or firing";
}

/** The last alerts known of a silent engine: readable, dimmed, and under the sentence that says so. */
function agedRows(input: ViewInput, rows: readonly PaneRow[], width: number): readonly PaneRow[] {
  const unknown = alertsUnknown(input);
  if (unknown === undefined) return rows;
  const dimmed = rows.map(({ line, bar }) => ({ line: line.map(({ text }) => span(text, STYLE.dim)), bar }));
  return [...wrapWords(unknown, width - 1, 1).map((text) => row(span(` ${text}`, STYLE.unknown))), ...dimmed];
}

function alertRows(input: ViewInput, width: number, full: number): readonly PaneRow[] {
  const { state, survey, look, now } = input;
  const height = alertsUnknown(input) === undefined || survey.alerts.length === 0 ? full : full - 1;
  const { alerts } = survey;
  if (alerts.length === 0)
    return wrapWords(quietText(input), width - 1, height).map((text) => row(span(` ${text}`, STYLE.dim)));
  const at = momentOf(state.time, now);
  const columns = columnsFor(alerts, width);
  // Two rows an alert where there is room: what it says is worth more than a second alert's name.
  const tall = width < 76 && height >= Math.min(alerts.length, 4) * 2 && height >= 4;
  const each = tall ? 2 : 1;
  const visible = Math.max(1, Math.floor(height / each));
  const focused = state.pane === "alerts";
  const cursor = Math.min(state.alertCursor, alerts.length - 1);
  const room = alerts.length > visible && each * visible === height && visible > 1 ? visible - 1 : visible;
  const top = scrollTop(focused ? cursor : 0, alerts.length, room);
  const rows = alerts.slice(top, top + room).flatMap((alert, i) => {
    const bar = focused && top + i === cursor ? STYLE.selected : undefined;
    const first = { line: alertLine(alert, width, columns, at, look, !tall), bar };
    return tall ? [first, { line: [span(`   ${alertSummary(alert) || alertPlace(alert)}`, STYLE.dim)] }] : [first];
  });
  const hidden = alerts.length - top - room;
  return agedRows(input, hidden > 0 ? [...rows, row(span(` and ${hidden} more`, STYLE.dim))] : rows, width);
}

interface AlertColumns {
  readonly name: number;
  readonly place: number;
}

/** Names and places as wide as they need, so that what an alert says gets the rest. */
function columnsFor(alerts: readonly Alert[], width: number): AlertColumns {
  const widest = (textOf: (alert: Alert) => string): number =>
    alerts.slice(0, 50).reduce((most, alert) => Math.max(most, textWidth(sanitise(textOf(alert)))), 5);
  const share = Math.floor(width * (width < 90 ? 0.26 : 0.3));
  return { name: Math.min(widest(alertName), 30, share) + 1, place: Math.min(widest(alertPlace), 40, share) };
}

/** One alert in one row; what does not fit goes from the right: summary, place. */
function alertLine(
  alert: Alert,
  width: number,
  columns: AlertColumns,
  at: number,
  look: Look,
  withSummary: boolean,
): Line {
  const style = wordStyle(alert);
  const age = ageOf(alert, at);
  const sign = alertSign(alert, look);
  if (width < 60) {
    const name = alertName(alert);
    const rest = width - 9 - textWidth(sanitise(name));
    const quiet = alert.suppressed === undefined ? "" : ` ${suppressionText(alert.suppressed)}`;
    const place = rest > 6 ? `${quiet} ${alertPlace(alert)}` : quiet;
    return [span(" "), sign, cell(age, 7, STYLE.dim, "right"), span(" "), span(name, style), span(place, STYLE.dim)];
  }
  return [
    span(" "),
    sign,
    span(" "),
    cell(alertWord(alert), 9, style),
    cell(alertName(alert), columns.name, alert.suppressed === undefined ? STYLE.title : STYLE.dim),
    cell(age, 7, STYLE.default, "right"),
    span("  "),
    cell(alertPlace(alert), columns.place, STYLE.default),
    span("  "),
    span(alert.suppressed === undefined ? "" : `${suppressionText(alert.suppressed)}: `, STYLE.key),
    span(withSummary ? alertSummary(alert) || `value ${formatValue(alert.value, "none")}` : "", STYLE.dim),
  ];
}

/** The table of the alerts view, over the whole body. */
export function alertTable(input: ViewInput, rect: Rect): Pane {
  const { state, survey, look, now } = input;
  const rule = survey.layout.class === "phone" || survey.layout.class === "compact";
  const inside = insideOf(rect, rule);
  const at = momentOf(state.time, now);
  const { alerts } = survey;
  const options = { title: titleOf(input), right: factsOf(input), focus: true, rule };
  if (alerts.length === 0) {
    const rows = wrapWords(quietText(input), inside.width - 2, 4).map((text) => row(span(` ${text}`, STYLE.dim)));
    return boxPane("table", rect, rows, options, look);
  }
  const columns = columnsFor(alerts, inside.width);
  const head = inside.width < 60 ? [] : [row(tableHead(columns))];
  const visible = Math.max(1, inside.height - head.length - (alertsUnknown(input) === undefined ? 0 : 1));
  const cursor = Math.min(state.alertCursor, alerts.length - 1);
  const top = scrollTop(cursor, alerts.length, visible);
  const rows = alerts.slice(top, top + visible).map((alert, i) => ({
    line: alertLine(alert, inside.width, columns, at, look, true),
    bar: top + i === cursor ? STYLE.selected : undefined,
  }));
  return boxPane("table", rect, [...head, ...agedRows(input, rows, inside.width)], options, look);
}

function tableHead({ name, place }: AlertColumns): Span {
  const text = `   ${"STATE".padEnd(9)}${"ALERT".padEnd(name)}${"FOR".padStart(7)}  ${"WHERE".padEnd(place)}  WHAT`;
  return span(text, STYLE.dim);
}

/** Everything about the chosen alert, for the pane under the table. */
export function alertDetail(input: ViewInput, rect: Rect): Pane {
  const { state, survey, snapshot, look, now } = input;
  const rule = survey.layout.class === "phone" || survey.layout.class === "compact";
  const inside = insideOf(rect, rule);
  const alert = survey.alerts[Math.min(state.alertCursor, survey.alerts.length - 1)];
  if (alert === undefined) {
    const rows = [row(span(` ${quietText(input)}`, STYLE.dim))];
    return boxPane("alerts", rect, rows, { title: [span("Alert", STYLE.title)], rule }, look);
  }
  const at = momentOf(state.time, now);
  const key = fingerprint(alert.labels);
  const history = (snapshot?.changes ?? [])
    .filter((change) => change.fingerprint === key && change.at <= at)
    .slice(-12)
    .reverse();
  const rows: PaneRow[] = [
    ...facts(alert, at, now, look, inside.width),
    ...history.map((change) =>
      row(
        cell(` ${clockText(change.at, now, look.utc)}`, 11, STYLE.dim),
        span(`${changeWord(change.from)} > `, STYLE.dim),
        span(changeWord(change.to, change.from), alertStyle(change.to, alert.labels.get("severity"))),
        span(change.reason === "" ? "" : `  ${change.reason}`, STYLE.dim),
      ),
    ),
  ];
  const left = inside.height - rows.length;
  if (left >= HISTORY_ROWS_MIN) rows.push(...recentRows(input, left));
  const title = [span(alertName(alert), alertStyle(alert.state, alert.labels.get("severity")))];
  const right = [
    span(inside.width < 60 ? "x ack  s silence" : "x acknowledge  s silence  Enter go to its start", STYLE.dim),
  ];
  return boxPane("alerts", rect, rows, { title, right, rule }, look);
}

/** `acked by kim until 14:00:00: looking`. */
function quietFacts({ suppressed }: Alert, now: number, look: Look): string {
  if (suppressed === undefined) return "";
  const until = suppressed.until === undefined ? "" : ` until ${clockText(suppressed.until, now, look.utc)}`;
  return `${suppressionText(suppressed)}${until}${suppressed.comment === "" ? "" : `: ${suppressed.comment}`}`;
}

function facts(alert: Alert, at: number, now: number, look: Look, width: number): readonly PaneRow[] {
  const field = (name: string, text: string, style: number = STYLE.default, rowsMax = 3): readonly PaneRow[] => {
    if (text === "") return [];
    return wrapWords(sanitise(text), Math.max(8, width - 12), rowsMax).map((part, i) =>
      row(cell(i === 0 ? ` ${name}` : "", 11, STYLE.dim), span(part, style)),
    );
  };
  const began = alert.firedAt ?? alert.activeAt;
  const since = `${stateWord(alert)} since ${clockText(began, now, look.utc)} (${ageText(at - began)}), value ${formatValue(alert.value, "none")}`;
  const labels = [...alert.labels].filter(([name]) => name !== "alertname").map(([name, value]) => `${name}=${value}`);
  return [
    ...field("state", since, alertStyle(alert.state, alert.labels.get("severity"))),
    ...field("quiet", quietFacts(alert, now, look), STYLE.key),
    ...field("summary", alertSummary(alert)),
    ...(alert.annotations.get("description") === alertSummary(alert)
      ? []
      : field("detail", alert.annotations.get("description"))),
    ...field("labels", labels.join("  ")),
    ...field("rule", alert.rule.expr, STYLE.accent),
    ...field("runbook", alert.annotations.get("runbook_url"), STYLE.accent),
  ];
}
