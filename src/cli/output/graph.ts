/** `-o graph` and `-o spark`: a range as a picture of characters, with the same renderer as the console's panels. */
import { drawPanel } from "../../draw/panel.ts";
import { fit, fitPad, textWidth } from "../../draw/sanitise.ts";
import { sparkText } from "../../draw/spark.ts";
import { type SymbolSet, symbolsOf } from "../../draw/symbols.ts";
import { gridToAnsi } from "../../draw/text.ts";
import { themeNamed } from "../../draw/theme.ts";
import { formatValue } from "../../model/unit.ts";
import { axisRange } from "../../panel/axis.ts";
import type { FrameLine, PanelFrame } from "../../panel/frame.ts";
import type { MatrixSeries } from "../../promql/value.ts";
import type { FormatOptions } from "./format.ts";

/** Rows of a graph: tall enough to read, short enough that two fit a screen. */
const GRAPH_ROWS = 16;
/** Series drawn into one graph; more would hide each other. */
const GRAPH_SERIES_MAX = 8;
const SPARK_COLUMNS_MAX = 60;

/** The union of all series' times, ascending. */
function timesOf(series: readonly MatrixSeries[]): Float64Array {
  const all = new Set<number>();
  for (const { t } of series) for (const at of t) all.add(at);
  return Float64Array.from(all).sort();
}

function lineOf({ labels, t, v }: MatrixSeries, times: Float64Array): FrameLine {
  const at = new Map(Array.from(t, (time, i) => [time, v[i] as number]));
  const values = times.map((time) => at.get(time) ?? Number.NaN);
  return { legend: labels.toString(), labels: labels.toJSON(), v: values, last: v[v.length - 1] ?? Number.NaN };
}

function range(lines: readonly FrameLine[]): { min: number; max: number } {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const { v } of lines) {
    for (const x of v) {
      if (!Number.isFinite(x)) continue;
      low = Math.min(low, x);
      high = Math.max(high, x);
    }
  }
  return axisRange(low, high, {});
}

export function graph(series: readonly MatrixSeries[], options: FormatOptions): string {
  const shown = series.slice(0, GRAPH_SERIES_MAX);
  const times = timesOf(shown);
  const lines = shown.map((one) => lineOf(one, times));
  const frame: PanelFrame = {
    spec: {
      id: "query.graph",
      view: "explore",
      title: options.expr,
      method: "none",
      resource: "query",
      kind: "chart",
      unit: "none",
      queries: [{ exprs: [options.expr], legend: "" }],
      priority: 1,
    },
    unit: "none",
    state: "ok",
    reason: series.length > shown.length ? `${shown.length} of ${series.length} series` : undefined,
    at: times[times.length - 1] ?? 0,
    t: times,
    lines,
    ...range(lines),
    exprs: [options.expr],
  };
  const symbols: SymbolSet = options.ascii ? "ascii" : "braille";
  const grid = drawPanel(frame, { width: options.width, height: GRAPH_ROWS }, { symbols, utc: options.utc });
  const rows = gridToAnsi(grid, { theme: themeNamed(undefined), depth: options.color ? 16 : 0 });
  return `${rows.map((row) => (options.color ? row : plain(row))).join("\n")}\n`;
}

function plain(row: string): string {
  return row.replace(/\u001b\[[\d;]*m/g, "").trimEnd();
}

/** One line a series: legend, history, newest value. */
export function spark(series: readonly MatrixSeries[], options: FormatOptions): string {
  const symbols = symbolsOf(options.ascii ? "ascii" : "braille");
  const values = series.map(({ v }) => formatValue(v[v.length - 1] ?? Number.NaN, "none"));
  const valueWidth = Math.max(0, ...values.map((text) => textWidth(text)));
  const legends = series.map(({ labels }) => labels.toString());
  const legendWidth = Math.min(Math.max(0, ...legends.map((text) => textWidth(text))), Math.floor(options.width / 2));
  const width = Math.max(8, Math.min(SPARK_COLUMNS_MAX, options.width - legendWidth - valueWidth - 4));
  return series
    .map((one, i) => {
      const { min, max } = range([lineOf(one, one.t)]);
      const history = sparkText(one.v, width, { symbols, min, max });
      const legend = fitPad(fit(legends[i] as string, legendWidth), legendWidth, { ascii: options.ascii });
      return `${legend}  ${history}  ${(values[i] as string).padStart(valueWidth)}\n`;
    })
    .join("");
}
