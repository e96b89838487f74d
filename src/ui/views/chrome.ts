/**
 * The frame around every view: header (where, when, how bad), scrub bar (alert changes on the time line), footer
 * (keys that work here, the prompt, or what just happened).
 */
import { sanitise, textWidth } from "../../draw/sanitise.ts";
import { STYLE } from "../../draw/theme.ts";
import type { Rect } from "../layout.ts";
import { bothEnds, cutLine, lineWidth, severityState, span, type Line, type Look, type Span } from "../look.ts";
import { BINDINGS, bindingsFor, keyLabel, VIEWS } from "../keymap.ts";
import type { Overlay } from "../cells.ts";
import { lineOverlay, plainPane, type Pane } from "../pane.ts";
import { placesOf } from "../reducer.ts";
import type { Mode } from "../state.ts";
import { ageText, clockText, momentOf, spanText, zoneText } from "../time.ts";
import { silenceText } from "../stale.ts";
import { suppressedCounts } from "./alerts.ts";
import { alertsUnknown, type ViewInput } from "./input.ts";

/** Tabs of all views need this much room beside the time. */
const TABS_FROM = 150;
/** The local zone's offset is told from this width on. */
const ZONE_FROM = 100;
/** Toasts go by themselves after this, ms. */
const TOAST_MS = 6_000;

export function headerPane(input: ViewInput, rect: Rect): Pane {
  const right = headerRight(input, rect.width);
  const left = headerLeft(input, rect.width - lineWidth(right) - 1);
  const fill = Math.max(0, rect.width - lineWidth(left) - lineWidth(right));
  return plainPane("header", rect, [{ line: [...left, span(" ".repeat(fill), STYLE.header), ...right] }], input.look);
}

function headerLeft({ state, snapshot, look }: ViewInput, width: number): Line {
  if (width < 24) return cutLine([span(` ${state.view}`, STYLE.header), filterSpan(state.filter)], width);
  const name: Line = [span(look.ascii ? " opsmon | " : " opsmon ", STYLE.header)];
  if (width < TABS_FROM - 50) {
    const place = snapshot?.capabilities?.kind === "engine" ? "" : (snapshot?.capabilities?.place ?? "");
    const rest = place === "" || width < 60 ? "" : ` ${place}`;
    return cutLine(
      [...name, span(state.view, STYLE.header), span(rest, STYLE.header), filterSpan(state.filter)],
      width,
    );
  }
  const tabs = VIEWS.flatMap((view): Span[] => {
    const key = BINDINGS.find((binding) => binding.action === `view-${view}`)?.keys[0] ?? "";
    const text = `${key} ${view}`;
    return view === state.view ? [span(` ${text} `, STYLE.title)] : [span(` ${text} `, STYLE.header)];
  });
  return cutLine([...name, ...tabs, filterSpan(state.filter)], width);
}

function filterSpan(filter: string): Span {
  return span(filter === "" ? "" : ` /${filter}`, STYLE.header);
}

function headerRight(input: ViewInput, width: number): Line {
  const { state, connection, look, now, slow } = input;
  const silent = connection.silentSince;
  const narrow = width < 60;
  const parts: Span[] = [];
  const live = state.time.mode === "live";
  if (silent !== undefined) {
    const since = clockText(silent, now, look.utc);
    const text = narrow ? `since ${since}` : silenceText(silent, now, look.utc);
    parts.push(span(live ? ` NOT LIVE${narrow ? "" : ":"} ${text} ` : ` ${text} `, STYLE.alert));
  }
  if (slow) parts.push(span(narrow ? " slow " : " slow link ", STYLE.header));
  parts.push(...countSpans(input, narrow));
  const at = momentOf(state.time, now);
  const zone = look.utc ? (narrow ? "" : "Z") : width < ZONE_FROM ? "" : ` ${zoneText(at, false)}`;
  const clock = clockText(at, now, look.utc) + zone;
  if (live) {
    if (silent === undefined) parts.push(span(` LIVE ${clock} `, STYLE.header));
    else if (!narrow) parts.push(span(` ${clock} `, STYLE.header));
  }
  if (!live) {
    const ago = narrow ? "" : ` -${ageText(now - at)}`;
    parts.push(span(` PAUSED ${clock}${ago} `, STYLE.alert));
  }
  if (!(narrow && silent !== undefined)) parts.push(span(` ${spanText(state.time.spanMs)} `, STYLE.header));
  return parts;
}

function countSpans(input: ViewInput, short: boolean): readonly Span[] {
  const { snapshot, look } = input;
  const { alerts } = input.survey;
  if (snapshot === undefined) return [span(look.ascii ? " alerts ... " : " alerts … ", STYLE.header)];
  if (snapshot.capabilities?.rules === false) return [span(" no rules ", STYLE.header)];
  if (alertsUnknown(input) !== undefined) return [span(short ? " alerts ? " : " alerts unknown ", STYLE.header)];
  // Who is acknowledged or silenced is counted as such, whatever its state.
  const open = alerts.filter((alert) => alert.suppressed === undefined);
  const firing = open.filter((alert) => alert.state === "firing");
  const critical = firing.filter((alert) => severityState(alert.labels.get("severity")) === "crit").length;
  const other = firing.length - critical;
  const rest = open.filter((alert) => alert.state === "nodata" || alert.state === "error").length;
  const pending = open.filter((alert) => alert.state === "pending").length;
  const spans: Span[] = [];
  if (critical > 0) spans.push(span(short ? ` ${critical} CRIT ` : ` ${critical} CRITICAL `, STYLE.alert));
  if (other > 0) spans.push(span(short ? ` ${other} WARN ` : ` ${other} WARNING `, STYLE.warn));
  // A narrow header has room for one of these, and must not say "no alerts" instead.
  const room = (): boolean => !short || spans.length === 0;
  if (rest > 0 && room()) spans.push(span(` ${rest} unknown `, STYLE.header));
  if (pending > 0 && room()) spans.push(span(` ${pending} pending `, STYLE.header));
  // Firing, but somebody knows: said after what nobody has taken, and alone where there is no room for both.
  const quiet = suppressedCounts(alerts).join(", ");
  if (quiet !== "" && room()) spans.push(span(` ${quiet} `, STYLE.header));
  if (spans.length === 0) spans.push(span(" no alerts ", STYLE.header));
  return spans;
}

