/** Panels as charts in boxes, panels as rows of a list, and one panel over the whole body with its series and query. */
import type { CellGrid, Size } from "../../draw/cell.ts";
import { blit } from "../../draw/grid.ts";
import { drawPanel } from "../../draw/panel.ts";
import { sanitise } from "../../draw/sanitise.ts";
import { sparkText } from "../../draw/spark.ts";
import { seriesStyle, STYLE, stateStyle } from "../../draw/theme.ts";
import { formatValue } from "../../model/unit.ts";
import { type FrameLine, leadingLine, type PanelFrame } from "../../panel/frame.ts";
import { tallyText } from "../../panel/health.ts";
import type { PanelSpec } from "../../panel/spec.ts";
import type { Rect } from "../layout.ts";
import { cell, span, stateSign, type Line, type Span } from "../look.ts";
import { boxGrid, boxPane, insideOf, row, scrollTop, wrapWords, type Pane, type PaneRow } from "../pane.ts";
import { ageText } from "../time.ts";
import { type ViewInput, type ViewPart, waitingText } from "./input.ts";

/** A chart in its box. Without a frame yet, or without data, the box says why. */
export function chartPart(input: ViewInput, spec: PanelSpec, rect: Rect, focus: boolean): ViewPart {
  const { look, survey } = input;
  const rule = survey.layout.class === "phone" || survey.layout.class === "compact";
  const frame = input.snapshot?.frames.get(spec.id);
  const inside = insideOf(rect, rule);
  const options = { title: titleLine(input, spec, frame), right: valueLine(frame), focus, rule };
  if (frame === undefined || frame.lines.length === 0) {
    const text = frame?.reason ?? (input.snapshot === undefined ? waitingText(input) : "asking");
    const words = wrapWords(sanitise(text), inside.width - 2, inside.height);
    const grid = boxGrid(
      rect,
      words.map((part) => row(span(` ${part}`, STYLE.unknown))),
      options,
      look,
    );
    return { panes: [], overlays: [{ x: rect.x, y: rect.y, grid }] };
  }
  const grid = boxGrid(rect, [], options, look);
  blit(grid, drawChart(input, frame, inside), inside.x - rect.x, inside.y - rect.y);
  return { panes: [], overlays: [{ x: rect.x, y: rect.y, grid }] };
}

function drawChart({ look, chart }: ViewInput, frame: PanelFrame, size: Size): CellGrid {
  return drawPanel(frame, size, { symbols: look.symbols.set, chart, title: false, utc: look.utc });
}

/** The overview mixes views: there a title says whose panel it is. */
function titleLine({ look, state: ui }: ViewInput, spec: PanelSpec, frame: PanelFrame | undefined): Line {
  const state = frame?.state ?? "unknown";
  const whose = ui.view === "overview" && spec.view !== "overview" ? `${spec.view} ` : "";
  return [span(`${stateSign(state, look)} `, stateStyle(state)), span(whose, STYLE.dim), span(spec.title, STYLE.title)];
}

function valueLine(frame: PanelFrame | undefined): Line {
  const leader = frame === undefined ? undefined : leadingLine(frame);
  if (frame === undefined || leader === undefined) return [];
  const word = frame.state === "crit" ? " CRIT" : frame.state === "warn" ? " WARN" : "";
  return [
    span(
      (tallyText(frame) ?? formatValue(leader.last, frame.unit)) + word,
      frame.state === "ok" ? STYLE.accent : stateStyle(frame.state),
    ),
  ];
}

/** Panels as rows: state, title, number, history. What has no data says why instead. */
export function panelList(input: ViewInput, rect: Rect): Pane {
  const { survey, state, look } = input;
  const rule = survey.layout.class === "phone" || survey.layout.class === "compact";
  const inside = insideOf(rect, rule);
  const offset = survey.rows - survey.listed.length;
  const cursor = survey.cursor - offset;
  const visible = inside.height;
  const top = scrollTop(Math.max(0, cursor), survey.listed.length, visible);
  const rows = survey.listed.slice(top, top + visible).map((spec, i): PaneRow => {
    const bar = top + i === cursor && state.pane === "main" ? STYLE.selected : undefined;
    return { line: panelLine(input, spec, inside.width), bar };
  });
  const hidden = survey.listed.length > visible ? [span(`${survey.cursor + 1} of ${survey.rows}`, STYLE.dim)] : [];
  const more = joinSpans([...troubleSpans(input), ...hidden]);
  const name = offset === 0 ? state.view : `more ${state.view}`;
  const focus = cursor >= 0 && state.pane === "main";
  return boxPane("list", rect, rows, { title: [span(name, STYLE.title)], right: more, focus, rule }, look);
}

