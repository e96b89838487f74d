/** Any PromQL expression: the line, its chart, its series with their labels. Errors are shown where the chart would be. */
import { STYLE } from "../../draw/theme.ts";
import type { Rect } from "../layout.ts";
import { span } from "../look.ts";
import { boxPane, insideOf, row, wrapWords, type Pane } from "../pane.ts";
import { chartPart, seriesPane } from "./panels.ts";
import type { ViewInput, ViewPart } from "./input.ts";

/** Rows of the box that holds the expression. */
const LINE_ROWS = 3;

export function explorePart(input: ViewInput, rect: Rect): ViewPart {
  const { survey, snapshot } = input;
  const rule = survey.layout.class === "phone" || survey.layout.class === "compact";
  const lineHeight = rule ? 2 : LINE_ROWS;
  const line = linePane(input, { ...rect, height: lineHeight }, rule);
  const body = { ...rect, y: rect.y + lineHeight, height: rect.height - lineHeight };
  const spec = survey.charts[0];
  if (spec === undefined) return { panes: [line, helpPane(input, body, rule)], overlays: [] };
  const frame = snapshot?.frames.get(spec.id);
  const lines = frame?.lines.length ?? 0;
  const tableHeight =
    frame === undefined || lines === 0 || body.height < 10 ? 0 : Math.min(lines + 4, Math.ceil(body.height * 0.45));
  const chart = chartPart(input, { ...spec, title: "Result" }, { ...body, height: body.height - tableHeight }, false);
  if (tableHeight === 0 || frame === undefined) return { panes: [line, ...chart.panes], overlays: chart.overlays };
  const below = { ...body, y: body.y + body.height - tableHeight, height: tableHeight };
  return { panes: [line, ...chart.panes, seriesPane(input, frame, below)], overlays: chart.overlays };
}

function linePane({ state, look }: ViewInput, rect: Rect, rule: boolean): Pane {
  const editing = state.mode === "explore";
  const how = editing ? "type an expression" : "press e and type an expression";
  const text = state.expr === "" ? `${how}; Tab completes metric and label names` : state.expr;
  const rows = [row(span(` ${text}`, state.expr === "" ? STYLE.dim : STYLE.accent))];
  return boxPane(
    "line",
    rect,
    rows,
    { title: [span("PromQL", STYLE.title)], focus: state.pane === "main" && !editing, rule },
    look,
  );
}

const EXAMPLES: readonly string[] = [
  "up",
  "sum by (job) (rate(scrape_samples_scraped[5m]))",
  'topk(5, count by (__name__) ({__name__=~".+"}))',
  '100 * (1 - avg(rate(node_cpu_seconds_total{mode="idle"}[1m])))',
];

function namesText(count: number): string {
  return count === 1 ? "1 metric name is known here." : `${count} metric names are known here.`;
}

function helpPane({ look, snapshot }: ViewInput, rect: Rect, rule: boolean): Pane {
  const inside = insideOf(rect, rule);
  const known = snapshot?.metrics === undefined ? [] : [namesText(snapshot.metrics.size)];
  const rows = [
    ...known.flatMap((text) => wrapWords(text, inside.width - 2, 2)).map((text) => row(span(` ${text}`))),
    row(),
    row(span(" for example", STYLE.dim)),
    ...EXAMPLES.map((expr) => row(span(`   ${expr}`, STYLE.accent))),
  ];
  return boxPane("result", rect, rows, { title: [span("Result", STYLE.title)], rule }, look);
}
