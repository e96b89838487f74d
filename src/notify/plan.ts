/**
 * The dedup stage: what a group looks like now and what an integration was told, in; whether to tell, why, and what
 * it will then have been told, out. Pure. The rules are Alertmanager's (first, more alerts, resolved, repeat) with
 * two of our own: a receiver that edits also hears of acknowledgements, and a resolved is told to everyone who was
 * told of the firing, silenced or not, so that no chat shows "firing" for ever.
 */
import type { Timestamp } from "../model/sample.ts";
import type { DeliveryStatus } from "./receiver.ts";
import type { TellRecord } from "./records.ts";

/** Why an alert must not be told now. */
export interface Quiet {
  readonly cause: "acknowledged" | "silenced" | "inhibited";
  /** "acknowledged by anna", "silenced by bob until …", for the message and the journal. */
  readonly text: string;
  readonly by: string;
}

export interface PlanInput {
  readonly firing: readonly {
    readonly fingerprint: string;
    readonly quiet: Quiet | undefined;
    readonly unknown: string;
  }[];
  readonly resolved: readonly string[];
  readonly told: TellRecord | undefined;
  readonly edits: boolean;
  readonly sendResolved: boolean;
  /** The time interval that keeps the route quiet. */
  readonly muted: string | undefined;
  readonly repeatIntervalMs: number;
  readonly at: Timestamp;
}

export interface Plan {
  /** Undefined: nothing to tell. */
  readonly reason: "first" | "more" | "resolved" | "repeat" | "quiet" | undefined;
  /** People must hear it again: a new message instead of an edit. */
  readonly renew: boolean;
  /** Fingerprints to show as firing and as resolved. */
  readonly shown: readonly string[];
  readonly resolved: readonly string[];
  readonly status: DeliveryStatus;
  readonly quiet: string;
  /** Resolved alerts that must wait (muted): they stay members of the group. */
  readonly held: readonly string[];
  /** What to remember although nothing is sent: a resolve that this integration does not want to hear. */
  readonly forget: boolean;
}

export function planTelling(input: PlanInput): Plan {
  const { told } = input;
  const toldFiring = new Set(told?.firing);
  const loud = input.firing.filter((alert) => alert.quiet === undefined && input.muted === undefined);
  const shown = input.firing.filter(
    (alert) => toldFiring.has(alert.fingerprint) || (alert.quiet === undefined && input.muted === undefined),
  );
  const over = input.resolved.filter((fingerprint) => toldFiring.has(fingerprint));
  const holds = input.muted !== undefined && !input.edits;
  const resolved = holds ? [] : over;
  const status: DeliveryStatus =
    shown.length === 0
      ? "resolved"
      : shown.every((alert) => alert.quiet?.cause === "acknowledged")
        ? "acknowledged"
        : "firing";
  const quiet = shown
    .map((alert) => `${alert.fingerprint}:${alert.quiet?.text ?? ""}:${alert.unknown}`)
    .filter((text) => !text.endsWith("::"))
    .sort()
    .join("\n");

  const joined = loud.some((alert) => !toldFiring.has(alert.fingerprint));
  const due = told !== undefined && input.at - told.toldAt >= input.repeatIntervalMs;
  let reason: Plan["reason"];
  if (joined) reason = toldFiring.size === 0 ? "first" : "more";
  else if (resolved.length > 0 && input.sendResolved) reason = "resolved";
  else if (loud.length > 0 && toldFiring.size > 0 && due) reason = "repeat";
  else if (input.edits && shown.length > 0 && told !== undefined && quiet !== told.quiet) reason = "quiet";
  return {
    reason,
    renew: reason === "repeat",
    shown: shown.map((alert) => alert.fingerprint),
    resolved: input.sendResolved ? resolved : [],
    status,
    quiet,
    held: holds ? over : [],
    forget: reason === undefined && resolved.length > 0,
  };
}
