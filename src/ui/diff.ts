/**
 * Two screens → the bytes that turn one into the other. Cells that stay the same cost nothing, the cursor moves by
 * the shortest code, styles change by the shortest code. Where terminals may disagree about a glyph's width the
 * cursor is placed absolutely afterwards, so a disagreement spoils one cell and never the row.
 */
import type { CellGrid } from "../draw/cell.ts";
import type { Ink } from "./cells.ts";

const BLANK = 0x20;
/** Erasing to the end of the line (`ESC [ K`, 3 bytes and a style reset) pays from this many blanks on. */
const ERASE_MIN = 6;

interface Pen {
  out: string;
  /** Cursor; -1 where the terminal's own position is not certain. */
  row: number;
  column: number;
  style: number;
}

/**
 * @param before what the terminal shows, of the same size; its cursor may be anywhere, its style must be the default.
 * @returns escape codes and text, ending in the default style; "" when nothing differs.
 */
export function diffCells(before: CellGrid, after: CellGrid, ink: Ink): string {
  const pen: Pen = { out: "", row: -1, column: -1, style: 0 };
  for (let y = 0; y < after.height; y++) diffRow(before, after, y, ink, pen);
  if (pen.style !== 0) pen.out += ink.styles.transition(pen.style, 0);
  return pen.out;
}

function diffRow(before: CellGrid, after: CellGrid, y: number, ink: Ink, pen: Pen): void {
  const base = y * after.width;
  const differs = (x: number): boolean =>
    before.glyph[base + x] !== after.glyph[base + x] || before.style[base + x] !== after.style[base + x];
  let end = after.width;
  while (end > 0 && !differs(end - 1)) end--;
  if (end === 0) return;
  const erase = eraseFrom(before, after, base, end);
  for (let x = 0; x < Math.min(end, erase); x++) {
    // The halves of a wide glyph go together: before the first differing half, step back to its start.
    const wide = x + 1 < after.width && after.glyph[base + x + 1] === 0;
    if (!differs(x) && !(wide && differs(x + 1))) continue;
    if (after.glyph[base + x] === 0) continue;
    moveTo(pen, x, y, after, ink);
    putCell(pen, after, base + x, wide ? 2 : 1, ink);
    if (wide) x++;
  }
  if (erase < end) {
    moveTo(pen, erase, y, after, ink);
    pen.out += `${ink.styles.transition(pen.style, 0)}\u001b[K`;
    pen.style = 0;
  }
}

/** Column from which the new row is blank to its end and erasing beats writing blanks; the width when it does not. */
function eraseFrom(before: CellGrid, after: CellGrid, base: number, end: number): number {
  let from = after.width;
  while (from > 0 && after.glyph[base + from - 1] === BLANK && after.style[base + from - 1] === 0) from--;
  let changed = 0;
  for (let x = from; x < end; x++) {
    if (before.glyph[base + x] !== BLANK || before.style[base + x] !== 0) changed++;
  }
  return changed >= ERASE_MIN ? from : after.width;
}

function putCell(pen: Pen, after: CellGrid, at: number, width: number, ink: Ink): void {
  const style = after.style[at] as number;
  const glyph = after.glyph[at] as number;
  pen.out += ink.styles.transition(pen.style, style) + ink.glyphText(glyph);
  pen.style = style;
  pen.column += width;
  // After the last column the cursor waits on it: where it counts from there differs between terminals.
  if (!ink.isSureWidth(glyph) || pen.column >= after.width) pen.column = -1;
}

function moveTo(pen: Pen, x: number, y: number, after: CellGrid, ink: Ink): void {
  if (pen.row === y && pen.column === x) return;
  if (pen.row === y && pen.column >= 0 && x > pen.column) {
    const gap = rewrite(pen, x, y, after, ink);
    const hop = x - pen.column === 1 ? "\u001b[C" : `\u001b[${x - pen.column}C`;
    pen.out += gap !== undefined && Buffer.byteLength(gap) <= hop.length ? gap : hop;
  } else pen.out += x === 0 ? `\u001b[${y + 1}H` : `\u001b[${y + 1};${x + 1}H`;
  pen.row = y;
  pen.column = x;
}

/** The unchanged text between cursor and target, where writing it again may be shorter than moving. */
function rewrite(pen: Pen, x: number, y: number, after: CellGrid, ink: Ink): string | undefined {
  if (x - pen.column > 4) return undefined;
  let text = "";
  for (let i = y * after.width + pen.column; i < y * after.width + x; i++) {
    const glyph = after.glyph[i] as number;
    if (after.style[i] !== pen.style || !ink.isSureWidth(glyph)) return undefined;
    text += ink.glyphText(glyph);
  }
  return text;
}