function joinSpans(spans: readonly Span[]): readonly Span[] {
  return spans.flatMap((part, i) => (i === 0 ? [part] : [span("  "), part]));
}

/** How many of the listed panels are not well: some of them may be out of sight. */
function troubleSpans({ snapshot, survey }: ViewInput): readonly Span[] {
  return (["crit", "warn"] as const).flatMap((state) => {
    const count = survey.listed.filter((spec) => snapshot?.frames.get(spec.id)?.state === state).length;
    return count === 0 ? [] : [span(`${count} ${state.toUpperCase()}`, stateStyle(state))];
  });
}

function panelLine({ snapshot, look }: ViewInput, spec: PanelSpec, width: number): Line {
  const frame = snapshot?.frames.get(spec.id);
  const state = frame?.state ?? "unknown";
  const sign = span(` ${stateSign(state, look)} `, stateStyle(state));
  const leader = frame === undefined ? undefined : leadingLine(frame);
  if (frame === undefined || leader === undefined) {
    const reason = frame?.reason ?? "asking";
    const title = Math.min(Math.max(16, Math.floor(width * 0.4)), width - 12);
    return [sign, cell(spec.title, title, STYLE.dim), span(" "), span(reason, STYLE.unknown)];
  }
  const valueWidth = 11;
  const spark = width >= 44 ? Math.min(40, Math.floor((width - valueWidth - 4) * 0.36)) : 0;
  const title = width - valueWidth - spark - 4 - (spark > 0 ? 1 : 0);
  const style = state === "ok" || state === "unknown" ? STYLE.default : stateStyle(state);
  return [
    sign,
    cell(spec.title, title),
    cell(tallyText(frame) ?? formatValue(leader.last, frame.unit), valueWidth, style, "right"),
    ...(spark > 0 ? [span("  "), sparkSpan(frame, leader, spark - 1, look)] : []),
  ];
}

function sparkSpan(frame: PanelFrame, line: FrameLine, width: number, look: ViewInput["look"]): Span {
  if (frame.t.length < 2) return cell("", width);
  const style = frame.state === "ok" || frame.state === "unknown" ? STYLE.series1 : stateStyle(frame.state);
  return span(sparkText(line.v, width, { symbols: look.symbols, min: frame.min, max: frame.max }), style);
}

/** A view none of whose panels has ever had data: what is missing, and how to get it. */
export function barrenPane(input: ViewInput, rect: Rect): Pane {
  const { state, survey, snapshot, look } = input;
  const rule = survey.layout.class === "phone" || survey.layout.class === "compact";
  const inside = insideOf(rect, rule);
  const found = (snapshot?.discovered ?? []).map((target) => `${target.scraper} at ${target.url}`);
  const failing = (snapshot?.targets ?? []).filter((target) => target.health === "down");
  const texts = [
    ...(snapshot === undefined
      ? [waitingText(input)]
      : survey.listed.length === 0
        ? [state.filter === "" ? `no panel belongs to ${state.view}` : `no panel passes the filter "${state.filter}"`]
        : [
            `nothing to show for ${state.view}: ${snapshot.frames.get(survey.listed[0]?.id ?? "")?.reason ?? "never scraped"}`,
          ]),
    ...(found.length > 0 ? [`found but not scraped: ${found.join(", ")}. Press T, then D adds it.`] : []),
    ...(failing.length > 0 ? [`${failing.length} target${failing.length === 1 ? "" : "s"} down: T says why`] : []),
    ...(snapshot !== undefined && found.length === 0 && survey.listed.length > 0
      ? ["add a scrape job to the configuration, or start the exporter on its usual port and look at T."]
      : []),
  ];
  const rows = texts.flatMap((text) => [
    ...wrapWords(sanitise(text), inside.width - 2, 4).map((part) => row(span(` ${part}`))),
    row(),
  ]);
  return boxPane("list", rect, rows, { title: [span(state.view, STYLE.title)], focus: true, rule }, look);
}

