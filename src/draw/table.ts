/** Rows and columns of text in cells. Columns have a width or share what is left; the least important vanish first when there is no room. */
import type { CellGrid, Size } from "./cell.ts";
import { createGrid, putText, putTextRight } from "./grid.ts";
import { sanitise, textWidth } from "./sanitise.ts";
import { STYLE } from "./theme.ts";

export interface TableColumn {
  readonly title: string;
  readonly align?: "left" | "right";
  /** Columns wanted at least; the widest cell decides up to `max`. */
  readonly min: number;
  readonly max?: number;
  /** 1 stays longest. */
  readonly priority: number;
}

export interface TableCell {
  readonly text: string;
  readonly style?: number;
}

export interface TableOptions {
  readonly ascii?: boolean;
  /** False leaves the title row out. */
  readonly titles?: boolean;
  /** Index of a row shown as selected. */
  readonly selected?: number;
}

const GAP = 1;

/** Draws as many rows as fit; a last row counts the others. */
export function table(
  columns: readonly TableColumn[],
  rows: readonly (readonly TableCell[])[],
  size: Size,
  options: TableOptions = {},
): CellGrid {
  const grid = createGrid(size);
  const widths = columnWidths(columns, rows, grid.width);
  const ascii = options.ascii === true;
  const first = options.titles === false ? 0 : 1;
  if (first === 1)
    drawRow(
      grid,
      0,
      columns,
      columns.map((c) => ({ text: c.title, style: STYLE.dim })),
      widths,
      ascii,
    );
  const room = Math.max(0, grid.height - first);
  const shown = rows.length > room ? rows.slice(0, Math.max(0, room - 1)) : rows;
  shown.forEach((row, i) => {
    const cells = i === options.selected ? row.map((cell) => ({ text: cell.text, style: STYLE.selected })) : row;
    drawRow(grid, first + i, columns, cells, widths, ascii);
  });
  if (shown.length < rows.length)
    putText(grid, 0, grid.height - 1, `and ${rows.length - shown.length} more`, STYLE.dim);
  return grid;
}

/** Width of each column, 0 where it had to go. */
export function columnWidths(
  columns: readonly TableColumn[],
  rows: readonly (readonly TableCell[])[],
  width: number,
): readonly number[] {
  const wanted = columns.map((column, i) => {
    const widest = rows.reduce((most, row) => Math.max(most, textWidth(sanitise(row[i]?.text ?? ""))), 0);
    return Math.max(
      column.min,
      Math.min(Math.max(widest, column.title.length), column.max ?? Number.POSITIVE_INFINITY),
    );
  });
  const kept = new Set(columns.keys());
  const total = (): number => [...kept].reduce((sum, i) => sum + (columns[i]?.min ?? 0) + GAP, -GAP);
  const order = [...kept].sort((a, b) => (columns[b]?.priority ?? 0) - (columns[a]?.priority ?? 0) || b - a);
  for (const i of order) {
    if (kept.size <= 1 || total() <= width) break;
    kept.delete(i);
  }
  const widths = columns.map((column, i) => (kept.has(i) ? Math.min(column.min, width) : 0));
  let left = width - total();
  // The most important column grows to what it wants first.
  for (const i of [...kept].sort((a, b) => (columns[a]?.priority ?? 0) - (columns[b]?.priority ?? 0))) {
    const grown = Math.min(left, (wanted[i] ?? 0) - (widths[i] ?? 0));
    if (grown <= 0) continue;
    widths[i] = (widths[i] ?? 0) + grown;
    left -= grown;
  }
  return widths;
}

function drawRow(
  grid: CellGrid,
  y: number,
  columns: readonly TableColumn[],
  cells: readonly TableCell[],
  widths: readonly number[],
  ascii: boolean,
): void {
  let x = 0;
  columns.forEach((column, i) => {
    const width = widths[i] ?? 0;
    if (width === 0) return;
    const { text, style } = cells[i] ?? { text: "" };
    const look = style ?? STYLE.default;
    if (column.align === "right") putTextRight(grid, x, Math.min(x + width, grid.width), y, text, look, { ascii });
    else putText(grid, x, y, text, look, { width, ascii });
    x += width + GAP;
  });
}
