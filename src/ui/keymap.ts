/**
 * Keys as data: which key means what, where, and how help words it. The reducer asks `actionFor`; the help overlay
 * and the footer are made from the same table, so they cannot disagree with what a key does.
 */
import type { ViewId } from "../panel/spec.ts";

export type ActionName =
  | "quit"
  | "help"
  | "back"
  | "palette"
  | "filter"
  | "next-pane"
  | "previous-pane"
  | "down"
  | "up"
  | "page-down"
  | "page-up"
  | "first"
  | "last"
  | "open"
  | "zoom"
  | "pause"
  | "step-back"
  | "step-forward"
  | "jump-back"
  | "jump-forward"
  | "previous-change"
  | "next-change"
  | "go-to-time"
  | "live"
  | "longer-span"
  | "shorter-span"
  | "alerts-focus"
  | "alerts-large"
  | "ack"
  | "silence"
  | "mark"
  | "copy"
  | "mouse"
  | "theme"
  | "add-discovered"
  | "edit-expr"
  | "redraw"
  | "suspend"
  | `view-${ViewId}`;

/** `anywhere`, or only while this view or pane has the focus. */
export type KeyPlace = "anywhere" | "alerts" | "targets" | "explore" | "panels";

export interface Binding {
  readonly keys: readonly string[];
  readonly action: ActionName;
  readonly doc: string;
  readonly place: KeyPlace;
  readonly group: "move" | "time" | "alerts" | "views" | "screen";
  /** Word in the footer; absent where the footer does not mention it. Earlier rows are kept longer. */
  readonly footer?: string;
}

const VIEW_KEYS: readonly (readonly [key: string, view: ViewId, doc: string])[] = [
  ["0", "overview", "overview: what is wrong, and where"],
  ["1", "hosts", "hosts: CPU, memory, disks, network"],
  ["2", "postgres", "PostgreSQL"],
  ["3", "redis", "Redis"],
  ["4", "rabbitmq", "RabbitMQ"],
  ["5", "services", "services: rate, errors, duration"],
  ["6", "web", "web: nginx and probes"],
  ["7", "storage", "object storage"],
  ["8", "business", "business numbers"],
  ["9", "alerts", "every alert"],
  ["T", "targets", "targets and why one is down"],
  ["E", "explore", "explore: any PromQL expression"],
];

/** The views in the order of their keys. */
export const VIEWS: readonly ViewId[] = VIEW_KEYS.map(([, view]) => view);

/** Other names a view answers to in the palette. */
export const VIEW_ALIASES: Readonly<Record<string, ViewId>> = {
  host: "hosts",
  node: "hosts",
  pg: "postgres",
  postgresql: "postgres",
  rabbit: "rabbitmq",
  mq: "rabbitmq",
  api: "services",
  svc: "services",
  nginx: "web",
  s3: "storage",
  biz: "business",
  alert: "alerts",
  target: "targets",
  query: "explore",
  promql: "explore",
};

