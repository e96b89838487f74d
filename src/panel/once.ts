/** Frames as the `panels` of `top --once -o json`: numbers as JSON can hold them, a reason wherever there is nothing. */
import type { FrameLine, PanelFrame, PanelState } from "./frame.ts";

/** JSON has no NaN and no infinities: absent is null, infinities are words as in Prometheus' API. */
export type JsonNumber = number | "+Inf" | "-Inf" | null;

export interface OnceSeries {
  readonly legend: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly last: JsonNumber;
  /** `[unix seconds, value]`, absent points left out. */
  readonly values?: readonly (readonly [number, JsonNumber])[];
}

export interface OncePanel {
  readonly id: string;
  readonly view: string;
  readonly title: string;
  readonly unit: string;
  readonly exprs: readonly string[];
  readonly state: PanelState;
  readonly reason?: string;
  readonly series: readonly OnceSeries[];
}

export function oncePanels(
  frames: readonly PanelFrame[],
  options: { readonly values?: boolean } = {},
): readonly OncePanel[] {
  return frames.map((frame) => ({
    id: frame.spec.id,
    view: frame.spec.view,
    title: frame.spec.title,
    unit: frame.unit,
    exprs: frame.exprs,
    state: frame.state,
    ...(frame.reason === undefined ? {} : { reason: frame.reason }),
    series: frame.lines.map((line) => onceSeries(frame, line, options.values === true)),
  }));
}

function onceSeries(frame: PanelFrame, line: FrameLine, values: boolean): OnceSeries {
  const series = { legend: line.legend, labels: line.labels, last: jsonNumber(line.last) };
  if (!values) return series;
  const points: (readonly [number, JsonNumber])[] = [];
  line.v.forEach((v, i) => {
    if (!Number.isNaN(v)) points.push([(frame.t[i] as number) / 1_000, jsonNumber(v)]);
  });
  return { ...series, values: points };
}

export function jsonNumber(v: number): JsonNumber {
  if (Number.isNaN(v)) return null;
  if (v === Number.POSITIVE_INFINITY) return "+Inf";
  return v === Number.NEGATIVE_INFINITY ? "-Inf" : v;
}
