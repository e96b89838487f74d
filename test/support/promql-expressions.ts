/**
 * Expressions for asking two servers the same: every function, aggregation and operator over data that is awkward in
 * some way, put together by rule, so that a combination nobody thought of is among them.
 */
import { Labels } from "../../src/model/labels.ts";
import type { RemoteSeries } from "../../src/remote/message.ts";
import { random } from "./random.ts";

export const STEP_MS = 15_000;
export const ROWS = 240;

type Shape = (i: number, k: number) => number | "stale" | undefined;

/** By metric: two series each, job j0 and j1. */
const SHAPES: Readonly<Record<string, Shape>> = {
  steady_total: (i, k) => i * (k + 1),
  resets_total: (i, k) => ((i * 7) % (40 + k * 13)) + k,
  wave: (i, k) => Math.sin(i / 9) * 10 ** k,
  gappy: (i, k) => (i % 11 < 3 + k ? undefined : i / 3),
  ends: (i, k) => (i > 150 + k * 30 ? (i === 151 + k * 30 ? "stale" : undefined) : i),
  // no denormals: Go's logarithm of them is wrong on x86
  odd: (i, k) => [Number.NaN, Number.POSITIVE_INFINITY, -0, Number.NEGATIVE_INFINITY, 1e-300, 1e308][(i + k) % 6],
  flat: (_, k) => k,
  late: (i, k) => (i < 100 ? undefined : i * (k + 1)),
};
const BOUNDS = ["0.1", "0.5", "1", "+Inf"] as const;

/** @param from first sample's time, ms. */
export function awkwardSeries(from: number): readonly RemoteSeries[] {
  const column = (labels: Record<string, string>, shape: (i: number) => number | "stale" | undefined): RemoteSeries => {
    const rows = Array.from({ length: ROWS }, (_, i) => i).filter((i) => shape(i) !== undefined);
    const stale = Uint8Array.from(rows, (i) => (shape(i) === "stale" ? 1 : 0));
    return {
      labels: Labels.from(labels),
      // one series of each metric is scraped a little off the grid
      t: Float64Array.from(rows, (i) => from + i * STEP_MS + (labels["job"] === "j1" ? (i * 37) % 900 : 0)),
      v: Float64Array.from(rows, (i) => {
        const value = shape(i);
        return typeof value === "number" ? value : Number.NaN;
      }),
      stale: stale.includes(1) ? stale : undefined,
    };
  };
  const plain = Object.entries(SHAPES).flatMap(([name, shape]) =>
    [0, 1].map((k) => column({ __name__: name, job: `j${k}`, instance: `${name}:${k}` }, (i) => shape(i, k))),
  );
  const histograms = [0, 1].flatMap((k) =>
    BOUNDS.map((le, b) =>
      column({ __name__: "h_bucket", job: `j${k}`, le }, (i) => Math.floor(i * (b + 1) * (k + 0.5))),
    ),
  );
  const info = [0, 1].map((k) => column({ __name__: "build_info", job: `j${k}`, version: `v${k}` }, () => 1));
  return [...plain, ...histograms, ...info];
}

const NAMES = Object.keys(SHAPES);
const RANGE_FUNCTIONS = (
  "rate increase irate delta idelta deriv changes resets avg_over_time min_over_time max_over_time sum_over_time " +
  "count_over_time last_over_time present_over_time absent_over_time stddev_over_time stdvar_over_time mad_over_time " +
  "ts_of_max_over_time ts_of_min_over_time ts_of_last_over_time"
).split(" ");
const RANGES = ["37s", "1m", "5m", "15s"];
const SHIFTS = ["", " offset 1m", " offset -2m", " @ start()", " @ end() offset 90s"];
const AGGREGATIONS = "sum avg min max count group stddev stdvar".split(" ");
const GROUPINGS = ["", " by (job)", " without (instance)", " by ()", " by (nosuch, job)"];
const UNARY = (
  "abs ceil floor round sgn exp ln log2 log10 sqrt sin cosh atan deg rad timestamp minute hour day_of_week " +
  "day_of_month day_of_year days_in_month month year sort sort_desc scalar absent"
).split(" ");
const OPERATORS = "+ - * / % ^ atan2 == != > < >= <=".split(" ");
const SETS = ["and", "or", "unless"];