export const BINDINGS: readonly Binding[] = [
  { keys: ["?"], action: "help", doc: "this help", place: "anywhere", group: "screen", footer: "help" },
  { keys: ["q", "C-c"], action: "quit", doc: "quit", place: "anywhere", group: "screen", footer: "quit" },
  { keys: ["x"], action: "ack", doc: "acknowledge the alert", place: "alerts", group: "alerts", footer: "ack" },
  {
    keys: ["s"],
    action: "silence",
    doc: "silence the alert for a while",
    place: "alerts",
    group: "alerts",
    footer: "silence",
  },
  {
    keys: ["Enter"],
    action: "open",
    doc: "go to the alert: its start, its panel",
    place: "alerts",
    group: "alerts",
    footer: "go to start",
  },
  {
    keys: ["D"],
    action: "add-discovered",
    doc: "scrape the exporter under the cursor",
    place: "targets",
    group: "screen",
    footer: "add",
  },
  {
    keys: ["e", "i", "Enter"],
    action: "edit-expr",
    doc: "edit the expression",
    place: "explore",
    group: "screen",
    footer: "edit",
  },
  {
    keys: ["Enter"],
    action: "open",
    doc: "open: drill down, then zoom",
    place: "anywhere",
    group: "move",
    footer: "open",
  },
  { keys: ["Space"], action: "pause", doc: "pause, and go on live", place: "anywhere", group: "time", footer: "pause" },
  { keys: ["["], action: "step-back", doc: "one bucket back", place: "anywhere", group: "time", footer: "back" },
  {
    keys: ["]"],
    action: "step-forward",
    doc: "one bucket forward",
    place: "anywhere",
    group: "time",
    footer: "forward",
  },
  { keys: ["Left"], action: "step-back", doc: "one bucket back", place: "anywhere", group: "time" },
  { keys: ["Right"], action: "step-forward", doc: "one bucket forward", place: "anywhere", group: "time" },
  { keys: ["{"], action: "jump-back", doc: "ten buckets back", place: "anywhere", group: "time" },
  { keys: ["}"], action: "jump-forward", doc: "ten buckets forward", place: "anywhere", group: "time" },
  { keys: ["<", "N"], action: "previous-change", doc: "previous alert change", place: "anywhere", group: "time" },
  { keys: [">", "n"], action: "next-change", doc: "next alert change", place: "anywhere", group: "time" },
  {
    keys: ["b"],
    action: "go-to-time",
    doc: "go to a time: -15m, 14:05, yesterday 03:10",
    place: "anywhere",
    group: "time",
    footer: "go to",
  },
  { keys: [".", "End"], action: "live", doc: "live", place: "anywhere", group: "time", footer: "live" },
  {
    keys: ["+", "="],
    action: "longer-span",
    doc: "longer span: 5m 15m 1h 6h 24h 7d",
    place: "anywhere",
    group: "time",
    footer: "span",
  },
  { keys: ["-"], action: "shorter-span", doc: "shorter span", place: "anywhere", group: "time" },
  { keys: ["j", "Down"], action: "down", doc: "down", place: "anywhere", group: "move" },
  { keys: ["k", "Up"], action: "up", doc: "up", place: "anywhere", group: "move" },
  { keys: ["g", "Home"], action: "first", doc: "first row", place: "anywhere", group: "move" },
  { keys: ["G"], action: "last", doc: "last row", place: "anywhere", group: "move" },
  { keys: ["PgDn", "C-d"], action: "page-down", doc: "a page down", place: "anywhere", group: "move" },
  { keys: ["PgUp", "C-u"], action: "page-up", doc: "a page up", place: "anywhere", group: "move" },
  { keys: ["Tab"], action: "next-pane", doc: "next pane", place: "anywhere", group: "move", footer: "pane" },
  { keys: ["S-Tab"], action: "previous-pane", doc: "previous pane", place: "anywhere", group: "move" },
  { keys: ["Esc"], action: "back", doc: "close, clear the filter, or go back", place: "anywhere", group: "move" },
  { keys: ["z"], action: "zoom", doc: "zoom the panel, and back", place: "anywhere", group: "move", footer: "zoom" },
  { keys: ["a"], action: "alerts-focus", doc: "to the alerts", place: "anywhere", group: "alerts", footer: "alerts" },
  { keys: ["A"], action: "alerts-large", doc: "larger alert pane, and back", place: "anywhere", group: "alerts" },
  { keys: ["M"], action: "mark", doc: "leave a mark at this moment", place: "anywhere", group: "alerts" },
  {
    keys: [":"],
    action: "palette",
    doc: "command or view by name",
    place: "anywhere",
    group: "screen",
    footer: "command",
  },
  {
    keys: ["/"],
    action: "filter",
    doc: "filter rows and panels; !text inverts",
    place: "anywhere",
    group: "screen",
    footer: "filter",
  },
  { keys: ["y"], action: "copy", doc: "copy the expression (OSC 52)", place: "anywhere", group: "screen" },
  { keys: ["m"], action: "mouse", doc: "mouse on and off", place: "anywhere", group: "screen" },
  { keys: ["c"], action: "theme", doc: "next colour theme", place: "anywhere", group: "screen" },
  { keys: ["C-l"], action: "redraw", doc: "draw the screen again", place: "anywhere", group: "screen" },
  { keys: ["C-z"], action: "suspend", doc: "suspend (fg comes back)", place: "anywhere", group: "screen" },
  ...VIEW_KEYS.map(
    ([key, view, doc]): Binding => ({ keys: [key], action: `view-${view}`, doc, place: "anywhere", group: "views" }),
  ),
];

/** The binding of `key` while these places have the focus; a particular place wins over `anywhere`. */
function bindingOf(key: string, places: readonly KeyPlace[]): Binding | undefined {
  let general: Binding | undefined;
  for (const binding of BINDINGS) {
    if (!binding.keys.includes(key)) continue;
    if (binding.place === "anywhere") general ??= binding;
    else if (places.includes(binding.place)) return binding;
  }
  return general;
}

export function actionFor(key: string, places: readonly KeyPlace[]): ActionName | undefined {
  return bindingOf(key, places)?.action;
}

/** Bindings that hold in these places: one whose keys all mean something else here is left out. */
export function bindingsFor(places: readonly KeyPlace[]): readonly Binding[] {
  return BINDINGS.filter((binding) => binding.keys.some((key) => bindingOf(key, places) === binding));
}

/** How a key is written for people. */
export function keyLabel(key: string): string {
  if (key.startsWith("C-")) return `Ctrl-${key.slice(2).toUpperCase()}`;
  return key === "S-Tab" ? "Shift-Tab" : key;
}
