/**
 * Stand-ins: a version that its own receiver refuses, or cannot take for minutes, goes to another receiver with a
 * line that says so. The stand-in keeps a tell record of its own, so it hears of the resolve as well.
 */
import type { Change, Memory } from "./memory.ts";
import type { Connected, Outbox } from "./outbox.ts";
import type { Notification } from "./receiver.ts";
import { type OutRecord, tellId } from "./records.ts";

/** Puts a copy of a version into a stand-in's lane. */
export function forward(
  memory: Memory,
  outbox: Outbox,
  what: {
    readonly change: Change;
    readonly entry: OutRecord;
    readonly body: Notification;
    readonly to: Connected;
    readonly why: string;
  },
): void {
  const { change, entry, body, to } = what;
  const own = tellId(entry.groupKey, entry.receiver, entry.index);
  const id = tellId(entry.groupKey, to.name, to.index);
  const origin = memory.tell.get(own);
  const known = memory.tell.get(id);
  const instead = origin?.insteadOf === undefined || origin.insteadOf === "" ? entry.receiver : origin.insteadOf;
  const firing = body.alerts.filter((alert) => alert.status === "firing").map((alert) => alert.fingerprint);
  change.put("tell", id, {
    groupKey: entry.groupKey,
    receiver: to.name,
    index: to.index,
    groupLabels: body.groupLabels,
    firing,
    status: body.status,
    quiet: origin?.quiet ?? "",
    toldAt: origin?.toldAt ?? entry.createdAt,
    flushedAt: origin?.flushedAt ?? entry.createdAt,
    delivered: known?.delivered,
    digest: known?.digest,
    insteadOf: instead,
  });
  outbox.enqueue(change, {
    groupKey: entry.groupKey,
    receiver: to.name,
    index: to.index,
    body: { ...body, receiver: to.name, insteadOf: `${instead}: ${what.why}` },
    priority: entry.priority,
    renew: false,
    tried: [...entry.tried, `${entry.receiver}/${entry.index}`],
  });
}
