/**
 * The notifier's working desk: which alert is in which group, when each group's turn comes, and the turn itself. All
 * groups that are due share one change, so a thousand of them are one write and the outbox sees the storm as a whole.
 */
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { DeliveryRecord, JournalRecord } from "../journal/record.ts";
import type { Alert } from "../model/alert.ts";
import { fingerprint } from "../model/fingerprint.ts";
import type { NotifyConfig, Route } from "../model/routing.ts";
import type { Timestamp } from "../model/sample.ts";
import type { StateOp } from "../state/state.ts";
import { type FlushContext, type Group, flushGroup } from "./flush.ts";
import { groupKey, groupLabels } from "./group.ts";
import { createInhibitor } from "./inhibit.ts";
import { noteAlert } from "./intake.ts";
import type { Change, Memory } from "./memory.ts";
import type { DeliveryJournal } from "./notifier.ts";
import type { Connected, Outbox } from "./outbox.ts";
import { type AlertRecord, type TellRecord, putOp } from "./records.ts";
import { lookup, matchRoutes } from "./route.ts";

/** Alerts held at once; a fleet of this room has thousands of series, not millions of alerts. */
const ALERTS_MAX = 100_000;
/** A tick's batch that is not on disk after this was refused: the alerts are told all the same. */
const COMMIT_GRACE_MS = 10_000;
/** A wall clock set back must not hold a group for longer than this. */
const LOOK_MS = 30_000;

export interface DeskOptions {
  readonly memory: Memory;
  readonly outbox: Outbox;
  readonly journal: DeliveryJournal;
  readonly clock: Clock;
  readonly externalUrl: string;
  readonly integrations: (receiver: string) => readonly Connected[];
  readonly log: Logger;
  /** Called after a turn's change is on disk. */
  readonly onFlushed: () => void;
}

export class Desk {
  readonly #options: DeskOptions;
  readonly #groups = new Map<string, Group>();
  readonly #groupsOf = new Map<string, readonly string[]>();
  readonly #staged = new Map<string, AlertRecord>();
  #config: NotifyConfig;
  #grace: Disposable | undefined;
  #overflow = false;
  #timer: Disposable | undefined;
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(config: NotifyConfig, options: DeskOptions) {
    this.#config = config;
    this.#options = options;
  }

  accept(alerts: readonly Alert[], at: Timestamp): readonly StateOp[] {
    const { memory } = this.#options;
    const ops: StateOp[] = [];
    const joins: JournalRecord[] = [];
    for (const alert of alerts) {
      const id = fingerprint(alert.labels);
      const noted = noteAlert(memory.alert.get(id), alert, id, at);
      if (noted === undefined) {
        this.#staged.delete(id);
        continue;
      }
      if (!memory.alert.has(id) && memory.alert.size + this.#staged.size >= ALERTS_MAX) {
        this.#overflowed(id);
        continue;
      }
      this.#staged.set(id, noted.record);
      if (noted.durable) ops.push(putOp("alert", id, noted.record));
      if (noted.fired) joins.push(...this.#routesOf(noted.record).map((route) => joined(route, noted.record, at)));
    }
    if (this.#staged.size > 0) this.#grace ??= this.#options.clock.after(COMMIT_GRACE_MS, () => this.#unsaved());
    return joins.length === 0 ? ops : [...ops, ...this.#options.journal.ops(joins)];
  }

  #overflowed(id: string): void {
    if (!this.#overflow) {
      this.#options.log.error("too many alerts: more are not told", { limit: ALERTS_MAX, fingerprint: id });
    }
    this.#overflow = true;
  }

  /** The tick could not save; the writer keeps trying, and people hear of it meanwhile. */
  #unsaved(): void {
    this.#options.log.error("a rule tick was not saved; its alerts are told from memory", {
      alerts: this.#staged.size,
    });
    const change = this.#options.memory.change();
    for (const [id, record] of this.#staged) change.put("alert", id, record);
    void change.save();
    this.committed();
  }

