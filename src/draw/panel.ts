/**
 * A frame and a rectangle in, cells out. The first row holds the title, the state in words and the number that counts;
 * the body is chosen by the panel's kind and the room there is; a legend and the reason take the last rows when there
 * are enough. Two rows are still a panel, one row is a line of text. A panel with nothing to show says why.
 */
import { formatShort, formatValue } from "../model/unit.ts";
import type { FrameLine, PanelFrame } from "../panel/frame.ts";
import { bars } from "./bar.ts";
import { brailleChart } from "./braille.ts";
import type { CellGrid, Size } from "./cell.ts";
import type { ChartData, ChartRenderer } from "./chart.ts";
import { blit, createGrid, putText, putTextRight } from "./grid.ts";
import { sanitise, textWidth } from "./sanitise.ts";
import { drawSpark } from "./spark.ts";
import { symbolsOf, type SymbolSet, type Symbols } from "./symbols.ts";
import { table } from "./table.ts";
import { seriesStyle, STYLE, stateStyle } from "./theme.ts";

export interface DrawOptions {
  readonly symbols: SymbolSet;
  /** Draws charts that have the room, e.g. `contribChart`; our own braille unless given. */
  readonly chart?: ChartRenderer | undefined;
  /** Smallest body, in rows, given to `chart`. */
  readonly chartRowsMin?: number;
  /** Marks this moment in charts (unix ms). */
  readonly cursorAt?: number | undefined;
  readonly utc?: boolean;
  /** False leaves the title row out, for callers with a frame of their own. */
  readonly title?: boolean;
}

/** Lines a chart shows; the worst by value beyond that are only in the legend's count. */
const CHART_LINES_MAX = 8;
const CHART_ROWS_MIN = 8;
const LEGEND_ROWS_FROM = 5;
/** Under this a threshold line hides more than it tells. */
const THRESHOLD_ROWS_MIN = 5;
const STATE_WORD = { ok: "", warn: "WARN", crit: "CRIT", unknown: "?" } as const;
/** In front of the title: the state of a panel without colour, however narrow. */
const STATE_SIGN = { ok: "", warn: "!", crit: "X", unknown: "?" } as const;

/** Draws the whole panel; never throws, whatever the values or the size. */
export function drawPanel(frame: PanelFrame, size: Size, options: DrawOptions): CellGrid {
  const grid = createGrid(size);
  if (grid.width === 0 || grid.height === 0) return grid;
  const symbols = symbolsOf(options.symbols);
  const titled = options.title !== false;
  if (titled) drawTitle(grid, frame, symbols, grid.height === 1);
  const top = titled ? 1 : 0;
  const room = grid.height - top;
  if (room <= 0) return grid;
  if (frame.lines.length === 0) {
    drawReason(grid, top, frame.reason ?? "no data", symbols);
    return grid;
  }
  const tall = grid.height >= LEGEND_ROWS_FROM;
  const reason = tall && frame.reason !== undefined ? 1 : 0;
  const legend = tall && wantsLegend(frame) ? 1 : 0;
  const body = drawBody(frame, { width: grid.width, height: room - reason - legend }, symbols, options);
  blit(grid, body, 0, top);
  if (legend === 1) drawLegend(grid, grid.height - 1 - reason, frame, symbols);
  if (reason === 1) {
    const style = frame.state === "ok" ? STYLE.dim : stateStyle(frame.state);
    putText(grid, 0, grid.height - 1, frame.reason ?? "", style, { ascii: symbols.set === "ascii" });
  }
  return grid;
}

function drawTitle(grid: CellGrid, frame: PanelFrame, symbols: Symbols, alone: boolean): void {
  const ascii = symbols.set === "ascii";
  const [worst] = ranked(frame, true);
  const leader = worst === undefined || Number.isNaN(worst.value) ? undefined : worst.line;
  const style = stateStyle(frame.state);
  const room = grid.width - Math.floor(grid.width / 3);
  const right = widestThatFits(room, leader === undefined ? Number.NaN : leader.last, frame);
  let end = putTextRight(grid, 0, grid.width, 0, right, style, { ascii }) - 1;
  if (alone && leader !== undefined && end > grid.width / 2) {
    const width = Math.min(end - Math.floor(grid.width / 2), leader.v.length);
    end -= width;
    drawSpark(grid, end, 0, width, leader.v, { symbols, min: frame.min, max: frame.max, style: STYLE.series1 });
    end -= 1;
  }
  putText(grid, 0, 0, STATE_SIGN[frame.state] || symbols.bullet, style, { ascii });
  putText(grid, 2, 0, frame.spec.title, STYLE.title, { width: Math.max(0, end - 2), ascii });
}