/** Singles that no rule makes. */
const SINGLES: readonly string[] = [
  'label_replace(wave, "x", "$1-$2", "instance", "(.*):(.*)")',
  'label_replace(wave, "instance", "", "instance", ".*")',
  'label_replace(wave, "x", "y", "nosuch", "")',
  'label_join(wave, "x", "/", "job", "instance", "nosuch")',
  'sum by (v) (label_replace(wave, "v", "same", "", ""))',
  'count_values("v", flat)',
  'count_values without (instance) ("job", flat)',
  "quantile(0.3, wave)",
  "quantile(-1, wave)",
  "quantile(2, wave)",
  "quantile by (job) (scalar(flat{job='j1'}), wave)",
  "topk(1, wave)",
  "topk by (job) (1, wave)",
  "bottomk(3, {job='j0', __name__=~'wave|flat|steady_total'})",
  "topk(0, wave)",
  "limitk(1, wave)",
  "limit_ratio(0.5, {job='j0'})",
  "limit_ratio(-0.5, {job='j0'})",
  "sort_by_label({__name__=~'wave|flat'}, 'instance')",
  "clamp(wave, -1, 1)",
  "clamp(wave, 1, -1)",
  "clamp_min(odd, 0)",
  "clamp_max(odd, 0)",
  "round(wave, 0.25)",
  "predict_linear(wave[5m], 600)",
  "predict_linear(odd[5m], 600)",
  "quantile_over_time(0.25, wave[5m])",
  "quantile_over_time(1.5, gappy[5m])",
  "double_exponential_smoothing(wave[5m], 0.3, 0.7)",
  "histogram_quantile(0.9, h_bucket)",
  "histogram_quantile(0.9, rate(h_bucket[5m]))",
  "histogram_quantile(0.9, sum by (le) (rate(h_bucket[5m])))",
  "histogram_quantile(-1, h_bucket)",
  "histogram_quantile(1.5, h_bucket)",
  "histogram_quantile(0.5, h_bucket{le!='+Inf'})",
  "histogram_quantile(0.5, wave)",
  "wave * on (job) group_left (version) build_info",
  "build_info * on (job) group_right (version) wave",
  "wave * ignoring (instance) flat",
  "wave + on (job) {__name__=~'flat|wave'}",
  "{__name__=~'flat|wave'} + on (job) wave",
  "wave + on (job) group_left {__name__=~'flat|wave'}",
  "sum(wave) / count(wave)",
  "wave > bool 0",
  "1 < bool 2",
  "wave == wave",
  "odd == odd",
  "-wave ^ 2",
  "2 ^ 3 ^ 2",
  "vector(1) unless wave",
  "time() - timestamp(wave)",
  "scalar(wave)",
  "vector(scalar(flat{job='j1'}))",
  "absent(nosuch{job='x', a=~'b'})",
  "absent(sum(nosuch))",
  "absent_over_time(nosuch{job='x'}[5m])",
  "max_over_time(rate(steady_total[1m])[5m:30s])",
  "avg_over_time(wave[5m:])",
  "sum_over_time(sum(wave)[2m:20s] offset 1m)",
  "count_over_time(ends[10m:1m] @ end())",
  "last_over_time(ends[1h])",
  "ends",
  "ends offset -5m",
  "{__name__=~'.+', job='j1'}",
  "{job!~'j.', __name__='wave'}",
  "wave{job=~'j0|'}",
  "wave{nosuch=''}",
  "{'wave', 'job'='j0'}",
  "wave @ 0",
  "wave[5m]",
  "'text'",
  "1e400",
  "-0",
  "0x1F + 1_000",
  "sum(wave) by (job) + on (job) group_left () count(wave) by (job)",
  "stddev(odd)",
  "sum(odd)",
  "avg(odd)",
  "max(odd)",
  "sum_over_time(odd[5m])",
  "avg_over_time(odd[5m])",
  "group_left(wave)",
  "sum(wave",
  "rate(wave)",
  "wave[0s]",
  "wave offset",
  "{}",
  "{job=~'.*'}",
  "sum by (job, job) (wave)",
  "nosuch_function(wave)",
  "wave + 'text'",
  "topk('x', wave)",
  "wave and 1",
  "wave == bool on (job) group_left flat",
];

