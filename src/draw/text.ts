/** Grids as text: plain rows for files and tests, or rows with SGR colour for a terminal. One string a row, no cursor motion. */
import type { CellGrid } from "./cell.ts";
import { sgr, type ColorDepth, type Theme } from "./theme.ts";

export interface AnsiOptions {
  readonly theme: Theme;
  /** 0 keeps bold, dim, underline and inverse (NO_COLOR). */
  readonly depth: ColorDepth;
}

/** One string for each row, exactly `grid.width` columns wide, without styles. */
export function gridToRows(grid: CellGrid): readonly string[] {
  return Array.from({ length: grid.height }, (_, y) => {
    let row = "";
    for (let x = 0; x < grid.width; x++) {
      const glyph = grid.glyph[y * grid.width + x] as number;
      if (glyph !== 0) row += String.fromCodePoint(glyph);
    }
    return row;
  });
}

/** Rows joined by newlines, trailing spaces cut; what a file, a pipe or a golden test wants. */
export function gridToText(grid: CellGrid): string {
  return gridToRows(grid)
    .map((row) => row.trimEnd())
    .join("\n");
}

/** One string for each row with runs of equal style merged; every row starts and ends in the default style. */
export function gridToAnsi(grid: CellGrid, options: AnsiOptions): readonly string[] {
  const codes = new Map<number, string>();
  const codeOf = (style: number): string => {
    const known = codes.get(style);
    if (known !== undefined) return known;
    const code = sgr(options.theme, style, options.depth);
    codes.set(style, code);
    return code;
  };
  return Array.from({ length: grid.height }, (_, y) => {
    let row = "";
    let current = "";
    for (let x = 0; x < grid.width; x++) {
      const i = y * grid.width + x;
      const glyph = grid.glyph[i] as number;
      if (glyph === 0) continue;
      const code = codeOf(grid.style[i] as number);
      if (code !== current) {
        row += current === "" ? `\u001b[${code}m` : code === "" ? "\u001b[0m" : `\u001b[0;${code}m`;
        current = code;
      }
      row += String.fromCodePoint(glyph);
    }
    return current === "" ? row : `${row}\u001b[0m`;
  });
}
