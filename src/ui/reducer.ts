/**
 * A key press and what is on the screen in; the next state and its effects out. Pure: no clock, no source, no
 * terminal. Everything a key does to the screen happens here at once and never waits for the next tick.
 */
import type { ViewId } from "../panel/spec.ts";
import { metricNames } from "../panel/metric-names.ts";
import { EMPTY_INPUT, inputOf } from "./edit.ts";
import { actionFor, type ActionName, type KeyPlace } from "./keymap.ts";
import { keyName, type KeyPress } from "./keys.ts";
import { pressInPrompt } from "./prompt.ts";
import type { KeyContext, Step, UiState } from "./state.ts";
import { controlled, goTo, only, say, toast } from "./steps.ts";
import { changeFrom, JUMP_BUCKETS, nextSpan, pauseAt, stepTime, togglePause } from "./time.ts";

/** Colour themes `c` walks through. */
const THEMES = ["default", "dark", "light", "colorblind"] as const;

/** Where the focus is, for the keymap. */
export function placesOf(state: UiState): readonly KeyPlace[] {
  if (state.pane === "alerts" || state.view === "alerts") return ["alerts"];
  if (state.view === "targets") return ["targets"];
  return state.view === "explore" ? ["explore"] : ["panels"];
}

export function press(state: UiState, key: KeyPress, context: KeyContext): Step {
  if (state.mode !== "normal") return pressInPrompt(state, key, context, act);
  const name = keyName(key);
  if (state.help) return pressInHelp(state, name);
  const action = actionFor(name, placesOf(state));
  return action === undefined ? only(state) : act(state, action, context);
}

function pressInHelp(state: UiState, name: string): Step {
  const move: Readonly<Record<string, number>> = { j: 1, Down: 1, k: -1, Up: -1, PgDn: 10, Space: 10, PgUp: -10 };
  const by = move[name];
  if (by !== undefined) return only({ ...state, helpTop: Math.max(0, state.helpTop + by) });
  if (name === "C-c") return { state, effects: [{ kind: "quit" }] };
  return only({ ...state, help: false, helpTop: 0 });
}

export function act(state: UiState, action: ActionName, context: KeyContext): Step {
  const quiet: UiState = state.toast === undefined ? state : { ...state, toast: undefined };
  return (
    timeAction(quiet, action, context) ?? moveAction(quiet, action, context) ?? otherAction(quiet, action, context)
  );
}

function timeAction(
  state: UiState,
  action: ActionName,
  { now, bucketMs, changes, capabilities }: KeyContext,
): Step | undefined {
  const { time } = state;
  const step = (buckets: number): Step => only({ ...state, time: stepTime(time, buckets, bucketMs, now) });
  const change = (direction: 1 | -1): Step => {
    if (capabilities?.journal === false) return say(state, "this source keeps no alert history", now, "error");
    const at = changeFrom(time, direction, changes, now);
    if (at === undefined) return say(state, `no ${direction > 0 ? "later" : "earlier"} alert change`, now);
    return only({ ...state, time: pauseAt(time, at) });
  };
  switch (action) {
    case "pause":
      return only({ ...state, time: togglePause(time, now) });
    case "live":
      return only({ ...state, time: { ...time, mode: "live" } });
    case "step-back":
      return step(-1);
    case "step-forward":
      return step(1);
    case "jump-back":
      return step(-JUMP_BUCKETS);
    case "jump-forward":
      return step(JUMP_BUCKETS);
    case "previous-change":
      return change(-1);
    case "next-change":
      return change(1);
    case "longer-span":
      return only({ ...state, time: nextSpan(time, 1) });
    case "shorter-span":
      return only({ ...state, time: nextSpan(time, -1) });
    case "go-to-time":
      return only({ ...state, mode: "goto", input: EMPTY_INPUT });
    default:
      return undefined;
  }
}

function moveAction(state: UiState, action: ActionName, context: KeyContext): Step | undefined {
  const { page } = context;
  switch (action) {
    case "down":
      return moveBy(state, 1, context);
    case "up":
      return moveBy(state, -1, context);
    case "page-down":
      return moveBy(state, page, context);
    case "page-up":
      return moveBy(state, -page, context);
    case "first":
      return moveBy(state, Number.NEGATIVE_INFINITY, context);
    case "last":
      return moveBy(state, Number.POSITIVE_INFINITY, context);
    case "next-pane":
    case "previous-pane":
      return only({ ...state, pane: state.pane === "main" && state.view !== "alerts" ? "alerts" : "main" });
    case "alerts-focus":
      return only({ ...state, pane: state.view === "alerts" ? "main" : "alerts" });
    case "alerts-large":
      return only({ ...state, alertsLarge: !state.alertsLarge });
    case "zoom":
      return only({ ...state, zoom: !state.zoom, pane: "main" });
    case "open":
      return openAction(state, context);
    case "back":
      return backAction(state);
    default:
      return action.startsWith("view-") ? only(goTo(state, action.slice("view-".length) as ViewId)) : undefined;
  }
}

function moveBy(state: UiState, by: number, { rows, alerts }: KeyContext): Step {
  const inAlerts = state.pane === "alerts" || state.view === "alerts";
  const count = inAlerts ? alerts.length : rows;
  const from = inAlerts ? state.alertCursor : state.cursor;
  const to = Math.max(0, Math.min(count - 1, from + by));
  return only(inAlerts ? { ...state, alertCursor: to } : { ...state, cursor: to });
}

