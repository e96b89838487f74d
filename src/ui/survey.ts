/**
 * What is on the screen, before anything is drawn: which panels as charts, which as rows, which row the cursor is on,
 * what must be asked. State, last snapshot and terminal size in. The reducer's context, the request and the scene
 * are all derived from one survey, so they cannot disagree.
 */
import type { Size } from "../draw/cell.ts";
import type { Alert } from "../model/alert.ts";
import { healthRows, type HealthRow } from "../panel/health.ts";
import type { PanelSpec } from "../panel/spec.ts";
import type { DiscoveredTarget, TargetStatus } from "../api/source.ts";
import { engineHealth } from "./engine-health.ts";
import { type Layout, placeUnderList, solveLayout } from "./layout.ts";
import { severityState } from "./look.ts";
import type { Snapshot } from "./snapshot.ts";
import { passesFilter, type UiState } from "./state.ts";

export interface Survey {
  readonly layout: Layout;
  /** Panels drawn into `layout.charts`, in that order. */
  readonly charts: readonly PanelSpec[];
  /** Panels shown as rows. */
  readonly listed: readonly PanelSpec[];
  readonly health: readonly HealthRow[];
  /** Resources and services in one list, the worst first: the screen is too small for two tables. */
  readonly mixedHealth: boolean;
  readonly alerts: readonly Alert[];
  readonly targets: readonly TargetStatus[];
  readonly discovered: readonly DiscoveredTarget[];
  /** Rows or panels the cursor walks over. */
  readonly rows: number;
  readonly cursor: number;
  /** Panel under the cursor. */
  readonly selected: PanelSpec | undefined;
  /** Panels to ask for. */
  readonly asked: readonly { readonly spec: PanelSpec; readonly ranged: boolean }[];
  /** True where the view has panels but nothing was ever scraped for any of them. */
  readonly barren: boolean;
}

/** Health rows with a history beside them; the rest shows the moment only. */
const SPARKS_MAX = 24;
/** Charts the overview offers beside its table. */
const OVERVIEW_CHARTS_MAX = 9;
/** Tables the overview offers under its health table. */
const OVERVIEW_TABLES_MAX = 2;

export function surveyScreen(
  state: UiState,
  snapshot: Snapshot | undefined,
  panels: readonly PanelSpec[],
  size: Size,
): Survey {
  const alerts = sortAlerts(snapshot?.alerts ?? []);
  switch (state.view) {
    case "overview":
      return surveyOverview(state, snapshot, panels, size, alerts);
    case "alerts":
      return surveyTable(state, size, alerts, { rows: 0 });
    case "targets":
      return surveyTargets(state, snapshot, size, alerts);
    case "explore":
      return surveyExplore(state, size, alerts);
    case "hosts":
    case "postgres":
    case "redis":
    case "rabbitmq":
    case "services":
    case "web":
    case "storage":
    case "business":
      return surveyPanels(state, snapshot, panels, size, alerts);
  }
}

const RANK = { firing: 0, error: 2, nodata: 3, pending: 4, inactive: 7 } as const;
/** Somebody has taken it, or it follows from another: after what nobody knows of. */
const RANK_SUPPRESSED = 5;

/**
 * What needs a person first: firing and critical, firing, failed, silent, pending, what is acknowledged or silenced;
 * the newest of each first.
 */
export function sortAlerts(alerts: readonly Alert[]): readonly Alert[] {
  const rank = (alert: Alert): number =>
    (alert.suppressed === undefined ? RANK[alert.state] : RANK_SUPPRESSED) +
    (alert.state === "firing" && severityState(alert.labels.get("severity")) !== "crit" ? 1 : 0);
  const began = (alert: Alert): number => alert.firedAt ?? alert.activeAt;
  return [...alerts]
    .filter((alert) => alert.state !== "inactive" || alert.resolvedAt !== undefined)
    .sort((a, b) => rank(a) - rank(b) || began(b) - began(a) || (a.labels.key < b.labels.key ? -1 : 1));
}

