/**
 * The notifier's records in the state store: their keys and shapes. One prefix, one JSON object a record, so that
 * everything a restart needs is read back with one scan.
 */
import type { Timestamp } from "../model/sample.ts";
import type { StateOp } from "../state/state.ts";
import type { DeliveryStatus, Notification, ReceiverMemory } from "./receiver.ts";

/** All of the notifier's keys, and the first key after them ("0" follows "/" in ASCII). */
export const PREFIX = "notify/";
export const PREFIX_END = "notify0";

/** The notifier's own view of one alert: enough to tell about it after a restart. */
export interface AlertRecord {
  readonly fingerprint: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly status: "firing" | "resolved";
  readonly unknown: "nodata" | "error" | undefined;
  readonly startsAt: Timestamp;
  readonly endsAt: Timestamp | undefined;
  /** Null stands for NaN and infinities, which JSON has not. */
  readonly value: number | null;
  readonly generatorUrl: string;
  readonly expr: string;
  /** When this firing episode reached the notifier: group_wait counts from here. */
  readonly receivedAt: Timestamp;
  readonly updatedAt: Timestamp;
}

/** What one integration was told about one group, or is about to be told by the outbox. */
export interface TellRecord {
  readonly groupKey: string;
  readonly receiver: string;
  /** Position of the integration in its receiver. */
  readonly index: number;
  readonly groupLabels: Readonly<Record<string, string>>;
  /** Fingerprints told as firing. */
  readonly firing: readonly string[];
  readonly status: DeliveryStatus;
  /** Who keeps which alert quiet, and which is unknown; a change is worth a silent edit. */
  readonly quiet: string;
  /** Last version that people hear. */
  readonly toldAt: Timestamp;
  readonly flushedAt: Timestamp;
  /** The last version that arrived. */
  readonly delivered:
    | { readonly externalId: string | undefined; readonly status: DeliveryStatus; readonly at: Timestamp }
    | undefined;
  /** The storm digest that speaks for this group. */
  readonly digest: string | undefined;
  /** Set when this integration stands in for another one: that one's name. */
  readonly insteadOf: string;
}

/** One desired version on its way. */
export interface OutRecord {
  readonly intent: string;
  /** Order within the channel. */
  readonly seq: number;
  readonly groupKey: string;
  readonly receiver: string;
  readonly index: number;
  readonly priority: number;
  /** `sending` on disk at start means: nobody knows whether it arrived. */
  readonly state: "queued" | "sending" | "retry";
  readonly attempt: number;
  readonly notBefore: Timestamp;
  readonly createdAt: Timestamp;
  /** People must hear it: a new message even where an old one could be edited. */
  readonly renew: boolean;
  readonly maybeRepeat: boolean;
  /** A stand-in was already asked. */
  readonly forwarded: boolean;
  /** Receivers that refused it, first the one it was meant for. */
  readonly tried: readonly string[];
}

export interface ChannelRecord {
  readonly channel: string;
  readonly pausedUntil: Timestamp;
  /** Length of that pause: a wall clock set back must not make it longer. */
  readonly pauseMs: number;
  /** Failures in a row, for the exponential wait. */
  readonly failures: number;
  /** Requests of the last minute, for the pace. */
  readonly sentAt: readonly Timestamp[];
  /** New messages of the last minute, for storm detection. */
  readonly freshAt: readonly Timestamp[];
  readonly memory: ReceiverMemory;
  readonly lastError: string;
  readonly warnings: readonly string[];
}

export interface DigestMember {
  readonly name: string;
  readonly severity: string;
  readonly firing: number;
  readonly status: DeliveryStatus;
}
export interface DigestRecord {
  readonly id: string;
  readonly receiver: string;
  readonly index: number;
  readonly channel: string;
  readonly startedAt: Timestamp;
  readonly joinedAt: Timestamp;
  readonly members: Readonly<Record<string, DigestMember>>;
}

export interface SilenceRecord {
  readonly id: string;
  readonly matchers: readonly {
    readonly name: string;
    readonly op: "=" | "!=" | "=~" | "!~";
    readonly value: string;
  }[];
  readonly startsAt: Timestamp;
  readonly endsAt: Timestamp;
  readonly updatedAt: Timestamp;
  readonly createdBy: string;
  readonly comment: string;
  readonly ack: { readonly fingerprints: readonly string[]; readonly until: Timestamp } | undefined;
}

/** Every kind of record with its shape. */
export interface RecordShapes {
  readonly alert: AlertRecord;
  readonly tell: TellRecord;
  readonly out: OutRecord;
  readonly body: Notification;
  readonly channel: ChannelRecord;
  readonly digest: DigestRecord;
  readonly silence: SilenceRecord;
}
export type RecordKind = keyof RecordShapes;

export function recordKey(kind: RecordKind, id: string): string {
  return `${PREFIX}${kind}/${id}`;
}

/** Kind and id of a key; undefined for a key that is none of ours. */
export function parseKey(key: string): { readonly kind: string; readonly id: string } | undefined {
  const match = /^notify\/([a-z]+)\/([\s\S]+)$/.exec(key);
  return match === null ? undefined : { kind: match[1] as string, id: match[2] as string };
}

export function putOp<K extends RecordKind>(kind: K, id: string, value: RecordShapes[K]): StateOp {
  return { kind: "put", key: recordKey(kind, id), value: JSON.stringify(value) };
}

export function delOp(kind: RecordKind, id: string): StateOp {
  return { kind: "del", key: recordKey(kind, id) };
}

/** Identity of a tell record: one integration, one group. */
export function tellId(groupKey: string, receiver: string, index: number): string {
  return `${receiver}\u0000${index}\u0000${groupKey}`;
}
