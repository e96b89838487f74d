/** One row of history. The newest value is in the last column; a gap is a space, a value at the bottom still shows. */
import type { CellGrid } from "./cell.ts";
import { putText } from "./grid.ts";
import type { Symbols } from "./symbols.ts";

export interface SparkOptions {
  readonly symbols: Symbols;
  readonly min: number;
  readonly max: number;
  readonly style: number;
}

/** Text of exactly `width` columns; each shows the highest value of its stretch of time. */
export function sparkText(
  v: ArrayLike<number>,
  width: number,
  { symbols, min, max }: Pick<SparkOptions, "symbols" | "min" | "max">,
): string {
  if (width <= 0) return "";
  const columns = Array.from({ length: width }, () => Number.NaN);
  for (let i = 0; i < v.length; i++) {
    const value = v[i] as number;
    const column = v.length <= width ? width - v.length + i : Math.floor((i * width) / v.length);
    if (!Number.isNaN(value) && !(value <= (columns[column] as number))) columns[column] = value;
  }
  return columns.map((value) => levelOf(value, symbols.levels, min, max)).join("");
}

function levelOf(v: number, levels: readonly string[], min: number, max: number): string {
  if (Number.isNaN(v)) return " ";
  const share = (v / 2 - min / 2) / (max / 2 - min / 2);
  const step = Number.isNaN(share) ? 0 : Math.ceil(Math.max(0, Math.min(1, share)) * levels.length) - 1;
  return levels[Math.max(0, step)] as string;
}

export function drawSpark(
  grid: CellGrid,
  x: number,
  y: number,
  width: number,
  v: ArrayLike<number>,
  o: SparkOptions,
): void {
  putText(grid, x, y, sparkText(v, width, o), o.style, { width });
}
