/**
 * The notifier's door: alerts of every rule tick in, messages out, with silences and acknowledgements in between.
 *
 * `accept` is pure bookkeeping: it returns records that the rule tick commits in its own batch, so there is no
 * moment at which an alert's new state is on disk and the notifier's duty to tell it is not.
 */
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { JournalRecord } from "../journal/record.ts";
import type { Alert } from "../model/alert.ts";
import type { MatchOp } from "../model/matcher.ts";
import type { NotifyConfig } from "../model/routing.ts";
import type { Timestamp } from "../model/sample.ts";
import type { StateOp, StateStore } from "../state/state.ts";
import type { Picture, Receiver } from "./receiver.ts";
import { NotifierService } from "./service.ts";

/** The part of the journal the notifier needs: records become operations of its own batches. */
export interface DeliveryJournal {
  ops(records: readonly JournalRecord[]): readonly StateOp[];
}

export interface NotifierOptions {
  readonly config: NotifyConfig;
  readonly state: StateStore;
  readonly journal: DeliveryJournal;
  readonly clock: Clock;
  readonly log: Logger;
  /** For links in messages; "" leaves them out. */
  readonly externalUrl?: string;
  /** 0 ≤ x < 1; spreads retries. Default Math.random. */
  readonly random?: () => number;
  /** Fresh ids for silences. Default random UUIDs. */
  readonly newId?: () => string;
  readonly picture?: Picture;
  /** Makes the receivers of one configured receiver; default: the built-in ones. */
  readonly connect?: (config: NotifyConfig, name: string) => readonly Receiver[];
}

interface SilenceMatcher {
  readonly name: string;
  readonly op: MatchOp;
  readonly value: string;
}

export interface Silence {
  readonly id: string;
  readonly matchers: readonly SilenceMatcher[];
  readonly startsAt: Timestamp;
  readonly endsAt: Timestamp;
  readonly updatedAt: Timestamp;
  readonly createdBy: string;
  readonly comment: string;
  /** An acknowledgement: prolonged while what it covers fires, ended when that resolves. */
  readonly ack: { readonly fingerprints: readonly string[]; readonly until: Timestamp } | undefined;
}
export type SilenceState = "pending" | "active" | "expired";

export interface SilenceInput {
  /** Changes an existing silence where given. */
  readonly id?: string;
  readonly matchers: readonly SilenceMatcher[];
  readonly startsAt: Timestamp;
  readonly endsAt: Timestamp;
  readonly createdBy: string;
  readonly comment: string;
}

/** What the notifier knows of one alert, for screens and `/api/v2/alerts`. */
export interface AlertView {
  readonly fingerprint: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: Timestamp;
  readonly endsAt: Timestamp | undefined;
  readonly updatedAt: Timestamp;
  readonly generatorUrl: string;
  readonly state: "active" | "suppressed" | "unprocessed";
  readonly silencedBy: readonly string[];
  readonly inhibitedBy: readonly string[];
  readonly mutedBy: readonly string[];
  readonly receivers: readonly string[];
}

export interface GroupView {
  readonly groupKey: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly receiver: string;
  readonly alerts: readonly AlertView[];
}

/** One channel as `opsmon status` shows it. */
export interface ChannelStatus {
  readonly receiver: string;
  readonly integration: string;
  readonly channel: string;
  readonly queued: number;
  /** Age of the oldest message still waiting, ms; 0 when none waits. */
  readonly oldestMs: number;
  readonly pausedUntil: Timestamp | undefined;
  /** "" when the last attempt succeeded. */
  readonly lastError: string;
  readonly buttons: "on" | "off" | "none";
  readonly warnings: readonly string[];
}

export interface Notifier {
  /**
   * Takes note of alerts that a rule tick touched: firing, and inactive ones just resolved. An alert that is not
   * mentioned keeps its state. Nothing happens until `committed`.
   *
   * @returns operations for the tick's own batch.
   */
  accept(alerts: readonly Alert[], at: Timestamp): readonly StateOp[];
  /** The batch with the operations of `accept` is on disk. */
  committed(): void;
  /** Reads the state back and starts the timers and senders. */
  start(): Promise<void>;
  /** Puts another configuration in force; messages already queued keep their receiver where it still exists. */
  reload(config: NotifyConfig): Promise<void>;
  /** All silences that have not been forgotten, newest first. */
  silences(): readonly (Silence & { readonly state: SilenceState })[];
  /** @throws UserError `bad-silence`, `silence-limit`, `no-such-silence`. */
  silence(input: SilenceInput): Promise<Silence>;
  /** @throws UserError `no-such-silence`. */
  expireSilence(id: string): Promise<void>;
  /** Acknowledges one firing alert. @throws UserError `no-such-alert`. */
  acknowledge(fingerprint: string, author: string, comment: string): Promise<Silence>;
  alerts(): readonly AlertView[];
  groups(): readonly GroupView[];
  channels(): readonly ChannelStatus[];
  /** Sends a test message now, past grouping; resolves with what came of it. @throws UserError `no-such-receiver`. */
  test(receiver: string): Promise<readonly { readonly integration: string; readonly outcome: string }[]>;
  /** Nothing is queued, due or in flight. */
  idle(): boolean;
  /** Stops timers and senders; what is queued stays on disk. */
  close(): Promise<void>;
}

/** Nothing runs before `start`; `accept` before it is a bug. */
export function createNotifier(options: NotifierOptions): Notifier {
  return new NotifierService(options);
}
