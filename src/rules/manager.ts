/**
 * Carries out rule groups: evaluates each on its own aligned slots, writes recorded series and the ALERTS series,
 * and keeps every alert's state. One tick of a group is one synced state batch that holds alert states, journal
 * records and whatever the notifier adds (onTick), so no kill can separate a transition from its consequences.
 */
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { Journal } from "../journal/journal.ts";
import type { Alert } from "../model/alert.ts";
import type { Labels } from "../model/labels.ts";
import type { Timestamp } from "../model/sample.ts";
import type { QueryResult } from "../promql/value.ts";
import type { StateOp, StateStore } from "../state/state.ts";
import type { Appendable } from "../storage/storage.ts";
import type { RuleGroup } from "./group.ts";

/** What rules need of the query engine. */
export interface RuleEngine {
  instant(expr: string, atMs: Timestamp): Promise<QueryResult>;
}

export interface RuleManagerOptions {
  readonly engine: RuleEngine;
  readonly appendable: Appendable;
  readonly state: StateStore;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Logger;
  /** Interval of groups that name none. */
  readonly evaluationIntervalMs?: number;
  readonly queryOffsetMs?: number;
  readonly externalLabels?: Labels;
  /** Base of `generatorUrl` and of `externalURL` in templates. */
  readonly externalUrl?: string;
  /** `resolve`: a vanished element always resolves, as Prometheus does. Default `state`. */
  readonly onNoData?: "state" | "resolve";
  readonly noDataHoldMs?: number;
  /**
   * Called inside each tick with every alert of the evaluated group (resolved ones for 15 minutes after);
   * the operations it returns join the tick's batch.
   */
  readonly onTick?: (alerts: readonly Alert[], at: Timestamp) => readonly StateOp[];
  /** After the batch is durable. */
  readonly onCommitted?: () => void;
}

export interface RuleStatusView {
  readonly group: string;
  readonly file: string;
  readonly intervalMs: number;
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

export interface RuleManager {
  /** Replaces the groups; unchanged rules keep their alerts, removed rules' alerts resolve with that reason. */
  apply(groups: readonly RuleGroup[]): Promise<void>;
  /** Restores stored states and starts the slots; `apply` may come before or after. */
  start(): Promise<void>;
  /** Evaluates every group once at `atMs`, in order; for tests, replay and one-shot checks. */
  evaluate(atMs: Timestamp): Promise<void>;
  /** In the shape of `RuleStatus`. */
  rules(): readonly RuleStatusView[];
  /** Active ones (pending, firing, nodata, error). */
  alerts(): readonly Alert[];
  /** Iterations skipped because an earlier one took too long, since start. */
  missedIterations(): number;
  close(): Promise<void>;
}
