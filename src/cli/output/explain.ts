/** `--explain`: the evaluated tree, one line a node, with what each cost. */
import { formatDuration } from "../../model/duration.ts";
import type { ExplainNode } from "../../promql/options.ts";
import type { QueryStats } from "../../promql/value.ts";
import { formatTable, type TableOptions } from "./table.ts";

/** Characters of an expression shown for one node. */
const EXPRESSION_MAX = 60;

export function explainText(tree: ExplainNode | undefined, stats: QueryStats, options: TableOptions): string {
  const rows: string[][] = [];
  const visit = (node: ExplainNode, depth: number): void => {
    const text = node.expr.length > EXPRESSION_MAX ? `${node.expr.slice(0, EXPRESSION_MAX - 1)}…` : node.expr;
    const ms = (x: number): string => x.toFixed(2);
    rows.push([
      `${"  ".repeat(depth)}${text}`,
      node.kind,
      String(node.series),
      String(node.samples),
      ms(node.selfMs),
      ms(node.totalMs),
      node.note,
    ]);
    for (const child of node.children) visit(child, depth + 1);
  };
  if (tree !== undefined) visit(tree, 0);
  const data = stats.resolutionMs === 0 ? "raw samples" : `the ${formatDuration(stats.resolutionMs)} tier`;
  const total = `${stats.seriesRead} series, ${stats.samplesRead} samples read from ${data} in ${stats.elapsedMs.toFixed(2)} ms\n`;
  return formatTable(["node", "kind", "series", "samples", "self ms", "total ms", "note"], rows, options) + total;
}
