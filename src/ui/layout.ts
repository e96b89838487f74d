/**
 * Where everything goes. Terminal size and what the view has in, whole-cell rectangles out. Integers by an own
 * solver, because charts are painted at exact cells behind ink's back. Five classes, each a complete layout:
 * line (tiny), phone, compact, grid, wide. Rectangles never overlap and never leave the screen.
 */
import type { Size } from "../draw/cell.ts";

export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export type LayoutClass = "line" | "phone" | "compact" | "grid" | "wide";

/** What the view wants to show. */
export interface LayoutWish {
  /** `panels`: charts and a list; `table`: one table over the whole body; `overview`: health table and charts. */
  readonly body: "panels" | "table" | "overview";
  /** Panels of the view that can be charts. */
  readonly charts: number;
  /** Panels that are only numbers; they go to the list with whatever does not fit. */
  readonly numbers: number;
  readonly alerts: number;
  /** Rows the overview's health table has. */
  readonly healthRows: number;
  readonly zoom: boolean;
  readonly alertsLarge: boolean;
  /** Rows the table needs; what is left goes to the pane under it. Absent: the alert pane has its usual size. */
  readonly tableRows?: number;
}

export interface Layout {
  readonly class: LayoutClass;
  readonly size: Size;
  readonly header: Rect;
  /** Scrub bar with alert marks, where there is room. */
  readonly timeline: Rect | undefined;
  /** Table, health table or panel list. */
  readonly list: Rect | undefined;
  /** Chart rectangles in reading order. */
  readonly charts: readonly Rect[];
  readonly alerts: Rect | undefined;
  readonly footer: Rect | undefined;
}

/** Smallest chart pane worth drawing: a title, three rows of dots, a legend. */
const CHART_WIDTH_MIN = 38;
const CHART_HEIGHT_MIN = 7;
/** Charts wider than this waste what a second column could show. */
const CHART_WIDTH_WIDE = 50;
const PHONE_WIDTH_MIN = 40;
const PHONE_HEIGHT_MIN = 12;

export function classOf({ width, height }: Size): LayoutClass {
  if (width < PHONE_WIDTH_MIN || height < PHONE_HEIGHT_MIN) return "line";
  if (width < 76) return "phone";
  if (width < 100 || height < 30) return "compact";
  return width >= 160 && height >= 36 ? "wide" : "grid";
}

export function solveLayout(size: Size, wish: LayoutWish): Layout {
  const cls = classOf(size);
  const header = { x: 0, y: 0, width: size.width, height: 1 };
  if (cls === "line") return tinyLayout(size, header);
  const timelineRows = size.height >= 24 ? 1 : 0;
  const timeline = timelineRows === 0 ? undefined : { x: 0, y: 1, width: size.width, height: 1 };
  const footer = { x: 0, y: size.height - 1, width: size.width, height: 1 };
  const top = 1 + timelineRows;
  const whole: Rect = { x: 0, y: top, width: size.width, height: size.height - 1 - top };
  const { body, alerts } = cls === "wide" ? besideAlerts(whole, wish) : aboveAlerts(whole, wish, cls);
  const frame = { class: cls, size, header, timeline, alerts, footer };
  if (wish.body === "table") return { ...frame, list: body, charts: [] };
  if (wish.zoom) return { ...frame, list: undefined, charts: [body] };
  if (cls === "phone" || cls === "compact") return { ...frame, ...listAndChart(body, wish, cls) };
  return { ...frame, ...chartGrid(body, wish, cls) };
}

/** Rows of a box under the list, its frame included, from which it is worth drawing. */
const UNDER_HEIGHT_MIN = 5;

/**
 * Boxes in the rows that a list beside charts does not need, after the layout's other charts.
 *
 * @param needed rows of the list, its frame included. @param lines rows each box would like inside its frame.
 * @returns the layout, and how many of the boxes have found room.
 */
export function placeUnderList(
  layout: Layout,
  needed: number,
  lines: readonly number[],
): { readonly layout: Layout; readonly placed: number } {
  const { list } = layout;
  const beside = layout.class === "grid" || layout.class === "wide";
  if (list === undefined || !beside || layout.charts.length === 0) return { layout, placed: 0 };
  let free = list.height - needed;
  const heights: number[] = [];
  for (const count of lines) {
    if (free < UNDER_HEIGHT_MIN) break;
    const height = Math.min(free, Math.max(UNDER_HEIGHT_MIN, count + 2));
    heights.push(height);
    free -= height;
  }
  const taken = heights.reduce((sum, height) => sum + height, 0);
  let y = list.y + list.height - taken;
  const rects = heights.map((height): Rect => {
    const rect = { ...list, y, height };
    y += height;
    return rect;
  });
  const charts = [...layout.charts, ...rects];
  return { layout: { ...layout, list: { ...list, height: list.height - taken }, charts }, placed: rects.length };
}

/** Too small for panes: one line says the worst, a second how to leave. */
function tinyLayout(size: Size, header: Rect): Layout {
  const rows = size.height - 2;
  const alerts = rows >= 2 ? { x: 0, y: 1, width: size.width, height: rows } : undefined;
  const footer = size.height >= 2 ? { x: 0, y: size.height - 1, width: size.width, height: 1 } : undefined;
  return { class: "line", size, header, timeline: undefined, list: undefined, charts: [], alerts, footer };
}

