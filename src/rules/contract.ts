/** What the rule manager needs and gives: its options, its answers, the states of rules as screens see them. */
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { Journal } from "../journal/journal.ts";
import type { Alert } from "../model/alert.ts";
import type { Labels } from "../model/labels.ts";
import type { RuleStatus } from "../model/rule-status.ts";
import type { Timestamp } from "../model/sample.ts";
import type { StateOp, StateStore } from "../state/state.ts";
import type { Appendable } from "../storage/storage.ts";
import type { RuleEngine } from "./evaluate.ts";
import type { RuleGroup } from "./group.ts";

export interface RuleManagerOptions {
  readonly engine: RuleEngine;
  readonly appendable: Appendable;
  readonly state: StateStore;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Logger;
  /** Interval of groups that name none; default 1 minute. */
  readonly evaluationIntervalMs?: number;
  readonly queryOffsetMs?: number;
  readonly externalLabels?: Labels;
  /** Base of `generatorUrl` and of `externalURL` in templates. */
  readonly externalUrl?: string;
  /** `resolve`: a vanished element always resolves, as in Prometheus. Default `state`. */
  readonly onNoData?: "state" | "resolve";
  /** An alert without data is closed after this, with that reason; default 1 day. */
  readonly noDataHoldMs?: number;
  /**
   * Called inside each tick with every alert of the evaluated group (resolved ones for 15 minutes after);
   * the operations it returns join the tick's batch.
   */
  readonly onTick?: (alerts: readonly Alert[], at: Timestamp) => readonly StateOp[];
  /** After the batch is durable. */
  readonly onCommitted?: () => void;
}

export interface ClockLeap {
  /** Of the first slot after it. */
  readonly at: Timestamp;
  readonly byMs: number;
}

export interface RuleManager {
  /** Replaces the groups; unchanged rules keep their alerts, removed rules' alerts resolve with that reason. */
  apply(groups: readonly RuleGroup[]): Promise<void>;
  /** Restores stored states and starts the slots; `apply` comes before it and again at each reload. */
  start(): Promise<void>;
  /** Evaluates every group once at `atMs`, in order; for tests, replay and one-shot checks. */
  evaluate(atMs: Timestamp): Promise<void>;
  rules(): readonly RuleStatus[];
  /** Active ones (pending, firing, nodata, error). */
  alerts(): readonly Alert[];
  /** Iterations skipped because an earlier one took too long, since start. */
  missedIterations(): number;
  /** The last time that the clock left slots out: it was set forward, or the machine slept. */
  leap(): ClockLeap | undefined;
  /** Stops the slots and waits for running ticks. States stay stored: the next start goes on with them. */
  close(): Promise<void>;
}
