/**
 * Making and filling cell grids. Everything is clipped: a renderer may aim outside its rectangle without harm. Text
 * enters a grid only through `putText`, which sanitises it, so no cell can ever hold a control character.
 */
import type { CellGrid, Size } from "./cell.ts";
import { clusters, fit, textWidth } from "./sanitise.ts";

const SPACE = 0x20;
/** Wider than any terminal; bounds the memory a wrong size can ask for. */
const COLUMNS_MAX = 2_000;
const ROWS_MAX = 1_000;

/** A grid of spaces in the default style; the size is clamped to 0–2,000 by 0–1,000. */
export function createGrid(size: Size): CellGrid {
  const width = clampSize(size.width, COLUMNS_MAX);
  const height = clampSize(size.height, ROWS_MAX);
  return { width, height, glyph: new Uint32Array(width * height).fill(SPACE), style: new Uint16Array(width * height) };
}

function clampSize(n: number, most: number): number {
  return Number.isFinite(n) ? Math.max(0, Math.min(most, Math.floor(n))) : 0;
}

/** Sets one cell; 0 as glyph is the right half of the wide one before it. Halves that lose their partner become spaces. */
export function putGlyph(grid: CellGrid, x: number, y: number, glyph: number, style: number): void {
  if (x < 0 || y < 0 || x >= grid.width || y >= grid.height) return;
  const i = y * grid.width + x;
  if (glyph !== 0 && grid.glyph[i] === 0 && x > 0) grid.glyph[i - 1] = SPACE;
  if (x + 1 < grid.width && grid.glyph[i + 1] === 0) grid.glyph[i + 1] = SPACE;
  grid.glyph[i] = glyph;
  grid.style[i] = style;
}

/**
 * Writes text from column `x`, sanitised and cut to `width` columns (to the right edge unless told).
 *
 * @returns the column after the last one written.
 */
export function putText(
  grid: CellGrid,
  x: number,
  y: number,
  text: string,
  style: number,
  options: { readonly width?: number; readonly ascii?: boolean } = {},
): number {
  const room = Math.min(options.width ?? grid.width, grid.width - x);
  if (y < 0 || y >= grid.height || room <= 0) return x;
  let column = x;
  for (const cluster of clusters(fit(text, room, options))) {
    if (cluster.width === 0) continue;
    const whole = column >= 0;
    putGlyph(grid, column, y, cluster.text.codePointAt(0) as number, style);
    if (cluster.width === 2) putGlyph(grid, column + 1, y, whole ? 0 : SPACE, style);
    column += cluster.width;
  }
  return column;
}

/** Text that ends before column `end`; the start is cut to stay at or after `start`. */
export function putTextRight(
  grid: CellGrid,
  start: number,
  end: number,
  y: number,
  text: string,
  style: number,
  options: { readonly ascii?: boolean } = {},
): number {
  const cut = fit(text, end - start, options);
  const x = end - textWidth(cut);
  putText(grid, x, y, cut, style, options);
  return x;
}

/** Copies `source` into `grid` with its top left cell at (x, y). */
export function blit(grid: CellGrid, source: CellGrid, x: number, y: number): void {
  for (let row = 0; row < source.height; row++) {
    for (let column = 0; column < source.width; column++) {
      const i = row * source.width + column;
      const glyph = source.glyph[i] as number;
      const wide = column + 1 < source.width && source.glyph[i + 1] === 0;
      const cut = (wide && x + column + 1 >= grid.width) || (glyph === 0 && x + column === 0);
      putGlyph(grid, x + column, y + row, cut ? SPACE : glyph, source.style[i] as number);
    }
  }
}