function surveyPanels(
  state: UiState,
  snapshot: Snapshot | undefined,
  panels: readonly PanelSpec[],
  size: Size,
  alerts: readonly Alert[],
): Survey {
  const isEmpty = (spec: PanelSpec): boolean => snapshot?.frames.get(spec.id)?.lines.length === 0;
  const ofView = panels.filter(
    (spec) => spec.view === state.view && passesFilter(state.filter, spec.title, spec.resource, spec.id),
  );
  const sorted = byPriority(ofView);
  const filled = sorted.filter((spec) => !isEmpty(spec));
  const barren = ofView.length > 0 && filled.length === 0;
  const drawable = filled.filter((spec) => spec.kind !== "stat");
  const numbers = [...filled.filter((spec) => spec.kind === "stat"), ...sorted.filter(isEmpty)];
  const layout = solveLayout(size, {
    body: barren || ofView.length === 0 ? "table" : "panels",
    charts: drawable.length,
    numbers: numbers.length,
    alerts: alerts.length,
    healthRows: 0,
    zoom: state.zoom,
    alertsLarge: state.alertsLarge,
  });
  const small = layout.class === "phone" || layout.class === "compact" || layout.class === "line";
  // A grid draws the first of its panels; a small screen, or a zoom, draws the one under the cursor.
  const walk = small ? [...filled, ...sorted.filter(isEmpty)] : [...drawable, ...numbers];
  const inGrid = small || state.zoom ? [] : drawable.slice(0, layout.charts.length);
  const listed = walk.slice(inGrid.length);
  const cursor = clampCursor(state.cursor, walk.length);
  const selected = walk[cursor];
  const charts = inGrid.length > 0 ? inGrid : selected === undefined || layout.charts.length === 0 ? [] : [selected];
  const asked = (state.zoom && selected !== undefined ? [selected] : sorted).map((spec) => ({ spec, ranged: true }));
  return {
    ...NOTHING,
    layout,
    charts,
    listed,
    alerts,
    rows: walk.length,
    cursor,
    selected,
    asked,
    barren,
  };
}

function surveyOverview(
  state: UiState,
  snapshot: Snapshot | undefined,
  panels: readonly PanelSpec[],
  size: Size,
  alerts: readonly Alert[],
): Survey {
  const measured = byPriority(panels.filter((spec) => spec.method !== "none"));
  const frames = measured.flatMap((spec) => snapshot?.frames.get(spec.id) ?? []);
  const more = engineHealth(snapshot, state.time.mode === "live");
  const worstFirst = healthRows(frames, { more }).filter((row) =>
    passesFilter(state.filter, row.resource, row.why, row.state),
  );
  const candidates = overviewCharts(panels, snapshot);
  const tables = overviewTables(panels);
  const solved = solveLayout(size, {
    body: "overview",
    charts: candidates.length,
    numbers: 0,
    alerts: alerts.length,
    healthRows: worstFirst.length,
    zoom: state.zoom,
    alertsLarge: state.alertsLarge,
  });
  const under = tables.filter((spec) => (snapshot?.frames.get(spec.id)?.lines.length ?? 0) > 0);
  const lines = under.map((spec) => snapshot?.frames.get(spec.id)?.lines.length ?? 0);
  const { layout, placed } = placeUnderList(solved, rowsOfHealth(worstFirst), lines);
  const mixedHealth = (layout.list?.height ?? 0) < headedRows(worstFirst);
  const health = mixedHealth ? worstFirst.toSorted(byState) : worstFirst.toSorted(byKind);
  const cursor = clampCursor(state.cursor, health.length);
  const row = health[cursor];
  const worst = row?.cells.find((cell) => cell.rank === row.rank && cell.why !== "") ?? row?.cells[0];
  const selected = panels.find((spec) => spec.id === worst?.panel) ?? (health.length === 0 ? candidates[0] : undefined);
  const small = layout.class === "phone" || layout.class === "compact" || state.zoom;
  const drawn = candidates.slice(0, solved.charts.length);
  const charts = small ? (selected === undefined ? [] : [selected]) : [...drawn, ...under.slice(0, placed)];
  const sparked = new Set(
    measured.filter((spec) => spec.method === "USE.U" || spec.method === "RED.R").slice(0, SPARKS_MAX),
  );
  const ranged = (spec: PanelSpec): boolean => sparked.has(spec) || charts.includes(spec);
  // Whether a table has anything to show is known once it has been asked for.
  const asked = [...new Set([...measured, ...charts, ...(small ? [] : tables)])].map((spec) => ({
    spec,
    ranged: ranged(spec),
  }));
  return { ...NOTHING, layout, charts, health, mixedHealth, alerts, rows: health.length, cursor, selected, asked };
}

/** Tables that no health row stands for (the busiest processes), for the room a short health table leaves. */
function overviewTables(panels: readonly PanelSpec[]): readonly PanelSpec[] {
  const found = panels.filter((spec) => spec.kind === "table" && spec.method === "none" && spec.view === "hosts");
  return byPriority(found).slice(0, OVERVIEW_TABLES_MAX);
}

/** Rows the health table fills when every row that is not well says why: headings and frame included. */
function rowsOfHealth(health: readonly HealthRow[]): number {
  return headedRows(health) + health.filter((row) => row.state !== "ok" && row.why !== "").length;
}

/** Rows, a heading for each kind, and the frame. */
function headedRows(health: readonly HealthRow[]): number {
  return health.length + new Set(health.map((row) => row.kind)).size + 2;
}

