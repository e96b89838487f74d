/**
 * Line charts by blessed-contrib, off screen; the only file that may import it. The widget gets a stand-in for a
 * blessed screen: no program, no terminfo, no process listeners, nothing that would fight ink for the terminal. It
 * is given values already clamped and scaled to 0–8, because an infinity makes its line loop endless, a null
 * becomes a false zero and a long number runs over its axis; its dots are then read from the canvas and the labels
 * with units are ours. Too small a rectangle is drawn by our own renderer.
 */
import Line from "blessed-contrib/lib/widget/charts/line.js";
import type { CellGrid, Size } from "./cell.ts";
import { brailleChart } from "./braille.ts";
import { chartLayout, drawCursor, drawTimeAxis, drawValueAxis, type ChartData } from "./chart.ts";
import { createGrid, putGlyph } from "./grid.ts";
import type { Symbols } from "./symbols.ts";
import { STYLE } from "./theme.ts";

/** Under this the widget's own axis leaves no room for a line. */
const HEIGHT_MIN = 8;
const WIDTH_MIN = 30;
/** Columns and rows the widget keeps for itself: it draws on (width − 6) × (height − 2) cells. */
const LOST_COLUMNS = 6;
const LOST_ROWS = 2;
/** Dots under its base line: the row of time labels and a part of the next. */
const BASE_DOTS = 11;
/** Dots between its base line and the lowest value. */
const LIFT_DOTS = 2;
/** Values are scaled to this, so that its own labels are one digit: a wider one would push its plot to the right. */
const SCALE = 8;
/** Widgets kept, one for each size in use; a resize leaves old ones behind. */
const WIDGETS_MAX = 24;
/** Series drawn; beyond that lines cannot be told apart. */
const SERIES_MAX = 12;

type Widget = InstanceType<typeof Line>;
const widgets = new Map<string, Widget>();

/** Listening, drawing and querying are all refused by doing nothing. */
function stubScreen(): object {
  const nothing = (): void => undefined;
  return {
    type: "screen",
    on: nothing,
    once: nothing,
    off: nothing,
    removeListener: nothing,
    emit: nothing,
    _listenKeys: nothing,
    _listenMouse: nothing,
    setEffects: nothing,
    append: nothing,
    render: nothing,
    clickable: [],
    keyable: [],
    lines: [],
    title: "",
    fullUnicode: true,
    dockBorders: false,
    program: {},
    tput: { unicode: true },
  };
}

function widgetFor(width: number, height: number, labelColumns: number, maxY: number): Widget {
  const key = `${width}x${height}/${labelColumns}`;
  const known = widgets.get(key);
  if (known !== undefined) return known;
  const widget = new Line({
    screen: stubScreen(),
    width: width + LOST_COLUMNS,
    height: height + LOST_ROWS,
    style: { line: STYLE.series1, text: "normal", baseline: STYLE.axis },
    // Its base line falls on the column of our axis; values start one cell to the right.
    xPadding: (labelColumns - 1) * 2,
    xLabelPadding: 3,
    showLegend: false,
    minY: 0,
    maxY,
    numYLabels: 1,
  });
  widget.emit("attach");
  widgets.set(key, widget);
  if (widgets.size > WIDGETS_MAX) widgets.delete(widgets.keys().next().value as string);
  return widget;
}

/** Same contract as `brailleChart`; braille only, other symbol sets and small sizes go there. Never throws, never loops on data. */
export function contribChart(data: ChartData, size: Size, symbols: Symbols): CellGrid {
  const grid = createGrid(size);
  const layout = chartLayout(data, grid);
  if (symbols.set !== "braille" || grid.height < HEIGHT_MIN || grid.width < WIDTH_MIN || layout.axisRows === 0) {
    return brailleChart(data, size, symbols);
  }
  // The widget's rows: plot, base line, labels, one empty. Ours end after the labels.
  const canvasHeight = (grid.height + 1) * 4;
  const plotDots = canvasHeight - BASE_DOTS;
  // It draws every value two dots up: stretch its axis so that the maximum lands on the top dot.
  const maxY = (SCALE * plotDots) / (plotDots - LIFT_DOTS);
  const widget = widgetFor(grid.width, grid.height + 1, layout.axisColumns, maxY);
  const points = Math.max(2, layout.plot.width * 2);
  const styles = drawDots(widget, data, points);
  copyDots(grid, widget, styles, layout.axisColumns, symbols);
  const rowOf = (v: number): number => {
    const share = scaled(v, data) / SCALE;
    return Math.floor((plotDots - LIFT_DOTS - share * (plotDots - LIFT_DOTS)) / 4);
  };
  const plotRows = grid.height - 2;
  drawValueAxis(grid, data, { ...layout, plot: { width: layout.plot.width, height: plotRows } }, symbols, rowOf);
  drawTimeAxis(grid, data, { ...layout, plot: { width: layout.plot.width, height: plotRows } }, symbols);
  drawCursor(grid, data, { ...layout, plot: { width: layout.plot.width, height: plotRows } }, symbols);
  return grid;
}

