/**
 * A pane: finished rows of text for ink, and a frame for the compositor. Frames do not pass through ink: box-drawing
 * characters in every row made measuring text the most expensive thing on the screen.
 */
import type { CellGrid } from "../draw/cell.ts";
import { blit, createGrid, putText } from "../draw/grid.ts";
import { STYLE } from "../draw/theme.ts";
import type { Overlay } from "./cells.ts";
import type { Rect } from "./layout.ts";
import { cutLine, lineWidth, renderBar, renderLine, span, type Line, type Look } from "./look.ts";

export interface Pane {
  readonly id: string;
  /** Where the rows stand. */
  readonly rect: Rect;
  /** At most `rect.height` rows of at most `rect.width` columns, with colour codes. */
  readonly rows: readonly string[];
  /** Border and title, in cells around the rows. */
  readonly frame: readonly Overlay[];
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
  /** Blanks cover what lies under the pane. */
  readonly opaque?: boolean;
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

/** Rows in a box (or under a title rule); surplus rows are cut. */
export function boxPane(id: string, rect: Rect, rows: readonly PaneRow[], options: BoxOptions, look: Look): Pane {
  const inside = insideOf(rect, options.rule);
  const frame = frameOf(rect, options, look);
  const text = textRows(rows, inside, look, options.opaque);
  if (options.opaque !== true) return { id, rect: inside, rows: text, frame };
  const blank = " ".repeat(inside.width);
  const full = Array.from({ length: inside.height }, (_, i) => text[i] ?? blank);
  return { id, rect: inside, rows: full, frame };
}

/** Border and title of a box, as the rectangles that hold them. */
function frameOf(rect: Rect, options: BoxOptions, look: Look): readonly Overlay[] {
  const border = look.ascii ? ASCII : LINES;
  const style = options.focus === true ? STYLE.borderFocus : STYLE.border;
  const top = createGrid({ width: rect.width, height: 1 });
  putLine(top, topLine(rect.width, options, border, style), { x: 0, y: 0, width: rect.width }, look);
  const head = { x: rect.x, y: rect.y, grid: top };
  if (options.rule === true || rect.height < 2) return [head];
  const side = createGrid({ width: 1, height: rect.height - 2 });
  for (let y = 0; y < side.height; y++) putText(side, 0, y, border.vertical, style);
  const foot = createGrid({ width: rect.width, height: 1 });
  const line = border.corners[2] + border.horizontal.repeat(Math.max(0, rect.width - 2)) + border.corners[3];
  putText(foot, 0, 0, line, style);
  return [
    head,
    { x: rect.x, y: rect.y + 1, grid: side },
    { x: rect.x + rect.width - 1, y: rect.y + 1, grid: side },
    { x: rect.x, y: rect.y + rect.height - 1, grid: foot },
  ];
}

interface Place {
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

function putLine(grid: CellGrid, line: Line, { x, y, width }: Place, look: Look): void {
  let column = x;
  for (const part of line) {
    column = putText(grid, column, y, part.text, part.style, { width: x + width - column, ascii: look.ascii });
  }
}

/** A box with text in it, all as cells: a chart that has nothing to draw says why. */
export function boxGrid(rect: Rect, rows: readonly PaneRow[], options: BoxOptions, look: Look): CellGrid {
  const grid = createGrid(rect);
  for (const part of frameOf(rect, options, look)) blit(grid, part.grid, part.x - rect.x, part.y - rect.y);
  const inside = insideOf({ ...rect, x: 0, y: 0 }, options.rule);
  rows.slice(0, inside.height).forEach(({ line }, i) => {
    putLine(grid, line, { x: inside.x, y: inside.y + i, width: inside.width }, look);
  });
  return grid;
}

/** One line drawn as cells. */
export function lineOverlay(rect: Rect, line: Line, look: Look): Overlay {
  const grid = createGrid({ width: rect.width, height: 1 });
  putLine(grid, line, { x: 0, y: 0, width: rect.width }, look);
  return { x: rect.x, y: rect.y, grid };
}

/** Rows without any frame. */
export function plainPane(id: string, rect: Rect, rows: readonly PaneRow[], look: Look): Pane {
  return { id, rect, rows: textRows(rows, rect, look), frame: [] };
}

function textRows(rows: readonly PaneRow[], rect: Rect, look: Look, fill = false): readonly string[] {
  return rows.slice(0, Math.max(0, rect.height)).map((paneRow) => renderRow(paneRow, rect.width, look, fill));
}

export function row(...spans: Line): PaneRow {
  return { line: spans };
}

function renderRow(paneRow: PaneRow, width: number, look: Look, fill: boolean): string {
  if (paneRow.bar !== undefined) return renderBar(paneRow.line, width, paneRow.bar, look);
  // Ink gives a text without characters no row at all.
  return renderLine(paneRow.line, width, look, fill) || " ";
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
