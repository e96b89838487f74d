/** Why a panel is empty, in words. What the source knows in, one short sentence out; nothing on a screen is blank without it. */
import type { Timestamp } from "../model/sample.ts";
import type { FrameLine } from "./frame.ts";
import { metricNames } from "./metric-names.ts";
import { substitute, type PanelWindow } from "./query.ts";
import type { PanelSpec } from "./spec.ts";

/** What the source can tell beyond the answers; each part may be missing. */
export interface SourceFacts {
  /** Metric names the store holds now; undefined when it cannot say. */
  readonly metrics?: ReadonlySet<string>;
  /** When a metric last had a sample; undefined when it cannot say. */
  readonly lastSeen?: (metric: string) => Timestamp | undefined;
  /** When what collects the data was started; undefined when nobody says. */
  readonly startedAt?: Timestamp;
  /** False when the source is still starting: no scrape has ended yet. */
  readonly settled?: boolean;
}

const PERMISSION = /\b(?:40[13]|forbidden|unauthori[sz]ed|permission denied|EACCES|EPERM)\b/i;
/** Longest error text kept in a reason. */
const ERROR_CHARS_MAX = 160;
/** Metric names listed in one reason. */
const NAMES_MAX = 2;

export function emptyReason(
  spec: PanelSpec,
  errors: readonly string[],
  window: PanelWindow,
  facts: SourceFacts,
): string {
  const error = errors[0];
  if (error !== undefined) {
    const text = error.length > ERROR_CHARS_MAX ? `${error.slice(0, ERROR_CHARS_MAX)}…` : error;
    return PERMISSION.test(error) ? `no permission: ${text}` : `query failed: ${text}`;
  }
  const names = namesOf(spec, window);
  const known = facts.metrics === undefined ? undefined : names.filter((name) => facts.metrics?.has(name));
  if (facts.settled === false && (known === undefined || known.length === 0)) return "waiting for the first scrape";
  if (known !== undefined && known.length === 0) {
    const first = names.slice(0, NAMES_MAX).join(", ");
    return names.length === 0 ? "never scraped" : `never scraped: ${first}`;
  }
  const seen = Math.max(...(known ?? names).map((name) => facts.lastSeen?.(name) ?? Number.NEGATIVE_INFINITY));
  if (Number.isFinite(seen) && seen < window.at) return `stale since ${clockText(seen, window)}`;
  if ((window.filter ?? "") !== "" && usesFilter(spec)) return `filtered: nothing matches ${window.filter}`;
  if (known === undefined) return "no data: never scraped, or not in this span";
  // A counter scraped once is known and has no rate yet.
  return takesTwo(spec) ? "no data in this span; a rate takes two samples" : "no data in this span";
}

/**
 * "stale since 12:03:10" when every line has ended before the moment shown; "no value since" where the expression
 * leaves out what is idle, so that its end says nothing about the source.
 */
export function staleReason(
  spec: PanelSpec,
  lines: readonly FrameLine[],
  t: Float64Array,
  window: PanelWindow,
): string | undefined {
  let lastIndex = -1;
  for (const line of lines) {
    if (!Number.isNaN(line.last)) return undefined;
    for (let i = line.v.length - 1; i > lastIndex; i--) {
      if (Number.isNaN(line.v[i])) continue;
      lastIndex = i;
      break;
    }
  }
  if (lastIndex < 0) return "no value: idle in this span";
  return `${vanishesWhenIdle(spec) ? "no value" : "stale"} since ${clockText(t[lastIndex] as number, window)}`;
}

function vanishesWhenIdle(spec: PanelSpec): boolean {
  return spec.queries.every((q) => q.exprs.some((e) => /histogram_quantile|[<>]=?\s*\d/.test(e)));
}

/** 12:03:10, with the date in front when it is another day than the moment shown. */
export function clockText(t: Timestamp, window: Pick<PanelWindow, "at" | "utc">): string {
  const [day, clock] = dateParts(t, window.utc === true);
  const [today] = dateParts(window.at, window.utc === true);
  return day === today ? clock : `${day} ${clock}`;
}

function dateParts(t: Timestamp, utc: boolean): readonly [day: string, clock: string] {
  const date = new Date(t);
  const shifted = utc ? date : new Date(t - date.getTimezoneOffset() * 60_000);
  const text = Number.isNaN(shifted.getTime()) ? "unknown day ??:??:??" : shifted.toISOString();
  return [text.slice(0, 10), text.slice(11, 19)];
}

function namesOf(spec: PanelSpec, window: PanelWindow): readonly string[] {
  return [...new Set(spec.queries.flatMap((q) => q.exprs.flatMap((e) => metricNames(substitute(e, window)))))];
}

function takesTwo(spec: PanelSpec): boolean {
  return spec.queries.every((q) => q.exprs.every((e) => /\b(?:rate|increase|irate)\(/.test(e)));
}

function usesFilter(spec: PanelSpec): boolean {
  return spec.queries.some((q) => q.exprs.some((e) => e.includes("$filter")));
}
