/** Between scalars and vectors, and the constants of a query. */
import type { Call, Expr } from "../ast.ts";
import type { Block, Grid, QueryGrid } from "../block.ts";
import type { EvalContext } from "../context.ts";
import { customFunction, type FunctionDef } from "./define.ts";
import { scalarAsVector } from "./time.ts";

/** The value of a vector of exactly one element, else NaN. */
async function scalar(call: Call, grid: Grid, ctx: EvalContext): Promise<Block> {
  const block = await ctx.vector(call.args[0] as Expr, grid);
  const values = new Float64Array(grid.steps);
  const seen = new Uint32Array(grid.steps);
  for (let base = 0; base < block.values.length; base += grid.steps) {
    if (ctx.due(grid.steps)) await ctx.pause();
    for (let step = 0; step < grid.steps; step++) {
      if (block.present[base + step] === 0) continue;
      values[step] = block.values[base + step] as number;
      seen[step] = (seen[step] as number) + 1;
    }
  }
  for (let step = 0; step < grid.steps; step++) if (seen[step] !== 1) values[step] = Number.NaN;
  return { kind: "scalar", values };
}

async function vector(call: Call, grid: Grid, ctx: EvalContext): Promise<Block> {
  return scalarAsVector(await ctx.scalar(call.args[0] as Expr, grid), grid.steps);
}

async function pi(_call: Call, grid: Grid): Promise<Block> {
  return { kind: "scalar", values: new Float64Array(grid.steps).fill(Math.PI) };
}

/** A fact of the query itself, in seconds. */
function queryFact(name: string, fact: (query: QueryGrid) => number): FunctionDef {
  const evaluate = async (_call: Call, grid: Grid, ctx: EvalContext): Promise<Block> => {
    return { kind: "scalar", values: new Float64Array(grid.steps).fill(fact(ctx.query) / 1000) };
  };
  return customFunction(name, [], evaluate, { returns: "scalar", experimental: true });
}

function pick(name: string, choose: (a: number, b: number) => number): FunctionDef {
  const evaluate = async (call: Call, grid: Grid, ctx: EvalContext): Promise<Block> => {
    const a = await ctx.scalar(call.args[0] as Expr, grid);
    const b = await ctx.scalar(call.args[1] as Expr, grid);
    return { kind: "scalar", values: a.map((value, step) => choose(value, b[step] as number)) };
  };
  return customFunction(name, ["scalar", "scalar"], evaluate, { returns: "scalar", experimental: true });
}

export const SCALAR: readonly FunctionDef[] = [
  customFunction("scalar", ["instant vector"], scalar, { returns: "scalar" }),
  customFunction("vector", ["scalar"], vector),
  customFunction("pi", [], pi, { returns: "scalar" }),
  pick("min_of", Math.min),
  pick("max_of", Math.max),
  queryFact("start", (query) => query.startMs),
  queryFact("end", (query) => query.endMs),
  queryFact("range", (query) => query.endMs - query.startMs),
  queryFact("step", (query) => query.stepMs),
];
