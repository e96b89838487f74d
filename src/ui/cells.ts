/**
 * Text with colours → terminal cells. In: the rows ink renders (text and SGR codes, one frame a string) and the
 * rectangles charts were drawn into. Out: one grid of interned glyphs and styles for the whole terminal.
 *
 * This is also the last gate before the terminal: whatever is not SGR is dropped here and no control character
 * becomes a glyph, so data that slipped past every other check still cannot drive the terminal.
 */
import stringWidth from "string-width";
import type { CellGrid, Size } from "../draw/cell.ts";
import { createStyleTable, type StyleTable } from "./style.ts";

/** A drawn rectangle that replaces what ink left at this place. */
export interface Overlay {
  readonly x: number;
  readonly y: number;
  readonly grid: CellGrid;
  /** Cells of the terminal that stay ink's: a popup over the chart. */
  readonly hole?: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
}

/** First number that is no Unicode code point: glyphs from here on are clusters of several. */
const CLUSTER_BASE = 0x11_0000;
/** Clusters kept (letters with marks, emoji sequences); later ones show as the replacement character. */
const CLUSTERS_MAX = 10_000;
const BLANK = 0x20;
const REPLACEMENT = 0xfffd;

export interface Ink {
  readonly styles: StyleTable;
  /** Text of a glyph number. */
  glyphText(glyph: number): string;
  /** False where terminals may disagree about the width, so the cursor must be placed anew after it. */
  isSureWidth(glyph: number): boolean;
  isWide(glyph: number): boolean;
  clusterOf(text: string): number;
}

/** The glyphs and styles one terminal has been sent. One per mounted console. */
export function createInk(): Ink {
  const clusters: string[] = [];
  const ids = new Map<string, number>();
  const glyphText = (glyph: number): string =>
    glyph >= CLUSTER_BASE ? (clusters[glyph - CLUSTER_BASE] as string) : String.fromCodePoint(glyph);
  return {
    styles: createStyleTable(),
    glyphText,
    isWide: (glyph) => glyph !== 0 && !isNarrow(glyph) && stringWidth(glyphText(glyph)) === 2,
    isSureWidth: (glyph) => isNarrow(glyph),
    clusterOf(text) {
      const known = ids.get(text);
      if (known !== undefined) return known;
      if (clusters.length >= CLUSTERS_MAX) return REPLACEMENT;
      const id = CLUSTER_BASE + clusters.push(text) - 1;
      ids.set(text, id);
      return id;
    },
  };
}

/** Code points every terminal shows in one column: Latin, arrows, box drawing, blocks, geometric shapes, braille. */
function isNarrow(code: number): boolean {
  return (
    (code >= 0x20 && code < 0x7f) ||
    (code >= 0xa0 && code < 0x300 && code !== 0xad) ||
    (code >= 0x2190 && code < 0x2200) ||
    (code >= 0x2500 && code < 0x2600 && code !== 0x25fd && code !== 0x25fe) ||
    (code >= 0x2800 && code < 0x2900) ||
    code === 0x2026 ||
    code === 0x2013 ||
    code === 0x2014
  );
}

export function blankGrid(size: Size): CellGrid {
  const cells = size.width * size.height;
  return {
    width: size.width,
    height: size.height,
    glyph: new Uint32Array(cells).fill(BLANK),
    style: new Uint16Array(cells),
  };
}