function aboveAlerts(whole: Rect, wish: LayoutWish, cls: LayoutClass): { body: Rect; alerts: Rect } {
  const limit = wish.alertsLarge ? Math.floor(whole.height * 0.6) : cls === "phone" ? 4 : cls === "compact" ? 4 : 8;
  const least = cls === "grid" ? 4 : 3;
  if (wish.tableRows !== undefined) {
    const table = Math.min(Math.max(5, wish.tableRows), Math.floor(whole.height * (wish.alertsLarge ? 0.4 : 0.6)));
    const body = { ...whole, height: table };
    return { body, alerts: { ...whole, y: whole.y + table, height: whole.height - table } };
  }
  const wanted = Math.max(least, wish.alertsLarge ? limit : Math.min(wish.alerts + 2, limit));
  const height = Math.min(wanted, Math.max(3, whole.height - 6));
  const body = { ...whole, height: whole.height - height };
  return { body, alerts: { ...whole, y: whole.y + body.height, height } };
}

function besideAlerts(whole: Rect, wish: LayoutWish): { body: Rect; alerts: Rect } {
  const width = wish.alertsLarge
    ? Math.floor(whole.width / 2)
    : Math.min(64, Math.max(44, Math.floor(whole.width / 4)));
  const body = { ...whole, width: whole.width - width };
  return { body, alerts: { ...whole, x: body.width, width } };
}

/** A list of everything with the chosen panel's chart below it. */
function listAndChart(body: Rect, wish: LayoutWish, cls: LayoutClass): { list: Rect; charts: readonly Rect[] } {
  const rows = wish.body === "overview" ? wish.healthRows + 3 : wish.charts + wish.numbers + 2;
  const chartMin = cls === "phone" ? 5 : 7;
  if (body.height < chartMin + 5) return { list: body, charts: [] };
  const listMax = Math.max(4, Math.min(Math.ceil(body.height * 0.62), body.height - chartMin));
  const height = Math.min(Math.max(4, rows), listMax);
  return {
    list: { ...body, height },
    charts: [{ ...body, y: body.y + height, height: body.height - height }],
  };
}

function chartGrid(
  body: Rect,
  wish: LayoutWish,
  cls: LayoutClass,
): { list: Rect | undefined; charts: readonly Rect[] } {
  if (wish.charts === 0) return { list: body, charts: [] };
  if (wish.body === "overview") {
    const width = cls === "wide" ? Math.max(74, Math.floor(body.width * 0.4)) : Math.floor(body.width / 2);
    if (body.width - width < CHART_WIDTH_MIN) return { list: body, charts: [] };
    const list = { ...body, width };
    const rest = { ...body, x: body.x + width, width: body.width - width };
    return { list, charts: gridRects(rest, wish.charts, fitting(rest)) };
  }
  const slots = fitting(body);
  const room = slots.columns * slots.rows;
  if (wish.numbers === 0 && wish.charts <= room)
    return { list: undefined, charts: gridRects(body, wish.charts, slots) };
  // The last cell of the grid is a list: of numbers, and of charts that find no room as charts.
  const shown = Math.min(wish.charts, room - 1);
  if (shown <= 0) return { list: body, charts: [] };
  const rects = gridRects(body, shown + 1, slots);
  return { list: rects.at(-1), charts: rects.slice(0, -1) };
}

interface Slots {
  readonly columns: number;
  readonly rows: number;
}

function fitting(area: Rect): Slots {
  const wanted = Math.floor(area.width / CHART_WIDTH_WIDE);
  const possible = Math.floor(area.width / CHART_WIDTH_MIN);
  return {
    columns: Math.max(1, Math.min(4, Math.max(wanted, Math.min(possible, 2)))),
    rows: Math.max(1, Math.floor(area.height / CHART_HEIGHT_MIN)),
  };
}

/** `count` rectangles that tile `area` without gaps, as square as the slots allow; fewer when they do not fit. */
function gridRects(area: Rect, count: number, slots: Slots): readonly Rect[] {
  if (area.width < 10 || area.height < 4 || count <= 0) return [];
  const shown = Math.min(count, slots.columns * slots.rows);
  const columns = Math.min(slots.columns, shown);
  const rows = Math.ceil(shown / columns);
  const rects: Rect[] = [];
  for (let row = 0; row < rows; row++) {
    const inRow = Math.min(columns, shown - row * columns);
    const [y, height] = share(area.height, rows, row);
    for (let column = 0; column < inRow; column++) {
      const [x, width] = share(area.width, inRow, column);
      rects.push({ x: area.x + x, y: area.y + y, width, height });
    }
  }
  return rects;
}

/** Start and length of part `index` of `total` cells in `parts`; the remainder goes to the first ones. */
function share(total: number, parts: number, index: number): readonly [start: number, length: number] {
  const each = Math.floor(total / parts);
  const extra = total % parts;
  return [index * each + Math.min(index, extra), each + (index < extra ? 1 : 0)];
}

export function contains(rect: Rect, x: number, y: number): boolean {
  return x >= rect.x && x < rect.x + rect.width && y >= rect.y && y < rect.y + rect.height;
}
