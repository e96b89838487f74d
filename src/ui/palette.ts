/**
 * The `:` palette: a line of text in, an action in words out. Views by name or alias, spans, moments, marks, silences.
 * What cannot be understood is a sentence, never silence.
 */
import type { ViewId } from "../panel/spec.ts";
import { parseDuration } from "../model/duration.ts";
import { VIEW_ALIASES, VIEWS, type ActionName } from "./keymap.ts";

export type PaletteResult =
  | { readonly kind: "action"; readonly action: ActionName }
  | { readonly kind: "view"; readonly view: ViewId }
  | { readonly kind: "span"; readonly spanMs: number }
  | { readonly kind: "goto" | "silence" | "mark" | "filter" | "expr" | "theme" | "ack"; readonly text: string }
  | { readonly kind: "reload" }
  | { readonly kind: "nothing" };

const ACTIONS: Readonly<Record<string, ActionName>> = {
  q: "quit",
  quit: "quit",
  exit: "quit",
  help: "help",
  live: "live",
  pause: "pause",
  zoom: "zoom",
  copy: "copy",
  mouse: "mouse",
  redraw: "redraw",
};
const WITH_TEXT: Readonly<Record<string, "goto" | "silence" | "mark" | "filter" | "theme" | "ack">> = {
  goto: "goto",
  at: "goto",
  silence: "silence",
  mark: "mark",
  filter: "filter",
  theme: "theme",
  ack: "ack",
};
/** First words the palette knows, as it completes them. */
export const PALETTE_WORDS: readonly string[] = [
  ...VIEWS,
  "ack",
  "filter",
  "goto",
  "help",
  "live",
  "mark",
  "mouse",
  "pause",
  "quit",
  "redraw",
  "reload",
  "silence",
  "span",
  "theme",
  "zoom",
];

/** @throws UserError `bad-duration` for a span that is none. */
export function parsePalette(text: string): PaletteResult {
  const [word = "", ...rest] = text.trim().split(/\s+/);
  const argument = rest.join(" ");
  if (word === "") return { kind: "nothing" };
  const action = ACTIONS[word];
  if (action !== undefined && argument === "") return { kind: "action", action };
  if (word === "reload") return { kind: "reload" };
  if (word === "span") return { kind: "span", spanMs: Math.max(1_000, parseDuration(argument)) };
  const withText = WITH_TEXT[word];
  if (withText !== undefined) return { kind: withText, text: argument };
  const view = viewNamed(word);
  if (view === "explore" && argument !== "") return { kind: "expr", text: argument };
  return view === undefined ? { kind: "nothing" } : { kind: "view", view };
}

/** The view of this name, alias or unambiguous beginning. */
export function viewNamed(word: string): ViewId | undefined {
  const exact = VIEWS.find((view) => view === word) ?? VIEW_ALIASES[word];
  if (exact !== undefined) return exact;
  const starts = VIEWS.filter((view) => view.startsWith(word));
  return starts.length === 1 ? starts[0] : undefined;
}