const STATE_RANK = { crit: 0, warn: 1, ok: 2, unknown: 3 } as const;

/** The worst first; services before resources within a state, since somebody waits for them. */
function byState(a: HealthRow, b: HealthRow): number {
  return STATE_RANK[a.rank] - STATE_RANK[b.rank] || kindRank(a) - kindRank(b);
}

function byKind(a: HealthRow, b: HealthRow): number {
  return kindRank(b) - kindRank(a);
}

function kindRank(row: HealthRow): number {
  return row.kind === "service" ? 0 : 1;
}

/** Charts of the overview: its own first, then the most important panel of each resource and method that has data. */
function overviewCharts(panels: readonly PanelSpec[], snapshot: Snapshot | undefined): readonly PanelSpec[] {
  const drawable = panels.filter((spec) => spec.kind === "chart");
  const own = byPriority(drawable.filter((spec) => spec.view === "overview"));
  const others = byPriority(drawable.filter((spec) => spec.view !== "overview" && spec.method !== "none"));
  const taken = new Set<string>();
  const chosen: PanelSpec[] = [];
  for (const method of ["RED.R", "RED.E", "RED.D", "USE.U", "USE.S", "USE.E"]) {
    for (const spec of [...own, ...others]) {
      if (spec.method !== method && !(spec.method === "none" && method === "RED.R")) continue;
      const key = `${spec.view} ${spec.resource} ${spec.method}`;
      if (taken.has(key) || (snapshot?.frames.get(spec.id)?.lines.length ?? 0) === 0) continue;
      taken.add(key);
      chosen.push(spec);
    }
  }
  const rank = (spec: PanelSpec): number => (spec.view === "overview" ? 0 : spec.priority);
  return [...new Set(chosen)].sort((a, b) => rank(a) - rank(b)).slice(0, OVERVIEW_CHARTS_MAX);
}

function surveyTargets(state: UiState, snapshot: Snapshot | undefined, size: Size, alerts: readonly Alert[]): Survey {
  const order = { down: 0, unknown: 1, up: 2 } as const;
  const targets = [...(snapshot?.targets ?? [])]
    .filter((target) => passesFilter(state.filter, target.job, target.url, target.health, target.lastError))
    .sort((a, b) => order[a.health] - order[b.health] || (a.job < b.job ? -1 : a.job > b.job ? 1 : 0));
  const discovered = (snapshot?.discovered ?? []).filter((found) =>
    passesFilter(state.filter, found.scraper, found.url),
  );
  const survey = surveyTable(state, size, alerts, { rows: targets.length + discovered.length });
  return { ...survey, targets, discovered };
}

/** The expression as a panel of its own. */
export function explorePanel(expr: string): PanelSpec {
  return {
    id: "explore",
    view: "explore",
    title: expr,
    method: "none",
    resource: "",
    kind: "chart",
    unit: "none",
    queries: [{ exprs: [expr], legend: "" }],
    priority: 1,
  };
}

function surveyExplore(state: UiState, size: Size, alerts: readonly Alert[]): Survey {
  const survey = surveyTable(state, size, alerts, { rows: 64 });
  if (state.expr === "") return survey;
  const spec = explorePanel(state.expr);
  return { ...survey, charts: [spec], selected: spec, asked: [{ spec, ranged: true }] };
}

function surveyTable(
  state: UiState,
  size: Size,
  alerts: readonly Alert[],
  { rows }: { readonly rows: number },
): Survey {
  const shown =
    state.view === "alerts"
      ? alerts.filter((alert) => passesFilter(state.filter, alert.labels.toString(), alert.state))
      : alerts;
  const layout = solveLayout(size, {
    body: "table",
    charts: 0,
    numbers: 0,
    alerts: alerts.length,
    healthRows: 0,
    zoom: false,
    alertsLarge: state.alertsLarge,
    // In its own view the table lists the alerts, and the pane tells one of them in full.
    ...(state.view === "alerts" ? { tableRows: shown.length + 3 } : {}),
  });
  return { ...NOTHING, layout, alerts: shown, rows, cursor: clampCursor(state.cursor, rows) };
}

const NOTHING = {
  charts: [],
  listed: [],
  health: [],
  mixedHealth: false,
  targets: [],
  discovered: [],
  selected: undefined,
  asked: [],
  barren: false,
} as const;

function clampCursor(cursor: number, rows: number): number {
  return Math.max(0, Math.min(rows - 1, Number.isFinite(cursor) ? cursor : cursor > 0 ? rows - 1 : 0));
}

/** By priority, declaration order within one. */
function byPriority(panels: readonly PanelSpec[]): readonly PanelSpec[] {
  return [...panels].sort((a, b) => a.priority - b.priority);
}
