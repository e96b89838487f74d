/** The chart renderer for every size: our own dots in braille, blocks or ASCII with the shared axes around them. */
import type { CellGrid, Size } from "./cell.ts";
import { chartLayout, drawCursor, drawTimeAxis, drawValueAxis, type ChartData } from "./chart.ts";
import { blit, createGrid } from "./grid.ts";
import { plot } from "./raster.ts";
import type { Symbols } from "./symbols.ts";

export function brailleChart(data: ChartData, size: Size, symbols: Symbols): CellGrid {
  const grid = createGrid(size);
  const layout = chartLayout(data, grid);
  const dots = plot(layout.plot, data.lines, {
    min: data.min,
    max: data.max,
    symbols,
    fill: data.fill,
    thresholds: data.thresholds,
  });
  blit(grid, dots, layout.axisColumns, 0);
  const range = data.max - data.min;
  drawValueAxis(grid, data, layout, symbols, (v) =>
    Math.floor(Math.min((1 - (v - data.min) / range) * layout.plot.height, layout.plot.height - 1)),
  );
  drawTimeAxis(grid, data, layout, symbols);
  drawCursor(grid, data, layout, symbols);
  return grid;
}
