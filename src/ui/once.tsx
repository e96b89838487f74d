/**
 * One frame without a terminal: as text for pipes and pictures, as JSON for scripts. The same request, survey, scene
 * and compositor as the live console, so what `--once` prints is what the screen shows.
 */
import { renderToString } from "ink";
import type { AlertState, Suppression } from "../model/alert.ts";
import type { Size } from "../draw/cell.ts";
import { contribChart } from "../draw/contrib.ts";
import { sgr } from "../draw/theme.ts";
import { healthLines, healthRows, type HealthLine } from "../panel/health.ts";
import { jsonNumber, type JsonNumber, oncePanels, type OncePanel } from "../panel/once.ts";
import type { PanelSpec } from "../panel/spec.ts";
import { cellsToAnsi, cellsToText, composeCells, createInk } from "./cells.ts";
import { engineHealth } from "./engine-health.ts";
import { lookOf } from "./look.ts";
import type { OnceOptions, ScreenOptions } from "./options.ts";
import { requestFor } from "./request.ts";
import { buildScene } from "./scene.ts";
import { Panes } from "./screen.tsx";
import { emptyMemory, fetchSnapshot, type Snapshot } from "./snapshot.ts";
import { initialState, type UiState } from "./state.ts";
import { surveyScreen } from "./survey.ts";
import { liveTime, pauseAt, SPAN_DEFAULT_MS } from "./time.ts";
import { ready } from "./yoga.ts";

/** Size of a frame nobody gave a size. */
export const ONCE_SIZE: Size = { width: 120, height: 40 };

export interface OnceAlert {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: AlertState;
  readonly value: JsonNumber;
  /** RFC 3339: when it fired, or became active. */
  readonly since: string;
  /** Where it is acknowledged, silenced or inhibited: `until` as RFC 3339. */
  readonly suppressed?: {
    readonly by: string;
    readonly who: string;
    readonly until?: string;
    readonly comment: string;
  };
}

export interface OnceTarget {
  readonly job: string;
  readonly url: string;
  readonly health: "up" | "down" | "unknown";
  readonly lastError: string;
  readonly samples: number;
}

/** What `opsmon top --once -o json` prints. */
export interface OnceJson {
  readonly at: string;
  readonly mode: "live" | "paused";
  readonly view: string;
  readonly spanSeconds: number;
  readonly health: readonly HealthLine[];
  readonly panels: readonly OncePanel[];
  readonly alerts: readonly OnceAlert[];
  readonly targets: readonly OnceTarget[];
}

export function stateFor(options: ScreenOptions): UiState {
  const span = liveTime(options.spanMs ?? SPAN_DEFAULT_MS);
  const time = options.at === undefined ? span : pauseAt(span, options.at);
  return initialState(options.view ?? "overview", time, options.theme ?? "default");
}

/** One frame of `width` by `height` as text, rows without trailing blanks. */
export async function renderOnce(options: OnceOptions): Promise<string> {
  await ready();
  const size = { width: options.width ?? ONCE_SIZE.width, height: options.height ?? ONCE_SIZE.height };
  const state = stateFor(options);
  const snapshot = await fetchFor(options, state, size);
  const look = lookOf(options);
  const survey = surveyScreen(state, snapshot, options.panels, size);
  const now = options.clock.now();
  const connection = { silentSince: undefined, error: undefined };
  const input = { state, survey, snapshot, connection, look, now, slow: false, chart: contribChart, completions: [] };
  const scene = buildScene(input);
  const text = renderToString(<Panes scene={scene} size={size} />, { columns: size.width });
  const ink = createInk();
  const cells = composeCells(text, scene.overlays, size, { ink, sgr: (style) => sgr(look.theme, style, look.depth) });
  return options.color === true ? cellsToAnsi(cells, ink) : cellsToText(cells, ink);
}

/** Asks twice: which panels become charts depends on what has data, known after the first answer. */
async function fetchFor(options: OnceOptions, state: UiState, size: Size): Promise<Snapshot> {
  const memory = emptyMemory();
  const now = options.clock.now();
  const first = await fetchSnapshot(options.source, requestFor(options, state, undefined, size, now), memory, 0);
  return fetchSnapshot(options.source, requestFor(options, state, first, size, now), memory, 0);
}

/** The same moment as one JSON object; with `all`, the panels of every view. */
export async function onceJson(options: OnceOptions): Promise<OnceJson> {
  const state = stateFor(options);
  const now = options.clock.now();
  const chosen = options.panels.filter((spec) => options.all === true || wantedIn(spec, state));
  const base = requestFor(options, state, undefined, ONCE_SIZE, now);
  const request = { ...base, panels: chosen.map((spec) => ({ spec, ranged: true })) };
  const snapshot = await fetchSnapshot(options.source, request, emptyMemory(), 0);
  const frames = [...snapshot.frames.values()];
  return {
    at: new Date(snapshot.window.at).toISOString(),
    mode: state.time.mode,
    view: options.all === true ? "all" : state.view,
    spanSeconds: state.time.spanMs / 1_000,
    health: healthLines(healthRows(frames, { more: engineHealth(snapshot, request.live) })),
    panels: oncePanels(frames, { values: true }),
    alerts: snapshot.alerts.map((alert) => ({
      name: alert.labels.get("alertname") || alert.rule.name,
      labels: alert.labels.without("alertname").toJSON(),
      annotations: alert.annotations.toJSON(),
      state: alert.state,
      value: jsonNumber(alert.value),
      since: new Date(alert.firedAt ?? alert.activeAt).toISOString(),
      ...(alert.suppressed === undefined ? {} : { suppressed: suppressedJson(alert.suppressed) }),
    })),
    targets: snapshot.targets.map(({ job, url, health, lastError, samples }) => ({
      job,
      url,
      health,
      lastError,
      samples,
    })),
  };
}

function suppressedJson({ by, who, until, comment }: Suppression): NonNullable<OnceAlert["suppressed"]> {
  return { by, who, comment, ...(until === undefined ? {} : { until: new Date(until).toISOString() }) };
}

/** The overview judges every panel with a method, whatever its view. */
function wantedIn(spec: PanelSpec, state: UiState): boolean {
  return spec.view === state.view || (state.view === "overview" && spec.method !== "none");
}
