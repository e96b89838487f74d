/**
 * The outbox: desired message versions on disk, one lane per channel that carries them out in order. A newer version
 * of a group takes the place of a queued older one, so an outage of an hour ends in one message, not sixty. What was
 * `sending` when the program died is sent again and marked as a possible repeat.
 */
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { DeliveryRecord } from "../journal/record.ts";
import type { Timestamp } from "../model/sample.ts";
import { DIGEST_EDIT_MS, digestKey, digestOf, joinDigest, memberOf, openDigest, stormDecision } from "./digest.ts";
import type { Change, Memory } from "./memory.ts";
import type { Notification, Receiver } from "./receiver.ts";
import { type ChannelRecord, type DigestMember, type OutRecord, type TellRecord, tellId } from "./records.ts";

/** Versions waiting over all channels; a group has at most one per integration, so this is a storm without digest. */
const QUEUE_MAX = 20_000;

/** Smaller goes first. */
export const PRIORITY = { critical: 0, change: 1, warning: 2, info: 3, digestEdit: 4 } as const;

export interface Connected {
  readonly name: string;
  readonly index: number;
  readonly receiver: Receiver;
}

interface Version {
  readonly groupKey: string;
  readonly receiver: string;
  readonly index: number;
  readonly body: Notification;
  readonly priority: number;
  readonly renew: boolean;
  readonly tried: readonly string[];
}

/** The queue part: what is on its way, by channel and by group. Lanes (lane.ts) take from it. */
export interface Outbox {
  /** Adds a desired version to the change; an older queued version of the same group gives way. */
  enqueue(change: Change, version: Version): void;
  /** What waits in a channel, in no order; `sending` included. */
  waiting(channel: string): readonly OutRecord[];
  /** The queued (not sending) version of one group at one integration. */
  queued(tell: string): OutRecord | undefined;
  /** Folds a storm's new messages into a digest. */
  foldStorm(channel: string): Change | undefined;
  update(change: Change, entry: OutRecord): void;
  remove(change: Change, entry: OutRecord): void;
  /** Does this version need a new message, rather than a change of an earlier one? */
  isFresh(entry: OutRecord): boolean;
  /** Forgets what an integration was told once that is all over and nothing is on its way. */
  forgetTell(change: Change, id: string): void;
  channelRecord(channel: string): ChannelRecord;
  /** Reads the index from memory after a restart; versions for receivers that are gone are dead. */
  restore(): void;
}

export interface OutboxOptions {
  readonly memory: Memory;
  readonly clock: Clock;
  readonly log: Logger;
  readonly connected: (receiver: string, index: number) => Connected | undefined;
}

export function createOutbox(options: OutboxOptions): Outbox {
  return new DiskOutbox(options);
}

