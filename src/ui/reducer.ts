/**
 * A key press and what is on the screen in; the next state and its effects out. Pure: no clock, no source, no
 * terminal. Everything a key does to the screen happens here at once and never waits for the next tick.
 */
import type { ViewId } from "../panel/spec.ts";
import { metricNames } from "../panel/metric-names.ts";
import { editText, EMPTY_INPUT, inputOf } from "./edit.ts";
import { actionFor, type ActionName, type KeyPlace } from "./keymap.ts";
import { ALT, keyName, type KeyPress } from "./keys.ts";
import { pressInPrompt } from "./prompt.ts";
import type { KeyContext, Step, UiState } from "./state.ts";
import { controlled, goTo, only, openView, say, toast } from "./steps.ts";
import { changeFrom, JUMP_BUCKETS, nextSpan, pauseAt, stepTime, togglePause } from "./time.ts";

/** Colour themes `c` walks through. */
const THEMES = ["default", "dark", "light", "colorblind"] as const;

/** Where the focus is, for the keymap. */
export function placesOf(state: UiState): readonly KeyPlace[] {
  if (state.pane === "alerts" || state.view === "alerts") return ["alerts"];
  if (state.view === "targets") return ["targets"];
  return state.view === "explore" ? ["explore"] : ["panels"];
}

/** What a press consists of: Alt with a character is Escape and that character, unless the line being edited knows it. */
export function pressesOf(state: UiState, key: KeyPress): readonly KeyPress[] {
  if (key.kind === "text" || !key.name.startsWith(ALT)) return [key];
  if (state.mode !== "normal" && editText(state.input, key.name) !== undefined) return [key];
  return [
    { kind: "key", name: "Esc" },
    { kind: "text", text: key.name.slice(ALT.length) },
  ];
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

type Handler = (state: UiState, context: KeyContext) => Step;
type PlainAction = Exclude<ActionName, `view-${ViewId}`>;

/** What each action does; views are handled by name. */
const ACTIONS: Readonly<Record<PlainAction, Handler>> = {
  pause: (state, { now }) => only({ ...state, time: togglePause(state.time, now) }),
  live: (state) => only({ ...state, time: { ...state.time, mode: "live" } }),
  "step-back": (state, context) => stepBy(state, -1, context),
  "step-forward": (state, context) => stepBy(state, 1, context),
  "jump-back": (state, context) => stepBy(state, -JUMP_BUCKETS, context),
  "jump-forward": (state, context) => stepBy(state, JUMP_BUCKETS, context),
  "previous-change": (state, context) => jumpToChange(state, -1, context),
  "next-change": (state, context) => jumpToChange(state, 1, context),
  "longer-span": (state) => only({ ...state, time: nextSpan(state.time, 1) }),
  "shorter-span": (state) => only({ ...state, time: nextSpan(state.time, -1) }),
  "go-to-time": (state) => only({ ...state, mode: "goto", input: EMPTY_INPUT }),
  down: (state, context) => moveBy(state, 1, context),
  up: (state, context) => moveBy(state, -1, context),
  "page-down": (state, context) => moveBy(state, context.page, context),
  "page-up": (state, context) => moveBy(state, -context.page, context),
  first: (state, context) => moveBy(state, Number.NEGATIVE_INFINITY, context),
  last: (state, context) => moveBy(state, Number.POSITIVE_INFINITY, context),
  "next-pane": otherPane,
  "previous-pane": otherPane,
  "alerts-focus": (state) => only({ ...state, pane: state.view === "alerts" ? "main" : "alerts" }),
  "alerts-large": (state) => only({ ...state, alertsLarge: !state.alertsLarge }),
  zoom: (state) => only({ ...state, zoom: !state.zoom, pane: "main" }),
  open: openAction,
  back: backAction,
  quit: (state) => ({ state, effects: [{ kind: "quit" }] }),
  help: (state) => only({ ...state, help: true, helpTop: 0 }),
  palette: (state) => only({ ...state, mode: "palette", input: EMPTY_INPUT, picked: -1 }),
  filter: (state) => only({ ...state, mode: "filter", input: inputOf(state.filter) }),
  "edit-expr": (state) => only({ ...state, mode: "explore", input: inputOf(state.expr), picked: -1 }),
  mark: (state, context) => controlled(state, context) ?? only({ ...state, mode: "mark", input: EMPTY_INPUT }),
  ack: (state, context) => alertPrompt(state, context, "ack", ""),
  silence: (state, context) => alertPrompt(state, context, "silence", "2h "),
  copy: copyExpr,
  mouse: (state, { now }) => ({
    state: toast(state, state.mouse ? "mouse off" : "mouse on: click and wheel; m switches it off", now),
    effects: [{ kind: "mouse", on: !state.mouse }],
  }),
  theme: (state, { now }) => cycleTheme(state, now),
  "add-discovered": addDiscovered,
  redraw: (state) => ({ state, effects: [{ kind: "redraw" }] }),
  suspend: (state) => ({ state, effects: [{ kind: "suspend" }] }),
};

export function act(state: UiState, action: ActionName, context: KeyContext): Step {
  const quiet: UiState = state.toast === undefined ? state : { ...state, toast: undefined };
  if (isPlain(action)) return ACTIONS[action](quiet, context);
  return only(openView(quiet, action.slice("view-".length) as ViewId));
}

function isPlain(action: ActionName): action is PlainAction {
  return Object.hasOwn(ACTIONS, action);
}

function stepBy(state: UiState, buckets: number, { bucketMs, now }: KeyContext): Step {
  return only({ ...state, time: stepTime(state.time, buckets, bucketMs, now) });
}

function jumpToChange(state: UiState, direction: 1 | -1, { changes, now, capabilities }: KeyContext): Step {
  if (capabilities?.journal === false) return say(state, "this source keeps no alert history", now, "error");
  const at = changeFrom(state.time, direction, changes, now);
  if (at === undefined) return say(state, `no ${direction > 0 ? "later" : "earlier"} alert change`, now);
  return only({ ...state, time: pauseAt(state.time, at) });
}

/** There are two panes: what the view shows, and the alerts; in the alerts view they are one. */
function otherPane(state: UiState): Step {
  return only({ ...state, pane: state.pane === "main" && state.view !== "alerts" ? "alerts" : "main" });
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
