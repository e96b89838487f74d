/**
 * The wire form of opsmon's own objects between engine and screen: plain JSON, with numbers JSON lacks as text and
 * label sets as objects. Server and client share this file, so a field cannot mean two things.
 */
import type { Alert, AlertState, Suppression } from "../model/alert.ts";
import { Labels } from "../model/labels.ts";
import type { RuleStatus, TargetStatus } from "./source.ts";

export type WireNumber = number | "NaN" | "+Inf" | "-Inf";

export function wireNumber(value: number): WireNumber {
  if (Number.isFinite(value)) return value;
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}

export function fromWireNumber(value: unknown): number {
  if (typeof value === "number") return value;
  return value === "+Inf" ? Number.POSITIVE_INFINITY : value === "-Inf" ? Number.NEGATIVE_INFINITY : Number.NaN;
}

export interface WireAlert
  extends Omit<Alert, "labels" | "annotations" | "value" | "firedAt" | "resolvedAt" | "suppressed"> {
  readonly labels: Record<string, string>;
  readonly annotations: Record<string, string>;
  readonly value: WireNumber;
  readonly firedAt: number | null;
  readonly resolvedAt: number | null;
  readonly suppressed?: Omit<Suppression, "until"> & { readonly until: number | null };
}

export function alertToWire({ suppressed, ...alert }: Alert): WireAlert {
  return {
    ...alert,
    ...(suppressed === undefined ? {} : { suppressed: { ...suppressed, until: suppressed.until ?? null } }),
    labels: alert.labels.toJSON(),
    annotations: alert.annotations.toJSON(),
    value: wireNumber(alert.value),
    firedAt: alert.firedAt ?? null,
    resolvedAt: alert.resolvedAt ?? null,
  };
}

export function alertFromWire({ suppressed, ...wire }: WireAlert): Alert {
  return {
    ...wire,
    ...(suppressed === undefined ? {} : { suppressed: { ...suppressed, until: suppressed.until ?? undefined } }),
    state: wire.state satisfies AlertState,
    labels: Labels.from(wire.labels),
    annotations: Labels.from(wire.annotations),
    value: fromWireNumber(wire.value),
    firedAt: wire.firedAt ?? undefined,
    resolvedAt: wire.resolvedAt ?? undefined,
  };
}

export interface WireTarget extends Omit<TargetStatus, "labels" | "discovered"> {
  readonly labels: Record<string, string>;
  readonly discovered?: Record<string, string>;
}

export function targetToWire(target: TargetStatus): WireTarget {
  const { discovered, ...rest } = target;
  return {
    ...rest,
    labels: target.labels.toJSON(),
    ...(discovered === undefined ? {} : { discovered: discovered.toJSON() }),
  };
}

export function targetFromWire(wire: WireTarget): TargetStatus {
  const { discovered, ...rest } = wire;
  return {
    ...rest,
    labels: Labels.from(wire.labels),
    ...(discovered === undefined ? {} : { discovered: Labels.from(discovered) }),
  };
}

export interface WireRule extends Omit<RuleStatus, "labels" | "annotations" | "alerts"> {
  readonly labels: Record<string, string>;
  readonly annotations: Record<string, string>;
  readonly alerts: readonly WireAlert[];
}

export function ruleToWire(rule: RuleStatus): WireRule {
  return {
    ...rule,
    labels: rule.labels.toJSON(),
    annotations: rule.annotations.toJSON(),
    alerts: rule.alerts.map(alertToWire),
  };
}

export function ruleFromWire(wire: WireRule): RuleStatus {
  return {
    ...wire,
    labels: Labels.from(wire.labels),
    annotations: Labels.from(wire.annotations),
    alerts: wire.alerts.map(alertFromWire),
  };
}
