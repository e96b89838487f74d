/** Changing labels. A result that gives two elements the same labels at one time is an error. */
import { EXIT, UserError } from "../../base/errors.ts";
import type { Labels } from "../../model/labels.ts";
import { compileCapturing, expandTemplate } from "../../model/regexp.ts";
import type { Call, Expr } from "../ast.ts";
import type { Block, Grid, VectorBlock } from "../block.ts";
import { type EvalContext, executionError } from "../context.ts";
import { MADE_LABEL_LENGTH_MAX } from "../options.ts";
import { quote } from "../quote.ts";
import { customFunction, type FunctionDef } from "./define.ts";

function checkLabelName(name: string, place: string): void {
  if (name === "" || !name.isWellFormed()) throw executionError(`invalid ${place}: ${quote(name)}`);
}

/** @throws UserError `promql-limit`, before anything of that length is made. */
function checkLength(length: number): void {
  if (length <= MADE_LABEL_LENGTH_MAX) return;
  throw new UserError("promql-limit", `the query would make label values longer than ${MADE_LABEL_LENGTH_MAX}`, {
    exit: EXIT.limit,
    hint: "labels that are put together from themselves grow with each call",
  });
}

/** A changed label set costs about as much as so many samples. */
const WORK_PER_SET = 16;

/** Gives each row new labels; setting the metric name keeps it from being dropped later. */
async function relabel(
  block: VectorBlock,
  target: string,
  change: (labels: Labels) => Labels,
  ctx: EvalContext,
): Promise<Block> {
  const labels: Labels[] = [];
  const keys = new Set<string>();
  for (const one of block.labels) {
    if (ctx.due(WORK_PER_SET)) await ctx.pause();
    const changed = change(one);
    labels.push(changed);
    keys.add(changed.key);
  }
  const dropName = block.dropName?.map((drop, row) =>
    target === "__name__" && labels[row] !== block.labels[row] ? 0 : drop,
  );
  const changed: VectorBlock = { ...block, labels, dropName };
  return keys.size === labels.length ? changed : ctx.distinct(changed);
}

/** @see https://prometheus.io/docs/prometheus/latest/querying/functions/#label_replace */
async function labelReplace(call: Call, grid: Grid, ctx: EvalContext): Promise<Block> {
  const [vector, ...rest] = call.args as [Expr, Expr, Expr, Expr, Expr];
  const [target = "", template = "", source = "", pattern = ""] = await Promise.all(
    rest.map((arg) => ctx.text(arg, grid)),
  );
  const regexp = compile(pattern);
  checkLabelName(target, "destination label name in label_replace()");
  const block = await ctx.vector(vector, grid);
  const known = new Map<string, string | undefined>();
  const places = template.split("$").length - 1;
  const replacement = (value: string): string | undefined => {
    if (known.has(value)) return known.get(value);
    checkLength(template.length + places * value.length);
    const groups = regexp.exec(value);
    const text = groups === undefined ? undefined : expandTemplate(template, groups, regexp.names);
    known.set(value, text);
    return text;
  };
  return relabel(
    block,
    target,
    (labels) => {
      const text = replacement(labels.get(source));
      return text === undefined ? labels : labels.with({ [target]: text });
    },
    ctx,
  );
}

function compile(pattern: string): ReturnType<typeof compileCapturing> {
  try {
    return compileCapturing(pattern);
  } catch (cause) {
    if (!(cause instanceof UserError)) throw cause;
    throw executionError(`invalid regular expression in label_replace(): ${pattern}`, cause.hint);
  }
}

async function labelJoin(call: Call, grid: Grid, ctx: EvalContext): Promise<Block> {
  const [vector, ...rest] = call.args as [Expr, ...Expr[]];
  const [target = "", separator = "", ...sources] = await Promise.all(rest.map((arg) => ctx.text(arg, grid)));
  for (const source of sources) checkLabelName(source, "source label name in label_join()");
  checkLabelName(target, "destination label name in label_join()");
  const block = await ctx.vector(vector, grid);
  const join = (labels: Labels): Labels => {
    const values = sources.map((source) => labels.get(source));
    checkLength(values.reduce((sum, value) => sum + value.length + separator.length, 0));
    return labels.with({ [target]: values.join(separator) });
  };
  return relabel(block, target, join, ctx);
}

export const LABELS: readonly FunctionDef[] = [
  customFunction("label_replace", ["instant vector", "string", "string", "string", "string"], labelReplace),
  customFunction("label_join", ["instant vector", "string", "string", "string"], labelJoin, { variadic: -1 }),
];
