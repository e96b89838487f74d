/** A panel with its data at one moment: what `draw` turns into cells. Absence is NaN or a reason, never 0. */
import type { Timestamp } from "../model/sample.ts";
import type { PanelSpec, Unit } from "./spec.ts";

export type PanelState = "ok" | "warn" | "crit" | "unknown";

export interface FrameLine {
  readonly legend: string;
  readonly labels: Readonly<Record<string, string>>;
  /** One value per `PanelFrame.t`; NaN where there is none. */
  readonly v: Float64Array;
  /** Value at the frame's moment; NaN when absent. */
  readonly last: number;
}

export interface PanelFrame {
  readonly spec: PanelSpec;
  readonly unit: Unit;
  readonly state: PanelState;
  /** Why there is nothing to see, or why the state is not ok: "never scraped", "stale since 12:03:10", "2 of 5 over 85 %". */
  readonly reason: string | undefined;
  /** What the state was when its source was last heard: no claim about now, but what to look at first. */
  readonly lastState?: PanelState;
  readonly at: Timestamp;
  /** Evenly spaced, ascending, aligned to absolute time. */
  readonly t: Float64Array;
  readonly lines: readonly FrameLine[];
  /** Of switches (unit `bool`), those known: how many are up, drawn or not. */
  readonly tally?: { readonly up: number; readonly of: number };
  /** Axis; finite, min < max. */
  readonly min: number;
  readonly max: number;
  /** The expressions that answered, for `y` (copy) and `--once -o json`. */
  readonly exprs: readonly string[];
}

/** The line whose number stands for the panel: the highest now, or the lowest where being low is bad. */
export function leadingLine(frame: PanelFrame): FrameLine | undefined {
  const below = frame.spec.thresholds?.[0]?.below === true;
  let best: FrameLine | undefined;
  for (const line of frame.lines) {
    if (Number.isNaN(line.last)) continue;
    if (best === undefined || (below ? line.last < best.last : line.last > best.last)) best = line;
  }
  return best;
}