const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });
// SGR; then any other escape sequence (CSI, OSC, two-byte) and control characters, which are dropped.
const ESCAPE =
  // oxlint-disable-next-line no-control-regex
  /\u001b\[([\d;]*)m|\u001b\[[\d:;<=>?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|\u001b.?/g;

/** Writes one row of `text` into `grid` at `row`, clipped to the grid. */
function paintRow(text: string, grid: CellGrid, row: number, ink: Ink): void {
  let column = 0;
  let style = 0;
  const base = row * grid.width;
  const put = (glyph: number, width: number): void => {
    if (column + width > grid.width) {
      column = grid.width;
      return;
    }
    const shown = glyph === BLANK && ink.styles.isPlainBlank(style) ? 0 : style;
    grid.glyph[base + column] = glyph;
    grid.style[base + column] = shown;
    if (width === 2) {
      grid.glyph[base + column + 1] = 0;
      grid.style[base + column + 1] = shown;
    }
    column += width;
  };
  const plain = (part: string): void => {
    for (let i = 0; i < part.length; i++) {
      if (!isNarrow(part.charCodeAt(i))) return complex(part.slice(i));
      // A mark belongs to the letter before it: leave both to the segmenter.
      if (i + 1 < part.length && !isNarrow(part.charCodeAt(i + 1))) return complex(part.slice(i));
      put(part.charCodeAt(i), 1);
    }
  };
  const complex = (part: string): void => {
    for (const { segment } of segmenter.segment(part)) {
      const width = stringWidth(segment);
      if (width === 0) continue;
      const code = segment.codePointAt(0) as number;
      const single = segment.length === (code > 0xffff ? 2 : 1);
      if (code < 0x20 || (code >= 0x7f && code < 0xa0)) put(REPLACEMENT, 1);
      else put(single ? code : ink.clusterOf(stripFormat(segment)), width >= 2 ? 2 : 1);
    }
  };
  let from = 0;
  for (const match of text.matchAll(ESCAPE)) {
    plain(text.slice(from, match.index));
    from = match.index + match[0].length;
    if (match[1] !== undefined) style = ink.styles.apply(style, match[1]);
    if (column >= grid.width) return;
  }
  plain(text.slice(from));
}

/** Direction overrides and other invisible formatting go; the joiner stays, emoji are made with it. */
function stripFormat(segment: string): string {
  return segment.replace(/(?!\u200d)\p{Cf}|\p{Cc}/gu, "");
}

/** Rows kept between frames, since most rows of most frames stay the same: four of the tallest terminals. */
const ROWS_CACHED_MAX = 400;

export interface ComposeOptions {
  readonly ink: Ink;
  /** SGR parameters of a theme style number; "" is the default style. */
  readonly sgr: (themeStyle: number) => string;
}

/**
 * Composes a whole terminal from ink's text and the drawn rectangles; both are clipped to `size`, since ink paints
 * one frame with the old width while a resize is under way.
 */
export function composeCells(
  text: string,
  overlays: readonly Overlay[],
  size: Size,
  options: ComposeOptions,
  cache?: Map<string, CellGrid>,
): CellGrid {
  const grid = blankGrid(size);
  const rows = text.split("\n");
  for (let y = 0; y < Math.min(rows.length, size.height); y++) {
    const row = rows[y] as string;
    if (row === "") continue;
    let cells = cache?.get(row);
    if (cells?.width !== size.width) {
      cells = blankGrid({ width: size.width, height: 1 });
      paintRow(row, cells, 0, options.ink);
      if (cache !== undefined) {
        if (cache.size >= ROWS_CACHED_MAX) cache.clear();
        cache.set(row, cells);
      }
    }
    grid.glyph.set(cells.glyph, y * size.width);
    grid.style.set(cells.style, y * size.width);
  }
  const styleOf = new Map<number, number>();
  for (const overlay of overlays) paintOverlay(overlay, grid, options, styleOf);
  if (overlays.length > 0) mendEdges(grid, options.ink);
  return grid;
}

function paintOverlay(overlay: Overlay, grid: CellGrid, options: ComposeOptions, styleOf: Map<number, number>): void {
  const { styles } = options.ink;
  const drawn = overlay.grid;
  for (let y = Math.max(0, -overlay.y); y < drawn.height && overlay.y + y < grid.height; y++) {
    for (let x = Math.max(0, -overlay.x); x < drawn.width && overlay.x + x < grid.width; x++) {
      if (overlay.hole !== undefined && inHole(overlay.hole, overlay.x + x, overlay.y + y)) continue;
      const from = y * drawn.width + x;
      const to = (overlay.y + y) * grid.width + overlay.x + x;
      const themeStyle = drawn.style[from] as number;
      let style = styleOf.get(themeStyle);
      if (style === undefined) {
        style = styles.apply(0, options.sgr(themeStyle) || "0");
        styleOf.set(themeStyle, style);
      }
      const glyph = safeGlyph(drawn.glyph[from] as number, x > 0);
      grid.glyph[to] = glyph;
      grid.style[to] = glyph === BLANK && styles.isPlainBlank(style) ? 0 : style;
    }
  }
}

function inHole(hole: NonNullable<Overlay["hole"]>, x: number, y: number): boolean {
  return x >= hole.x && x < hole.x + hole.width && y >= hole.y && y < hole.y + hole.height;
}

function safeGlyph(glyph: number, mayContinue: boolean): number {
  if (glyph === 0) return mayContinue ? 0 : BLANK;
  return glyph < 0x20 || (glyph >= 0x7f && glyph < 0xa0) || glyph >= CLUSTER_BASE ? REPLACEMENT : glyph;
}

/** A rectangle may cut a wide glyph in two: either orphaned half becomes a blank. */
function mendEdges(grid: CellGrid, ink: Ink): void {
  for (let i = 0; i < grid.glyph.length; i++) {
    const glyph = grid.glyph[i] as number;
    if (isNarrow(glyph)) continue;
    const column = i % grid.width;
    if (glyph === 0) {
      if (column === 0 || !ink.isWide(grid.glyph[i - 1] as number)) grid.glyph[i] = BLANK;
    } else if (ink.isWide(glyph) && (column === grid.width - 1 || grid.glyph[i + 1] !== 0)) grid.glyph[i] = BLANK;
  }
}

/** The grid as plain rows without trailing blanks: what a person at the terminal reads. */
export function cellsToText(grid: CellGrid, ink: Ink): string {
  const rows: string[] = [];
  for (let y = 0; y < grid.height; y++) {
    let row = "";
    for (let x = 0; x < grid.width; x++) {
      const glyph = grid.glyph[y * grid.width + x] as number;
      if (glyph !== 0) row += ink.glyphText(glyph);
    }
    rows.push(row.trimEnd());
  }
  return rows.join("\n");
}

/** The grid as rows with colour codes, each row ending in the default style. */
export function cellsToAnsi(grid: CellGrid, ink: Ink): string {
  const rows: string[] = [];
  for (let y = 0; y < grid.height; y++) {
    let row = "";
    let style = 0;
    for (let x = 0; x < grid.width; x++) {
      const glyph = grid.glyph[y * grid.width + x] as number;
      const next = grid.style[y * grid.width + x] as number;
      if (glyph === 0) continue;
      row += ink.styles.transition(style, next) + ink.glyphText(glyph);
      style = next;
    }
    rows.push((row + ink.styles.transition(style, 0)).trimEnd());
  }
  return rows.join("\n");
}
