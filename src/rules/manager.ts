/**
 * Carries out rule groups: evaluates each on its own aligned slots, writes recorded series and the ALERTS series,
 * and keeps every alert's state. One tick of a group is one synced state batch that holds alert states, journal
 * records and whatever the notifier adds (onTick), so no kill can separate a transition from its consequences.
 */
import { errorText } from "../base/errors.ts";
import type { JournalRecord } from "../journal/record.ts";
import type { Alert } from "../model/alert.ts";
import { Labels } from "../model/labels.ts";
import type { RuleStatus } from "../model/rule-status.ts";
import type { Timestamp } from "../model/sample.ts";
import type { StateOp } from "../state/state.ts";
import { type ActiveAlert, toAlert } from "./alert-state.ts";
import { type Alerts, activeOnes, alertSeries } from "./alerting.ts";
import type { ClockLeap, RuleManager, RuleManagerOptions } from "./contract.ts";
import type { AlertingRule, Rule, RuleGroup } from "./group.ts";
import { NONE_PASSED, PassedSlots } from "./passed.ts";
import { HEARTBEAT_KEY, afterOutage, lastHeartbeat, readStoredAlerts } from "./restore.ts";
import { type RuleState, alertOps, ruleStates, transitions } from "./rule-state.ts";
import { type Passed, runOnSlots } from "./schedule.ts";
import { Refusal } from "./refusal.ts";
import { type RuleOutcome, type TickContext, endSeries, runTick } from "./tick.ts";
import { versionOps } from "./versions.ts";

export type { RuleManager, RuleManagerOptions } from "./contract.ts";
export type { RuleEngine } from "./evaluate.ts";

const INTERVAL_MS = 60_000;
const NO_DATA_HOLD_MS = 86_400_000;
/** Journal records kept in memory while the disk refuses writes; older ones go first. */
const UNSAVED_MAX = 10_000;

interface Running {
  readonly group: RuleGroup;
  readonly intervalMs: number;
  readonly states: readonly RuleState[];
  slots: Disposable | undefined;
}

export function createRuleManager(options: RuleManagerOptions): RuleManager {
  return new Manager(options);
}

class Manager implements RuleManager {
  readonly #options: RuleManagerOptions;
  readonly #ticks = new Set<Promise<void>>();
  #groups: readonly Running[] = [];
  /** Commits and reloads, one at a time: a notifier's staged alerts belong to one batch. */
  #queue: Promise<unknown> = Promise.resolve();
  #reloading: Promise<void> | undefined;
  #unsaved: JournalRecord[] = [];
  #started = false;
  #closed = false;
  readonly #passed: PassedSlots;
  #restored: TickContext["restored"];
  readonly #refusal = new Refusal();

  constructor(options: RuleManagerOptions) {
    this.#options = options;
    this.#passed = new PassedSlots(options.log);
  }

