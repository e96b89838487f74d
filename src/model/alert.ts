/** One alert as rules make it, notify routes it and screens show it. */
import type { Labels } from "./labels.ts";
import type { Timestamp } from "./sample.ts";

/**
 * `nodata` and `error` are states of their own: an alert whose rule could not be evaluated, or whose
 * source went silent, is never read as resolved.
 */
export type AlertState = "inactive" | "pending" | "firing" | "nodata" | "error";

export interface Alert {
  /** With `alertname`; the identity of the alert. */
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly state: AlertState;
  /** Value of the expression at the last evaluation that returned this element. */
  readonly value: number;
  /** When the expression first returned this element. */
  readonly activeAt: Timestamp;
  readonly firedAt: Timestamp | undefined;
  readonly resolvedAt: Timestamp | undefined;
  /** Last evaluation that touched it. */
  readonly lastEvalAt: Timestamp;
  readonly rule: { readonly group: string; readonly file: string; readonly name: string; readonly expr: string };
  /** Where to look; filled as Prometheus fills `generatorURL`. */
  readonly generatorUrl: string;
}
