/** What the person has chosen: everything the screen remembers between two key presses, and what a key may do. */
import type { Alert } from "../model/alert.ts";
import type { Timestamp } from "../model/sample.ts";
import type { PanelSpec, ViewId } from "../panel/spec.ts";
import type { Capabilities, Command, DiscoveredTarget, TargetStatus } from "../api/source.ts";
import { liveTime, type TimeState } from "./time.ts";

/** Where typed characters go. `normal`: keys are commands; the others edit one line of text. */
export type Mode = "normal" | "palette" | "filter" | "goto" | "silence" | "ack" | "mark" | "explore";

export interface TextInput {
  readonly text: string;
  /** Index in UTF-16 units, always between two characters. */
  readonly caret: number;
}

export interface Toast {
  readonly text: string;
  readonly kind: "info" | "error";
  readonly at: Timestamp;
}

export interface UiState {
  readonly view: ViewId;
  /** Views to come back to with Esc, the newest last. */
  readonly crumbs: readonly ViewId[];
  readonly time: TimeState;
  readonly pane: "main" | "alerts";
  /** Panel or row of the main pane. */
  readonly cursor: number;
  readonly alertCursor: number;
  readonly zoom: boolean;
  readonly help: boolean;
  readonly helpTop: number;
  readonly mode: Mode;
  readonly input: TextInput;
  /** Highlighted completion; -1 for none. */
  readonly picked: number;
  /** Text filter of rows and panels, `!` in front inverts it. */
  readonly filter: string;
  readonly expr: string;
  readonly alertsLarge: boolean;
  readonly mouse: boolean;
  readonly theme: string;
  readonly toast: Toast | undefined;
}

export function initialState(view: ViewId, time: TimeState = liveTime(), theme = "default"): UiState {
  return {
    view,
    crumbs: [],
    time,
    pane: "main",
    cursor: 0,
    alertCursor: 0,
    zoom: false,
    help: false,
    helpTop: 0,
    mode: "normal",
    input: { text: "", caret: 0 },
    picked: -1,
    filter: "",
    expr: "",
    alertsLarge: false,
    mouse: false,
    theme,
    toast: undefined,
  };
}

/** What is on the screen while a key arrives; the reducer reads it and never fetches. */
export interface KeyContext {
  readonly now: Timestamp;
  readonly utc: boolean;
  readonly bucketMs: number;
  /** Rows or panels of the main pane. */
  readonly rows: number;
  /** Panel under the cursor: what Enter opens and `y` copies. */
  readonly panel: PanelSpec | undefined;
  /** Its expressions as they were sent. */
  readonly exprs: readonly string[];
  /** Alerts in the order the pane shows them. */
  readonly alerts: readonly Alert[];
  /** Panels of every view, for jumping from an alert or health row to its panel. */
  readonly panels: readonly PanelSpec[];
  readonly target: TargetStatus | undefined;
  readonly discovered: readonly DiscoveredTarget[];
  /** Moments at which an alert changed state, any order. */
  readonly changes: readonly Timestamp[];
  readonly completions: readonly string[];
  readonly capabilities: Capabilities | undefined;
  readonly author: string;
  /** Rows a page key moves. */
  readonly page: number;
}

/** What a key causes outside the state. */
export type Effect =
  | { readonly kind: "quit" }
  | { readonly kind: "suspend" }
  | { readonly kind: "redraw" }
  | { readonly kind: "mouse"; readonly on: boolean }
  | { readonly kind: "copy"; readonly text: string }
  | { readonly kind: "command"; readonly command: Command };

export interface Step {
  readonly state: UiState;
  readonly effects: readonly Effect[];
}

/** The filter of `/`: plain text anywhere in any of `texts`, upper and lower case alike; `!text` inverts. */
export function passesFilter(filter: string, ...texts: readonly string[]): boolean {
  const inverse = filter.startsWith("!");
  const wanted = (inverse ? filter.slice(1) : filter).trim().toLowerCase();
  if (wanted === "") return true;
  const found = texts.some((text) => text.toLowerCase().includes(wanted));
  return found !== inverse;
}
