/**
 * How heavy a request is, guessed before anything is read: samples to decode, cells to fill, text to write. The unit is
 * about ten nanoseconds of processor. What cannot be guessed (a long text, a large body) is heavy.
 */
import type { Ask } from "../../api/services.ts";
import { parametersOf } from "../../api/http.ts";
import type { Parameters } from "../../api/params.ts";
import { parseSelectors } from "../../api/selectors.ts";
import { UserError } from "../../base/errors.ts";
import { createMatcher, type Matcher } from "../../model/matcher.ts";
import { children, type Expr, type MatrixSelector, type Subquery, unwrapParens } from "../../promql/ast.ts";
import type { Grid, QueryGrid } from "../../promql/block.ts";
import { resolveRange } from "../../promql/durations.ts";
import { LOOKBACK_MS_DEFAULT, SUBQUERY_STEP_MS_DEFAULT } from "../../promql/options.ts";
import { decodeReadRequest } from "../../remote/codec.ts";
import type { Weight } from "../../tsdb/weigh.ts";

/** Longest text that is worth parsing to guess its weight, and longest batch of texts, bytes. */
const TEXT_BYTES_MAX = 8_192;
const BATCH_BYTES_MAX = 262_144;
/** Queries of a batch are evaluated one after the other, with turns for others in between: together they may take more. */
const BATCH_SHARE = 10;
/** Selecting a series and looking at its labels. */
const PER_SERIES = 60;
/** A point as JSON. */
const PER_POINT = 5;
/** One more sample in a window that is looked at again at each step … */
const PER_WINDOW_SAMPLE = 0.25;
/** … which these functions do not: ends of the window and a running sum are enough for them. */
const QUICK: ReadonlySet<string> = new Set([
  "rate",
  "increase",
  "delta",
  "irate",
  "idelta",
  "last_over_time",
  "first_over_time",
  "count_over_time",
  "present_over_time",
]);
/** Label sets as JSON or as a page. */
const PER_LABEL_SET = 300;
const PER_NODE = 100;
const PER_LABEL_VALUE = 10;
/** Raw samples as compressed protobuf. */
const PER_READ_SAMPLE = 8;

export interface Scales {
  weigh(matchers: readonly Matcher[], start: number, end: number): Weight;
  parse(text: string): Expr;
  now(): number;
}

interface Load {
  readonly cost: number;
  /** At most so many series come out. */
  readonly series: number;
}

/** The weight of a request; 0 for those that are not questions. */
export function weighAsk(ask: Ask, scales: Scales): number {
  const weigh = WEIGHED.get(ask.url.pathname) ?? (VALUES.test(ask.url.pathname) ? labels : undefined);
  if (weigh === undefined) return 0;
  const limit = weigh === batch ? BATCH_BYTES_MAX : TEXT_BYTES_MAX;
  if (ask.url.search.length + ask.body.length > limit) return Number.POSITIVE_INFINITY;
  try {
    return weigh(parametersOf(ask.url, ask.headers, ask.body), scales, ask.body);
  } catch (error) {
    // What is wrong with the request is told by the one who answers it.
    if (error instanceof UserError || error instanceof SyntaxError) return 0;
    throw error;
  }
}

const VALUES = /^\/api\/v1\/label\/[^/]+\/values$/;

type Weigher = (parameters: Parameters, scales: Scales, body: Buffer) => number;

const WEIGHED: ReadonlyMap<string, Weigher> = new Map<string, Weigher>([
  ["/api/v1/query", query],
  ["/api/v1/query_range", query],
  ["/api/opsmon/v1/explain", query],
  ["/api/opsmon/v1/batch", batch],
  ["/api/v1/series", series],
  ["/api/v1/labels", labels],
  ["/federate", series],
  ["/api/v1/read", read],
  ["/api/v1/query_exemplars", () => 0],
  ["/api/v1/format_query", () => 0],
  ["/api/v1/parse_query", () => 0],
]);

function query(parameters: Parameters, scales: Scales): number {
  const text = parameters.text("query") ?? "";
  const stepMs = parameters.duration("step") ?? 0;
  const end = parameters.time("end", parameters.time("time", scales.now()));
  return weighQuery(text, parameters.time("start", end), end, stepMs, scales);
}

function weighQuery(text: string, start: number, end: number, stepMs: number, scales: Scales): number {
  const steps = stepMs > 0 && end > start ? Math.floor((end - start) / stepMs) + 1 : 1;
  if (text.length > TEXT_BYTES_MAX) return Number.POSITIVE_INFINITY;
  const grid = { startMs: steps === 1 ? end : start, stepMs, steps };
  const load = weighExpr(scales.parse(text), grid, scales);
  return load.cost + load.series * (PER_LABEL_SET + steps * PER_POINT);
}

