/**
 * Horizontal bars: `gauge` for one value against a full scale, `bars` for a ranking of lines with names and numbers.
 * A bar is always followed by its number, so it reads the same without colour.
 */
import { formatFixed, type Unit } from "../model/unit.ts";
import type { CellGrid, Size } from "./cell.ts";
import { createGrid, putText, putTextRight } from "./grid.ts";
import { textWidth, sanitise } from "./sanitise.ts";
import type { Symbols } from "./symbols.ts";
import { STYLE } from "./theme.ts";

export interface BarLine {
  readonly name: string;
  readonly value: number;
  readonly style: number;
}

export interface BarOptions {
  readonly min: number;
  readonly max: number;
  readonly unit: Unit;
  readonly symbols: Symbols;
}

const VALUE_COLUMNS = 7;
const NAME_SHARE = 0.4;
/** Under this a bar says less than the name that would be cut for it. */
const BAR_MIN = 6;

/** `width` columns, filled in proportion; empty for NaN, full for values beyond the scale. */
export function barText(value: number, width: number, { min, max, symbols }: Omit<BarOptions, "unit">): string {
  const share = (value / 2 - min / 2) / (max / 2 - min / 2);
  const bounded = Number.isNaN(share) ? 0 : Math.max(0, Math.min(1, share));
  // Anything above nothing shows, and only a full scale looks full.
  const full =
    bounded === 0 ? 0 : bounded === 1 ? width : Math.max(1, Math.min(width - 1, Math.round(bounded * width)));
  return symbols.barFull.repeat(Math.max(0, full)) + symbols.barEmpty.repeat(Math.max(0, width - full));
}

/** One row a line, in the order given; lines that do not fit are counted in the last row. */
export function bars(lines: readonly BarLine[], size: Size, options: BarOptions): CellGrid {
  const grid = createGrid(size);
  const { symbols } = options;
  const ascii = symbols.set === "ascii";
  const shown = lines.length > grid.height ? lines.slice(0, Math.max(0, grid.height - 1)) : lines;
  const widest = Math.max(0, ...lines.map((line) => textWidth(sanitise(line.name))));
  const names = Math.min(widest, Math.max(4, Math.floor(grid.width * NAME_SHARE)));
  const barWidth = grid.width - names - VALUE_COLUMNS - 2;
  shown.forEach((line, y) => {
    const withBar = barWidth >= BAR_MIN;
    const nameColumns = withBar ? names : grid.width - VALUE_COLUMNS - 1;
    putText(grid, 0, y, line.name, STYLE.default, { width: nameColumns, ascii });
    if (withBar) putText(grid, nameColumns + 1, y, barText(line.value, barWidth, options), line.style);
    putTextRight(grid, 0, grid.width, y, formatFixed(line.value, options.unit, VALUE_COLUMNS), line.style);
  });
  if (shown.length < lines.length) {
    putText(grid, 0, grid.height - 1, `and ${lines.length - shown.length} more`, STYLE.dim);
  }
  return grid;
}
