/** The stretch of stored time a whole expression can touch. */
import { children, type Expr } from "./ast.ts";
import type { Grid, QueryGrid } from "./block.ts";
import { resolveRange } from "./durations.ts";
import { lookTimes } from "./select.ts";

export interface TimeBounds {
  readonly minMs: number;
  readonly maxMs: number;
}

export function timeBounds(expr: Expr, query: QueryGrid, lookbackMs: number): TimeBounds {
  const found = { minMs: Number.POSITIVE_INFINITY, maxMs: Number.NEGATIVE_INFINITY };
  const touch = (minMs: number, maxMs: number): void => {
    found.minMs = Math.min(found.minMs, minMs);
    found.maxMs = Math.max(found.maxMs, maxMs);
  };
  const visit = (node: Expr, grid: Grid): void => {
    if (node.kind === "selector") {
      const times = lookTimes(node, grid, query);
      touch(times.startMs - lookbackMs + 1, times.endMs + (node.extended === undefined ? 0 : lookbackMs));
    } else if (node.kind === "matrix") {
      const times = lookTimes(node.selector, grid, query);
      const beyond = node.selector.extended === undefined ? 0 : lookbackMs;
      touch(times.startMs - resolveRange(node.range, query) - beyond + 1, times.endMs + beyond);
    } else if (node.kind === "subquery") {
      const times = lookTimes(node, grid, query);
      const startMs = times.startMs - resolveRange(node.range, query);
      visit(node.expr, { startMs, stepMs: times.endMs - startMs, steps: 2 });
    } else for (const child of children(node)) visit(child, grid);
  };
  visit(expr, query);
  // Nothing is read: any empty stretch will do.
  return found.minMs > found.maxMs ? { minMs: query.startMs, maxMs: query.startMs } : found;
}
