/** Time of evaluation, time of samples, and the calendar (UTC, proleptic Gregorian). */
import { Labels } from "../../model/labels.ts";
import { type Call, unwrapParens } from "../ast.ts";
import type { Block, Grid, VectorBlock } from "../block.ts";
import type { EvalContext } from "../context.ts";
import { fillInstant, lookTimes, selectInstant } from "../select.ts";
import { customFunction, type FunctionDef } from "./define.ts";

function gridSeconds(grid: Grid): Float64Array {
  const values = new Float64Array(grid.steps);
  for (let i = 0; i < grid.steps; i++) values[i] = (grid.startMs + i * grid.stepMs) / 1000;
  return values;
}

/** One series without labels, present at every step. */
export function scalarAsVector(values: Float64Array, steps: number): VectorBlock {
  const present = new Uint8Array(steps).fill(1);
  return { kind: "vector", steps, labels: [Labels.EMPTY], dropName: undefined, values, present };
}

async function time(_call: Call, grid: Grid): Promise<Block> {
  return { kind: "scalar", values: gridSeconds(grid) };
}

/** Of a bare selector the samples' own times; of anything else the time of evaluation. */
async function timestamp(call: Call, grid: Grid, ctx: EvalContext): Promise<Block> {
  const arg = unwrapParens(call.args[0] as Call["args"][number]);
  if (arg.kind !== "selector") {
    const block = await ctx.vector(arg, grid);
    const values = new Float64Array(block.values.length);
    const seconds = gridSeconds(grid);
    for (let base = 0; base < values.length; base += grid.steps) values.set(seconds, base);
    return ctx.nameless({ ...block, values });
  }
  const times = lookTimes(arg, grid, ctx.query);
  const selection = await selectInstant(arg, times, "timestamp", ctx);
  const lookbackMs = Math.max(ctx.lookbackMs, selection.resolutionMs);
  const { labels } = selection;
  const { values, present } = ctx.columns(labels.length, grid.steps);
  const scratch = { v: new Float64Array(0) };
  for (let row = 0; row < labels.length; row++) {
    if (ctx.due(grid.steps)) await ctx.pause();
    fillInstant(
      selection.column(row, scratch),
      times,
      lookbackMs,
      { values, present, base: row * grid.steps, steps: grid.steps },
      true,
    );
  }
  return ctx.nameless({ kind: "vector", steps: grid.steps, labels, dropName: undefined, values, present });
}

/** A calendar field of each value taken as unix seconds; without argument, of the time of evaluation. */
function calendar(name: string, field: (date: Date, eras: number) => number): FunctionDef {
  const evaluate = async (call: Call, grid: Grid, ctx: EvalContext): Promise<Block> => {
    const arg = call.args[0];
    const block = arg === undefined ? scalarAsVector(gridSeconds(grid), grid.steps) : await ctx.vector(arg, grid);
    const values = block.values.map((v) => fieldAt(v, field));
    return ctx.nameless({ ...block, values });
  };
  return customFunction(name, ["instant vector"], evaluate, { variadic: 1, timeDependent: true });
}

/** The calendar repeats, weekdays included, every 400 years. */
const ERA_SECONDS = 12_622_780_800;
const ERA_YEARS = 400;
/** What Go makes of a number that is no int64 is its least one, which wraps around to this moment. */
const WRAPPED: { readonly date: Date; readonly eras: number } = {
  date: yearZeroDate(196, 11, 4, "15:30:08"),
  eras: 730_692_566,
};

function yearZeroDate(year: number, month: number, day: number, time: string): Date {
  const date = new Date(`1970-01-01T${time}Z`);
  date.setUTCFullYear(year, month, day);
  return date;
}

/** Fractions of a second are cut toward zero, as an integer conversion does. */
function fieldAt(value: number, field: (date: Date, eras: number) => number): number {
  const seconds = Math.trunc(value);
  if (!(Math.abs(seconds) < 2 ** 63)) return field(WRAPPED.date, WRAPPED.eras);
  const eras = Math.floor(seconds / ERA_SECONDS);
  return field(new Date((seconds - eras * ERA_SECONDS) * 1000), eras);
}

const DAY_MS = 86_400_000;

function dayOfYear(date: Date): number {
  const newYear = new Date(0);
  newYear.setUTCFullYear(date.getUTCFullYear(), 0, 1);
  return Math.floor((date.getTime() - newYear.getTime()) / DAY_MS) + 1;
}

function daysInMonth(date: Date): number {
  const last = new Date(0);
  last.setUTCFullYear(date.getUTCFullYear(), date.getUTCMonth() + 1, 0);
  return last.getUTCDate();
}

export const TIME: readonly FunctionDef[] = [
  customFunction("time", [], time, { returns: "scalar", timeDependent: true }),
  customFunction("timestamp", ["instant vector"], timestamp, { timeDependent: true }),
  calendar("minute", (date) => date.getUTCMinutes()),
  calendar("hour", (date) => date.getUTCHours()),
  calendar("day_of_week", (date) => date.getUTCDay()),
  calendar("day_of_month", (date) => date.getUTCDate()),
  calendar("day_of_year", dayOfYear),
  calendar("days_in_month", daysInMonth),
  calendar("month", (date) => date.getUTCMonth() + 1),
  calendar("year", (date, eras) => date.getUTCFullYear() + eras * ERA_YEARS),
];