class DiskOutbox implements Outbox {
  readonly #options: OutboxOptions;
  readonly #memory: Memory;
  readonly #lanes = new Map<string, Set<string>>();
  readonly #queuedOf = new Map<string, string>();
  #seq = 0;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#memory = options.memory;
  }

  enqueue(change: Change, version: Version): void {
    const id = tellId(version.groupKey, version.receiver, version.index);
    const at = this.#options.clock.now();
    const digest = this.#memory.digest.get(this.#memory.tell.get(id)?.digest ?? "");
    if (digest !== undefined && digest.members[version.groupKey] !== undefined) {
      // In place: a storm changes a thousand members in one turn, and a copy each would be a million.
      (digest.members as Record<string, DigestMember>)[version.groupKey] = memberOf(version.body);
      change.put("digest", digest.id, digest);
      this.#enqueueDigest(change, digest.id, digest.receiver, digest.index, at);
      this.forgetTell(change, id);
      return;
    }
    const older = this.queued(id);
    const body = older === undefined ? version.body : this.#superseded(change, older, version.body, at);
    if (older === undefined && this.#memory.out.size >= QUEUE_MAX) {
      this.#options.log.error("outbox is full; a message is dropped", { receiver: version.receiver });
      change.journal(deliveryOf(version, body, at, "dead", `more than ${QUEUE_MAX} messages wait`));
      return;
    }
    this.#seq = Math.max(this.#seq + 1, at);
    const entry: OutRecord = {
      intent: `i-${(older?.seq ?? this.#seq).toString(36)}-${this.#seq.toString(36)}`,
      seq: older?.seq ?? this.#seq,
      groupKey: version.groupKey,
      receiver: version.receiver,
      index: version.index,
      priority: Math.min(version.priority, older?.priority ?? version.priority),
      state: "queued",
      attempt: 0,
      notBefore: 0,
      createdAt: older?.createdAt ?? at,
      renew: version.renew || older?.renew === true,
      maybeRepeat: older?.maybeRepeat === true,
      forwarded: false,
      tried: version.tried,
    };
    change.put("body", entry.intent, body);
    this.update(change, entry);
  }

  /** Removes the older version and returns the newer one with the resolved alerts that only the older one told. */
  #superseded(change: Change, older: OutRecord, newer: Notification, at: Timestamp): Notification {
    const body = this.#memory.body.get(older.intent);
    this.remove(change, older);
    if (body === undefined) return newer;
    change.journal(deliveryOf(older, body, at, "superseded", "a newer version of the group took its place"));
    return mergeResolved(newer, body);
  }

  #enqueueDigest(change: Change, id: string, receiver: string, index: number, at: Timestamp): void {
    const groupKey = digestKey(id);
    const tell = tellId(groupKey, receiver, index);
    if (this.queued(tell) !== undefined) return;
    const delivered = this.#memory.tell.get(tell)?.delivered;
    this.#seq = Math.max(this.#seq + 1, at);
    this.update(change, {
      intent: `d-${this.#seq.toString(36)}`,
      seq: this.#seq,
      groupKey,
      receiver,
      index,
      priority: delivered === undefined ? PRIORITY.critical : PRIORITY.digestEdit,
      state: "queued",
      attempt: 0,
      notBefore: delivered === undefined ? 0 : delivered.at + DIGEST_EDIT_MS,
      createdAt: at,
      renew: false,
      maybeRepeat: false,
      forwarded: true,
      tried: [],
    });
  }

  foldStorm(channel: string): Change | undefined {
    const at = this.#options.clock.now();
    const fresh = this.waiting(channel)
      .filter((entry) => entry.state !== "sending" && digestOf(entry.groupKey) === undefined)
      .filter((entry) => this.#connected(entry)?.receiver.digests === true && this.isFresh(entry))
      .sort((a, b) => a.seq - b.seq);
    const first = fresh[0];
    if (first === undefined) return undefined;
    const open = openDigest(this.#memory, channel, at);
    const storm = stormDecision(fresh, open, this.channelRecord(channel).freshAt, at);
    if (storm.length === 0) return undefined;
    const change = this.#memory.change();
    // Repeats of messages that exist stay silent edits, or their old message would show "firing" for ever.
    const reminders = storm.filter((entry) => entry.renew && this.#tell(entry)?.delivered !== undefined);
    for (const entry of reminders) this.update(change, { ...entry, renew: false, priority: PRIORITY.info });
    const joining = storm.filter((entry) => !reminders.includes(entry));
    if (joining.length > 0) {
      const lead = joining[0] as OutRecord;
      const digest = open ?? {
        id: `${at.toString(36)}-${first.seq.toString(36)}`,
        receiver: lead.receiver,
        index: lead.index,
        channel,
        startedAt: at,
        joinedAt: at,
        members: {},
      };
      for (const entry of joining) this.#unlist(entry);
      joinDigest(this.#memory, change, digest, joining, at);
      this.#enqueueDigest(change, digest.id, digest.receiver, digest.index, at);
    }
    return change;
  }

  isFresh(entry: OutRecord): boolean {
    const delivered = this.#tell(entry)?.delivered;
    const edits = this.#connected(entry)?.receiver.edits === true;
    if (delivered === undefined || !edits || entry.renew) return true;
    const body = this.#memory.body.get(entry.intent);
    return delivered.status === "resolved" && body !== undefined && body.status !== "resolved";
  }

  update(change: Change, entry: OutRecord): void {
    change.put("out", entry.intent, entry);
    this.#list(entry);
  }

  remove(change: Change, entry: OutRecord): void {
    change.del("out", entry.intent);
    change.del("body", entry.intent);
    this.#unlist(entry);
  }

  queued(tell: string): OutRecord | undefined {
    return this.#memory.out.get(this.#queuedOf.get(tell) ?? "");
  }

  waiting(channel: string): readonly OutRecord[] {
    const intents = this.#lanes.get(channel) ?? new Set();
    return [...intents].flatMap((intent) => this.#memory.out.get(intent) ?? []);
  }

  forgetTell(change: Change, id: string): void {
    const tell = this.#memory.tell.get(id);
    if (tell === undefined || tell.firing.length > 0 || this.queued(id) !== undefined) return;
    change.del("tell", id);
  }

  channelRecord(channel: string): ChannelRecord {
    const known = this.#memory.channel.get(channel);
    const empty = { failures: 0, sentAt: [], freshAt: [], memory: {}, lastError: "", warnings: [] };
    return known ?? { channel, pausedUntil: 0, pauseMs: 0, ...empty };
  }

  restore(): void {
    this.#lanes.clear();
    this.#queuedOf.clear();
    const change = this.#memory.change();
    for (const entry of [...this.#memory.out.values()].sort((a, b) => a.seq - b.seq)) {
      this.#seq = Math.max(this.#seq, entry.seq);
      if (this.#connected(entry) === undefined) {
        const body = this.#memory.body.get(entry.intent);
        this.#options.log.error("a queued message has no receiver any more", { receiver: entry.receiver });
        if (body !== undefined) {
          change.journal(deliveryOf(entry, body, this.#options.clock.now(), "dead", "its receiver left the config"));
        }
        change.del("out", entry.intent);
        change.del("body", entry.intent);
      } else if (entry.state === "sending") {
        this.update(change, { ...entry, state: "queued", maybeRepeat: entry.maybeRepeat || this.isFresh(entry) });
      } else this.#list(entry);
    }
    void change.save();
  }

  #list(entry: OutRecord): void {
    const channel = this.#connected(entry)?.receiver.channel;
    if (channel === undefined) return;
    const lane = this.#lanes.get(channel) ?? new Set();
    lane.add(entry.intent);
    this.#lanes.set(channel, lane);
    const id = tellId(entry.groupKey, entry.receiver, entry.index);
    if (entry.state !== "sending") this.#queuedOf.set(id, entry.intent);
    else if (this.#queuedOf.get(id) === entry.intent) this.#queuedOf.delete(id);
  }

  #unlist(entry: OutRecord): void {
    for (const lane of this.#lanes.values()) lane.delete(entry.intent);
    const id = tellId(entry.groupKey, entry.receiver, entry.index);
    if (this.#queuedOf.get(id) === entry.intent) this.#queuedOf.delete(id);
  }

  #connected(entry: OutRecord): Connected | undefined {
    return this.#options.connected(entry.receiver, entry.index);
  }

  #tell(entry: OutRecord): TellRecord | undefined {
    return this.#memory.tell.get(tellId(entry.groupKey, entry.receiver, entry.index));
  }
}

/** The newer version, with resolved alerts of an older one that nobody heard of yet. */
export function mergeResolved(newer: Notification, older: Notification): Notification {
  const known = new Set(newer.alerts.map((alert) => alert.fingerprint));
  const missed = older.alerts.filter((alert) => alert.status === "resolved" && !known.has(alert.fingerprint));
  if (missed.length === 0) return newer;
  return { ...newer, alerts: [...newer.alerts, ...missed], resolved: newer.resolved + missed.length };
}

/** A delivery as the journal keeps it. */
export function deliveryOf(
  entry: { readonly intent?: string; readonly groupKey: string; readonly receiver: string; readonly attempt?: number },
  body: Notification,
  at: Timestamp,
  outcome: DeliveryRecord["outcome"],
  reason: string,
  more: { readonly integration?: string; readonly externalId?: string | undefined } = {},
): DeliveryRecord {
  return {
    kind: "delivery",
    at,
    intent: entry.intent ?? "",
    receiver: entry.receiver,
    integration: more.integration ?? "",
    groupKey: entry.groupKey,
    status: body.status,
    fingerprints: body.alerts.map((alert) => alert.fingerprint),
    attempt: entry.attempt ?? 0,
    outcome,
    reason,
    ...(more.externalId === undefined ? {} : { externalId: more.externalId }),
  };
}
