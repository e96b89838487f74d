/**
 * Rule groups as rule files state them, checked: every expression parses, every template compiles. Durations
 * are ms. `undefined` means the file leaves it to the global section.
 */
import type { Labels } from "../model/labels.ts";

interface RuleBase {
  /** Canonical text of the expression, as the file has it. */
  readonly expr: string;
  /** The rule's own labels over those of its group; for alerts still templates. */
  readonly labels: Labels;
  /** Hash of the canonical rule text; the same rule has the same version on every machine. */
  readonly version: string;
  /** The rule as YAML, what a RuleVersionRecord keeps. */
  readonly source: string;
  /** 1-based, of the rule in its file. */
  readonly line: number;
}
export interface RecordingRule extends RuleBase {
  readonly kind: "recording";
  /** The metric it writes. */
  readonly name: string;
}
export interface AlertingRule extends RuleBase {
  readonly kind: "alerting";
  /** The `alertname`. */
  readonly name: string;
  readonly forMs: number;
  readonly keepFiringForMs: number;
  readonly annotations: Labels;
}
export type Rule = RecordingRule | AlertingRule;

export interface RuleGroup {
  readonly file: string;
  /** Unique within its file. */
  readonly name: string;
  readonly intervalMs: number | undefined;
  readonly queryOffsetMs: number | undefined;
  /** Most series or alerts a rule of the group may give; 0 = no limit. */
  readonly limit: number;
  readonly rules: readonly Rule[];
  readonly line: number;
}
