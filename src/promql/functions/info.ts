/**
 * `info()`: adds the labels of info metrics (`target_info` unless told) to series of the same instance and job. Which
 * info series speaks for a target is decided at each step: the one with the newest sample.
 */
import { type Labels, Labels as LabelSet, METRIC_NAME } from "../../model/labels.ts";
import { createMatcher, type Matcher } from "../../model/matcher.ts";
import { escapeRegexp } from "../../model/regexp.ts";
import { type Call, type Expr, type VectorSelector, walk } from "../ast.ts";
import type { Block, Grid, VectorBlock } from "../block.ts";
import { type EvalContext, executionError } from "../context.ts";
import { fillInstant, lookTimes, type LookTimes } from "../select.ts";
import { customFunction, type FunctionDef } from "./define.ts";

const DEFAULT_INFO = "target_info";
const IDENTIFYING = ["instance", "job"] as const;

/** Info series by metric name and identity; cells of `times` hold the time of the sample in force. */
interface InfoSeries {
  readonly labels: readonly Labels[];
  readonly times: Float64Array;
  readonly present: Uint8Array;
  /** Rows that may answer for an identity, by info metric. */
  readonly byIdentity: ReadonlyMap<string, ReadonlyMap<string, readonly number[]>>;
}

function identity(labels: Labels): string {
  return JSON.stringify(IDENTIFYING.map((name) => labels.get(name)));
}

async function info(call: Call, grid: Grid, ctx: EvalContext): Promise<Block> {
  const [base, selector] = call.args as [Expr, VectorSelector | undefined];
  const block = await ctx.vector(base, grid);
  const all = selector?.matchers ?? [];
  const named = all.filter((matcher) => matcher.name === METRIC_NAME);
  const nameMatchers = infoNames(named);
  const dataMatchers = all.filter((matcher) => matcher.name !== METRIC_NAME);
  const isInfo = (labels: Labels): boolean => nameMatchers.every((matcher) => matcher.matches(labels.metric));
  const enriched = block.labels.filter((labels) => !isInfo(labels));
  const series = await readInfo(enriched, [...nameMatchers, ...dataMatchers], infoTimes(base, grid, ctx), grid, ctx);
  return join(block, isInfo, series, dataMatchers, ctx);
}

/** Which metrics are info metrics: those named, `target_info` without a word, any `…_info` when only exceptions are named. */
function infoNames(named: readonly Matcher[]): readonly Matcher[] {
  if (named.length === 0) return [createMatcher(METRIC_NAME, "=", DEFAULT_INFO)];
  const positive = named.some(({ op }) => op === "=" || op === "=~");
  return positive ? named : [...named, createMatcher(METRIC_NAME, "=~", ".+_info")];
}

/** Info series are looked at when the first selector of the argument is. */
function infoTimes(base: Expr, grid: Grid, ctx: EvalContext): LookTimes {
  const found: { selector: VectorSelector | undefined } = { selector: undefined };
  walk(base, (node) => {
    if (node.kind === "selector") found.selector ??= node;
  });
  return lookTimes(found.selector ?? { offset: undefined, at: undefined }, grid, ctx.query);
}

