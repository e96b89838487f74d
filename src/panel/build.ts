/**
 * Answers to a panel's queries become the frame that is drawn. For each query the first alternative with data wins;
 * its series become lines on the window's grid, gaps as NaN. A frame always says why: a state other than ok carries a
 * reason, and so does an empty panel (never scraped, stale since, filtered, no permission, the query's own error).
 */
import { UserError, errorText } from "../base/errors.ts";
import type { Labels } from "../model/labels.ts";
import type { QueryResult, Value } from "../promql/value.ts";
import { axisRange } from "./axis.ts";
import type { FrameLine, PanelFrame, PanelState } from "./frame.ts";
import { differingLegends, fillLegend } from "./legend.ts";
import { emptyReason, staleReason, type SourceFacts } from "./reason.ts";
import {
  asksRange,
  panelGrid,
  requestId,
  substitute,
  type PanelAnswer,
  type PanelGrid,
  type PanelWindow,
} from "./query.ts";
import type { PanelSpec } from "./spec.ts";
import { judgeLines } from "./threshold.ts";

/** Lines kept of one frame: more cannot be told apart on a screen, and a label may take any number of values. */
export const LINES_MAX = 64;

interface Found {
  readonly expr: string;
  readonly legend: string;
  readonly range: QueryResult | undefined;
  readonly instant: QueryResult | undefined;
}

/** A frame for `spec` from the answers of its `panelQueries`; answers of other panels are passed over. Never throws. */
export function buildFrame(
  spec: PanelSpec,
  answers: readonly PanelAnswer[] | ReadonlyMap<string, PanelAnswer>,
  window: PanelWindow,
  facts: SourceFacts = {},
): PanelFrame {
  const byId = answers instanceof Map ? answers : indexAnswers(answers as readonly PanelAnswer[]);
  const ranged = asksRange(spec, window);
  const grid = ranged ? panelGrid(window) : { start: window.at, end: window.at, stepMs: 1, points: 1 };
  const errors: string[] = [];
  const exprs: string[] = [];
  const all: FrameLine[] = [];
  for (let q = 0; q < spec.queries.length; q++) {
    const found = firstWithData(spec, q, byId, window, errors);
    if (found === undefined) continue;
    exprs.push(found.expr);
    all.push(...linesOf(found, grid));
  }
  const lines = named(topLines(all));
  const t = Float64Array.from({ length: grid.points }, (_, i) => grid.start + i * grid.stepMs);
  const { state, reason } = verdict(spec, { lines, all, errors, t }, window, facts);
  const tally = spec.unit === "bool" ? { tally: tallyOf(all) } : {};
  return { spec, unit: spec.unit, state, reason, at: window.at, t, lines, ...tally, ...rangeOf(spec, lines), exprs };
}

/** Several series none of which has a legend are told apart by their labels. */
function named(lines: readonly FrameLine[]): readonly FrameLine[] {
  if (lines.length < 2 || lines.some(({ legend }) => legend !== "")) return lines;
  const legends = differingLegends(lines.map(({ labels }) => labels));
  return lines.map((line, i) => ({ ...line, legend: legends[i] ?? "" }));
}

function tallyOf(lines: readonly FrameLine[]): { readonly up: number; readonly of: number } {
  const known = lines.filter(({ last }) => !Number.isNaN(last));
  return { up: known.filter(({ last }) => last !== 0).length, of: known.length };
}

/** All answers of a batch by id, for building many frames from one batch. */
export function indexAnswers(answers: readonly PanelAnswer[]): ReadonlyMap<string, PanelAnswer> {
  return new Map(answers.map((answer) => [answer.id, answer]));
}

function firstWithData(
  spec: PanelSpec,
  q: number,
  byId: ReadonlyMap<string, PanelAnswer>,
  window: PanelWindow,
  errors: string[],
): Found | undefined {
  const query = spec.queries[q];
  let fallback: Found | undefined;
  for (const [alternative, text] of (query?.exprs ?? []).entries()) {
    const id = requestId(spec.id, q, alternative);
    const range = resultOf(byId.get(id), errors);
    const instant = resultOf(byId.get(`${id}@`), errors);
    const found = { expr: substitute(text, window), legend: query?.legend ?? "", range, instant };
    if (hasNumber(range) || hasNumber(instant)) return found;
    // Series without one finite value (0/0 of an idle service) still prove that the metric exists.
    if (hasSeries(range) || hasSeries(instant)) fallback ??= found;
  }
  return fallback;
}

function resultOf(answer: PanelAnswer | undefined, errors: string[]): QueryResult | undefined {
  if (answer === undefined) return undefined;
  if (answer.ok) return answer.result;
  errors.push(answer.error);
  return undefined;
}

function hasSeries(result: QueryResult | undefined): boolean {
  return result !== undefined && seriesOf(result.value).length > 0;
}

function hasNumber(result: QueryResult | undefined): boolean {
  return result !== undefined && seriesOf(result.value).some((s) => s.v.some((v) => !Number.isNaN(v)));
}

interface AnySeries {
  readonly labels: Labels | undefined;
  readonly t: ArrayLike<number>;
  readonly v: Float64Array | readonly number[];
}