  async apply(groups: readonly RuleGroup[]): Promise<void> {
    const previous = this.#reloading ?? Promise.resolve();
    const work = (async () => {
      await previous;
      await Promise.allSettled(this.#ticks);
      await this.#replace(groups);
    })();
    this.#reloading = work.catch(() => undefined);
    await work;
  }

  async start(): Promise<void> {
    await this.#reloading;
    if (this.#started || this.#closed) return;
    this.#started = true;
    await this.#restore();
    for (const running of this.#groups) this.#schedule(running);
  }

  async evaluate(atMs: Timestamp): Promise<void> {
    await this.#reloading;
    for (const running of this.#groups) await this.#track(this.#tick(running, atMs, NONE_PASSED));
  }

  rules(): readonly RuleStatus[] {
    return this.#groups.flatMap((running) => running.states.map((state) => this.#status(running, state)));
  }

  alerts(): readonly Alert[] {
    return this.#groups.flatMap(({ group, states }) =>
      states.flatMap(({ rule, alerts }) =>
        rule.kind === "alerting"
          ? activeOnes(alerts).map((alert) => toAlert(alert, group, rule, this.#link(rule)))
          : [],
      ),
    );
  }

  missedIterations(): number {
    return this.#passed.missed;
  }

  leap(): ClockLeap | undefined {
    return this.#passed.leap;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const running of this.#groups) running.slots?.[Symbol.dispose]();
    await this.#reloading;
    await Promise.allSettled(this.#ticks);
    await this.#queue.catch(() => undefined);
  }

  #status({ group, intervalMs }: Running, state: RuleState): RuleStatus {
    const { rule } = state;
    const alerting = rule.kind === "alerting" ? rule : undefined;
    return {
      group: group.name,
      file: group.file,
      intervalMs,
      name: rule.name,
      kind: rule.kind,
      expr: rule.expr,
      forMs: alerting?.forMs ?? 0,
      keepFiringForMs: alerting?.keepFiringForMs ?? 0,
      labels: rule.labels,
      annotations: alerting?.annotations ?? Labels.EMPTY,
      health: state.health,
      lastError: state.lastError,
      lastEvalAt: state.lastEvalAt,
      lastDurationMs: state.lastDurationMs,
      alerts:
        alerting === undefined
          ? []
          : activeOnes(state.alerts).map((alert) => toAlert(alert, group, alerting, this.#link(alerting))),
    };
  }

  #link(rule: Rule): string {
    return `${(this.#options.externalUrl ?? "").replace(/\/$/, "")}/graph?g0.expr=${encodeURIComponent(rule.expr)}&g0.tab=1`;
  }

  #context(group: RuleGroup): TickContext {
    const { engine, appendable, clock, log, externalLabels, externalUrl, onNoData, noDataHoldMs } = this.#options;
    return {
      engine,
      appendable,
      refusal: this.#refusal,
      clock,
      log: log.with({ group: group.name }),
      externalLabels: externalLabels ?? Labels.EMPTY,
      externalUrl: externalUrl ?? "",
      queryOffsetMs: group.queryOffsetMs ?? this.#options.queryOffsetMs ?? 0,
      onNoData: onNoData ?? "state",
      noDataHoldMs: noDataHoldMs ?? NO_DATA_HOLD_MS,
      restored: this.#restored,
    };
  }

  #schedule(running: Running): void {
    const { group, intervalMs } = running;
    const name = `${group.file}\0${group.name}`;
    running.slots = runOnSlots(this.#options.clock, name, intervalMs, async (at, passed) => {
      await this.#reloading;
      if (this.#closed || !this.#groups.includes(running)) return;
      await this.#track(this.#tick(running, at, passed));
    });
  }

  #track(tick: Promise<void>): Promise<void> {
    this.#ticks.add(tick);
    return tick.finally(() => this.#ticks.delete(tick));
  }

  async #tick(running: Running, at: Timestamp, passed: Passed): Promise<void> {
    const { group, states } = running;
    const outcomes = await runTick(group, states, this.#context(group), at);
    const records = [...this.#passed.note(running, at, passed), ...outcomes.flatMap((outcome) => outcome.records)];
    await this.#serially(() => this.#commit(running, outcomes, records, at));
  }

  #serially(work: () => Promise<void>): Promise<void> {
    const next = this.#queue.then(work, work);
    this.#queue = next.catch(() => undefined);
    return next;
  }

  /** Makes a tick durable and visible. A store that refuses keeps the tick visible and owes it to the next one. */
  async #commit(
    { group }: Running,
    outcomes: readonly RuleOutcome[],
    records: readonly JournalRecord[],
    at: Timestamp,
  ): Promise<void> {
    const ops: StateOp[] = [{ kind: "put", key: HEARTBEAT_KEY, value: String(at) }];
    const told: Alert[] = [];
    for (const { state, alerts } of outcomes) {
      const { rule } = state;
      if (rule.kind !== "alerting") continue;
      ops.push(...alertOps(state.key, group, rule, state.stored, alerts));
      for (const alert of alerts.values()) told.push(toAlert(alert, group, rule, this.#link(rule)));
    }
    for (const { state, alerts, series, error, durationMs } of outcomes) {
      state.alerts = alerts;
      state.series = series;
      state.health = error === undefined ? "ok" : "err";
      state.lastError = error ?? "";
      state.lastEvalAt = at;
      state.lastDurationMs = durationMs;
    }
    const saved = await this.#save(ops, records, told, at);
    if (saved) for (const { state, alerts } of outcomes) state.stored = alerts;
  }

  async #save(
    ops: readonly StateOp[],
    records: readonly JournalRecord[],
    told: readonly Alert[],
    at: Timestamp,
  ): Promise<boolean> {
    const { state, onTick, onCommitted, log } = this.#options;
    const owed = [...this.#unsaved, ...records].slice(-UNSAVED_MAX);
    try {
      await state.batch([...ops, ...this.#journalOps(owed), ...(onTick?.(told, at) ?? [])]);
    } catch (error) {
      this.#unsaved = owed;
      log.error("alert states were not saved", { error: errorText(error) });
      return false;
    }
    this.#unsaved = [];
    onCommitted?.();
    return true;
  }

  /** A record the journal refuses (far too long) is lost alone; the alerts of its tick are not. */
  #journalOps(records: readonly JournalRecord[]): readonly StateOp[] {
    return records.flatMap((record) => {
      try {
        return this.#options.journal.ops([record]);
      } catch (error) {
        this.#options.log.error("a journal record was refused", { kind: record.kind, error: errorText(error) });
        return [];
      }
    });
  }

  async #replace(groups: readonly RuleGroup[]): Promise<void> {
    const { clock, state, journal } = this.#options;
    const left = new Map<string, { readonly group: RuleGroup; readonly states: RuleState[] }>();
    for (const { group, states, slots } of this.#groups) {
      slots?.[Symbol.dispose]();
      for (const each of states) {
        const identity = each.key;
        const known = left.get(identity);
        if (known === undefined) left.set(identity, { group, states: [each] });
        else known.states.push(each);
      }
    }
    const at = clock.now();
    this.#groups = groups.map((group) => ({
      group,
      intervalMs: group.intervalMs ?? this.#options.evaluationIntervalMs ?? INTERVAL_MS,
      states: ruleStates(group).map((fresh) => {
        const before = left.get(fresh.key)?.states.shift();
        if (before !== undefined) fresh.inherit(before);
        return fresh;
      }),
      slots: undefined,
    }));
    await this.#serially(async () => {
      const { ops, records } = await versionOps(groups, state, at);
      if (ops.length > 0) await state.batch([...ops, ...journal.ops(records)]);
    });
    for (const { group, states } of left.values()) for (const gone of states) await this.#retire(group, gone, at);
    if (this.#started && !this.#closed) for (const running of this.#groups) this.#schedule(running);
  }

  /** A rule that is no more: its series end, its alerts resolve and everybody is told why. */
  async #retire(group: RuleGroup, gone: RuleState, at: Timestamp): Promise<void> {
    const { rule } = gone;
    await endSeries([...gone.series.values()], this.#options, at);
    if (rule.kind !== "alerting" || gone.stored.size + gone.alerts.size === 0) return;
    await this.#close(gone.key, group, rule, gone.stored, gone.alerts, at, "the rule was removed");
  }

  async #close(
    key: string,
    group: RuleGroup,
    rule: AlertingRule,
    stored: Alerts,
    alerts: Alerts,
    at: Timestamp,
    why: string,
  ): Promise<void> {
    const told = activeOnes(alerts).map((alert) =>
      toAlert(
        { ...alert, base: "inactive", held: undefined, resolvedAt: at, lastEvalAt: at },
        group,
        rule,
        this.#link(rule),
      ),
    );
    const records = transitions(group, rule, alerts, new Map(), at, () => why);
    await this.#serially(async () => {
      await this.#save(alertOps(key, group, rule, stored, new Map()), records, told, at);
    });
  }

  async #restore(): Promise<void> {
    const { state, log, clock } = this.#options;
    const heartbeat = await lastHeartbeat(state);
    const downMs = heartbeat === undefined ? 0 : Math.max(0, clock.now() - heartbeat);
    this.#restored = { at: clock.now(), downMs };
    const owners = new Map<string, RuleState>();
    for (const { states } of this.#groups) for (const each of states) owners.set(each.key, each);
    let restored = 0;
    for (const { rule, group, name, alert } of await readStoredAlerts(state, log)) {
      const owner = owners.get(rule);
      if (owner === undefined) {
        await this.#closeOrphan(rule, group, name, alert);
        continue;
      }
      this.#adoptSeries(owner, alert);
      owner.stored = new Map(owner.stored).set(alert.labels.key, alert);
      owner.alerts = new Map(owner.alerts).set(alert.labels.key, afterOutage(alert, downMs));
      restored++;
    }
    if (restored > 0) log.info("alert states restored", { alerts: restored, down_ms: downMs });
  }

  /** The series the previous run wrote of an alert: they end when it does. */
  #adoptSeries(owner: RuleState, alert: ActiveAlert): void {
    if (owner.rule.kind !== "alerting") return;
    const written = alertSeries(owner.rule, new Map([[alert.labels.key, alert]]));
    owner.series = new Map([...owner.series, ...written.map(({ labels }) => [labels.key, labels] as const)]);
  }

  /** A stored alert whose rule was removed while the program did not run. */
  async #closeOrphan(key: string, groupName: string, name: string, alert: ActiveAlert): Promise<void> {
    const at = this.#options.clock.now();
    const rule: AlertingRule = {
      kind: "alerting",
      name,
      expr: "",
      labels: Labels.EMPTY,
      version: "",
      source: "",
      line: 0,
      forMs: 0,
      keepFiringForMs: 0,
      annotations: Labels.EMPTY,
    };
    const group: RuleGroup = {
      file: "",
      name: groupName,
      intervalMs: undefined,
      queryOffsetMs: undefined,
      limit: 0,
      rules: [rule],
      line: 0,
    };
    const alerts: Alerts = new Map([[alert.labels.key, alert]]);
    const series = alertSeries(rule, alerts).map(({ labels }) => labels);
    await endSeries(series, this.#options, at);
    await this.#close(key, group, rule, alerts, alerts, at, "the rule was removed while opsmon did not run");
  }
}
