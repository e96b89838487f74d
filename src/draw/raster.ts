/**
 * Lines as dots. Values on an even time grid in, cells out; the work is bounded by dots and points, never by the
 * values: infinities are clamped to the edge, NaN is a gap, an axis without a range is widened.
 */
import type { CellGrid, Size } from "./cell.ts";
import { createGrid } from "./grid.ts";
import { STYLE } from "./theme.ts";
import type { Symbols } from "./symbols.ts";

export interface PlotLine {
  readonly v: ArrayLike<number>;
  readonly style: number;
}

export interface PlotOptions {
  readonly min: number;
  readonly max: number;
  readonly symbols: Symbols;
  /** Fills from the line down to zero (or the nearer edge). */
  readonly fill?: boolean;
  /** Dotted lines across the plot. */
  readonly thresholds?: readonly number[];
}

/** Every third dot of a threshold is set: visible, and never mistaken for a line of data. */
const THRESHOLD_DOT_GAP = 3;

/** Draws `lines` over the whole grid; the first line lies on top. */
export function plot(size: Size, lines: readonly PlotLine[], options: PlotOptions): CellGrid {
  const raster = createRaster(size, options);
  for (const at of options.thresholds ?? []) {
    if (!(at >= raster.min && at <= raster.max)) continue;
    const y = raster.rowOf(at);
    for (let x = 0; x < raster.width; x += THRESHOLD_DOT_GAP) raster.dot(x, y, STYLE.threshold);
  }
  for (const line of [...lines].reverse()) drawLine(raster, line, options.fill === true);
  return raster.grid();
}

interface Raster {
  readonly width: number;
  readonly height: number;
  readonly min: number;
  readonly max: number;
  rowOf(v: number): number;
  dot(x: number, y: number, style: number): void;
  grid(): CellGrid;
}

function createRaster(size: Size, { min: low, max: high, symbols }: PlotOptions): Raster {
  const cells = createGrid(size);
  const width = cells.width * symbols.dotsX;
  const height = cells.height * symbols.dotsY;
  const min = Number.isFinite(low) ? low : 0;
  const max = Number.isFinite(high) && high > min ? high : min + Math.max(1, Math.abs(min) * 1e-6);
  const bits = new Uint8Array(cells.width * cells.height);
  return {
    width,
    height,
    min,
    max,
    rowOf(v) {
      // Halving first keeps an axis of ±1e308 from overflowing; a range too small to halve draws on the floor.
      const share = (v / 2 - min / 2) / (max / 2 - min / 2);
      return Math.round((1 - (Number.isNaN(share) ? 0 : Math.max(0, Math.min(1, share)))) * (height - 1));
    },
    dot(x, y, style) {
      if (x < 0 || y < 0 || x >= width || y >= height) return;
      const row = symbols.bits[y % symbols.dotsY] as readonly number[];
      const i = Math.floor(y / symbols.dotsY) * cells.width + Math.floor(x / symbols.dotsX);
      bits[i] = (bits[i] as number) | (row[x % symbols.dotsX] as number);
      cells.style[i] = style;
    },
    grid() {
      bits.forEach((b, i) => {
        if (b !== 0) cells.glyph[i] = symbols.glyph(b);
      });
      return cells;
    },
  };
}

/** Lowest and highest value of one dot column. */
interface Bucket {
  low: number;
  high: number;
  first: number;
  last: number;
}

function drawLine(raster: Raster, line: PlotLine, fill: boolean): void {
  const n = line.v.length;
  if (n === 0 || raster.width === 0 || raster.height === 0) return;
  const columns = bucketise(line.v, raster.width);
  const base = raster.rowOf(Math.max(raster.min, Math.min(raster.max, 0)));
  let previousX = -1;
  let previousY = 0;
  for (const [x, bucket] of columns) {
    const first = raster.rowOf(bucket.first);
    // A gap is at least one point wide on the data's own grid; where points are sparse, neighbours are joined.
    const joined = previousX >= 0 && !gapBetween(line.v, previousX, x, raster.width);
    if (joined) joinColumns(raster, previousX, previousY, x, first, line.style, fill ? base : undefined);
    span(raster, x, raster.rowOf(bucket.low), raster.rowOf(bucket.high), line.style);
    if (fill) span(raster, x, raster.rowOf(bucket.high), base, line.style);
    previousX = x;
    previousY = raster.rowOf(bucket.last);
  }
}

/** Dot columns that have a value, left to right; many points share a column, or one point stands alone. */
function bucketise(v: ArrayLike<number>, width: number): ReadonlyMap<number, Bucket> {
  const columns = new Map<number, Bucket>();
  for (let i = 0; i < v.length; i++) {
    const value = v[i] as number;
    if (Number.isNaN(value)) continue;
    const x = columnOf(i, v.length, width);
    const bucket = columns.get(x);
    if (bucket === undefined) columns.set(x, { low: value, high: value, first: value, last: value });
    else {
      bucket.low = Math.min(bucket.low, value);
      bucket.high = Math.max(bucket.high, value);
      bucket.last = value;
    }
  }
  return columns;
}

/** The newest point sits in the last column; points are spread evenly before it. */
function columnOf(i: number, n: number, width: number): number {
  return n === 1 ? width - 1 : Math.round((i * (width - 1)) / (n - 1));
}

function gapBetween(v: ArrayLike<number>, x0: number, x1: number, width: number): boolean {
  if (v.length >= width) return x1 - x0 > 1;
  const i0 = Math.round((x0 * (v.length - 1)) / (width - 1));
  const i1 = Math.round((x1 * (v.length - 1)) / (width - 1));
  return i1 - i0 > 1;
}

function joinColumns(
  raster: Raster,
  x0: number,
  y0: number,
  x1: number,
  y1: number,
  style: number,
  base: number | undefined,
): void {
  let previous = y0;
  for (let x = x0 + 1; x <= x1; x++) {
    const y = Math.round(y0 + ((y1 - y0) * (x - x0)) / (x1 - x0));
    // The vertical part belongs to this column and starts one dot after the last, so that slopes stay thin.
    const from = previous < y ? previous + 1 : previous > y ? previous - 1 : y;
    span(raster, x, from, y, style);
    if (base !== undefined) span(raster, x, y, base, style);
    previous = y;
  }
}

function span(raster: Raster, x: number, a: number, b: number, style: number): void {
  for (let y = Math.min(a, b); y <= Math.max(a, b); y++) raster.dot(x, y, style);
}
