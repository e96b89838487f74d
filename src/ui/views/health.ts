/**
 * The overview's health table: a row for each resource (utilisation, saturation, errors) and each service (rate,
 * errors, duration), worst first. A row that is not ok says why, in words, on a line of its own where there is room.
 */
import { sparkText } from "../../draw/spark.ts";
import { STYLE, stateStyle } from "../../draw/theme.ts";
import type { HealthRow } from "../../panel/health.ts";
import type { PanelFrame, PanelState } from "../../panel/frame.ts";
import type { Method } from "../../panel/spec.ts";
import type { Rect } from "../layout.ts";
import { cell, span, stateSign, stateSpan, type Line, type Span } from "../look.ts";
import { boxPane, insideOf, row, scrollTop, wrapWords, type Pane, type PaneRow } from "../pane.ts";
import { type ViewInput, waitingText } from "./input.ts";

const USE: readonly Method[] = ["USE.U", "USE.S", "USE.E"];
const RED: readonly Method[] = ["RED.R", "RED.E", "RED.D"];

interface Columns {
  readonly name: number;
  readonly state: number;
  readonly value: number;
  readonly spark: number;
}

function columnsFor(width: number): Columns {
  const value = width < 50 ? 8 : 11;
  const state = width < 50 ? 2 : 7;
  const spark = width >= 66 ? Math.min(30, width - 58) : 0;
  return { value, state, spark, name: Math.max(8, width - 3 * value - state - (spark > 0 ? spark + 1 : 0) - 2) };
}

export function healthPane(input: ViewInput, rect: Rect): Pane {
  const { state, survey, look } = input;
  const rule = survey.layout.class === "phone" || survey.layout.class === "compact";
  const inside = insideOf(rect, rule);
  const none = survey.health.length === 0;
  const { rows, shown } = none
    ? { rows: emptyRows(input, inside.width, inside.height), shown: 0 }
    : healthTable(input, inside);
  const counts = (["crit", "warn"] as PanelState[]).flatMap((s): Span[] => {
    const count = survey.health.filter((health) => health.state === s).length;
    return count === 0
      ? []
      : [span(`${count} ${s === "crit" ? "critical" : count === 1 ? "warning" : "warnings"}`, stateStyle(s))];
  });
  if (counts.length === 2) counts.splice(1, 0, span(", ", STYLE.dim));
  const right = counts.length === 0 && !none ? [quietSpan(survey.health)] : counts;
  const part = shown < survey.health.length ? [span(` ${shown} of ${survey.health.length}`, STYLE.dim)] : [];
  return boxPane(
    "health",
    rect,
    rows,
    { title: [span("Health", STYLE.title), ...part], right, focus: state.pane === "main", rule },
    look,
  );
}

/** Nothing is bad; "all ok" only where everything is known to be. */
function quietSpan(health: readonly HealthRow[]): Span {
  const ok = health.filter((one) => one.state === "ok").length;
  if (ok === health.length) return span("all ok", STYLE.ok);
  return ok === 0 ? span("state unknown", STYLE.unknown) : span(`${ok} ok, ${health.length - ok} unknown`, STYLE.dim);
}

function emptyRows(input: ViewInput, width: number, height: number): readonly PaneRow[] {
  const text =
    input.snapshot === undefined
      ? waitingText(input)
      : input.state.filter === ""
        ? "no panel has data yet: nothing has been scraped. T shows the targets and what was found."
        : `nothing passes the filter "${input.state.filter}"`;
  return wrapWords(text, width - 2, height).map((part) => row(span(` ${part}`, STYLE.dim)));
}

interface Table {
  readonly rows: readonly PaneRow[];
  /** Of the resources and services, how many have a row in sight. */
  readonly shown: number;
}

/** Rows of the table with their headings; where they do not all fit, the worst come first whatever their kind. */
function healthTable(input: ViewInput, inside: Rect): Table {
  const { survey, state } = input;
  const columns = columnsFor(inside.width);
  const kinds = new Set(survey.health.map((health) => health.kind));
  const mixed = survey.mixedHealth;
  const troubled = survey.health.filter((health) => health.why !== "" && health.state !== "ok").length;
  // Of a silent engine every row would say the same, and the header says it.
  const answers = input.connection.silentSince === undefined;
  const explain = answers && inside.width < 100 && survey.health.length + kinds.size + troubled <= inside.height;
  const head = mixed ? [row(...mixedHead(columns))] : [];
  const rows: PaneRow[] = [];
  let cursorRow = 0;
  survey.health.forEach((health, index) => {
    const chosen = index === survey.cursor;
    if (!mixed && survey.health[index - 1]?.kind !== health.kind) rows.push(row(...headLine(health, columns)));
    if (chosen) cursorRow = rows.length;
    const bar = chosen && state.pane === "main" ? STYLE.selected : undefined;
    rows.push({ line: healthLine(input, health, columns), bar });
    if (explain && health.state !== "ok" && health.why !== "") {
      rows.push(row(span(`   ${health.why}`, stateStyle(health.state))));
    }
  });
  if (explain) return { rows: [...head, ...rows], shown: survey.health.length };
  const part = scrolled(input, rows, cursorRow, inside.height - head.length);
  // Headings of the kinds are among the rows; where one has scrolled away, a row less is counted, never one more.
  const shown = rows.length - part.hidden - (mixed ? 0 : kinds.size);
  return { rows: [...head, ...part.rows], shown: part.hidden === 0 ? survey.health.length : shown };
}

