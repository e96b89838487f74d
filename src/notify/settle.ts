/**
 * What an attempt's outcome means for the records: done, tried again later, or dead and handed to a stand-in. One
 * change, so a crash leaves either the version still `sending` or everything that follows from its outcome.
 */
import type { Timestamp } from "../model/sample.ts";
import { digestOf, digestOver } from "./digest.ts";
import { forward } from "./forward.ts";
import type { Change, Memory } from "./memory.ts";
import { type Connected, type Outbox, deliveryOf, mergeResolved } from "./outbox.ts";
import { backoffMs, lastMinute } from "./pace.ts";
import type { DeliveryOutcome, Notification } from "./receiver.ts";
import { type ChannelRecord, type OutRecord, tellId } from "./records.ts";

/** Warnings kept per channel for `opsmon status`. */
const WARNINGS_MAX = 10;
/** Longest reason kept; a proxy's HTML page is no reason. */
const REASON_LENGTH_MAX = 300;

export interface Attempted {
  readonly memory: Memory;
  readonly outbox: Outbox;
  readonly entry: OutRecord;
  readonly body: Notification;
  /** It asked for a new message. */
  readonly fresh: boolean;
  readonly connected: Connected;
  readonly outcome: DeliveryOutcome;
  readonly at: Timestamp;
  readonly random: number;
  readonly standIn: (tried: readonly string[]) => Connected | undefined;
}

export interface Settled {
  readonly change: Change;
  /** A channel that got work from this. */
  readonly woken: string | undefined;
}

export function settle(attempted: Attempted): Settled {
  const { memory, outcome } = attempted;
  const change = memory.change();
  change.put("channel", attempted.connected.receiver.channel, nextChannel(attempted));
  switch (outcome.kind) {
    case "sent":
      done(attempted, change, outcome.externalId);
      return { change, woken: undefined };
    case "retry":
      again(attempted, change, outcome);
      return { change, woken: undefined };
    case "dead":
      return { change, woken: dead(attempted, change, outcome.reason) };
  }
}

function note(
  attempted: Attempted,
  change: Change,
  outcome: "sent" | "retry" | "dead",
  reason: string,
  id?: string,
): void {
  const { entry, body, at, connected } = attempted;
  const more = { integration: connected.receiver.integration, externalId: id };
  change.journal(deliveryOf(entry, body, at, outcome, reason.slice(0, REASON_LENGTH_MAX), more));
}

function nextChannel(attempted: Attempted): ChannelRecord {
  const { outbox, outcome, at, connected } = attempted;
  const record = outbox.channelRecord(connected.receiver.channel);
  const failed = outcome.kind === "retry";
  const failures = failed ? record.failures + 1 : 0;
  const wait = failed ? (outcome.retryAfterMs ?? backoffMs(failures, attempted.random)) : 0;
  const warnings = [...new Set([...record.warnings, ...(outcome.warnings ?? [])])];
  return {
    channel: record.channel,
    pausedUntil: failed ? at + wait : 0,
    pauseMs: wait,
    failures,
    sentAt: [...lastMinute(record.sentAt, at), at],
    freshAt: attempted.fresh && outcome.kind === "sent" ? [...lastMinute(record.freshAt, at), at] : record.freshAt,
    memory: { ...record.memory, ...outcome.remember },
    lastError: outcome.kind === "sent" ? "" : outcome.reason.slice(0, REASON_LENGTH_MAX),
    warnings: warnings.slice(-WARNINGS_MAX),
  };
}

function done(attempted: Attempted, change: Change, externalId: string | undefined): void {
  const { memory, outbox, entry, body, at, fresh } = attempted;
  const id = tellId(entry.groupKey, entry.receiver, entry.index);
  const repeat = fresh && entry.maybeRepeat ? "new message, marked as a possible repeat" : "new message";
  outbox.remove(change, entry);
  note(attempted, change, "sent", fresh ? repeat : "message edited", externalId);
  const digest = memory.digest.get(digestOf(entry.groupKey) ?? "");
  const tell = memory.tell.get(id);
  const delivered = { externalId: externalId ?? tell?.delivered?.externalId, status: body.status, at };
  if (digest !== undefined && body.status === "resolved" && digestOver(digest)) {
    change.del("digest", digest.id);
    change.del("tell", id);
  } else if (tell !== undefined) change.put("tell", id, { ...tell, delivered });
  else if (digest !== undefined) {
    change.put("tell", id, {
      groupKey: entry.groupKey,
      receiver: entry.receiver,
      index: entry.index,
      groupLabels: {},
      firing: [digest.id],
      status: body.status,
      quiet: "",
      toldAt: at,
      flushedAt: at,
      delivered,
      digest: undefined,
      insteadOf: "",
    });
  }
  outbox.forgetTell(change, id);
}

function again(attempted: Attempted, change: Change, outcome: DeliveryOutcome & { readonly kind: "retry" }): void {
  const { memory, outbox, entry, body, fresh, at } = attempted;
  const maybeRepeat = entry.maybeRepeat || (outcome.maybeDelivered && fresh);
  const newer = outbox.queued(tellId(entry.groupKey, entry.receiver, entry.index));
  note(attempted, change, "retry", outcome.reason);
  if (newer === undefined || newer.intent === entry.intent) {
    outbox.update(change, { ...entry, state: "retry", maybeRepeat });
    return;
  }
  // A newer version came while this one was under way: it takes over, with what only this one would have told.
  outbox.remove(change, entry);
  change.journal(deliveryOf(entry, body, at, "superseded", "a newer version of the group took its place"));
  const newerBody = memory.body.get(newer.intent);
  if (newerBody !== undefined) change.put("body", newer.intent, mergeResolved(newerBody, body));
  outbox.update(change, { ...newer, maybeRepeat: newer.maybeRepeat || maybeRepeat });
}

function dead(attempted: Attempted, change: Change, reason: string): string | undefined {
  const { memory, outbox, entry, body } = attempted;
  note(attempted, change, "dead", reason);
  outbox.remove(change, entry);
  const next = attempted.standIn([...entry.tried, `${entry.receiver}/${entry.index}`]);
  if (next !== undefined && digestOf(entry.groupKey) === undefined) {
    forward(memory, outbox, { change, entry, body, to: next, why: reason.slice(0, REASON_LENGTH_MAX) });
  } else if (next !== undefined) {
    const integration = { ...body, receiver: next.name, insteadOf: `${entry.receiver}: ${reason}` };
    outbox.enqueue(change, {
      groupKey: `storm/${entry.groupKey}`,
      receiver: next.name,
      index: next.index,
      body: integration,
      priority: entry.priority,
      renew: false,
      tried: [...entry.tried, `${entry.receiver}/${entry.index}`],
    });
  }
  outbox.forgetTell(change, tellId(entry.groupKey, entry.receiver, entry.index));
  return next?.receiver.channel;
}