/** Closes the innermost thing: zoom, filter, alert focus, then the view. */
function backAction(state: UiState): Step {
  if (state.zoom) return only({ ...state, zoom: false });
  if (state.filter !== "") return only({ ...state, filter: "" });
  if (state.alertsLarge) return only({ ...state, alertsLarge: false });
  if (state.pane === "alerts") return only({ ...state, pane: "main" });
  const previous = state.crumbs.at(-1);
  if (previous === undefined) return only(state);
  return only({ ...goTo(state, previous), crumbs: state.crumbs.slice(0, -1) });
}

function openAction(state: UiState, context: KeyContext): Step {
  if (state.pane === "alerts" || state.view === "alerts") return openAlert(state, context);
  const { panel } = context;
  if (panel === undefined) return only(state);
  if (state.view === "overview") return only(showPanel(state, panel.id, context));
  return only({ ...state, zoom: !state.zoom });
}

function showPanel(state: UiState, id: string, { panels }: KeyContext): UiState {
  const panel = panels.find((spec) => spec.id === id);
  if (panel === undefined) return state;
  const siblings = panels.filter((spec) => spec.view === panel.view);
  return goTo(state, panel.view, Math.max(0, siblings.indexOf(panel)));
}

/** The moment the alert began, on the panel that shows what it watches. */
function openAlert(state: UiState, context: KeyContext): Step {
  const alert = context.alerts[state.alertCursor];
  if (alert === undefined) return say(state, "no alert here", context.now);
  const began = Math.min(context.now, alert.firedAt ?? alert.activeAt);
  const watched = new Set(metricNames(alert.rule.expr));
  const panel = context.panels.find((spec) =>
    spec.queries.some((query) => query.exprs.some((expr) => metricNames(expr).some((name) => watched.has(name)))),
  );
  const moved = panel === undefined ? state : { ...showPanel(state, panel.id, context), zoom: true };
  return say(
    { ...moved, time: pauseAt(state.time, began), pane: "main" },
    "paused where the alert began; . is live",
    context.now,
  );
}

function otherAction(state: UiState, action: ActionName, context: KeyContext): Step {
  const { now } = context;
  switch (action) {
    case "quit":
      return { state, effects: [{ kind: "quit" }] };
    case "help":
      return only({ ...state, help: true, helpTop: 0 });
    case "palette":
      return only({ ...state, mode: "palette", input: EMPTY_INPUT, picked: -1 });
    case "filter":
      return only({ ...state, mode: "filter", input: inputOf(state.filter) });
    case "edit-expr":
      return only({ ...state, mode: "explore", input: inputOf(state.expr), picked: -1 });
    case "mark":
      return controlled(state, context) ?? only({ ...state, mode: "mark", input: EMPTY_INPUT });
    case "ack":
      return alertPrompt(state, context, "ack", "");
    case "silence":
      return alertPrompt(state, context, "silence", "2h ");
    case "copy":
      return copyExpr(state, context);
    case "mouse":
      return {
        state: toast(state, state.mouse ? "mouse off" : "mouse on: click and wheel; m switches it off", now),
        effects: [{ kind: "mouse", on: !state.mouse }],
      };
    case "theme":
      return cycleTheme(state, now);
    case "add-discovered":
      return addDiscovered(state, context);
    case "redraw":
      return { state, effects: [{ kind: "redraw" }] };
    case "suspend":
      return { state, effects: [{ kind: "suspend" }] };
    default:
      return only(state);
  }
}

function alertPrompt(state: UiState, context: KeyContext, mode: "ack" | "silence", text: string): Step {
  const refused = controlled(state, context);
  if (refused !== undefined) return refused;
  if (context.alerts[state.alertCursor] === undefined) return say(state, "no alert here", context.now);
  return only({ ...state, mode, input: inputOf(text) });
}

function copyExpr(state: UiState, context: KeyContext): Step {
  const alert = state.pane === "alerts" || state.view === "alerts" ? context.alerts[state.alertCursor] : undefined;
  const text = alert?.rule.expr ?? context.exprs.join("\n");
  if (text === "") return say(state, "nothing to copy here", context.now);
  return { state: toast(state, "expression copied", context.now), effects: [{ kind: "copy", text }] };
}

function cycleTheme(state: UiState, now: number): Step {
  const index = THEMES.indexOf(state.theme as (typeof THEMES)[number]);
  const theme = THEMES[(index + 1) % THEMES.length] as string;
  return say({ ...state, theme }, `theme ${theme}`, now);
}

function addDiscovered(state: UiState, context: KeyContext): Step {
  const refused = controlled(state, context);
  if (refused !== undefined) return refused;
  const found = context.discovered[state.cursor - (context.rows - context.discovered.length)] ?? context.discovered[0];
  if (found === undefined) return say(state, "no exporter waits to be added", context.now);
  return {
    state: toast(state, `adding ${found.scraper} at ${found.url}`, context.now),
    effects: [{ kind: "command", command: { kind: "add-target", scraper: found.scraper, url: found.url } }],
  };
}
