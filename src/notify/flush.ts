/**
 * One group's turn through the pipeline: inhibit -> silence -> time intervals -> dedup -> outbox, for every
 * integration of its receiver. All that follows joins one change. What is not told is journalled with its reason.
 */
import type { DeliveryRecord } from "../journal/record.ts";
import type { NotifyConfig, Route } from "../model/routing.ts";
import type { Timestamp } from "../model/sample.ts";
import { clockText, compose, priorityOf } from "./compose.ts";
import type { LabelMap } from "./group.ts";
import type { Inhibitor } from "./inhibit.ts";
import { mutedBy } from "./interval.ts";
import type { Change, Memory } from "./memory.ts";
import type { Connected, Outbox } from "./outbox.ts";
import { type Plan, type Quiet, planTelling } from "./plan.ts";
import { type AlertRecord, type TellRecord, tellId } from "./records.ts";
import { silencesOver } from "./silence.ts";

export interface Group {
  readonly key: string;
  readonly route: Route;
  readonly labels: LabelMap;
  readonly members: Set<string>;
  /** Its route is gone from the configuration: nobody joins, what was told is still resolved. */
  readonly retired: boolean;
  dueAt: Timestamp;
  flushedAt: Timestamp | undefined;
  /** Suppressions already journalled. */
  noted: string;
}

export interface FlushContext {
  readonly config: NotifyConfig;
  readonly memory: Memory;
  readonly outbox: Outbox;
  readonly inhibitor: Inhibitor;
  readonly integrations: (receiver: string) => readonly Connected[];
  readonly externalUrl: string;
  readonly at: Timestamp;
}

/**
 * Plans and enqueues what a group's receiver should hear.
 *
 * @returns fingerprints of resolved members that nobody waits for any more.
 */
export function flushGroup(group: Group, context: FlushContext, change: Change): readonly string[] {
  const { memory, at } = context;
  const alerts = [...group.members].flatMap((id) => memory.alert.get(id) ?? []);
  const firing = alerts.filter((alert) => alert.status === "firing");
  const over = alerts.filter((alert) => alert.status === "resolved").map((alert) => alert.fingerprint);
  const quiet = new Map<string, Quiet>();
  for (const alert of firing) {
    const why = whyQuiet(alert, context);
    if (why !== undefined) quiet.set(alert.fingerprint, why);
  }
  const muted = mutedBy(group.route, context.config.timeIntervals, at);
  journalQuiet(group, context, change, firing, quiet, muted);

  const held = new Set<string>();
  for (const connected of context.integrations(group.route.receiver)) {
    const told = memory.tell.get(tellId(group.key, connected.name, connected.index));
    const ghosts = (told?.firing ?? []).filter((id) => !memory.alert.has(id));
    const plan = planTelling({
      firing: firing.map(({ fingerprint, unknown }) => ({
        fingerprint,
        quiet: quiet.get(fingerprint),
        unknown: unknown ?? "",
      })),
      resolved: [...over, ...ghosts],
      told,
      edits: connected.receiver.edits,
      sendResolved: connected.receiver.sendResolved,
      muted,
      repeatIntervalMs: group.retired ? Number.POSITIVE_INFINITY : group.route.repeatIntervalMs,
      at,
    });
    for (const id of plan.held) held.add(id);
    tell(group, context, change, { plan, connected, told, quiet });
  }
  return over.filter((id) => !held.has(id));
}

/** Why this alert must not be told now; undefined when it may. */
export function whyQuiet(
  alert: AlertRecord,
  context: Pick<FlushContext, "memory" | "inhibitor" | "at">,
): Quiet | undefined {
  const [source] = context.inhibitor.inhibitedBy(alert.fingerprint, alert.labels);
  if (source !== undefined) {
    const name = context.memory.alert.get(source.fingerprint)?.labels["alertname"] ?? source.fingerprint;
    return { cause: "inhibited", text: `inhibited by ${name}`, by: source.fingerprint };
  }
  const [silence] = silencesOver(context.memory.silence.values(), alert.labels, alert.fingerprint, context.at);
  if (silence === undefined) return undefined;
  if (silence.ack !== undefined) {
    return { cause: "acknowledged", text: `acknowledged by ${silence.createdBy}`, by: silence.createdBy };
  }
  const until = clockText(silence.endsAt, context.at);
  return { cause: "silenced", text: `silenced by ${silence.createdBy} until ${until}`, by: silence.createdBy };
}

