/**
 * What every chart renderer takes, and the axis they share. Labels of the value axis carry units and stand where the
 * value is; the time axis names both ends. A chart too small for an axis drops it rather than the line.
 */
import { formatShort, type Unit } from "../model/unit.ts";
import type { CellGrid, Size } from "./cell.ts";
import { putGlyph, putText, putTextRight } from "./grid.ts";
import type { PlotLine } from "./raster.ts";
import type { Symbols } from "./symbols.ts";
import { STYLE } from "./theme.ts";

export interface ChartData {
  readonly lines: readonly PlotLine[];
  /** Times of the values, unix ms. */
  readonly t: Float64Array;
  readonly min: number;
  readonly max: number;
  readonly unit: Unit;
  readonly thresholds: readonly number[];
  readonly fill: boolean;
  /** Index of the cursor column on the data's grid. */
  readonly cursor?: number | undefined;
  readonly utc?: boolean | undefined;
}

/** Draws a chart with its axes over the whole of `size`. */
export type ChartRenderer = (data: ChartData, size: Size, symbols: Symbols) => CellGrid;

export interface ChartLayout {
  /** Columns of the value axis with its line; 0 without one. */
  readonly axisColumns: number;
  /** Rows of the time axis with its line; 0 without one. */
  readonly axisRows: number;
  readonly plot: Size;
}

/** Widest value label: `1023.9M`. */
const LABEL_MAX = 7;
/** Below these sizes an axis would take more than it tells. */
const MIN_WIDTH_FOR_VALUES = 20;
const MIN_HEIGHT_FOR_VALUES = 2;
const MIN_HEIGHT_FOR_TIMES = 8;

export function chartLayout(data: ChartData, size: Size): ChartLayout {
  const labelled = size.width >= MIN_WIDTH_FOR_VALUES && size.height >= MIN_HEIGHT_FOR_VALUES;
  const widest = Math.max(...tickValues(data, size.height).map((v) => formatShort(v, data.unit).length), 3);
  const axisColumns = labelled ? Math.min(widest, LABEL_MAX) + 1 : 0;
  const axisRows = labelled && size.height >= MIN_HEIGHT_FOR_TIMES ? 2 : 0;
  return { axisColumns, axisRows, plot: { width: size.width - axisColumns, height: size.height - axisRows } };
}

/** Values that get a label: both ends, and the middle where there is room. */
export function tickValues(data: Pick<ChartData, "min" | "max">, rows: number): readonly number[] {
  const middle = data.min / 2 + data.max / 2;
  if (rows < 5) return [data.max, data.min];
  if (rows < 12) return [data.max, middle, data.min];
  return [data.max, data.min / 4 + (data.max * 3) / 4, middle, (data.min * 3) / 4 + data.max / 4, data.min];
}

/** Writes the value axis left of the plot; `rowOf` says in which row of the plot a value lies. */
export function drawValueAxis(
  grid: CellGrid,
  data: ChartData,
  layout: ChartLayout,
  symbols: Symbols,
  rowOf: (v: number) => number,
): void {
  if (layout.axisColumns === 0) return;
  const line = layout.axisColumns - 1;
  for (let y = 0; y < layout.plot.height; y++) {
    putText(grid, 0, y, " ".repeat(line), STYLE.default);
    putText(grid, line, y, symbols.set === "ascii" ? "|" : "│", STYLE.axis);
  }
  const taken = new Set<number>();
  for (const v of toldApart(tickValues(data, layout.plot.height), data.unit)) {
    const y = Math.max(0, Math.min(layout.plot.height - 1, rowOf(v)));
    if (taken.has(y)) continue;
    taken.add(y);
    putTextRight(grid, 0, line, y, formatShort(v, data.unit), STYLE.axis, { ascii: true });
    putText(grid, line, y, symbols.axisY, STYLE.axis);
  }
}

/** Both ends, and of the values between those that read differently: a switch has nothing between up and down. */
function toldApart(ticks: readonly number[], unit: Unit): readonly number[] {
  const last = ticks.length - 1;
  const seen = new Set([ticks[0], ticks[last]].map((v) => formatShort(v as number, unit)));
  return ticks.filter((v, i) => {
    const text = formatShort(v, unit);
    if (i > 0 && i < last && seen.has(text)) return false;
    seen.add(text);
    return true;
  });
}

/** Writes the line under the plot and the times of its ends. */
export function drawTimeAxis(grid: CellGrid, data: ChartData, layout: ChartLayout, symbols: Symbols): void {
  if (layout.axisRows === 0) return;
  const y = layout.plot.height;
  const from = layout.axisColumns - 1;
  putText(grid, from, y, symbols.axisCorner + symbols.axisX.repeat(layout.plot.width), STYLE.axis);
  const first = data.t[0];
  const last = data.t[data.t.length - 1];
  if (first === undefined || last === undefined) return;
  const long = last - first >= DAY_MS;
  const left = putText(grid, layout.axisColumns, y + 1, timeLabel(first, long, data.utc === true), STYLE.axis);
  const right = timeLabel(last, long, data.utc === true);
  if (left + right.length < grid.width) putTextRight(grid, left + 1, grid.width, y + 1, right, STYLE.axis);
  const middle = timeLabel(first / 2 + last / 2, long, data.utc === true);
  const x = layout.axisColumns + Math.round((layout.plot.width - middle.length) / 2);
  if (x > left + 2 && x + middle.length < grid.width - right.length - 2) putText(grid, x, y + 1, middle, STYLE.axis);
}

/** Marks the column of the moment looked at, where no data lies. */
export function drawCursor(grid: CellGrid, data: ChartData, layout: ChartLayout, symbols: Symbols): void {
  if (data.cursor === undefined || data.t.length === 0) return;
  const share = data.t.length === 1 ? 1 : data.cursor / (data.t.length - 1);
  const x = layout.axisColumns + Math.round(Math.max(0, Math.min(1, share)) * (layout.plot.width - 1));
  const glyph = symbols.set === "ascii" ? 0x3a : 0x250a;
  for (let y = 0; y < layout.plot.height; y++) {
    if (grid.glyph[y * grid.width + x] === 0x20) putGlyph(grid, x, y, glyph, STYLE.cursor);
  }
}

const DAY_MS = 86_400_000;

/** 12:03, or 20 12:03 with the day of the month over a long span; local time unless `utc`. */
export function timeLabel(t: number, withDay: boolean, utc: boolean): string {
  const offset = utc ? 0 : new Date(t).getTimezoneOffset() * 60_000;
  const date = new Date(t - offset);
  if (Number.isNaN(date.getTime())) return "";
  const text = date.toISOString();
  return withDay ? `${text.slice(8, 10)} ${text.slice(11, 16)}` : text.slice(11, 16);
}
