/** From what is chosen to what is asked: the panels a survey wants, on a window as fine as its widest chart. */
import type { Size } from "../draw/cell.ts";
import type { Timestamp } from "../model/sample.ts";
import { chartStep, DEFAULT_INTERVAL_MS, type PanelWindow, rateWindow } from "../panel/query.ts";
import type { PanelSpec } from "../panel/spec.ts";
import type { ScreenRequest, Snapshot } from "./snapshot.ts";
import type { UiState } from "./state.ts";
import { surveyScreen, type Survey } from "./survey.ts";
import { momentOf } from "./time.ts";

export interface RequestOptions {
  readonly panels: readonly PanelSpec[];
  readonly filter?: string | undefined;
  readonly utc?: boolean | undefined;
}

/** Columns a chart spends on its value axis and frame. */
const AXIS_COLUMNS = 9;
/** Where nothing is drawn as a chart, histories beside rows are this wide. */
const COLUMNS_MIN = 30;
/** Intervals beyond these bounds are not believed: a step of a day or of a millisecond helps nobody. */
const INTERVAL_MIN_MS = 1_000;
const INTERVAL_MAX_MS = 120_000;
/** A live moment is a whole second, so that two screens ask the same question. */
const SECOND_MS = 1_000;

export function requestFor(
  options: RequestOptions,
  state: UiState,
  snapshot: Snapshot | undefined,
  size: Size,
  now: Timestamp,
): ScreenRequest {
  const survey = surveyScreen(state, snapshot, options.panels, size);
  return requestOf(options, state, snapshot, survey, now);
}

export function requestOf(
  options: RequestOptions,
  state: UiState,
  snapshot: Snapshot | undefined,
  survey: Survey,
  now: Timestamp,
): ScreenRequest {
  const window = windowFor(options, state, snapshot, survey, now);
  return { panels: survey.asked, window, live: state.time.mode === "live", targets: state.view === "targets" };
}

/** The moment, and a grid fine enough for the widest chart but never finer than the data. */
export function windowFor(
  { filter, utc }: RequestOptions,
  state: UiState,
  snapshot: Snapshot | undefined,
  survey: Survey,
  now: Timestamp,
): PanelWindow {
  const at = momentOf(state.time, now);
  const widest = survey.layout.charts.reduce((most, rect) => Math.max(most, rect.width - AXIS_COLUMNS), COLUMNS_MIN);
  const columns =
    survey.layout.charts.length === 0 ? Math.max(widest, survey.layout.size.width - AXIS_COLUMNS) : widest;
  const intervals = (snapshot?.targets ?? []).map((target) => target.intervalMs).filter((ms) => ms > 0);
  const bounded = (ms: number): number => Math.max(INTERVAL_MIN_MS, Math.min(INTERVAL_MAX_MS, ms));
  // The grid follows the quickest target, the rate window the slowest: it needs four scrapes of every target.
  const intervalMs = bounded(intervals.length === 0 ? DEFAULT_INTERVAL_MS : Math.min(...intervals));
  const slowest = bounded(intervals.length === 0 ? DEFAULT_INTERVAL_MS : Math.max(...intervals));
  const stepMs = chartStep(state.time.spanMs, columns, intervalMs);
  return {
    // Rounded up: a sample taken earlier in this very second belongs to what is shown.
    at: state.time.mode === "live" ? Math.ceil(at / SECOND_MS) * SECOND_MS : at - (at % SECOND_MS),
    spanMs: state.time.spanMs,
    columns,
    rateMs: rateWindow(stepMs, slowest),
    intervalMs,
    ...(filter === undefined ? {} : { filter }),
    ...(utc === undefined ? {} : { utc }),
  };
}