interface Telling {
  readonly plan: Plan;
  readonly connected: Connected;
  readonly told: TellRecord | undefined;
  readonly quiet: ReadonlyMap<string, Quiet>;
}

function tell(group: Group, context: FlushContext, change: Change, telling: Telling): void {
  const { plan, connected, told } = telling;
  const { at, memory, outbox } = context;
  const id = tellId(group.key, connected.name, connected.index);
  const audible = plan.reason === "first" || plan.reason === "more" || plan.reason === "repeat";
  const next: TellRecord = {
    groupKey: group.key,
    receiver: connected.name,
    index: connected.index,
    groupLabels: group.labels,
    firing: [...plan.shown, ...plan.held],
    status: plan.status,
    quiet: plan.quiet,
    toldAt: audible || told === undefined ? at : told.toldAt,
    flushedAt: at,
    delivered: told?.delivered,
    digest: told?.digest,
    insteadOf: told?.insteadOf ?? "",
  };
  if (plan.reason === undefined) {
    if (plan.forget) {
      change.put("tell", id, { ...next, delivered: plan.shown.length === 0 ? undefined : next.delivered });
      outbox.forgetTell(change, id);
    }
    return;
  }
  const body = compose({
    plan,
    receiver: connected.name,
    groupKey: group.key,
    groupLabels: group.labels,
    externalUrl: context.externalUrl,
    alerts: memory.alert,
    quiet: telling.quiet,
  });
  change.put("tell", id, next);
  const version = { groupKey: group.key, body, priority: priorityOf(plan, body), renew: plan.renew, tried: [] };
  outbox.enqueue(change, { ...version, receiver: connected.name, index: connected.index });
  // Stand-ins that spoke for this receiver hear how it goes on.
  for (const standInId of memory.standIns) {
    const standIn = memory.tell.get(standInId);
    if (standIn?.insteadOf !== connected.name || standIn.groupKey !== group.key || standInId === id) continue;
    change.put("tell", standInId, {
      ...next,
      ...identity(standIn),
      delivered: standIn.delivered,
      digest: standIn.digest,
    });
    const target = { receiver: standIn.receiver, index: standIn.index };
    outbox.enqueue(change, { ...version, ...target, body: { ...body, ...target, insteadOf: connected.name } });
  }
}

function identity(tell: TellRecord): Pick<TellRecord, "receiver" | "index" | "insteadOf"> {
  return { receiver: tell.receiver, index: tell.index, insteadOf: tell.insteadOf };
}

/** One journal record per cause whenever the set of kept-quiet alerts changes. */
function journalQuiet(
  group: Group,
  context: FlushContext,
  change: Change,
  firing: readonly AlertRecord[],
  quiet: ReadonlyMap<string, Quiet>,
  muted: string | undefined,
): void {
  const causes = new Map<string, { outcome: DeliveryRecord["outcome"]; reason: string; fingerprints: string[] }>();
  for (const alert of firing) {
    const why = quiet.get(alert.fingerprint);
    if (why === undefined && muted === undefined) continue;
    const outcome = why === undefined ? "muted" : why.cause === "inhibited" ? "inhibited" : "silenced";
    const reason = why?.text ?? `muted by time interval: ${muted}`;
    const row = causes.get(reason) ?? { outcome, reason, fingerprints: [] };
    row.fingerprints.push(alert.fingerprint);
    causes.set(reason, row);
  }
  const noted = JSON.stringify([...causes.values()]);
  if (noted === group.noted) return;
  group.noted = noted;
  for (const row of causes.values()) {
    change.journal({
      kind: "delivery",
      at: context.at,
      intent: "",
      receiver: group.route.receiver,
      integration: "",
      groupKey: group.key,
      status: row.reason.startsWith("acknowledged") ? "acknowledged" : "firing",
      fingerprints: row.fingerprints,
      attempt: 0,
      outcome: row.outcome,
      reason: row.reason,
    });
  }
}
