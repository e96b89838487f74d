/**
 * Tables for people: aligned columns, numbers to the right. Where the terminal is narrow, free text gives way first: the
 * last column goes on below its row, others are cut, and what names a thing (a target, a time, an id) stays whole as
 * long as it can, because it is what one copies.
 */
import { fitPad, sanitise, textWidth } from "../../draw/sanitise.ts";

/** Narrowest a column is cut to before columns on the right are given up, cells. */
const COLUMN_MIN = 8;
/** Free text beside other columns is not narrower than this; below that it gets lines of its own. */
const TEXT_MIN = 24;
/** Lines one cell may take. */
const LINES_MAX = 4;
const INDENT = 4;
const GAP = 2;
const NUMBER = /^[+-]?(?:\d[\d.]*(?:e[+-]?\d+)?|Inf|NaN)(?:ms|s|m|h|d)?$/;
/** Columns of sentences and label sets. */
const FREE: ReadonlySet<string> = new Set(["ERROR", "SUMMARY", "LABELS", "FINDING", "REASON", "NODE", "NOTE"]);

export interface TableOptions {
  /** Cells of the terminal; Infinity for files. */
  readonly width: number;
  readonly ascii: boolean;
}

interface Column {
  readonly title: string;
  readonly numeric: boolean;
  width: number;
}

/** Rows as aligned lines; the header is upper case, as kubectl and amtool print it. */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  { width, ascii }: TableOptions,
): string {
  const clean = rows.map((row) => row.map((cell) => sanitise(cell)));
  const columns = header.map((text, i): Column => {
    const title = sanitise(text).toUpperCase();
    const cells = clean.map((row) => row[i] ?? "");
    return {
      title,
      numeric: cells.length > 0 && cells.every((cell) => NUMBER.test(cell) && !cell.includes(":")),
      width: Math.max(textWidth(title), ...cells.map((cell) => textWidth(cell))),
    };
  });
  const last = columns[columns.length - 1];
  const below = last !== undefined && !fits(columns, width) && FREE.has(last.title) && !narrowed(columns, width);
  const beside = below ? columns.slice(0, -1) : columns;
  fit(beside, width);
  const line = (cells: readonly string[]): string =>
    beside
      .map((column, i) => fitPad(cells[i] ?? "", column.width, { ascii, align: column.numeric ? "right" : "left" }))
      .join(" ".repeat(GAP))
      .trimEnd();
  const out = [line(columns.map((column) => column.title))];
  for (const row of clean) {
    const text = row[columns.length - 1] ?? "";
    const room = below ? width - INDENT : (last?.width ?? 0);
    const lines = textWidth(text) > room ? wrapped(text, room, ascii) : [text];
    const start = " ".repeat(below ? INDENT : widthOf(columns.slice(0, -1)) + GAP);
    out.push(line(below ? row : [...row.slice(0, columns.length - 1), lines[0] ?? ""]));
    for (const more of below ? (text === "" ? [] : lines) : lines.slice(1)) out.push(start + more);
  }
  return out.map((one) => `${one}\n`).join("");
}

function widthOf(columns: readonly Column[]): number {
  return columns.reduce((sum, column) => sum + column.width, 0) + GAP * Math.max(0, columns.length - 1);
}

function fits(columns: readonly Column[], available: number): boolean {
  return widthOf(columns) <= available;
}

/** Makes the last column's text narrow enough to stand beside the others. @returns false when it cannot. */
function narrowed(columns: readonly Column[], available: number): boolean {
  const last = columns[columns.length - 1] as Column;
  const others = columns.slice(0, -1);
  for (const column of others.filter((one) => FREE.has(one.title))) {
    const spare = available - GAP - widthOf(others) - TEXT_MIN;
    if (spare < 0) column.width = Math.max(Math.min(column.width, TEXT_MIN), column.width + spare);
  }
  const room = available - GAP - widthOf(others);
  if (room < TEXT_MIN) return false;
  last.width = Math.min(last.width, room);
  return true;
}

/** Takes cells from free text first, then from the widest columns, until the row fits. */
function fit(columns: readonly Column[], available: number): void {
  for (const some of [columns.filter((column) => FREE.has(column.title)), columns]) {
    while (!fits(columns, available) && some.length > 0) {
      const widest = some.reduce((a, b) => (b.width > a.width ? b : a));
      if (widest.width <= COLUMN_MIN) break;
      widest.width--;
    }
  }
}

/** Lines of whole words; a word longer than a line is cut. */
function wrapped(text: string, width: number, ascii: boolean): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line === "") line = word;
    else if (textWidth(line) + 1 + textWidth(word) <= width) line += ` ${word}`;
    else {
      lines.push(line);
      line = word;
    }
  }
  lines.push(line);
  const shown = lines.slice(0, LINES_MAX);
  if (lines.length > LINES_MAX) shown[LINES_MAX - 1] += ascii ? " ..." : " …";
  return shown.map((one) => fitPad(one, width, { ascii, align: "left" }).trimEnd());
}