/** The part around the cursor, whose row explains itself at the bottom when not every row can. */
function scrolled(
  input: ViewInput,
  rows: readonly PaneRow[],
  cursorRow: number,
  height: number,
): { readonly rows: readonly PaneRow[]; readonly hidden: number } {
  const chosen = input.survey.health[input.survey.cursor];
  const why = chosen !== undefined && chosen.why !== "" ? [row(span(` ${chosen.why}`, stateStyle(chosen.state)))] : [];
  const visible = Math.max(1, height - why.length);
  const top = scrollTop(cursorRow, rows.length, visible);
  const shown = rows.slice(top, top + visible);
  const blank = Array.from({ length: Math.max(0, visible - shown.length) }, () => row());
  return { rows: [...shown, ...blank, ...why], hidden: rows.length - shown.length };
}

function mixedHead(columns: Columns): Line {
  const words = ["use/rate", "sat/err", "err/dur"];
  return [
    cell("", columns.state + (columns.state < 7 ? 1 : 2)),
    cell("HEALTH", columns.name, STYLE.dim),
    ...words.map((word) => cell(word, columns.value, STYLE.dim, "right")),
  ];
}

function headLine(first: HealthRow, columns: Columns): Line {
  const words = first.kind === "resource" ? ["use", "saturation", "errors"] : ["rate", "errors", "duration"];
  const short = columns.value < 11 && first.kind === "resource" ? ["use", "satur.", "errors"] : words;
  return [
    cell("", columns.state + (columns.state < 7 ? 1 : 2)),
    cell(first.kind === "resource" ? "RESOURCE" : "SERVICE", columns.name, STYLE.dim),
    ...short.map((word) => cell(word, columns.value, STYLE.dim, "right")),
    ...(columns.spark > 0
      ? [span(" "), cell(first.kind === "resource" ? "use" : "rate", columns.spark, STYLE.dim)]
      : []),
  ];
}

function healthLine(input: ViewInput, health: HealthRow, columns: Columns): Line {
  const { look } = input;
  const methods = health.kind === "resource" ? USE : RED;
  const state =
    columns.state < 7
      ? span(`${stateSign(health.state, look)} `, stateStyle(health.state))
      : stateSpan(health.state, look);
  const values = methods.map((method) => {
    const found = health.cells.find((c) => c.method === method);
    const style =
      found === undefined || found.state === "unknown"
        ? STYLE.dim
        : found.state === "ok"
          ? STYLE.default
          : stateStyle(found.state);
    return cell(found?.value ?? "", columns.value, style, "right");
  });
  const spark = columns.spark > 0 ? [span(" "), sparkSpan(input, health, columns.spark)] : [];
  const head: Line = columns.state < 7 ? [span(" "), state] : [span(" "), state, span(" ")];
  return [...head, cell(health.resource, columns.name, STYLE.title), ...values, ...spark];
}

function sparkSpan({ snapshot, look }: ViewInput, health: HealthRow, width: number): Span {
  const first = health.cells[0];
  const frame = first === undefined ? undefined : snapshot?.frames.get(first.panel);
  const line = frame === undefined ? undefined : lineFor(frame, health);
  if (frame === undefined || line === undefined || frame.t.length < 2) return cell("", width);
  const style =
    health.state === "ok" ? STYLE.series1 : health.state === "unknown" ? STYLE.dim : stateStyle(health.state);
  return span(sparkText(line, width, { symbols: look.symbols, min: frame.min, max: frame.max }), style);
}

function lineFor(frame: PanelFrame, health: HealthRow): Float64Array | undefined {
  if (health.kind === "service") {
    const own = frame.lines.find(
      ({ labels }) => (labels["service"] ?? labels["job"] ?? labels["instance"]) === health.resource,
    );
    if (own !== undefined) return own.v;
  }
  let best = frame.lines[0];
  for (const line of frame.lines) if (line.last > (best?.last ?? Number.NEGATIVE_INFINITY)) best = line;
  return best?.v;
}
