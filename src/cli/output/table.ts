/** Tables for people: aligned columns, numbers to the right, long cells cut so that a row is one line. */
import { fitPad, sanitise, textWidth } from "../../draw/sanitise.ts";

/** Narrowest a column is cut to before columns on the right are given up, cells. */
const COLUMN_MIN = 8;
const GAP = 2;
const NUMBER = /^[+-]?(?:\d[\d.]*(?:e[+-]?\d+)?|Inf|NaN)(?:ms|s|m|h|d)?$/;

export interface TableOptions {
  /** Cells of the terminal; Infinity for files. */
  readonly width: number;
  readonly ascii: boolean;
}

/** Rows as aligned lines; the header is upper case, as kubectl and amtool print it. */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  { width, ascii }: TableOptions,
): string {
  const clean = rows.map((row) => row.map((cell) => sanitise(cell)));
  const titles = header.map((title) => sanitise(title).toUpperCase());
  const widths = titles.map((title, i) => Math.max(textWidth(title), ...clean.map((row) => textWidth(row[i] ?? ""))));
  fit(widths, width);
  const numeric = titles.map(
    (_, i) => clean.length > 0 && clean.every((row) => NUMBER.test(row[i] ?? "") && !(row[i] ?? "").includes(":")),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => fitPad(cell, widths[i] as number, { ascii, align: numeric[i] === true ? "right" : "left" }))
      .join(" ".repeat(GAP))
      .trimEnd();
  return [titles, ...clean].map((row) => `${line(row)}\n`).join("");
}

/** Takes cells from the widest columns until the row fits. */
function fit(widths: number[], available: number): void {
  const total = (): number => widths.reduce((sum, one) => sum + one, 0) + GAP * (widths.length - 1);
  while (total() > available) {
    const widest = widths.indexOf(Math.max(...widths));
    if ((widths[widest] as number) <= COLUMN_MIN) return;
    widths[widest] = (widths[widest] as number) - 1;
  }
}
