/**
 * What a panel asks. A spec and the screen's window in, a list of queries out that goes over the wire as one batch.
 * Range queries lie on a grid of absolute time (`t - t % step`), so that a chart moves by whole columns and two
 * screens ask the very same question. All alternatives of a query are asked at once: a second round trip for the
 * name an exporter used last year would cost a frame.
 */
import type { Timestamp } from "../model/sample.ts";
import { formatDuration, parseDuration } from "../model/duration.ts";
import type { QueryResult } from "../promql/value.ts";
import type { PanelQuery, PanelSpec } from "./spec.ts";

/** The moment, span and sizes every panel of one screen shares. */
export interface PanelWindow {
  /** The moment shown: now when live, any time when paused. */
  readonly at: Timestamp;
  readonly spanMs: number;
  /** Columns of the widest chart; two points are asked for each. */
  readonly columns: number;
  /** Length of `$rate`; see `rateWindow`. */
  readonly rateMs: number;
  /** Scrape interval of the data, lower bound of the step; 15 s unless told. */
  readonly intervalMs?: number;
  /** Label matchers for `$filter` without braces, e.g. `instance="db1:9100"`; empty for none. */
  readonly filter?: string;
  /** Asks for the moment only, no history: what a health table needs. */
  readonly momentOnly?: boolean;
  /** Clock times in reasons are UTC; local unless told. */
  readonly utc?: boolean;
  /** When what collects the data was started; undefined or 0 when nobody says. See `momentary`. */
  readonly collectedSince?: Timestamp;
}

/** Same shape as a query of `Source.batch`. */
export interface PanelRequest {
  /** `<panel id>#<query>.<alternative>`, with `@` at the end for the value at the very moment. */
  readonly id: string;
  readonly expr: string;
  readonly start: Timestamp;
  readonly end: Timestamp;
  /** 0 asks for an instant query at `end`. */
  readonly stepMs: number;
}

/** Same shape as an answer of `Source.batch`. */
export type PanelAnswer = { readonly id: string } & (
  | { readonly ok: true; readonly result: QueryResult }
  | { readonly ok: false; readonly error: string }
);

export interface PanelGrid {
  readonly start: Timestamp;
  readonly end: Timestamp;
  readonly stepMs: number;
  /** Points from start to end, both included. */
  readonly points: number;
}

export const DEFAULT_INTERVAL_MS = 15_000;
/** Points a braille cell can show side by side. */
const DOTS_PER_COLUMN = 2;
/** Prometheus refuses a range query of more points. */
const POINTS_MAX = 11_000;
/** rate() over fewer than four scrapes loses its value as soon as one scrape is late. */
const SCRAPES_PER_RATE = 4;
/** Steps people recognise on a time axis, in seconds. */
const NICE_STEPS_S = [
  1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1_200, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400,
] as const;
const DAY_MS = 86_400_000;

/** The smallest nice step that is at least the scrape interval and gives at most two points a column. */
export function chartStep(spanMs: number, columns: number, intervalMs: number = DEFAULT_INTERVAL_MS): number {
  const wanted = Math.max(spanMs / (DOTS_PER_COLUMN * Math.max(1, columns)), intervalMs, spanMs / (POINTS_MAX - 1), 1);
  for (const seconds of NICE_STEPS_S) if (seconds * 1_000 >= wanted) return seconds * 1_000;
  return Math.ceil(wanted / DAY_MS) * DAY_MS;
}

/** A rate window that no step jumps over and that still has a value when a scrape comes late. */
export function rateWindow(stepMs: number, intervalMs: number = DEFAULT_INTERVAL_MS): number {
  return Math.max(SCRAPES_PER_RATE * intervalMs, stepMs);
}

/** The absolute grid of a window: `end` is the last multiple of the step not after `at`. */
export function panelGrid(window: PanelWindow): PanelGrid {
  const stepMs = chartStep(window.spanMs, window.columns, window.intervalMs);
  const end = window.at - mod(window.at, stepMs);
  const steps = Math.max(0, Math.ceil(window.spanMs / stepMs));
  return { start: end - steps * stepMs, end, stepMs, points: steps + 1 };
}

/** Every query of a panel in one list. Charts and stats ask a range, the other kinds the moment only. */
export function panelQueries(spec: PanelSpec, window: PanelWindow): readonly PanelRequest[] {
  const grid = panelGrid(window);
  const ranged = asksRange(spec, window);
  const requests: PanelRequest[] = [];
  spec.queries.forEach((query: PanelQuery, q) => {
    query.exprs.forEach((text, alternative) => {
      const expr = substitute(text, window);
      const id = requestId(spec.id, q, alternative);
      const now = momentary(expr, window);
      if (ranged) requests.push({ id, expr, start: grid.start, end: grid.end, stepMs: grid.stepMs });
      // On a coarse grid the last column may be minutes old; the number beside the title must not be.
      if (!ranged || grid.end !== window.at || now !== expr) {
        requests.push({ id: `${id}@`, expr: now, start: window.at, end: window.at, stepMs: 0 });
      }
    });
  });
  return requests;
}

/** Whether a panel's answers are ranges on the window's grid. */
export function asksRange(spec: PanelSpec, window: PanelWindow): boolean {
  return window.momentOnly !== true && (spec.kind === "chart" || spec.kind === "stat");
}

export function requestId(panelId: string, query: number, alternative: number): string {
  return `${panelId}#${query}.${alternative}`;
}

/** The expression as it is sent: `$rate` becomes a duration, `$filter` the screen's matchers or nothing. */
export function substitute(expr: string, window: Pick<PanelWindow, "rateMs" | "filter">): string {
  const filter = (window.filter ?? "").trim().replace(/^,|,$/g, "");
  const rate = formatDuration(Math.max(1_000, Math.round(window.rateMs / 1_000) * 1_000));
  const filtered =
    filter === ""
      ? expr
          .replaceAll(/,\s*\$filter\b/g, "")
          .replaceAll(/\{\s*\$filter\b\s*,?\s*\}/g, "")
          .replaceAll(/\$filter\b\s*,?\s*/g, "")
      : expr.replaceAll(/\$filter\b/g, () => filter);
  return filtered.replaceAll(/\$rate\b/g, () => rate);
}

/** A rate of a plain selector: what comes before the length of its window, and that length. */
const RATE_OF_SELECTOR = /\brate(\([^[]*\[)((?=\d)(?:\d+h)?(?:\d+m)?(?:\d+s)?)\]/g;

/**
 * The expression for the moment itself. A rate's window that reaches back before the first sample counts the time
 * before it as idle: two samples a quarter of a second apart in a window of a minute read a hundredth of what happens.
 * Until `$rate` is full the last two samples tell; a longer window reaches back to the start. Afterwards nothing changes.
 */
export function momentary(expr: string, { at, rateMs, collectedSince = 0 }: PanelWindow): string {
  const ageMs = at - collectedSince;
  if (collectedSince === 0 || ageMs < 0) return expr;
  return expr.replaceAll(RATE_OF_SELECTOR, (rate, selector: string, range: string) => {
    if (parseDuration(range) <= ageMs) return rate;
    if (ageMs < rateMs) return `i${rate}`;
    return `rate${selector}${formatDuration(Math.floor(ageMs / 1_000) * 1_000)}]`;
  });
}

/** Remainder that is never negative, also before 1970. */
function mod(value: number, by: number): number {
  return ((value % by) + by) % by;
}
