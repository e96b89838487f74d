/**
 * The overview's table: one row for each resource (USE) and each service (RED), the worst first. Frames in, rows with
 * a cell per method out. A service is found by the label `service` of a RED frame's lines, else `job`, else `instance`.
 */
import { formatValue } from "../model/unit.ts";
import { leadingLine, type FrameLine, type PanelFrame, type PanelState } from "./frame.ts";
import type { Method } from "./spec.ts";
import { crossedText, judge, worse } from "./threshold.ts";

export interface HealthCell {
  readonly method: Method;
  readonly state: PanelState;
  /** What it sorts by: its state, or what that was when the source was last heard. */
  readonly rank: PanelState;
  /** The number that counts, with its unit. */
  readonly value: string;
  readonly why: string;
  /** The panel to look at. */
  readonly panel: string;
}

export interface HealthRow {
  readonly resource: string;
  readonly kind: "resource" | "service";
  readonly state: PanelState;
  /** What it sorts by: the worst rank of its cells. */
  readonly rank: PanelState;
  readonly why: string;
  /** U, S, E of a resource or R, E, D of a service, in that order; a method nothing measures is missing. */
  readonly cells: readonly HealthCell[];
}

/** One line of `--once -o json`'s `health`. */
export interface HealthLine {
  readonly resource: string;
  readonly kind: "resource" | "service";
  readonly method: string;
  readonly state: PanelState;
  readonly why: string;
}

const ORDER: readonly Method[] = ["USE.U", "USE.S", "USE.E", "RED.R", "RED.E", "RED.D"];
const WORST_FIRST: Readonly<Record<PanelState, number>> = { crit: 0, warn: 1, ok: 2, unknown: 3 };
/** Services shown; a label that explodes must not fill the screen. */
const ROWS_MAX = 100;

/** Rows for all frames with a method, and `more`; rows of what was never scraped are left out unless `all`. */
export function healthRows(
  frames: readonly PanelFrame[],
  options: { readonly all?: boolean; readonly more?: readonly HealthRow[] } = {},
): readonly HealthRow[] {
  const cells = new Map<string, { resource: string; kind: "resource" | "service"; cells: HealthCell[] }>();
  const add = (resource: string, kind: "resource" | "service", cell: HealthCell): void => {
    const key = `${kind}\u0000${resource}`;
    const row = cells.get(key) ?? { resource, kind, cells: [] };
    const same = row.cells.findIndex((c) => c.method === cell.method);
    if (same < 0) row.cells.push(cell);
    else if (replaces(row.cells[same] as HealthCell, cell)) row.cells[same] = cell;
    cells.set(key, row);
  };
  for (const frame of [...frames].sort((a, b) => a.spec.priority - b.spec.priority)) {
    if (frame.spec.method === "none") continue;
    if (frame.lines.length === 0 && options.all !== true) continue;
    if (frame.spec.method.startsWith("USE")) add(frame.spec.resource, "resource", frameCell(frame));
    else for (const line of frame.lines) add(serviceOf(line, frame), "service", lineCell(frame, line));
  }
  return [...[...cells.values()].map(finish), ...(options.more ?? [])].sort(byState).slice(0, ROWS_MAX);
}

export function healthLines(rows: readonly HealthRow[]): readonly HealthLine[] {
  return rows.flatMap((row) =>
    row.cells.map(({ method, state, why }) => ({ resource: row.resource, kind: row.kind, method, state, why })),
  );
}

/** A cell that knows beats one that does not; otherwise the worse one wins and the first stays. */
function replaces(old: HealthCell, next: HealthCell): boolean {
  if (old.rank === "unknown") return next.rank !== "unknown";
  return next.rank !== "unknown" && old.rank !== next.rank && worse(old.rank, next.rank) === next.rank;
}

function finish(row: { resource: string; kind: "resource" | "service"; cells: HealthCell[] }): HealthRow {
  const sorted = row.cells.sort((a, b) => ORDER.indexOf(a.method) - ORDER.indexOf(b.method));
  const state = worstOf(sorted.map((c) => c.state));
  const rank = worstOf(sorted.map((c) => c.rank));
  const cause = sorted.find((c) => c.state === state && c.rank === rank && c.why !== "");
  return {
    resource: row.resource,
    kind: row.kind,
    state,
    rank,
    why: state === "ok" ? "" : (cause?.why ?? ""),
    cells: sorted,
  };
}

/** The worst that is known. */
function worstOf(states: readonly PanelState[]): PanelState {
  const known = states.filter((state) => state !== "unknown");
  return known.length === 0 ? "unknown" : known.reduce<PanelState>(worse, "ok");
}

function byState(a: HealthRow, b: HealthRow): number {
  const state = WORST_FIRST[a.rank] - WORST_FIRST[b.rank];
  if (state !== 0) return state;
  if (a.kind !== b.kind) return a.kind === "resource" ? -1 : 1;
  return a.resource < b.resource ? -1 : a.resource > b.resource ? 1 : 0;
}

function frameCell(frame: PanelFrame): HealthCell {
  const line = leadingLine(frame);
  const why = frame.state === "ok" ? "" : `${frame.spec.title}: ${frame.reason ?? "no value"}`;
  return {
    method: frame.spec.method,
    state: frame.state,
    rank: frame.lastState ?? frame.state,
    value: tallyText(frame) ?? formatValue(line?.last ?? Number.NaN, frame.unit),
    why,
    panel: frame.spec.id,
  };
}

/** `7/23 up`: one switch cannot stand for many. Undefined where the panel shows something else. */
export function tallyText({ tally }: PanelFrame): string | undefined {
  return tally === undefined || tally.of < 2 ? undefined : `${tally.up}/${tally.of} up`;
}

function lineCell(frame: PanelFrame, line: FrameLine): HealthCell {
  const { state, crossed } = judge(frame.spec, line.last);
  const value = formatValue(line.last, frame.unit);
  // A frame nobody judges has no line that is well or ill, whatever its number.
  if (frame.state === "unknown" && state !== "unknown") {
    const why = `${frame.spec.title}: ${frame.reason ?? "no value"}`;
    const rank = frame.lastState === undefined ? "unknown" : state;
    return { method: frame.spec.method, state: "unknown", rank, value, why, panel: frame.spec.id };
  }
  const why =
    crossed !== undefined
      ? `${frame.spec.title} ${value}, ${crossedText(frame.spec, crossed)}`
      : state === "unknown"
        ? `${frame.spec.title}: no value`
        : "";
  return { method: frame.spec.method, state, rank: state, value, why, panel: frame.spec.id };
}

function serviceOf(line: FrameLine, frame: PanelFrame): string {
  const { service, job, instance } = line.labels;
  return service ?? job ?? instance ?? frame.spec.resource;
}