function seriesOf(value: Value): readonly AnySeries[] {
  switch (value.kind) {
    case "matrix":
      return value.series;
    case "vector":
      return value.samples.map((s) => ({ labels: s.labels, t: [value.t], v: [s.v] }));
    case "scalar":
      return [{ labels: undefined, t: [value.t], v: [value.v] }];
    case "string":
      return [];
  }
}

function linesOf(found: Found, grid: PanelGrid): FrameLine[] {
  const lines = new Map<string, { labels: Labels | undefined; v: Float64Array; last: number }>();
  for (const series of found.range === undefined ? [] : seriesOf(found.range.value)) {
    const v = ontoGrid(series, grid);
    lines.set(series.labels?.key ?? "", { labels: series.labels, v, last: v[v.length - 1] as number });
  }
  if (found.instant !== undefined) {
    // The moment itself was asked: a series missing there is gone, whatever the grid's last column says.
    for (const line of lines.values()) line.last = Number.NaN;
    for (const sample of seriesOf(found.instant.value)) {
      const key = sample.labels?.key ?? "";
      const line = lines.get(key);
      const last = sample.v[0] ?? Number.NaN;
      if (line !== undefined) line.last = last;
      else lines.set(key, { labels: sample.labels, v: oneValue(grid, last), last });
    }
  }
  return [...lines.values()].map(({ labels, v, last }) => ({
    legend:
      labels === undefined ? found.legend.replaceAll(/\{\{.*?\}\}/g, "").trim() : fillLegend(found.legend, labels),
    labels: labels === undefined ? {} : labels.toJSON(),
    v,
    last,
  }));
}

/** A series that appeared after the last grid point, or an instant panel: one value in the last column. */
function oneValue(grid: PanelGrid, last: number): Float64Array {
  const v = new Float64Array(grid.points).fill(Number.NaN);
  v[v.length - 1] = last;
  return v;
}

function ontoGrid(series: AnySeries, grid: PanelGrid): Float64Array {
  const v = new Float64Array(grid.points).fill(Number.NaN);
  for (let i = 0; i < series.t.length; i++) {
    const index = Math.round(((series.t[i] as number) - grid.start) / grid.stepMs);
    if (index >= 0 && index < v.length) v[index] = series.v[i] ?? Number.NaN;
  }
  return v;
}

/** The highest now stay, in their own order, so that colours do not swap between frames. */
function topLines(lines: readonly FrameLine[]): readonly FrameLine[] {
  if (lines.length <= LINES_MAX) return lines;
  const rank = (line: FrameLine): number => (Number.isNaN(line.last) ? Number.NEGATIVE_INFINITY : line.last);
  const kept = new Set([...lines].sort((a, b) => compareNumbers(rank(b), rank(a))).slice(0, LINES_MAX));
  return lines.filter((line) => kept.has(line));
}

function compareNumbers(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function rangeOf(spec: PanelSpec, lines: readonly FrameLine[]): { readonly min: number; readonly max: number } {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  const see = (v: number): void => {
    if (!Number.isFinite(v)) return;
    if (v < low) low = v;
    if (v > high) high = v;
  };
  for (const line of lines) {
    line.v.forEach(see);
    see(line.last);
  }
  const binary = spec.unit === "bytes" || spec.unit === "bytes/s";
  return axisRange(low, high, { min: spec.min, max: spec.max, binary });
}

interface Built {
  readonly lines: readonly FrameLine[];
  readonly all: readonly FrameLine[];
  readonly errors: readonly string[];
  readonly t: Float64Array;
}

function verdict(
  spec: PanelSpec,
  built: Built,
  window: PanelWindow,
  facts: SourceFacts,
): { readonly state: PanelState; readonly reason: string | undefined } {
  const { lines, all, errors } = built;
  if (lines.length === 0) return { state: "unknown", reason: emptyReason(spec, errors, window, facts) };
  const stale = staleReason(spec, lines, built.t, window);
  if (stale !== undefined) return { state: "unknown", reason: stale };
  // Judge all of them: the one that is down may not be among the highest.
  const judged = judgeLines(spec, all);
  if ((judged.state === "warn" || judged.state === "crit") && hasJustStarted(spec, window, facts)) {
    return { state: "unknown", reason: `just started; so far ${judged.reason}` };
  }
  const cut = all.length > lines.length ? `${lines.length} of ${all.length} series shown` : undefined;
  return { state: judged.state, reason: judged.reason ?? cut };
}

/** A rate over less than this is mostly the collector's own start, ms. */
const SETTLED_MS = 5_000;

/** Whether a rate's window holds too little to call what it says a fault. */
function hasJustStarted(spec: PanelSpec, { at }: PanelWindow, { startedAt }: SourceFacts): boolean {
  if (startedAt === undefined || at < startedAt || at - startedAt >= SETTLED_MS) return false;
  return spec.queries.some(({ exprs }) => exprs.some((expr) => expr.includes("$rate")));
}

/** An answer for a query that could not be sent at all, so that its panel can say why. */
export function failedAnswer(id: string, error: unknown): PanelAnswer {
  const hint = error instanceof UserError && error.hint !== undefined ? ` (${error.hint})` : "";
  return { id, ok: false, error: errorText(error) + hint };
}

export type { SourceFacts };
