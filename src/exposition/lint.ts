/**
 * What is wrong with a page's names, types and help by Prometheus' conventions, and how many series each family has.
 * In: a parsed page. Out: sentences in promtool's words, sorted by family.
 * @see https://prometheus.io/docs/practices/naming/
 */
import { type Labels, METRIC_NAME } from "../model/labels.ts";
import type { MetricType } from "../model/metadata.ts";
import type { PageFormat, ParsedPage } from "./page.ts";

/** The groups of checks, by the word that chooses them. */
export const LINTS = [
  "help",
  "units",
  "counter",
  "reserved",
  "type",
  "colon",
  "case",
  "abbreviation",
  "unique",
] as const;
export type Lint = (typeof LINTS)[number];

interface Family {
  readonly name: string;
  /** undefined: the page does not say. */
  readonly type: MetricType | undefined;
  readonly help: string;
  readonly series: Labels[];
}

export interface LintProblem {
  readonly metric: string;
  readonly text: string;
  readonly lint: Lint;
  /** Series it is true of; 1 for what is said of the family. */
  readonly count: number;
}

export interface LintReport {
  readonly problems: readonly LintProblem[];
  /** The largest first. */
  readonly cardinality: readonly { readonly metric: string; readonly series: number }[];
  readonly series: number;
}

const BASE_UNITS = "amperes bytes celsius grams joules kelvin meters metres moles seconds volts".split(" ");
/** By the base unit to use instead. */
const OTHER_UNITS: Readonly<Record<string, string>> = {
  seconds: "minutes hours days weeks",
  kelvin: "kelvins",
  celsius: "fahrenheit rankine",
  meters: "inches yards miles",
  bytes: "bits",
  joules: "calories",
  grams: "pounds ounces",
};
const UNITS: ReadonlyMap<string, string> = new Map([
  ...BASE_UNITS.map((unit) => [unit, unit] as const),
  ...Object.entries(OTHER_UNITS).flatMap(([base, units]) => units.split(" ").map((unit) => [unit, base] as const)),
]);
const PREFIXES = "pico nano micro milli centi deci deca hecto kilo kibi mega mibi giga gibi tera tebi peta pebi".split(
  " ",
);
const ABBREVIATIONS = "s ms us ns sec b kb mb gb tb pb m h d".split(" ");
const CAMEL_CASE = /[a-z][A-Z]/;

function baseUnit(word: string): string | undefined {
  const own = UNITS.get(word);
  if (own !== undefined) return own;
  for (const prefix of PREFIXES) {
    const base = word.startsWith(prefix) ? UNITS.get(word.slice(prefix.length)) : undefined;
    if (base !== undefined) return base;
  }
  return undefined;
}

function holdsWord(name: string, word: string): boolean {
  return name.includes(`_${word}_`) || name.endsWith(`_${word}`);
}

function* unitProblems(name: string): Generator<string> {
  for (const word of name.split("_")) {
    const base = baseUnit(word);
    if (base === undefined) continue;
    if (base !== word) yield `use base unit "${base}" instead of "${word}"`;
    return;
  }
}

function* counterProblems({ name, type }: Family): Generator<string> {
  if (type === undefined || type === "unknown") return;
  const total = name.endsWith("_total");
  if (type === "counter" && !total) yield 'counter metrics should have "_total" suffix';
  if (type !== "counter" && total) yield 'non-counter metrics should not have "_total" suffix';
}

function* reservedProblems({ name, type, series }: Family): Generator<string> {
  if (type === undefined || type === "unknown") return;
  const histogram = type === "histogram" || type === "gaugehistogram";
  const summary = type === "summary";
  if (!histogram && name.endsWith("_bucket")) yield 'non-histogram metrics should not have "_bucket" suffix';
  for (const suffix of ["_count", "_sum"])
    if (!histogram && !summary && name.endsWith(suffix))
      yield `non-histogram and non-summary metrics should not have "${suffix}" suffix`;
  for (const labels of series) {
    if (!histogram && labels.has("le")) yield 'non-histogram metrics should not have "le" label';
    if (!summary && labels.has("quantile")) yield 'non-summary metrics should not have "quantile" label';
  }
}