/** @returns some 1,700 expressions, the same ones every time. */
export function manyExpressions(): readonly string[] {
  const made: string[] = [];
  for (const [f, func] of RANGE_FUNCTIONS.entries())
    for (const [n, name] of NAMES.entries())
      for (const range of RANGES) made.push(`${func}(${name}[${range}]${SHIFTS[(f + n) % SHIFTS.length]})`);
  for (const [a, aggregation] of AGGREGATIONS.entries())
    for (const [n, name] of NAMES.entries())
      for (const [g, grouping] of GROUPINGS.entries())
        made.push(`${aggregation}${grouping} (${name}${SHIFTS[(a + n + g) % SHIFTS.length]})`);
  for (const func of UNARY) for (const name of NAMES) made.push(`${func}(${name})`);
  for (const [o, operator] of OPERATORS.entries())
    for (const [n, name] of NAMES.entries()) {
      const other = NAMES[(n + o) % NAMES.length] as string;
      made.push(`${name} ${operator} ignoring (instance) ${other}`, `${name} ${operator} 2`, `3 ${operator} ${name}`);
    }
  for (const [s, set] of SETS.entries())
    for (const [n, name] of NAMES.entries())
      made.push(`${name} ${set} on (job) ${NAMES[(n + s + 1) % NAMES.length]}{job="j1"}`);
  return [...made, ...SINGLES];
}

/** Nested expressions by chance; the same ones for the same seed. */
export function randomExpressions(seed: number, count: number): readonly string[] {
  const chance = random(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(chance() * list.length)] as T;
  const matchers = (): string => pick(["", '{job="j0"}', '{job=~"j.",instance!~".*:1"}', '{job!="j1"}']);
  const shift = (): string => (chance() < 0.3 ? pick([...SHIFTS, " @ 1e9", " offset 30s @ start()"]) : "");
  // The remainder makes much of the last digit of a logarithm, where libraries differ.
  const operators = OPERATORS.filter((one) => one !== "%");
  const selector = (): string => `${pick(NAMES)}${matchers()}`;
  const range = (depth: number): string =>
    depth > 0 && chance() < 0.25
      ? `(${vector(depth - 1)})[${pick(["3m", "10m", "95s"])}:${pick(["", "30s", "1m", "13s"])}]${shift()}`
      : `${selector()}[${pick([...RANGES, "10m", "1h"])}]${shift()}`;
  const scalar = (depth: number): string =>
    depth > 0 && chance() < 0.2
      ? `scalar(${vector(depth - 1)})`
      : pick(["0.5", "2", "-1", "time()", "NaN", "Inf", "1e3"]);
  // Which of equal elements topk takes is defined for stored series only, so nothing else stands in it.
  // One that varies makes a warning a step, of which Prometheus shows any ten.
  const quantile = (): string => pick(["0.5", "0.99", "2", "-1", "NaN"]);
  const vector = (depth: number): string => {
    if (depth === 0) return `${selector()}${shift()}`;
    const inner = (): string => vector(depth - 1);
    return pick([
      () => `${pick(RANGE_FUNCTIONS)}(${range(depth)})`,
      () => `${pick(AGGREGATIONS)}${pick(GROUPINGS)} (${inner()})`,
      () => `${pick(["topk", "bottomk"])}${pick(GROUPINGS)} (${pick(["1", "2"])}, ${selector()}${shift()})`,
      () => `quantile${pick(GROUPINGS)} (${quantile()}, ${inner()})`,
      () => `${pick(UNARY.filter((name) => name !== "scalar"))}(${inner()})`,
      () => `(${inner()}) ${pick(operators)} ${scalar(depth - 1)}`,
      () => `${scalar(depth - 1)} ${pick(["+", "-", "*", "/", "^"])} (${inner()})`,
      () => `(${inner()}) ${pick(operators)} on (job) (${inner()})`,
      () => `(${inner()}) ${pick(operators)} ignoring (instance) group_left () (${inner()})`,
      () => `(${inner()}) ${pick(SETS)}${pick(["", " on (job)", " ignoring (instance)"])} (${inner()})`,
      () => `(${inner()}) ${pick(["==", ">", "<="])} bool (${inner()})`,
      () => `clamp(${inner()}, ${scalar(depth - 1)}, ${scalar(depth - 1)})`,
      () => `round(${inner()}, ${scalar(depth - 1)})`,
      () => `label_replace(${inner()}, "${pick(["x", "job", "instance"])}", "$1", "instance", "(.*):.*")`,
      () => `histogram_quantile(${quantile()}, ${pick(["h_bucket", "rate(h_bucket[2m])", "sum by (le) (h_bucket)"])})`,
      () => `quantile_over_time(${quantile()}, ${range(depth)})`,
      () => `predict_linear(${range(depth)}, ${scalar(depth - 1)})`,
      () => `vector(${scalar(depth - 1)})`,
      () => `-(${inner()})`,
    ])();
  };
  return Array.from({ length: count }, () => vector(1 + Math.floor(chance() * 3)));
}
