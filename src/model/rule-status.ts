/** One rule as it stands: what the rules room tells, the API carries and screens show. */
import type { Alert } from "./alert.ts";
import type { Labels } from "./labels.ts";
import type { Timestamp } from "./sample.ts";

export interface RuleStatus {
  readonly group: string;
  readonly file: string;
  readonly intervalMs: number;
  /** Series or alerts one rule of the group may give; absent or 0: no limit. */
  readonly groupLimit?: number;
  readonly name: string;
  readonly kind: "alerting" | "recording";
  readonly expr: string;
  readonly forMs: number;
  readonly keepFiringForMs: number;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly health: "ok" | "err" | "unknown";
  readonly lastError: string;
  readonly lastEvalAt: Timestamp;
  readonly lastDurationMs: number;
  readonly alerts: readonly Alert[];
}
