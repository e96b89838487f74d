/**
 * The port every receiver implements: one desired message version in, one outcome out. A receiver never retries,
 * paces or remembers by itself: that is the outbox's work, so that it survives a crash.
 */
import type { Timestamp } from "../model/sample.ts";

export type DeliveryStatus = "firing" | "acknowledged" | "resolved";

/** One alert as a message shows it. */
export interface NotifiedAlert {
  readonly fingerprint: string;
  readonly status: "firing" | "resolved";
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: Timestamp;
  readonly endsAt: Timestamp | undefined;
  /** Value of the expression when this version was made; NaN when unknown. */
  readonly value: number | null;
  readonly generatorUrl: string;
  /** Set while the source is silent or its rule fails: the alert is held as firing, not resolved. */
  readonly unknown: "nodata" | "error" | undefined;
  /** Why it is quiet, for a message that stays: "acknowledged by anna", "silenced by bob until 14:00". */
  readonly quiet: string | undefined;
}

/** What a group should look like at a receiver. */
export interface Notification {
  readonly receiver: string;
  /** Identity of the group, as Alertmanager writes it: `{}/{team="db"}:{alertname="X"}`. */
  readonly groupKey: string;
  readonly status: DeliveryStatus;
  readonly groupLabels: Readonly<Record<string, string>>;
  readonly commonLabels: Readonly<Record<string, string>>;
  readonly commonAnnotations: Readonly<Record<string, string>>;
  readonly externalUrl: string;
  /** Firing first, then by start; at most `ALERTS_PER_NOTIFICATION_MAX`. */
  readonly alerts: readonly NotifiedAlert[];
  readonly firing: number;
  readonly resolved: number;
  /** Alerts left out of `alerts`. */
  readonly truncated: number;
  /** Set for a storm's digest: one line per group instead of one per alert. */
  readonly digest: DigestSummary | undefined;
  /** Who acknowledged, when everything that fires is acknowledged. */
  readonly acknowledgedBy: string;
  /** Set when another receiver could not be reached and this one stands in. */
  readonly insteadOf: string;
}

interface DigestSummary {
  readonly groups: number;
  readonly firingGroups: number;
  readonly startedAt: Timestamp;
  /** Biggest first. */
  readonly byName: readonly { readonly name: string; readonly severity: string; readonly alerts: number }[];
}

/** One attempt. */
export interface Delivery {
  /** Intent id: the same for every attempt, usable as an idempotency key. */
  readonly intent: string;
  /** 1 for the first. */
  readonly attempt: number;
  readonly notification: Notification;
  /** Earlier message of this group to change; undefined asks for a new one. */
  readonly edit: string | undefined;
  /** An older message that a new one takes over from (repeat). */
  readonly replaces: string | undefined;
  /** An earlier attempt may have arrived: say so in the message. */
  readonly maybeRepeat: boolean;
  /** Short id that comes back when a person presses a button; "" = no buttons. */
  readonly button: string;
  readonly at: Timestamp;
}

/** Small facts a receiver wants to keep across restarts: a migrated chat id, a missing topic. */
export type ReceiverMemory = Readonly<Record<string, string>>;

export type DeliveryOutcome = {
  /** What the operator should know, e.g. "chat moved to -100…; change chat_id". Logged and shown. */
  readonly warnings?: readonly string[];
  /** Merged into the receiver's memory, saved with the outcome. */
  readonly remember?: ReceiverMemory;
} & (
  | { readonly kind: "sent"; readonly externalId: string | undefined }
  | {
      readonly kind: "retry";
      readonly reason: string;
      /** The other side asked for a pause; it holds for the whole channel. */
      readonly retryAfterMs?: number;
      /** The request may have been carried out although no answer came. */
      readonly maybeDelivered: boolean;
    }
  | {
      readonly kind: "dead";
      readonly reason: string;
    }
);

/** Sends allowed in a sliding window. */
export interface Pace {
  readonly perSecond: number;
  readonly perMinute: number;
}

export interface Receiver {
  readonly integration: string;
  /**
   * Receivers with equal channel share order and pace: one chat of one bot. Must hold no secret.
   */
  readonly channel: string;
  /** An earlier message can be changed in place. */
  readonly edits: boolean;
  /** Many groups may be told in one digest message. */
  readonly digests: boolean;
  readonly sendResolved: boolean;
  readonly pace: Pace | undefined;
  /** @returns the outcome; throws only for bugs. `signal` aborts when the program stops. */
  deliver(delivery: Delivery, memory: ReceiverMemory, signal: AbortSignal): Promise<DeliveryOutcome>;
  /** Starts waiting for button presses; receivers with one bot share one listener through `listenKey`. */
  readonly listener: ButtonListener | undefined;
  close(): Promise<void>;
}

export interface ButtonPress {
  readonly button: string;
  readonly action: "ack" | "silence";
  /** For `createdBy`: user name or id. */
  readonly author: string;
}

export interface ButtonListener {
  /** Same for receivers that share a bot. Must hold no secret. */
  readonly key: string;
  /** Runs until `signal` aborts. `onPress` answers with one line for the person. */
  listen(options: {
    readonly onPress: (press: ButtonPress) => Promise<string>;
    readonly onState: (state: "on" | "off", reason: string) => void;
    readonly signal: AbortSignal;
  }): Promise<void>;
}

/** Draws the expression of an alert, for receivers that can show it. PNG bytes, or undefined when there is none. */
export type Picture = (request: {
  readonly expr: string;
  readonly alert: NotifiedAlert;
  readonly at: Timestamp;
  readonly signal: AbortSignal;
}) => Promise<Uint8Array | undefined>;
