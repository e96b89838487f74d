/** Small builders for the tests of panels and drawing. */
import { Labels } from "../../../src/model/labels.ts";
import type { FrameLine, PanelFrame } from "../../../src/panel/frame.ts";
import type { PanelAnswer } from "../../../src/panel/query.ts";
import type { PanelSpec } from "../../../src/panel/spec.ts";
import type { QueryResult, Value } from "../../../src/promql/value.ts";

export const STEP = 15_000;
/** 2026-03-01 12:00:00 UTC, a multiple of every step used. */
export const NOON: number = Date.UTC(2026, 2, 1, 12);

export function spec(extra: Partial<PanelSpec> = {}): PanelSpec {
  return {
    id: "test.panel",
    view: "hosts",
    title: "CPU",
    method: "USE.U",
    resource: "cpu",
    kind: "chart",
    unit: "percent",
    queries: [{ exprs: ["cpu_used{$filter}"], legend: "{{instance}}" }],
    min: 0,
    max: 100,
    priority: 1,
    ...extra,
  };
}

export function line(legend: string, values: readonly number[], labels: Record<string, string> = {}): FrameLine {
  return { legend, labels, v: Float64Array.from(values), last: values.at(-1) ?? Number.NaN };
}

export function frame(
  lines: readonly FrameLine[],
  extra: Partial<PanelFrame> = {},
  of: Partial<PanelSpec> = {},
): PanelFrame {
  const panel = spec(of);
  const points = lines[0]?.v.length ?? 0;
  return {
    spec: panel,
    unit: panel.unit,
    state: "ok",
    reason: undefined,
    at: NOON,
    t: Float64Array.from({ length: points }, (_, i) => NOON - (points - 1 - i) * STEP),
    lines,
    min: 0,
    max: 100,
    exprs: ["cpu_used"],
    ...extra,
  };
}

export function result(value: Value): QueryResult {
  return { value, warnings: [], infos: [], stats: { seriesRead: 0, samplesRead: 0, elapsedMs: 0, resolutionMs: 0 } };
}

export function matrix(
  id: string,
  series: readonly (readonly [Record<string, string>, readonly (readonly [number, number])[]])[],
): PanelAnswer {
  return {
    id,
    ok: true,
    result: result({
      kind: "matrix",
      series: series.map(([labels, points]) => ({
        labels: Labels.from(labels),
        t: Float64Array.from(points, ([t]) => t),
        v: Float64Array.from(points, ([, v]) => v),
      })),
    }),
  };
}

export function vector(
  id: string,
  t: number,
  samples: readonly (readonly [Record<string, string>, number])[],
): PanelAnswer {
  return {
    id,
    ok: true,
    result: result({ kind: "vector", t, samples: samples.map(([labels, v]) => ({ labels: Labels.from(labels), v })) }),
  };
}
