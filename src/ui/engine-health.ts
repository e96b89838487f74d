/**
 * What the engine says of itself as a row of the health table. Its status has more than a screen needs: targets and
 * alerts have rows and a pane of their own, and what happened once since the start is for `opsmon status`. What is left
 * keeps the screen from being believed: a store that takes nothing, rules that fail, messages that reach nobody.
 */
import type { StatusItem } from "../api/source.ts";
import type { HealthRow } from "../panel/health.ts";
import type { Snapshot } from "./snapshot.ts";

const TOLD_ELSEWHERE: ReadonlySet<string> = new Set(["alerts", "target", "targets"]);

/** One row while something is wrong, none otherwise; none for a moment that is past: the status is that of now. */
export function engineHealth(snapshot: Snapshot | undefined, live: boolean): readonly HealthRow[] {
  const wrong = live ? (snapshot?.status?.items ?? []).filter(counts) : [];
  const worst = wrong.find(({ state }) => state === "crit") ?? wrong[0];
  if (worst === undefined || worst.state === "ok") return [];
  const { state } = worst;
  const more = new Set(wrong.map(({ name }) => name)).size - 1;
  const why = `${worst.name}: ${worst.text}${more === 0 ? "" : ` (and ${more} more: opsmon status)`}`;
  const value = worst.name.split("/")[0] as string;
  const cell = { method: "USE.E", state, rank: state, value, why, panel: "" } as const;
  return [{ resource: "opsmon", kind: "resource", state, rank: state, why, cells: [cell] }];
}

/** What is critical, and a receiver that refuses: its name has two parts. */
function counts({ name, state }: StatusItem): boolean {
  if (TOLD_ELSEWHERE.has(name)) return false;
  return state === "crit" || (state === "warn" && name.includes("/"));
}
