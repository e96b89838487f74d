/** The small moves every key's meaning is made of: say something, change the view, refuse what the source cannot do. */
import { errorText } from "../base/errors.ts";
import type { ViewId } from "../panel/spec.ts";
import { inputOf } from "./edit.ts";
import type { KeyContext, Step, Toast, UiState } from "./state.ts";

export function only(state: UiState): Step {
  return { state, effects: [] };
}

export function toast(state: UiState, text: string, at: number, kind: Toast["kind"] = "info"): UiState {
  return { ...state, toast: { text, kind, at } };
}

export function say(state: UiState, text: string, at: number, kind: Toast["kind"] = "info"): Step {
  return only(toast(state, text, at, kind));
}

/** A command's or effect's failure as a toast. */
export function sayError(state: UiState, error: unknown, at: number): UiState {
  return toast(state, errorText(error), at, "error");
}

/** Changes the view and remembers the one before. */
export function goTo(state: UiState, view: ViewId, cursor = 0): UiState {
  if (view === state.view) return { ...state, cursor, zoom: false, pane: "main" };
  return {
    ...state,
    view,
    crumbs: [...state.crumbs.filter((crumb) => crumb !== view), state.view].slice(-8),
    cursor,
    zoom: false,
    pane: "main",
    filter: "",
  };
}

/** A view by its key or name: explore is opened to type into, so its line has the cursor. */
export function openView(state: UiState, view: ViewId): UiState {
  const next = view === state.view ? state : goTo(state, view);
  if (view !== "explore") return goTo(state, view);
  return { ...next, mode: "explore", input: inputOf(next.expr), picked: -1 };
}

/** The refusal of a source that takes no commands; undefined where it does. */
export function controlled(state: UiState, { capabilities, now }: KeyContext): Step | undefined {
  if (capabilities === undefined) return say(state, "the engine has not answered yet", now, "error");
  if (capabilities.control) return undefined;
  return say(state, `${capabilities.place} is read-only: no marks, silences or acknowledgements`, now, "error");
}