function batch(_parameters: Parameters, scales: Scales, body: Buffer): number {
  const { queries } = JSON.parse(body.toString("utf8")) as { readonly queries?: unknown };
  if (!Array.isArray(queries)) return 0;
  let sum = 0;
  let most = 0;
  for (const { expr, start, end, stepMs } of queries as readonly Readonly<Record<string, unknown>>[]) {
    if (typeof expr !== "string") continue;
    try {
      const weight = weighQuery(expr, Number(start), Number(end), Number(stepMs), scales);
      sum += weight;
      most = Math.max(most, weight);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
    }
  }
  return Math.max(most, sum / BATCH_SHARE);
}

function series(parameters: Parameters, scales: Scales): number {
  const now = scales.now();
  const selectors = parseSelectors(parameters.list("match[]"));
  return selectors.reduce((sum, matchers) => sum + scales.weigh(matchers, now, now).series * PER_LABEL_SET, 0);
}

function read(_parameters: Parameters, scales: Scales, body: Buffer): number {
  return decodeReadRequest(body).queries.reduce((sum, { start, end, matchers }) => {
    const asked = matchers.map(({ name, op, value }) => createMatcher(name, op, value));
    const { samples, series: count } = scales.weigh(asked, start, end);
    return sum + samples * PER_READ_SAMPLE + count * PER_LABEL_SET;
  }, 0);
}

function labels(_parameters: Parameters, scales: Scales): number {
  return scales.weigh([], scales.now(), scales.now()).series * PER_LABEL_VALUE;
}

/** @param func around the expression: what is done with a window. */
function weighExpr(expr: Expr, grid: Grid, scales: Scales, func = ""): Load {
  const inner = unwrapParens(expr);
  switch (inner.kind) {
    case "number":
    case "string":
      return { cost: PER_NODE + grid.steps, series: 1 };
    case "selector": {
      const { startMs } = grid;
      const found = scales.weigh(inner.matchers, startMs - LOOKBACK_MS_DEFAULT, lastOf(grid));
      return { cost: found.samples + found.series * (PER_SERIES + grid.steps), series: found.series };
    }
    case "matrix":
      return matrix(inner, grid, scales, func);
    case "subquery":
      return subquery(inner, grid, scales, func);
    default: {
      const name = inner.kind === "call" ? inner.func : "";
      const parts = children(inner).map((child) => weighExpr(child, grid, scales, name));
      const most = Math.max(1, ...parts.map((part) => part.series));
      const cost = parts.reduce((sum, part) => sum + part.cost, PER_NODE + most * (PER_SERIES + grid.steps));
      const series = inner.kind === "aggregate" ? aggregated(inner.grouping.length, most) : most;
      return { cost, series };
    }
  }
}

/** Few groups come of a sum without labels; of one with labels nobody knows how many. */
function aggregated(labelCount: number, most: number): number {
  return labelCount === 0 ? 1 : Math.ceil(most / 4);
}

function lastOf({ startMs, stepMs, steps }: Grid): number {
  return startMs + stepMs * (steps - 1);
}

function asQuery(grid: Grid): QueryGrid {
  return { ...grid, endMs: lastOf(grid) };
}

function matrix({ selector, range }: MatrixSelector, grid: Grid, scales: Scales, func: string): Load {
  const rangeMs = resolveRange(range, asQuery(grid));
  const span = lastOf(grid) - grid.startMs + rangeMs;
  const found = scales.weigh(selector.matchers, lastOf(grid) - span, lastOf(grid));
  const again = QUICK.has(func) ? 0 : found.samples * (rangeMs / span) * grid.steps * PER_WINDOW_SAMPLE;
  return { cost: found.samples + found.series * (PER_SERIES + grid.steps) + again, series: found.series };
}

function subquery({ expr, range, step }: Subquery, grid: Grid, scales: Scales, func: string): Load {
  const rangeMs = resolveRange(range, asQuery(grid));
  const stepMs = step === undefined ? SUBQUERY_STEP_MS_DEFAULT : resolveRange(step, asQuery(grid));
  const span = lastOf(grid) - grid.startMs + rangeMs;
  const inner = { startMs: grid.startMs - rangeMs, stepMs, steps: Math.floor(span / stepMs) + 1 };
  const load = weighExpr(expr, inner, scales);
  const again = QUICK.has(func) ? 0 : (rangeMs / stepMs) * grid.steps * PER_WINDOW_SAMPLE;
  return { ...load, cost: load.cost + load.series * (inner.steps + again) };
}
