/** An empty result says why: never scraped, no such labels, stale since, or similar names. */
import type { Source } from "../api/source.ts";
import { nearest } from "../base/nearest.ts";
import { formatDuration } from "../model/duration.ts";
import { METRIC_NAME } from "../model/labels.ts";
import { formatTime } from "../model/time.ts";
import { type VectorSelector, walk } from "../promql/ast.ts";
import { parseExpr } from "../promql/parse.ts";
import { printExpr } from "../promql/print.ts";

/** How far back "stale since" looks, ms. */
const LOOK_BACK_MS = 86_400_000;
const LOOK_STEP_MS = 60_000;
/** Values of a label named when another was asked for. */
const VALUES_SHOWN = 5;

/** One sentence for stderr; asking must never fail the query that was answered. */
export async function whyEmpty(
  source: Source,
  expr: string,
  at: number,
  lookbackMs: number,
  utc: boolean,
): Promise<string> {
  try {
    const selectors: VectorSelector[] = [];
    walk(parseExpr(expr), (node) => {
      if (node.kind === "selector") selectors.push(node);
    });
    for (const selector of selectors) {
      const why = await whySelectorEmpty(source, selector, at, lookbackMs, utc);
      if (why !== undefined) return `empty: ${why}`;
    }
    return "empty: every series exists, but the expression left none of them";
  } catch {
    return "empty: no series matched";
  }
}

/**
 * Metric names in an answered expression that nobody ever scraped and that look like a spelling mistake: where a name is
 * one side of "or", or the argument of absent(), the answer does not show it.
 */
export async function misspelt(source: Source, expr: string): Promise<readonly string[]> {
  try {
    const asked = new Set<string>();
    let hides = false;
    walk(parseExpr(expr), (node) => {
      if (node.kind === "call" && node.func.startsWith("absent")) hides = true;
      const name = node.kind === "selector" ? nameOf(node) : undefined;
      if (name !== undefined) asked.add(name);
    });
    // A single selector that was answered exists.
    if (asked.size < 2 && !hides) return [];
    const names = await source.labelValues(METRIC_NAME, []);
    const known = new Set(names);
    return [...asked].flatMap((name) => {
      const similar = known.has(name) ? undefined : nearest(name, names);
      return similar === undefined ? [] : [`${name} was never scraped; did you mean ${similar}?`];
    });
  } catch {
    return [];
  }
}

function nameOf(selector: VectorSelector): string | undefined {
  return selector.matchers.find((matcher) => matcher.name === METRIC_NAME && matcher.op === "=")?.value;
}

async function whySelectorEmpty(
  source: Source,
  selector: VectorSelector,
  at: number,
  lookbackMs: number,
  utc: boolean,
): Promise<string | undefined> {
  const bare: VectorSelector = { ...selector, offset: undefined, at: undefined };
  const text = printExpr(bare);
  if ((await source.series([text], at - lookbackMs, at)).length > 0) {
    if (selector.offset === undefined && selector.at === undefined) return undefined;
    const shifted = printExpr(selector);
    const then = await source.query(`count(${shifted})`, at);
    if (then.value.kind === "vector" && then.value.samples.length > 0) return undefined;
    return `${text} has samples now, but none at the time of ${shifted}`;
  }
  const seen = await source.queryRange(`max(timestamp(${text}))`, at - LOOK_BACK_MS, at, LOOK_STEP_MS);
  if (seen.value.kind === "matrix" && seen.value.series.length > 0) {
    const { v } = seen.value.series[0] as { v: Float64Array };
    const last = Math.max(...v) * 1_000;
    return `${text} was last seen at ${formatTime(Math.round(last), utc)}, ${formatDuration(Math.round((at - last) / 1_000) * 1_000)} before`;
  }
  const name = nameOf(selector);
  if (name === undefined) return `no series matches ${text}`;
  const names = await source.labelValues(METRIC_NAME, []);
  if (names.includes(name)) {
    const others = selector.matchers.filter((matcher) => matcher.name !== METRIC_NAME);
    if (others.length === 0) return `${name} has no sample then, nor in the day before`;
    for (const { name: label, op, value } of others) {
      if (op !== "=") continue;
      const values = await source.labelValues(label, [quoted(name)]);
      if (!values.includes(value)) return `${name} has no ${label}="${value}"${among(value, values)}`;
    }
    return `${name} exists, but no series of it matches ${text}`;
  }
  const similar = nearest(name, names);
  return `${name} was never scraped${similar === undefined ? "" : `; did you mean ${similar}?`}`;
}

function quoted(metric: string): string {
  return `{${METRIC_NAME}=${JSON.stringify(metric)}}`;
}

/** What the label is instead, if that is short enough to say. */
function among(value: string, values: readonly string[]): string {
  if (values.length === 0) return ": it has no such label";
  const similar = nearest(value, values);
  if (similar !== undefined) return `; did you mean "${similar}"?`;
  const shown = values.slice(0, VALUES_SHOWN).join(", ");
  return `: it is ${shown}${values.length > VALUES_SHOWN ? `, … (${values.length})` : ""}`;
}
