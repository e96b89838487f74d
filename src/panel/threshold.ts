/** Values against thresholds. Strict on both sides: 85 is not over 85. A missing value is unknown, never ok. */
import { formatValue } from "../model/unit.ts";
import type { FrameLine, PanelState } from "./frame.ts";
import type { PanelSpec, Threshold } from "./spec.ts";

export interface Verdict {
  readonly state: PanelState;
  /** What was crossed, e.g. "over 85 %"; undefined when ok or unknown. */
  readonly crossed: Threshold | undefined;
}

const RANK: Readonly<Record<PanelState, number>> = { ok: 0, unknown: 1, warn: 2, crit: 3 };
/** Offenders named in one reason; the rest is a number. */
const NAMED_MAX = 2;

export function worse(a: PanelState, b: PanelState): PanelState {
  return RANK[b] > RANK[a] ? b : a;
}

/** The worst threshold that `v` crosses. */
export function judge(spec: Pick<PanelSpec, "thresholds">, v: number): Verdict {
  if (Number.isNaN(v)) return { state: "unknown", crossed: undefined };
  let found: Threshold | undefined;
  for (const threshold of spec.thresholds ?? []) {
    const crossed = threshold.below === true ? v < threshold.at : v > threshold.at;
    if (crossed && (found === undefined || RANK[threshold.state] > RANK[found.state])) found = threshold;
  }
  return { state: found?.state ?? "ok", crossed: found };
}

/** "over 85 %", "under 98 %"; a switch is simply down, and what must not happen at all is "above zero". */
export function crossedText(spec: Pick<PanelSpec, "unit">, threshold: Threshold): string {
  if (spec.unit === "bool") return threshold.below === true ? "down" : "up";
  if (threshold.at === 0) return threshold.below === true ? "below zero" : "above zero";
  return `${threshold.below === true ? "under" : "over"} ${formatValue(threshold.at, spec.unit)}`;
}

/** State of all lines together, with the reason in words where it is not ok. */
export function judgeLines(
  spec: PanelSpec,
  lines: readonly FrameLine[],
): { readonly state: PanelState; readonly reason: string | undefined } {
  let state: PanelState = "ok";
  let known = 0;
  const offenders: { readonly line: FrameLine; readonly verdict: Verdict }[] = [];
  for (const line of lines) {
    const verdict = judge(spec, line.last);
    if (verdict.state === "unknown") continue;
    known += 1;
    state = worse(state, verdict.state);
    if (verdict.crossed !== undefined) offenders.push({ line, verdict });
  }
  if (known === 0) return { state: "unknown", reason: undefined };
  const worst = offenders.filter((o) => o.verdict.state === state);
  const first = worst[0];
  if (first?.verdict.crossed === undefined) return { state, reason: undefined };
  const bound = crossedText(spec, first.verdict.crossed);
  if (known === 1) {
    return { state, reason: spec.unit === "bool" ? bound : `${formatValue(first.line.last, spec.unit)}, ${bound}` };
  }
  const names = worst.map((o) => o.line.legend).filter((name) => name !== "");
  const named = names.length === 0 ? "" : `: ${names.slice(0, NAMED_MAX).join(", ")}`;
  return { state, reason: `${worst.length} of ${known} ${bound}${named}${names.length > NAMED_MAX ? ", …" : ""}` };
}
