/** A pane: a rectangle of finished rows for ink. Boxes have a title left and facts right in their top border. */
import type { CellGrid } from "../draw/cell.ts";
import { createGrid, putText } from "../draw/grid.ts";
import { STYLE } from "../draw/theme.ts";
import type { Rect } from "./layout.ts";
import { cutLine, lineWidth, renderBar, renderLine, span, type Line, type Look } from "./look.ts";

export interface Pane {
  readonly id: string;
  readonly rect: Rect;
  /** `rect.height` rows of exactly `rect.width` columns, with colour codes. */
  readonly rows: readonly string[];
}

/** A row of a pane; `bar` paints the whole row in one style. */
export interface PaneRow {
  readonly line: Line;
  readonly bar?: number | undefined;
}

interface Border {
  readonly horizontal: string;
  readonly vertical: string;
  readonly corners: readonly [string, string, string, string];
}

const LINES: Border = { horizontal: "─", vertical: "│", corners: ["╭", "╮", "╰", "╯"] };
const ASCII: Border = { horizontal: "-", vertical: "|", corners: ["+", "+", "+", "+"] };

export interface BoxOptions {
  readonly title: Line;
  readonly right?: Line;
  readonly focus?: boolean;
  /** No side and bottom borders: on narrow screens every column counts. */
  readonly rule?: boolean;
}

/** The cells inside a box. */
export function insideOf(rect: Rect, rule = false): Rect {
  if (rule) return { x: rect.x, y: rect.y + 1, width: rect.width, height: Math.max(0, rect.height - 1) };
  return {
    x: rect.x + 1,
    y: rect.y + 1,
    width: Math.max(0, rect.width - 2),
    height: Math.max(0, rect.height - 2),
  };
}

/** A box (or a title rule) around `rows`; missing rows are blank, surplus ones cut. */
export function boxPane(id: string, rect: Rect, rows: readonly PaneRow[], options: BoxOptions, look: Look): Pane {
  const border = look.ascii ? ASCII : LINES;
  const style = options.focus === true ? STYLE.borderFocus : STYLE.border;
  const inside = insideOf(rect, options.rule);
  const side = options.rule === true ? "" : renderLine([span(border.vertical, style)], 1, look);
  const body = Array.from({ length: inside.height }, (_, i) => side + renderRow(rows[i], inside.width, look) + side);
  const top = renderLine(topLine(rect.width, options, border, style), rect.width, look);
  if (options.rule === true || rect.height < 2) return { id, rect, rows: [top, ...body] };
  const foot = border.corners[2] + border.horizontal.repeat(Math.max(0, rect.width - 2)) + border.corners[3];
  return { id, rect, rows: [top, ...body, renderLine([span(foot, style)], rect.width, look)] };
}

/** The same box as cells, for charts: what is painted behind ink's back brings its own frame. */
export function boxGrid(rect: Rect, rows: readonly PaneRow[], options: BoxOptions, look: Look): CellGrid {
  const border = look.ascii ? ASCII : LINES;
  const style = options.focus === true ? STYLE.borderFocus : STYLE.border;
  const grid = createGrid(rect);
  const put = (line: Line, x: number, y: number, width: number): void => {
    let column = x;
    for (const part of line) {
      column = putText(grid, column, y, part.text, part.style, { width: x + width - column, ascii: look.ascii });
    }
  };
  put(topLine(rect.width, options, border, style), 0, 0, rect.width);
  const inside = insideOf({ ...rect, x: 0, y: 0 }, options.rule);
  rows.slice(0, inside.height).forEach(({ line }, i) => put(line, inside.x, inside.y + i, inside.width));
  if (options.rule === true || rect.height < 2) return grid;
  for (let y = 1; y < rect.height - 1; y++) {
    putText(grid, 0, y, border.vertical, style);
    putText(grid, rect.width - 1, y, border.vertical, style);
  }
  const foot = border.corners[2] + border.horizontal.repeat(Math.max(0, rect.width - 2)) + border.corners[3];
  putText(grid, 0, rect.height - 1, foot, style);
  return grid;
}

/** Rows without any frame. */
export function plainPane(id: string, rect: Rect, rows: readonly PaneRow[], look: Look): Pane {
  return { id, rect, rows: Array.from({ length: rect.height }, (_, i) => renderRow(rows[i], rect.width, look)) };
}

export function row(...spans: Line): PaneRow {
  return { line: spans };
}

function renderRow(paneRow: PaneRow | undefined, width: number, look: Look): string {
  if (paneRow === undefined) return " ".repeat(width);
  return paneRow.bar === undefined
    ? renderLine(paneRow.line, width, look)
    : renderBar(paneRow.line, width, paneRow.bar, look);
}

function topLine(width: number, options: BoxOptions, border: Border, style: number): Line {
  const rule = options.rule === true;
  const [left, right] = rule ? ["", ""] : [border.corners[0], border.corners[1]];
  const room = width - left.length - right.length;
  const facts = options.right === undefined || lineWidth(options.right) === 0 ? [] : options.right;
  // A title needs a few columns more than it is wide: the rule before it, blanks around it.
  const factsWidth = facts.length === 0 ? 0 : lineWidth(facts) + 3;
  const kept = factsWidth > room - 8 ? [] : facts;
  const title = cutLine(options.title, Math.max(0, room - 3 - (kept.length === 0 ? 0 : factsWidth)));
  const head: Line = [span(`${left}${border.horizontal} `, style), ...title, span(" ", style)];
  const tail: Line =
    kept.length === 0
      ? [span(right, style)]
      : [span(" ", style), ...kept, span(` ${border.horizontal}${right}`, style)];
  const fill = Math.max(0, width - lineWidth(head) - lineWidth(tail));
  return [...head, span(border.horizontal.repeat(fill), style), ...tail];
}

/** Lines of a paragraph of words within `width`; long words are cut by the renderer. */
export function wrapWords(text: string, width: number, rowsMax: number): readonly string[] {
  const rows: string[] = [];
  const room = Math.max(1, width);
  let current = "";
  for (const word of text.split(/\s+/)) {
    if (word === "") continue;
    const joined = current === "" ? word : `${current} ${word}`;
    if (joined.length <= width || current === "") current = joined;
    else {
      rows.push(current);
      current = word;
    }
    // A word longer than a row is broken where the row ends.
    for (; current.length > room; current = current.slice(room)) rows.push(current.slice(0, room));
  }
  if (current !== "") rows.push(current);
  if (rows.length <= rowsMax) return rows;
  return [...rows.slice(0, rowsMax - 1), `${(rows[rowsMax - 1] ?? "").slice(0, Math.max(0, width - 1))}…`];
}

/** First row shown of a list so that the cursor is visible with a row of context. */
export function scrollTop(cursor: number, count: number, visible: number): number {
  if (count <= visible) return 0;
  return Math.max(0, Math.min(count - visible, cursor - Math.floor(visible / 2)));
}
