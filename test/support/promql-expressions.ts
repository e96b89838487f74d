/**
 * Expressions for asking two servers the same: every function, aggregation and operator over data that is awkward in
 * some way, put together by rule, so that a combination nobody thought of is among them.
 */
import { Labels } from "../../src/model/labels.ts";
import type { RemoteSeries } from "../../src/remote/message.ts";

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

/** @returns some thousand expressions, the same ones every time. */
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