  committed(): void {
    this.#grace?.[Symbol.dispose]();
    this.#grace = undefined;
    if (this.#staged.size === 0) return;
    this.#overflow = false;
    for (const [id, record] of this.#staged) {
      this.#options.memory.alert.set(id, record);
      this.#place(record);
    }
    this.#staged.clear();
    this.#schedule();
  }

  /** Rebuilds groups from the records; groups whose route is gone are kept until their messages are over. */
  rebuild(config: NotifyConfig): void {
    this.#config = config;
    const before = new Map(this.#groups);
    this.#groups.clear();
    this.#groupsOf.clear();
    const { memory, clock } = this.#options;
    const tells = new Map<string, TellRecord[]>();
    for (const tell of memory.tell.values()) tells.set(tell.groupKey, [...(tells.get(tell.groupKey) ?? []), tell]);
    const change = memory.change();
    for (const record of memory.alert.values()) {
      this.#place(record);
      if (record.status === "resolved" && this.#groupsOf.get(record.fingerprint)?.length === 0) {
        change.del("alert", record.fingerprint);
      }
    }
    void change.save();
    for (const [key, told] of tells) {
      const live = told.filter((tell) => tell.insteadOf === "" && tell.firing.length > 0);
      const group = this.#groups.get(key) ?? (key.startsWith("{") ? this.#retire(key, live, config) : undefined);
      if (group === undefined) continue;
      group.flushedAt = Math.max(...told.map((tell) => tell.flushedAt));
      group.dueAt = Math.max(clock.now(), group.flushedAt + group.route.groupIntervalMs);
    }
    for (const group of this.#groups.values()) {
      const old = before.get(group.key);
      if (old === undefined) continue;
      group.noted = old.noted;
      group.flushedAt ??= old.flushedAt;
    }
    this.#schedule();
  }

  #retire(key: string, live: readonly TellRecord[], config: NotifyConfig): Group | undefined {
    const [first] = live;
    if (first === undefined || this.#options.integrations(first.receiver).length === 0) return undefined;
    const route: Route = { ...config.route, id: key, receiver: first.receiver, routes: [] };
    const members = new Set(live.flatMap((tell) => tell.firing));
    const group: Group = {
      key,
      route,
      labels: first.groupLabels,
      members,
      retired: true,
      dueAt: this.#options.clock.now(),
      flushedAt: undefined,
      noted: "",
    };
    this.#groups.set(key, group);
    for (const id of members) this.#groupsOf.set(id, [...(this.#groupsOf.get(id) ?? []), key]);
    return group;
  }

  #routesOf(record: AlertRecord): readonly Route[] {
    return matchRoutes(this.#config.route, lookup(record.labels));
  }

  #place(record: AlertRecord): void {
    const id = record.fingerprint;
    const keys = new Set(this.#groupsOf.get(id));
    for (const route of this.#routesOf(record)) {
      const labels = groupLabels(route, record.labels);
      const key = groupKey(route, labels);
      keys.add(key);
      const first = Math.max(record.updatedAt, record.receivedAt + route.groupWaitMs);
      const group = this.#groups.get(key);
      if (group === undefined) {
        const fresh: Group = {
          key,
          route,
          labels,
          members: new Set([id]),
          retired: false,
          dueAt: record.startsAt + route.groupWaitMs <= record.receivedAt ? record.receivedAt : first,
          flushedAt: undefined,
          noted: "",
        };
        if (record.status === "firing" || this.#wasTold(id)) this.#groups.set(key, fresh);
        continue;
      }
      group.members.add(id);
      if (group.flushedAt === undefined) group.dueAt = Math.min(group.dueAt, first);
    }
    this.#groupsOf.set(
      id,
      [...keys].filter((key) => this.#groups.has(key)),
    );
  }

  /** A resolved alert without a group is only of interest where somebody still believes that it fires. */
  #wasTold(id: string): boolean {
    for (const tell of this.#options.memory.tell.values()) if (tell.firing.includes(id)) return true;
    return false;
  }

  /** Lets groups have their turn now: somebody silenced, acknowledged or lifted it. */
  touch(concerns: (group: Group) => boolean): void {
    const now = this.#options.clock.now();
    for (const group of this.#groups.values()) {
      if (group.flushedAt !== undefined && concerns(group)) group.dueAt = Math.min(group.dueAt, now);
    }
    this.#schedule();
  }

  /** The groups an alert is in. */
  groupsOf(id: string): readonly Group[] {
    return (this.#groupsOf.get(id) ?? []).flatMap((key) => this.#groups.get(key) ?? []);
  }

  get groups(): ReadonlyMap<string, Group> {
    return this.#groups;
  }

  get busy(): boolean {
    return this.#running !== undefined || this.#staged.size > 0;
  }

  /** A turn is due at this moment or before. */
  dueBy(at: Timestamp): boolean {
    for (const group of this.#groups.values()) if (group.dueAt <= at) return true;
    return false;
  }

  #schedule(): void {
    if (this.#closed || this.#running !== undefined) return;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    let due = Number.POSITIVE_INFINITY;
    const now = this.#options.clock.now();
    for (const group of this.#groups.values()) {
      // No turn is further away than this, unless the wall clock was set back.
      group.dueAt = Math.min(group.dueAt, now + Math.max(group.route.groupWaitMs, group.route.groupIntervalMs));
      due = Math.min(due, group.dueAt);
    }
    if (due === Number.POSITIVE_INFINITY) return;
    const wait = Math.min(LOOK_MS, Math.max(0, due - now));
    this.#timer = this.#options.clock.after(wait, () => {
      this.#running = this.#turn().finally(() => {
        this.#running = undefined;
        this.#schedule();
      });
    });
  }

  async #turn(): Promise<void> {
    const { memory, clock } = this.#options;
    const at = clock.now();
    const due = [...this.#groups.values()].filter((group) => group.dueAt <= at);
    if (due.length === 0) return;
    const change = memory.change();
    const context = this.context(at);
    for (const group of due) {
      const over = flushGroup(group, context, change);
      group.flushedAt = at;
      group.dueAt = at + group.route.groupIntervalMs;
      for (const id of over) this.#leave(id, group, change);
      if (group.retired) for (const id of group.members) if (!memory.alert.has(id)) group.members.delete(id);
      if (group.members.size === 0) this.#groups.delete(group.key);
    }
    await change.save();
    this.#options.onFlushed();
  }

  /** What a turn knows; also what answers questions about one alert. */
  context(at: Timestamp): FlushContext {
    const { memory, outbox, integrations, externalUrl } = this.#options;
    const firing = [...memory.alert.values()].filter((alert) => alert.status === "firing");
    const inhibitor = createInhibitor(this.#config.inhibitRules, firing);
    return { config: this.#config, memory, outbox, inhibitor, integrations, externalUrl, at };
  }

  #leave(id: string, group: Group, change: Change): void {
    group.members.delete(id);
    const left = (this.#groupsOf.get(id) ?? []).filter((key) => key !== group.key);
    if (left.length > 0) {
      this.#groupsOf.set(id, left);
      return;
    }
    this.#groupsOf.delete(id);
    // A tick in flight may be bringing it back; its record must then survive.
    if (!this.#staged.has(id)) change.del("alert", id);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#grace?.[Symbol.dispose]();
    this.#timer?.[Symbol.dispose]();
    await this.#running;
  }
}

function joined(route: Route, record: AlertRecord, at: Timestamp): DeliveryRecord {
  return {
    kind: "delivery",
    at,
    intent: "",
    receiver: route.receiver,
    integration: "",
    groupKey: groupKey(route, groupLabels(route, record.labels)),
    status: "firing",
    fingerprints: [record.fingerprint],
    attempt: 0,
    outcome: "grouped",
    reason: "joined its group; told at the group's next turn",
  };
}