/** Lets the widget draw and notes whose colour each cell had last. */
function drawDots(widget: Widget, data: ChartData, points: number): Uint16Array {
  const canvas = widget.ctx._canvas;
  const columns = canvas.width / 2;
  const styles = new Uint16Array(columns * (canvas.height / 4));
  const proto = Object.getPrototypeOf(canvas) as typeof canvas;
  canvas.set = (x, y): void => {
    proto.set.call(canvas, x, y);
    const i = Math.floor(y / 4) * columns + Math.floor(x / 2);
    if (x >= 0 && x < canvas.width && i >= 0 && i < styles.length) styles[i] = Number(canvas.color);
  };
  const x = Array.from({ length: points }, () => "");
  const dashes = data.thresholds
    .filter((at) => at >= data.min && at <= data.max)
    .map((at) => ({
      x,
      y: x.map((_, i) => (i % 4 < 2 ? scaled(at, data) : Number.NaN)),
      style: { line: STYLE.threshold },
    }));
  const lines = data.lines
    .slice(0, SERIES_MAX)
    .map((line) => ({ x, y: resample(line.v, points).map((v) => scaled(v, data)), style: { line: line.style } }))
    .reverse();
  const series = [...dashes, ...lines];
  widget.setData(series.length > 0 ? series : [{ x, y: [], style: { line: STYLE.axis } }]);
  return styles;
}

/** NaN stays; everything else, infinities too, lands between 0 and 8. */
function scaled(v: number, { min, max }: Pick<ChartData, "min" | "max">): number {
  if (Number.isNaN(v)) return v;
  const share = (v / 2 - min / 2) / (max / 2 - min / 2);
  return Number.isNaN(share) ? 0 : Math.max(0, Math.min(1, share)) * SCALE;
}

/** Exactly `points` values: the highest of each stretch where there are more, straight lines between where there are fewer. */
function resample(v: ArrayLike<number>, points: number): number[] {
  const n = v.length;
  const out = Array.from({ length: points }, () => Number.NaN);
  if (n === 0) return out;
  if (n > points) {
    for (let i = 0; i < n; i++) {
      const slot = Math.min(points - 1, Math.floor((i * points) / n));
      const value = v[i] as number;
      if (!Number.isNaN(value) && !(value <= (out[slot] as number))) out[slot] = value;
    }
    return out;
  }
  for (let slot = 0; slot < points; slot++) {
    const at = n === 1 ? 0 : (slot * (n - 1)) / (points - 1);
    const left = Math.floor(at);
    const a = v[left] as number;
    const b = v[Math.min(n - 1, left + 1)] as number;
    out[slot] = at === left ? a : clampFinite(a) + (clampFinite(b) - clampFinite(a)) * (at - left);
  }
  return out;
}

/** Infinity minus infinity would be a gap; NaN stays one. */
function clampFinite(v: number): number {
  return v === Number.POSITIVE_INFINITY ? 1e300 : v === Number.NEGATIVE_INFINITY ? -1e300 : v;
}

function copyDots(grid: CellGrid, widget: Widget, styles: Uint16Array, from: number, symbols: Symbols): void {
  const canvas = widget.ctx._canvas;
  const columns = canvas.width / 2;
  for (let y = 0; y < grid.height - 2; y++) {
    for (let x = from; x < grid.width; x++) {
      const bits = canvas.content[y * columns + x] ?? 0;
      if (bits !== 0) putGlyph(grid, x, y, symbols.glyph(bits), styles[y * columns + x] ?? STYLE.default);
    }
  }
}
