/** Order, which only the rows of an instant result have; over a range the result is sorted by labels anyway. */
import { compareLabels, type Labels } from "../../model/labels.ts";
import type { Call, Expr } from "../ast.ts";
import type { Block, Grid, VectorBlock } from "../block.ts";
import type { EvalContext } from "../context.ts";
import { customFunction, type FunctionDef } from "./define.ts";

/** A copy with rows in this order; rows not named are gone. */
export function reorder(block: VectorBlock, rows: readonly number[]): VectorBlock {
  const values = new Float64Array(rows.length * block.steps);
  const present = new Uint8Array(rows.length * block.steps);
  rows.forEach((row, at) => {
    values.set(block.values.subarray(row * block.steps, (row + 1) * block.steps), at * block.steps);
    present.set(block.present.subarray(row * block.steps, (row + 1) * block.steps), at * block.steps);
  });
  const labels = rows.map((row) => block.labels[row] as Labels);
  const dropName =
    block.dropName === undefined ? undefined : Uint8Array.from(rows, (row) => block.dropName?.[row] ?? 0);
  return { kind: "vector", steps: block.steps, labels, dropName, values, present, ordered: true };
}

function sortRows(block: VectorBlock, compare: (a: number, b: number) => number): VectorBlock {
  const rows = block.labels.map((_, row) => row).filter((row) => block.present[row * block.steps] === 1);
  return reorder(block, rows.sort(compare));
}

/** By value; NaN last in both directions. */
function byValue(name: string, sign: 1 | -1): FunctionDef {
  const evaluate = async (call: Call, grid: Grid, ctx: EvalContext): Promise<Block> => {
    const block = await ctx.vector(call.args[0] as Expr, grid);
    if (grid.steps !== 1) return block;
    const { values } = block;
    return sortRows(block, (a, b) => {
      const x = values[a] as number;
      const y = values[b] as number;
      if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y)) || a - b;
      return sign * (x < y ? -1 : x > y ? 1 : 0) || a - b;
    });
  };
  return customFunction(name, ["instant vector"], evaluate);
}

/** By the named labels in natural order ("4m5" before "4m600"), then by all labels. */
function byLabel(name: string, sign: 1 | -1): FunctionDef {
  const evaluate = async (call: Call, grid: Grid, ctx: EvalContext): Promise<Block> => {
    const [vector, ...names] = call.args as [Expr, ...Expr[]];
    const labels = await Promise.all(names.map((arg) => ctx.text(arg, grid)));
    const block = await ctx.vector(vector, grid);
    if (grid.steps !== 1) return block;
    return sortRows(block, (a, b) => {
      const x = block.labels[a] as Labels;
      const y = block.labels[b] as Labels;
      for (const label of labels) {
        const order = compareNatural(x.get(label), y.get(label));
        if (order !== 0) return sign * order;
      }
      return sign * compareLabels(x, y);
    });
  };
  return customFunction(name, ["instant vector", "string"], evaluate, { variadic: -1, experimental: true });
}

const CHUNK = /\d+|\D+/g;

/** Digits compare as numbers, the rest as text. */
function compareNatural(a: string, b: string): number {
  if (a === b) return 0;
  const x = a.match(CHUNK) ?? [];
  const y = b.match(CHUNK) ?? [];
  for (let i = 0; i < x.length && i < y.length; i++) {
    const left = x[i] as string;
    const right = y[i] as string;
    if (/^\d/.test(left) && /^\d/.test(right)) {
      const difference = Number(left) - Number(right);
      if (difference !== 0) return difference;
    } else if (left !== right) return left < right ? -1 : 1;
  }
  return x.length - y.length || (a < b ? -1 : 1);
}

export const SORT: readonly FunctionDef[] = [
  byValue("sort", 1),
  byValue("sort_desc", -1),
  byLabel("sort_by_label", 1),
  byLabel("sort_by_label_desc", -1),
];
