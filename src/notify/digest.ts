/**
 * Storms: when many groups want a new message in one chat, one digest message speaks for all of them and is edited
 * as they change. Decides what joins, keeps the members' state, and builds the digest's notification.
 */
import { Labels } from "../model/labels.ts";
import type { Timestamp } from "../model/sample.ts";
import { common } from "./group.ts";
import type { Change, Memory } from "./memory.ts";
import { lastMinute } from "./pace.ts";
import type { Notification } from "./receiver.ts";
import { type DigestMember, type DigestRecord, type OutRecord, tellId } from "./records.ts";

/** More new messages than this waiting at once for one chat are a storm. */
const STORM_WAITING = 5;
/** New messages of one minute, waiting ones included, that are a storm as well: a steady drizzle. */
const STORM_PER_MINUTE = 8;
/** New messages a chat gets in a minute while a digest is open; critical groups may use what is left. */
const STORM_MESSAGES_MAX = 3;
/** A digest takes new groups in until nobody joined for so long. */
const OPEN_MS = 300_000;
/** Members kept; what comes later is only counted by the total of the next digest. */
const MEMBERS_MAX = 10_000;
/** Between two edits of one digest. */
export const DIGEST_EDIT_MS = 15_000;
/** Names listed in a digest. */
const NAMES_MAX = 40;

const DIGEST_KEY = "digest/";
export function digestKey(id: string): string {
  return DIGEST_KEY + id;
}
export function digestOf(groupKey: string): string | undefined {
  return groupKey.startsWith(DIGEST_KEY) ? groupKey.slice(DIGEST_KEY.length) : undefined;
}

/** Which of the waiting new messages go into a digest, and into which. */
export function stormDecision(
  waiting: readonly OutRecord[],
  open: DigestRecord | undefined,
  freshAt: readonly Timestamp[],
  at: Timestamp,
): readonly OutRecord[] {
  const recent = lastMinute(freshAt, at).length;
  if (open === undefined) {
    const drizzle = waiting.length >= 2 && waiting.length + recent > STORM_PER_MINUTE;
    return waiting.length > STORM_WAITING || drizzle ? waiting : [];
  }
  let left = Math.max(0, STORM_MESSAGES_MAX - recent);
  return waiting.filter((entry) => entry.priority > 0 || left-- <= 0);
}

/** The digest of this channel that still takes groups in. */
export function openDigest(memory: Memory, channel: string, at: Timestamp): DigestRecord | undefined {
  for (const digest of memory.digest.values()) {
    if (digest.channel !== channel || at - digest.joinedAt >= OPEN_MS) continue;
    if (Object.keys(digest.members).length < MEMBERS_MAX) return digest;
  }
  return undefined;
}

export function memberOf(body: Notification): DigestMember {
  return {
    name: body.commonLabels["alertname"] ?? Labels.from(body.groupLabels).toString(),
    severity: body.commonLabels["severity"] ?? "",
    firing: body.firing,
    status: body.status,
  };
}

/** Takes the entries' groups into the digest; their own messages are superseded. */
export function joinDigest(
  memory: Memory,
  change: Change,
  digest: DigestRecord,
  entries: readonly OutRecord[],
  at: Timestamp,
): DigestRecord {
  const members: Record<string, DigestMember> = { ...digest.members };
  for (const entry of entries) {
    const body = memory.body.get(entry.intent);
    if (body === undefined) continue;
    members[entry.groupKey] = memberOf(body);
    change.del("out", entry.intent);
    change.del("body", entry.intent);
    change.journal({
      kind: "delivery",
      at,
      intent: entry.intent,
      receiver: entry.receiver,
      integration: "",
      groupKey: entry.groupKey,
      status: body.status,
      fingerprints: body.alerts.map((alert) => alert.fingerprint),
      attempt: entry.attempt,
      outcome: "grouped",
      reason: `told by digest ${digest.id} with ${entries.length} groups, because many groups fire at once`,
    });
    const id = tellId(entry.groupKey, entry.receiver, entry.index);
    const tell = memory.tell.get(id);
    if (tell === undefined) continue;
    if (tell.firing.length === 0) change.del("tell", id);
    else change.put("tell", id, { ...tell, digest: digest.id });
  }
  const joined = { ...digest, joinedAt: at, members };
  change.put("digest", digest.id, joined);
  return joined;
}

/** Everything told and over: the digest may be forgotten. */
export function digestOver(digest: DigestRecord): boolean {
  return Object.values(digest.members).every((member) => member.status === "resolved");
}

/** The digest as a notification: counts by name, biggest first. */
export function digestNotification(digest: DigestRecord, externalUrl: string): Notification {
  const members = Object.values(digest.members);
  const live = members.filter((member) => member.status !== "resolved");
  const counted = new Map<string, { name: string; severity: string; alerts: number }>();
  for (const { name, severity, firing, status } of members) {
    const key = `${name}\u0000${severity}`;
    const row = counted.get(key) ?? { name, severity, alerts: 0 };
    if (status !== "resolved") row.alerts += firing;
    counted.set(key, row);
  }
  const labels = common(members.map(({ name, severity }) => ({ alertname: name, severity })));
  const firing = live.reduce((sum, member) => sum + member.firing, 0);
  return {
    receiver: digest.receiver,
    groupKey: digestKey(digest.id),
    status: live.length === 0 ? "resolved" : live.every((m) => m.status === "acknowledged") ? "acknowledged" : "firing",
    groupLabels: {},
    commonLabels: labels,
    commonAnnotations: {},
    externalUrl,
    alerts: [],
    firing,
    resolved: members.length - live.length,
    truncated: firing,
    digest: {
      groups: members.length,
      firingGroups: live.length,
      startedAt: digest.startedAt,
      byName: [...counted.values()]
        .sort((a, b) => b.alerts - a.alerts || (a.name < b.name ? -1 : 1))
        .slice(0, NAMES_MAX),
    },
    acknowledgedBy: "",
    insteadOf: "",
  };
}