/** One panel over the whole body: the chart above, every series with its numbers and the expression below. */
export function zoomPart(input: ViewInput, spec: PanelSpec, rect: Rect): ViewPart {
  const frame = input.snapshot?.frames.get(spec.id);
  const lines = frame?.lines.length ?? 0;
  const rows = Math.min(lines + 2 + (spec.note === undefined ? 0 : 1), Math.floor(rect.height * 0.45));
  const tableHeight = rect.height >= 14 && lines > 0 ? Math.max(4, rows + 2) : 0;
  const top = { ...rect, height: rect.height - tableHeight };
  const chart = chartPart(input, spec, top, true);
  if (tableHeight === 0 || frame === undefined) return chart;
  const bottom = { ...rect, y: rect.y + top.height, height: tableHeight };
  return { panes: [...chart.panes, seriesPane(input, frame, bottom)], overlays: chart.overlays };
}

/** Legend, now, least, mean, most of each series. */
export function seriesPane(input: ViewInput, frame: PanelFrame, rect: Rect): Pane {
  const { look, survey, now, state } = input;
  const rule = survey.layout.class === "phone" || survey.layout.class === "compact";
  const inside = insideOf(rect, rule);
  const number = inside.width < 60 ? 9 : 11;
  const wide = inside.width >= 70;
  const nameWidth = Math.max(10, inside.width - 3 - number * (wide ? 4 : 2));
  const head = row(
    cell("   series", nameWidth + 3, STYLE.dim),
    cell("now", number, STYLE.dim, "right"),
    ...(wide ? [cell("least", number, STYLE.dim, "right"), cell("mean", number, STYLE.dim, "right")] : []),
    cell("most", number, STYLE.dim, "right"),
  );
  const tail: PaneRow[] = [
    ...(frame.spec.note === undefined ? [] : [row(span(` ${frame.spec.note}`, STYLE.dim))]),
    ...frame.exprs.slice(0, 1).map((expr) => row(span(` ${expr}`, STYLE.accent))),
  ];
  const room = Math.max(1, inside.height - 1 - tail.length);
  const rows = frame.lines
    .slice(0, room)
    .map((line, i) => seriesRow(line, frame, i, nameWidth, number, wide, look.ascii));
  const hidden = frame.lines.length - room;
  const more = hidden > 0 ? [span(`${hidden} more`, STYLE.dim)] : [];
  const age = state.time.mode === "paused" ? ` at the pause, ${ageText(now - frame.at)} ago` : "";
  return boxPane(
    "series",
    rect,
    [head, ...rows, ...tail],
    { title: [span(`Series${age}`, STYLE.title)], right: more, rule },
    look,
  );
}

function seriesRow(
  line: FrameLine,
  frame: PanelFrame,
  index: number,
  nameWidth: number,
  number: number,
  wide: boolean,
  ascii: boolean,
): PaneRow {
  const { least, mean, most } = extremes(line.v);
  const show = (v: number): Span => cell(formatValue(v, frame.unit), number, STYLE.default, "right");
  const labels = Object.entries(line.labels).map(([name, value]) => `${name}="${value}"`);
  const name = line.legend || `{${labels.join(", ")}}`;
  return row(
    span(` ${ascii ? "*" : "●"} `, seriesStyle(index)),
    cell(name, nameWidth),
    show(line.last),
    ...(wide ? [show(least), show(mean)] : []),
    show(most),
  );
}

function extremes(v: Float64Array): { readonly least: number; readonly mean: number; readonly most: number } {
  let least = Number.NaN;
  let most = Number.NaN;
  let sum = 0;
  let count = 0;
  for (const value of v) {
    if (Number.isNaN(value)) continue;
    if (!(value >= least)) least = value;
    if (!(value <= most)) most = value;
    sum += value;
    count++;
  }
  return { least, mean: count === 0 ? Number.NaN : sum / count, most };
}
