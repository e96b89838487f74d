/** Turning silence into a value: one series with what the selector says its labels would have been. */
import { Labels, METRIC_NAME } from "../../model/labels.ts";
import { type Call, type Expr, unwrapParens } from "../ast.ts";
import type { Block, Grid } from "../block.ts";
import type { EvalContext } from "../context.ts";
import { evalRange, windowsOf } from "../range.ts";
import { customFunction, type FunctionDef } from "./define.ts";

/** Labels asked for with `=`, each by that matcher alone; none for anything but a selector. */
function expectedLabels(arg: Expr): Labels {
  const inner = unwrapParens(arg);
  const selector = inner.kind === "matrix" ? inner.selector : inner;
  if (selector.kind !== "selector") return Labels.EMPTY;
  const labels = new Map<string, string>();
  const asked = new Set<string>();
  for (const { name, op, value } of selector.matchers) {
    if (name === METRIC_NAME) continue;
    // a second matcher makes it unsure what the label would have been, wherever it stands
    if (asked.has(name)) labels.delete(name);
    else if (op === "=") labels.set(name, value);
    asked.add(name);
  }
  return Labels.from(labels);
}

function absentWhere(seen: Uint8Array, arg: Expr): Block {
  const steps = seen.length;
  if (!seen.includes(0)) {
    const none = { values: new Float64Array(0), present: new Uint8Array(0) };
    return { kind: "vector", steps, labels: [], dropName: undefined, ...none };
  }
  const present = seen.map((byte) => 1 - byte);
  const values = new Float64Array(steps).fill(1);
  return { kind: "vector", steps, labels: [expectedLabels(arg)], dropName: undefined, values, present };
}

async function absent(call: Call, grid: Grid, ctx: EvalContext): Promise<Block> {
  const arg = call.args[0] as Expr;
  const block = await ctx.vector(arg, grid);
  const seen = new Uint8Array(grid.steps);
  for (let base = 0; base < block.present.length; base += grid.steps) {
    if (ctx.due(grid.steps)) await ctx.pause();
    for (let step = 0; step < grid.steps; step++) if (block.present[base + step] === 1) seen[step] = 1;
  }
  return absentWhere(seen, arg);
}

async function absentOverTime(call: Call, grid: Grid, ctx: EvalContext): Promise<Block> {
  const arg = call.args[0] as Expr;
  const range = await evalRange(arg, grid, ctx, "absent_over_time");
  const windows = windowsOf(range);
  const scratch = { v: new Float64Array(0) };
  const seen = new Uint8Array(grid.steps);
  let missing = grid.steps;
  for (let row = 0; row < range.labels.length; row++) {
    if (missing === 0) break;
    if (ctx.due(grid.steps)) await ctx.pause();
    const { lo, hi } = windows.of(range.column(row, scratch));
    for (let step = 0; step < grid.steps; step++) {
      if (seen[step] === 1 || lo[step] === hi[step]) continue;
      seen[step] = 1;
      missing--;
    }
  }
  return absentWhere(seen, arg);
}

export const ABSENT: readonly FunctionDef[] = [
  customFunction("absent", ["instant vector"], absent),
  customFunction("absent_over_time", ["range vector"], absentOverTime),
];
