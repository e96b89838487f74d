/** What lies over everything: the help, made from the keymap, and the list of completions above the prompt. */
import { STYLE } from "../../draw/theme.ts";
import type { Size } from "../../draw/cell.ts";
import type { Rect } from "../layout.ts";
import { cell, span } from "../look.ts";
import { type Binding, bindingsFor, keyLabel } from "../keymap.ts";
import { boxPane, insideOf, scrollTop, type Pane, type PaneRow } from "../pane.ts";
import { placesOf } from "../reducer.ts";
import type { ViewInput } from "./input.ts";

const GROUPS: readonly (readonly [Binding["group"], string])[] = [
  ["time", "Time"],
  ["move", "Move"],
  ["alerts", "Alerts"],
  ["views", "Views"],
  ["screen", "Screen"],
];
/** Completions shown at once. */
const COMPLETIONS_SHOWN = 8;

export function helpPane(input: ViewInput, size: Size): Pane {
  const { state, look } = input;
  const rect: Rect = { x: 0, y: 0, width: size.width, height: size.height };
  const rule = size.width < 60;
  const inside = insideOf(rect, rule);
  const columns = inside.width >= 150 ? 3 : inside.width >= 84 ? 2 : 1;
  const width = Math.floor(inside.width / columns);
  const lines = helpRows(input, width);
  const perColumn = Math.max(inside.height, Math.ceil(lines.length / columns));
  const rows: PaneRow[] = Array.from({ length: perColumn }, (_, y) => ({
    line: Array.from({ length: columns }, (_, x) => lines[x * perColumn + y] ?? [cell("", width)]).flat(),
  }));
  const top = Math.min(state.helpTop, Math.max(0, rows.length - inside.height));
  const more = rows.length > inside.height ? "j k scroll, " : "";
  const right = [span(`${more}any other key closes`, STYLE.dim)];
  const title = [span(`Keys in ${state.pane === "alerts" ? "the alert pane" : state.view}`, STYLE.title)];
  return boxPane("help", rect, rows.slice(top), { title, right, focus: true, rule }, look);
}

function helpRows(input: ViewInput, width: number): readonly (readonly ReturnType<typeof cell>[])[] {
  const bindings = bindingsFor(placesOf(input.state));
  return GROUPS.flatMap(([group, title]) => {
    const merged = new Map<string, { keys: string[]; doc: string }>();
    for (const binding of bindings.filter((b) => b.group === group)) {
      const entry = merged.get(binding.doc) ?? { keys: [], doc: binding.doc };
      entry.keys.push(...binding.keys.map(keyLabel));
      merged.set(binding.doc, entry);
    }
    if (merged.size === 0) return [];
    return [
      [cell(` ${title}`, width, STYLE.title)],
      ...[...merged.values()].map(({ keys, doc }) => [
        cell(`  ${keys.join(" ")}`, 16, STYLE.key),
        cell(doc, width - 17),
        span(" "),
      ]),
      [cell("", width)],
    ];
  });
}

export interface Popup {
  readonly pane: Pane;
  /** The pane with its frame: what lies under it stays hidden. */
  readonly box: Rect;
}

/** Completions in a box whose bottom stands on the footer; undefined when there are none. */
export function completionsPane(input: ViewInput, size: Size): Popup | undefined {
  const { state, completions, look } = input;
  if (completions.length === 0 || (state.mode !== "palette" && state.mode !== "explore")) return undefined;
  const count = Math.min(COMPLETIONS_SHOWN, completions.length, size.height - 4);
  if (count < 1) return undefined;
  const widest = Math.max(...completions.map((text) => text.length));
  const width = Math.min(size.width, Math.max(24, Math.min(60, widest + 4)));
  const rect = { x: 0, y: size.height - 3 - count, width, height: count + 2 };
  const top = scrollTop(Math.max(0, state.picked), completions.length, count);
  const rows = completions.slice(top, top + count).map(
    (text, i): PaneRow => ({
      line: [span(` ${text}`)],
      bar: top + i === state.picked ? STYLE.selected : undefined,
    }),
  );
  const right = [span(`${completions.length}`, STYLE.dim)];
  const title = [span("Tab completes", STYLE.dim)];
  return { pane: boxPane("completions", rect, rows, { title, right, opaque: true }, look), box: rect };
}