/** Number and state, the shorter forms where the title would have no room. */
function widestThatFits(room: number, v: number, frame: PanelFrame): string {
  const word = STATE_WORD[frame.state];
  const full = [Number.isNaN(v) ? "" : formatValue(v, frame.unit), word].filter((part) => part !== "").join(" ");
  const short = Number.isNaN(v) ? word : formatShort(v, frame.unit);
  return [full, short, word].find((text) => text.length <= room) ?? "";
}

function drawBody(frame: PanelFrame, size: Size, symbols: Symbols, options: DrawOptions): CellGrid {
  switch (frame.spec.kind) {
    case "chart":
      return drawChart(frame, size, symbols, options);
    case "stat":
      return size.height >= 4 ? drawChart(frame, size, symbols, options) : drawStat(frame, size, symbols);
    case "gauge":
    case "bar":
      return bars(ranked(frame, frame.spec.kind === "bar"), size, {
        min: frame.min,
        max: frame.max,
        unit: frame.unit,
        symbols,
      });
    case "table":
      return drawTable(frame, size, symbols);
  }
}

function drawChart(frame: PanelFrame, size: Size, symbols: Symbols, options: DrawOptions): CellGrid {
  const lines = chartLines(frame);
  const data: ChartData = {
    lines: lines.map((line) => ({ v: line.v, style: seriesStyle(frame.lines.indexOf(line)) })),
    t: frame.t,
    min: frame.min,
    max: frame.max,
    unit: frame.unit,
    thresholds: size.height < THRESHOLD_ROWS_MIN ? [] : (frame.spec.thresholds ?? []).map((threshold) => threshold.at),
    fill: lines.length === 1 && frame.min >= 0,
    cursor: cursorIndex(frame, options.cursorAt),
    utc: options.utc,
  };
  const large = size.height >= (options.chartRowsMin ?? CHART_ROWS_MIN);
  return large && options.chart !== undefined ? options.chart(data, size, symbols) : brailleChart(data, size, symbols);
}

/** One row for each line: name, history, number. */
function drawStat(frame: PanelFrame, size: Size, symbols: Symbols): CellGrid {
  const grid = createGrid(size);
  const ascii = symbols.set === "ascii";
  frame.lines.slice(0, grid.height).forEach((line, y) => {
    const style = seriesStyle(y);
    const value = formatValue(line.last, frame.unit);
    const end = putTextRight(grid, 0, grid.width, y, value, style, { ascii });
    const names = frame.lines.length > 1 ? Math.floor(grid.width * 0.35) : 0;
    putText(grid, 0, y, frame.lines.length > 1 ? line.legend : "", STYLE.dim, { width: names, ascii });
    const width = end - names - (names > 0 ? 2 : 1);
    if (width > 2) {
      drawSpark(grid, names > 0 ? names + 1 : 0, y, width, line.v, { symbols, min: frame.min, max: frame.max, style });
    }
  });
  return grid;
}

function drawTable(frame: PanelFrame, size: Size, symbols: Symbols): CellGrid {
  const rows = ranked(frame, true).map((line) => [
    { text: line.name, style: STYLE.default },
    { text: formatValue(line.value, frame.unit), style: line.style },
  ]);
  const columns = [
    { title: "", min: 6, priority: 1 },
    { title: "", min: 9, max: 16, priority: 2, align: "right" as const },
  ];
  return table(columns, rows, size, { titles: false, ascii: symbols.set === "ascii" });
}