/** The time line up to now: the charts' window, alert changes, marks, and where the screen stands. */
export function timelineOverlay(input: ViewInput, rect: Rect): Overlay {
  const { state, snapshot, look, now } = input;
  const at = momentOf(state.time, now);
  const start = Math.min(now - 4 * state.time.spanMs, at - 1.5 * state.time.spanMs);
  const left = ` ${clockText(start, now, look.utc).replace(/:\d\d$/, "")} `;
  const right = state.time.mode === "live" ? " now " : ` now ${clockText(now, now, look.utc).slice(0, 5)} `;
  const width = rect.width - left.length - right.length;
  const column = (t: number): number => Math.floor(((t - start) / (now - start)) * (width - 1));
  const [dot, edge] = look.ascii ? ["-", "="] : ["─", "━"];
  const cells: Span[] = Array.from({ length: Math.max(0, width) }, (_, x) => {
    const inside = x >= column(at - state.time.spanMs) && x <= column(at);
    return inside ? span(edge, STYLE.accent) : span(dot, STYLE.border);
  });
  const put = (t: number, sign: Span): void => {
    const x = column(t);
    if (t >= start && x >= 0 && x < cells.length) cells[x] = sign;
  };
  for (const mark of snapshot?.marks ?? []) put(mark.at, span(look.ascii ? "M" : "◇", STYLE.key));
  for (const change of snapshot?.changes ?? []) {
    if (change.to === "inactive") put(change.at, span(look.ascii ? "o" : "○", STYLE.ok));
  }
  for (const change of snapshot?.changes ?? []) {
    if (change.to === "firing") put(change.at, span(look.ascii ? "!" : "▲", STYLE.crit));
  }
  if (state.time.mode === "paused") put(at, span(look.ascii ? "|" : "█", STYLE.accent));
  return lineOverlay(rect, [span(left, STYLE.dim), ...cells, span(right, STYLE.dim)], look);
}

const PROMPTS: Readonly<Record<Exclude<Mode, "normal">, string>> = {
  palette: ":",
  filter: "/",
  goto: "go to time (-15m, 14:05, yesterday 03:10): ",
  silence: "silence for (2h, then a comment): ",
  ack: "acknowledge, comment: ",
  mark: "mark this moment: ",
  explore: "PromQL: ",
};

export function footerPane(input: ViewInput, rect: Rect): Pane {
  const { state, look, now } = input;
  const toast = state.toast !== undefined && now - state.toast.at < TOAST_MS ? state.toast : undefined;
  if (state.mode !== "normal") {
    const line = promptLine(PROMPTS[state.mode], state.input, look);
    const problem =
      toast?.kind === "error" ? [span(` ${toast.text} `, STYLE.crit)] : [span("Enter do  Esc leave ", STYLE.dim)];
    const room = lineWidth(line) + lineWidth(problem) + 2 <= rect.width ? bothEnds(line, problem, rect.width) : line;
    // A long error takes the line's place rather than vanish.
    const rows = toast?.kind === "error" && room === line ? [{ line: problem }] : [{ line: room }];
    return plainPane("footer", rect, rows, look);
  }
  if (toast !== undefined) {
    const style = toast.kind === "error" ? STYLE.crit : STYLE.accent;
    return plainPane("footer", rect, [{ line: [span(` ${toast.text}`, style)] }], look);
  }
  return plainPane("footer", rect, [{ line: hints(input, rect.width) }], look);
}

/** The prompt with its caret; a line longer than the terminal shows the part around the caret. */
function promptLine(label: string, { text, caret }: ViewInput["state"]["input"], look: Look): Line {
  const before = sanitise(text.slice(0, caret));
  const under = text.slice(caret, caret + 1);
  const after = sanitise(text.slice(caret + 1));
  const shown = textWidth(before) > PROMPT_TAIL ? `${look.ascii ? "~" : "…"}${before.slice(-PROMPT_TAIL)}` : before;
  return [span(` ${label}`, STYLE.key), span(shown), span(under === "" ? " " : under, STYLE.selected), span(after)];
}
/** Columns before the caret that stay visible. */
const PROMPT_TAIL = 60;

function hints(input: ViewInput, width: number): Line {
  const line: Span[] = [];
  let used = 1;
  for (const binding of bindingsFor(placesOf(input.state))) {
    if (binding.footer === undefined) continue;
    const key = binding.action === "longer-span" ? "+-" : keyLabel(binding.keys[0] ?? "");
    const cost = key.length + binding.footer.length + 3;
    if (used + cost > width) continue;
    used += cost;
    line.push(span(` ${key}`, STYLE.key), span(` ${binding.footer} `, STYLE.dim));
  }
  return line;
}
