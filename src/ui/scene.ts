/**
 * One frame of the console: panes of text for ink, rectangles of drawn charts for the compositor. Pure; live, paused,
 * review and one-shot frames are all made here. A popup over charts is a hole in their rectangles.
 */
import type { PanelSpec } from "../panel/spec.ts";
import { STYLE } from "../draw/theme.ts";
import type { Overlay } from "./cells.ts";
import type { Rect } from "./layout.ts";
import { span } from "./look.ts";
import { plainPane, type Pane } from "./pane.ts";
import { alertDetail, alertsPane, alertTable } from "./views/alerts.ts";
import { footerPane, headerPane, timelineOverlay } from "./views/chrome.ts";
import { explorePart } from "./views/explore.ts";
import { healthPane } from "./views/health.ts";
import { alertsUnknown, type ViewInput, type ViewPart } from "./views/input.ts";
import { completionsPane, helpPane } from "./views/overlay.ts";
import { barrenPane, chartPart, panelList, zoomPart } from "./views/panels.ts";
import { targetsPane } from "./views/targets.ts";

export interface Scene {
  readonly panes: readonly Pane[];
  readonly overlays: readonly Overlay[];
}

export function buildScene(input: ViewInput): Scene {
  const { layout } = input.survey;
  if (input.state.help) return framed([helpPane(input, layout.size)], []);
  const body = layout.class === "line" ? tinyPart(input) : bodyPart(input);
  const panes: Pane[] = [headerPane(input, layout.header), ...body.panes];
  if (layout.footer !== undefined) panes.push(footerPane(input, layout.footer));
  const drawn = [...body.overlays];
  if (layout.timeline !== undefined) drawn.push(timelineOverlay(input, layout.timeline));
  const below = framed(panes, drawn);
  const popup = completionsPane(input, layout.size);
  if (popup === undefined) return below;
  const hole = popup.box;
  const around = below.overlays.map((overlay) => ({ ...overlay, hole }));
  return { panes: [...panes, popup.pane], overlays: [...around, ...popup.pane.frame] };
}

function framed(panes: readonly Pane[], drawn: readonly Overlay[]): Scene {
  return { panes, overlays: [...drawn, ...panes.flatMap((pane) => pane.frame)] };
}

function bodyPart(input: ViewInput): ViewPart {
  const { state, survey } = input;
  const { layout } = survey;
  const alerts = layout.alerts === undefined ? [] : [alertPane(input, layout.alerts)];
  const part = mainPart(input);
  return { panes: [...part.panes, ...alerts], overlays: part.overlays };

  function alertPane(from: ViewInput, rect: Rect): Pane {
    return state.view === "alerts" ? alertDetail(from, rect) : alertsPane(from, rect);
  }
}

function mainPart(input: ViewInput): ViewPart {
  const { state, survey } = input;
  const { list, charts } = survey.layout;
  const [first] = charts;
  if (state.view === "alerts" && list !== undefined) return { panes: [alertTable(input, list)], overlays: [] };
  if (state.view === "targets" && list !== undefined) return { panes: [targetsPane(input, list)], overlays: [] };
  if (state.view === "explore" && list !== undefined) return explorePart(input, list);
  if (state.zoom && first !== undefined && survey.selected !== undefined)
    return zoomPart(input, survey.selected, first);
  const parts: ViewPart[] = survey.charts.flatMap((spec: PanelSpec, i) => {
    const rect = charts[i];
    return rect === undefined ? [] : [chartPart(input, spec, rect, isFocused(input, spec))];
  });
  if (list !== undefined) parts.unshift({ panes: [listPane(input, list)], overlays: [] });
  return { panes: parts.flatMap((part) => part.panes), overlays: parts.flatMap((part) => part.overlays) };
}

function listPane(input: ViewInput, rect: Rect): Pane {
  if (input.state.view === "overview") return healthPane(input, rect);
  return input.survey.barren || input.survey.rows === 0 ? barrenPane(input, rect) : panelList(input, rect);
}

function isFocused({ state, survey }: ViewInput, spec: PanelSpec): boolean {
  const inGrid = survey.layout.class === "grid" || survey.layout.class === "wide";
  return inGrid && state.pane === "main" && state.view !== "overview" && survey.selected === spec;
}

/** A terminal too small for panes still says the worst there is. */
function tinyPart(input: ViewInput): ViewPart {
  const { survey, look } = input;
  const { alerts } = survey.layout;
  if (alerts === undefined) return { panes: [], overlays: [] };
  if (alerts.height >= 2 && alerts.width >= 20) return { panes: [alertsPane(input, alerts)], overlays: [] };
  const named = survey.alerts[0]?.labels.get("alertname");
  const worst = alertsUnknown(input) === undefined ? (named ?? "no alerts") : "alerts unknown";
  return { panes: [plainPane("alerts", alerts, [{ line: [span(worst, STYLE.title)] }], look)], overlays: [] };
}