/** Names, numbers and the style of each line's own state. */
function ranked(
  frame: PanelFrame,
  sorted: boolean,
): readonly { readonly line: FrameLine; readonly name: string; readonly value: number; readonly style: number }[] {
  const lines = frame.lines.map((line) => ({
    line,
    name: line.legend,
    value: line.last,
    style: lineStyle(frame, line.last),
  }));
  if (!sorted) return lines;
  // What is bad comes first; what has no value comes last.
  const sign = frame.spec.thresholds?.[0]?.below === true ? -1 : 1;
  const rank = (v: number): number => (Number.isNaN(v) ? Number.NEGATIVE_INFINITY : sign * v);
  return lines.sort((a, b) => (rank(a.value) < rank(b.value) ? 1 : rank(a.value) > rank(b.value) ? -1 : 0));
}

function lineStyle(frame: PanelFrame, v: number): number {
  let style: number = STYLE.series1;
  for (const threshold of frame.spec.thresholds ?? []) {
    const crossed = threshold.below === true ? v < threshold.at : v > threshold.at;
    if (crossed && style !== STYLE.crit) style = stateStyle(threshold.state);
  }
  return style;
}

/** The lines worth the room: those with the highest peak in the span, which changes slower than the value now. */
function chartLines(frame: PanelFrame): readonly FrameLine[] {
  const kept = new Set(byPeak(frame.lines).slice(0, CHART_LINES_MAX));
  return frame.lines.filter((line) => kept.has(line));
}

function byPeak(lines: readonly FrameLine[]): readonly FrameLine[] {
  if (lines.length < 2) return lines;
  const peaks = new Map(
    lines.map((line) => [line, line.v.reduce((peak, v) => (v > peak ? v : peak), Number.NEGATIVE_INFINITY)]),
  );
  const peak = (line: FrameLine): number => peaks.get(line) ?? Number.NEGATIVE_INFINITY;
  return [...lines].sort((a, b) => (peak(a) < peak(b) ? 1 : peak(a) > peak(b) ? -1 : 0));
}

function wantsLegend(frame: PanelFrame): boolean {
  const drawn = frame.spec.kind === "chart" || frame.spec.kind === "stat";
  return drawn && (frame.lines.length > 1 || (frame.lines[0]?.legend ?? "") !== "");
}

function drawLegend(grid: CellGrid, y: number, frame: PanelFrame, symbols: Symbols): void {
  const ascii = symbols.set === "ascii";
  const shown = byPeak(frame.lines).slice(0, CHART_LINES_MAX);
  let x = 0;
  let drawn = 0;
  for (const line of shown) {
    const text = `${line.legend} ${formatShort(line.last, frame.unit)}`;
    const rest = frame.lines.length - drawn - 1;
    const more = rest > 0 ? ` +${rest}` : "";
    const wide = textWidth(sanitise(text)) + 2;
    if (drawn > 0 && x + wide + more.length > grid.width) break;
    putText(grid, x, y, symbols.bullet, seriesStyle(frame.lines.indexOf(line)));
    x = putText(grid, x + 2, y, text, STYLE.default, { ascii, width: grid.width - x - 2 }) + 2;
    drawn += 1;
  }
  if (drawn < frame.lines.length) putTextRight(grid, x - 1, grid.width, y, `+${frame.lines.length - drawn}`, STYLE.dim);
}

/** Words broken over the rows there are, from the first row of the body. */
function drawReason(grid: CellGrid, top: number, reason: string, symbols: Symbols): void {
  const ascii = symbols.set === "ascii";
  const lines: string[] = [];
  for (const word of sanitise(reason).split(" ")) {
    const last = lines[lines.length - 1];
    if (last !== undefined && textWidth(last) + 1 + textWidth(word) <= grid.width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  lines.slice(0, grid.height - top).forEach((line, i) => {
    putText(grid, 0, top + i, line, STYLE.unknown, { ascii });
  });
}

function cursorIndex(frame: PanelFrame, at: number | undefined): number | undefined {
  const first = frame.t[0];
  const second = frame.t[1];
  if (at === undefined || first === undefined || second === undefined) return undefined;
  const index = Math.round((at - first) / (second - first));
  return index >= 0 && index < frame.t.length ? index : undefined;
}