function* caseProblems({ name, series }: Family): Generator<string> {
  if (CAMEL_CASE.test(name)) yield "metric names should be written in 'snake_case' not 'camelCase'";
  for (const labels of series)
    for (const [label] of labels)
      if (CAMEL_CASE.test(label)) yield "label names should be written in 'snake_case' not 'camelCase'";
}

function* uniqueProblems({ series }: Family): Generator<string> {
  if (new Set(series.map((labels) => labels.key)).size < series.length) yield "metric not unique";
}

function* problemsOf(family: Family): Generator<readonly [lint: Lint, text: string]> {
  const { name, type, help } = family;
  const lower = name.toLowerCase();
  if (help === "") yield ["help", "no help text"];
  for (const text of unitProblems(name)) yield ["units", text];
  for (const text of counterProblems(family)) yield ["counter", text];
  for (const text of reservedProblems(family)) yield ["reserved", text];
  if (type !== undefined && type !== "unknown" && holdsWord(lower, type))
    yield ["type", `metric name should not include type '${type}'`];
  if (name.includes(":")) yield ["colon", "metric names should not contain ':'"];
  for (const text of caseProblems(family)) yield ["case", text];
  if (ABBREVIATIONS.some((word) => holdsWord(lower, word)))
    yield ["abbreviation", "metric names should not contain abbreviated units"];
  for (const text of uniqueProblems(family)) yield ["unique", text];
}

/** Suffixes of the samples of a family, by its type; OpenMetrics knows more of them. */
const SUFFIXES: Readonly<Record<PageFormat, Readonly<Partial<Record<MetricType, readonly string[]>>>>> = {
  text: { histogram: ["_bucket", "_sum", "_count"], summary: ["_sum", "_count"] },
  openmetrics: {
    histogram: ["_bucket", "_sum", "_count", "_created"],
    gaugehistogram: ["_bucket", "_gsum", "_gcount"],
    summary: ["_sum", "_count", "_created"],
    counter: ["_total", "_created"],
    info: ["_info"],
  },
};

/** The samples of a page by family; a sample of no declared family is one of its own. */
function families(page: ParsedPage, format: PageFormat): readonly Family[] {
  const metadata = page.metadata();
  const familyOf = (metric: string): string => {
    if (metadata.has(metric)) return metric;
    for (const [, suffix = ""] of metric.matchAll(/(?=(_[a-z]+$))/g)) {
      const base = metric.slice(0, -suffix.length);
      const described = metadata.get(base);
      if (described !== undefined && SUFFIXES[format][described.type]?.includes(suffix) === true) return base;
    }
    return metric;
  };
  const found = new Map<string, Family>();
  for (const { labels } of page.series) {
    const name = familyOf(labels.get(METRIC_NAME));
    const described = metadata.get(name);
    let family = found.get(name);
    if (family === undefined) {
      // OpenMetrics declares a counter without the suffix that its samples have.
      const shown = format === "openmetrics" && described?.type === "counter" ? `${name}_total` : name;
      found.set(name, (family = { name: shown, type: described?.type, help: described?.help ?? "", series: [] }));
    }
    family.series.push(labels);
  }
  return [...found.values()];
}

/** @param lints which checks. */
export function lintPage(page: ParsedPage, format: PageFormat, lints: ReadonlySet<Lint>): LintReport {
  const problems: LintProblem[] = [];
  const all = families(page, format);
  for (const family of all) {
    const counts = new Map<string, LintProblem>();
    for (const [lint, text] of problemsOf(family)) {
      if (!lints.has(lint)) continue;
      counts.set(text, { metric: family.name, text, lint, count: (counts.get(text)?.count ?? 0) + 1 });
    }
    problems.push(...counts.values());
  }
  const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
  return {
    problems: problems.sort((a, b) => order(a.metric, b.metric) || order(a.text, b.text)),
    cardinality: all
      .map(({ name, series }) => ({ metric: name, series: series.length }))
      .sort((a, b) => b.series - a.series || order(a.metric, b.metric)),
    series: page.count,
  };
}