async function readInfo(
  base: readonly Labels[],
  matchers: readonly Matcher[],
  times: LookTimes,
  grid: Grid,
  ctx: EvalContext,
): Promise<InfoSeries> {
  const identifying: Matcher[] = [];
  for (const name of IDENTIFYING) {
    const values = new Set(base.map((labels) => labels.get(name)).filter((value) => value !== ""));
    if (values.size > 0) identifying.push(createMatcher(name, "=~", [...values].map(escapeRegexp).join("|")));
  }
  if (identifying.length === 0) {
    return { labels: [], times: new Float64Array(0), present: new Uint8Array(0), byIdentity: new Map() };
  }
  const selection = await ctx.series.select(
    { matchers: [...identifying, ...matchers] },
    { start: times.startMs - ctx.lookbackMs + 1, end: times.endMs, stepMs: times.stepMs, rangeMs: 0, func: "info" },
  );
  const { labels } = selection;
  const { values, present } = ctx.columns(labels.length, grid.steps);
  const scratch = { v: new Float64Array(0) };
  const byIdentity = new Map<string, Map<string, number[]>>();
  labels.forEach((own, row) => {
    fillInstant(
      selection.column(row, scratch),
      times,
      ctx.lookbackMs,
      { values, present, base: row * grid.steps, steps: grid.steps },
      true,
    );
    const rows = byIdentity.get(own.metric) ?? new Map<string, number[]>();
    byIdentity.set(own.metric, rows);
    const key = identity(own);
    rows.set(key, [...(rows.get(key) ?? []), row]);
  });
  return { labels, times: values, present, byIdentity };
}

/** The row with the newest sample at a step; two equally new ones contradict each other. */
function newest(rows: readonly number[], step: number, steps: number, series: InfoSeries): number | undefined {
  let best: number | undefined;
  for (const row of rows) {
    if (series.present[row * steps + step] === 0) continue;
    const time = series.times[row * steps + step] as number;
    const bestTime = best === undefined ? Number.NEGATIVE_INFINITY : (series.times[best * steps + step] as number);
    if (time === bestTime) {
      const [one, other] = [best as number, row].map((r) => String(series.labels[r]));
      throw executionError(
        `found duplicate series for info metric: existing ${one} @ ${time * 1000}, new ${other} @ ${time * 1000}`,
      );
    }
    if (time > bestTime) best = row;
  }
  return best;
}

async function join(
  block: VectorBlock,
  isInfo: (labels: Labels) => boolean,
  series: InfoSeries,
  dataMatchers: readonly Matcher[],
  ctx: EvalContext,
): Promise<Block> {
  const { steps } = block;
  const wanted = new Set(dataMatchers.map((matcher) => matcher.name));
  const needed = dataMatchers.some((matcher) => !matcher.matches(""));
  const builder = ctx.builder(steps);
  for (const [row, labels] of block.labels.entries()) {
    if (ctx.due(steps)) await ctx.pause();
    const drop = block.dropName?.[row] === 1;
    const key = identity(labels);
    const candidates = isInfo(labels) ? [] : [...series.byIdentity.values()].map((rows) => rows.get(key) ?? []);
    const merged = new Map<string, Labels>();
    for (let step = 0; step < steps; step++) {
      if (block.present[row * steps + step] === 0) continue;
      const rows = candidates.map((of) => newest(of, step, steps, series)).filter((r) => r !== undefined);
      if (rows.length === 0 && needed && !isInfo(labels)) continue;
      const combination = rows.join(",");
      const result =
        merged.get(combination) ??
        enrich(
          labels,
          rows.map((r) => series.labels[r] as Labels),
          wanted,
        );
      merged.set(combination, result);
      if (!builder.set(builder.row(result, drop), step, block.values[row * steps + step] as number)) {
        throw executionError("vector cannot contain metrics with the same labelset");
      }
    }
  }
  return builder.finish();
}

/** Labels already on the series win; two info metrics must not disagree. */
function enrich(base: Labels, infos: readonly Labels[], wanted: ReadonlySet<string>): Labels {
  const added = new Map<string, string>();
  for (const labels of infos) {
    for (const [name, value] of labels) {
      if (name === METRIC_NAME || (wanted.size > 0 && !wanted.has(name))) continue;
      const known = added.get(name);
      if (known !== undefined && known !== value) throw executionError(`conflicting label: ${name}`);
      if (!base.has(name)) added.set(name, value);
    }
  }
  return added.size === 0 ? base : LabelSet.from([...base, ...added]);
}

export const INFO: readonly FunctionDef[] = [
  customFunction("info", ["instant vector", "instant vector"], info, { variadic: 1, experimental: true }),
];
