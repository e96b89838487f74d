/** A rule manager over real parts: the naive store, the real engine, journal and state store, a clock moved by hand. */
import { manualClock, type ManualClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import { formatProblem } from "../../src/base/problem.ts";
import { openJournal, type Journal } from "../../src/journal/journal.ts";
import type { Alert } from "../../src/model/alert.ts";
import { Labels } from "../../src/model/labels.ts";
import { createEngine } from "../../src/promql/engine.ts";
import { parseRuleFile } from "../../src/rules/file.ts";
import type { RuleGroup } from "../../src/rules/group.ts";
import { createRuleManager, type RuleManager, type RuleManagerOptions } from "../../src/rules/manager.ts";
import { parseSeriesName } from "../../src/rules/series-notation.ts";
import { memoryState } from "../../src/state/memory.ts";
import type { StateStore } from "../../src/state/state.ts";
import { memoryStore, type MemoryStore } from "./memory-store.ts";

export const T0: number = Date.UTC(2026, 0, 2);

/** Groups of a rule file that must be right. */
export function groupsOf(text: string, file = "rules.yml"): readonly RuleGroup[] {
  const { groups, problems } = parseRuleFile(text, file);
  if (problems.some((problem) => problem.severity === "error")) throw new Error(problems.map(formatProblem).join("\n"));
  return groups;
}

export interface RuleRoom {
  readonly store: MemoryStore;
  readonly state: StateStore;
  readonly journal: Journal;
  readonly clock: ManualClock;
  readonly manager: RuleManager;
  /** What the notifier was told, tick by tick. */
  readonly told: (readonly Alert[])[];
  /** Appends one sample to each series, at `T0 + seconds`. "stale" ends it. */
  put(seconds: number, values: Readonly<Record<string, number | "stale">>): Promise<void>;
  /** Evaluates all groups at `T0 + seconds`. */
  tick(seconds: number): Promise<void>;
  /** `alertname{labels} state` of active alerts, sorted. */
  active(): readonly string[];
  /** Everything the store holds of a metric at `T0 + seconds`, as `series value`, sorted. */
  query(expr: string, seconds: number): Promise<readonly string[]>;
  /** `from>to reason` of the journal's transitions. */
  transitions(): Promise<readonly string[]>;
}

export interface RuleRoomOptions {
  readonly rules: string;
  readonly store?: MemoryStore;
  readonly state?: StateStore;
  readonly startSeconds?: number;
  readonly manager?: Partial<RuleManagerOptions>;
}

/** A room whose manager is not started: `manager.start()` restores and begins the slots. */
export async function ruleRoom(options: RuleRoomOptions): Promise<RuleRoom> {
  const store = options.store ?? memoryStore();
  const state = options.state ?? memoryState();
  const clock = manualClock(T0 + (options.startSeconds ?? 0) * 1000);
  const journal = openJournal(state, clock);
  const engine = createEngine({ queryable: store, clock });
  const told: (readonly Alert[])[] = [];
  const manager = createRuleManager({
    engine,
    appendable: store,
    state,
    journal,
    clock,
    log: silentLogger,
    onTick: (alerts) => {
      told.push(alerts);
      return [];
    },
    ...options.manager,
  });
  await manager.apply(groupsOf(options.rules));
  return {
    store,
    state,
    journal,
    clock,
    manager,
    told,
    async put(seconds, values) {
      const appender = store.appender();
      for (const [series, value] of Object.entries(values)) {
        const ref = appender.series(parseSeriesName(series));
        if (value === "stale") appender.appendStale(ref, T0 + seconds * 1000);
        else appender.append(ref, T0 + seconds * 1000, value);
      }
      await appender.commit();
    },
    async tick(seconds) {
      const ahead = T0 + seconds * 1000 - clock.now();
      if (ahead > 0) clock.jump(T0 + seconds * 1000);
      await manager.evaluate(T0 + seconds * 1000);
    },
    active: () => manager.alerts().map(alertText).sort(),
    async query(expr, seconds) {
      const { value } = await engine.instant(expr, T0 + seconds * 1000);
      return value.kind === "vector" ? value.samples.map(({ labels, v }) => `${labels.toString()} ${v}`).sort() : [];
    },
    async transitions() {
      const records = await journal.scan(["transition"], 0, Number.MAX_SAFE_INTEGER);
      return records.map((record) =>
        record.kind === "transition" ? `${record.from}>${record.to} ${record.reason}` : "",
      );
    },
  };
}

export function alertText(alert: Alert): string {
  const { alertname, ...rest } = alert.labels.toJSON();
  return `${alertname}${Labels.from(rest).toString()} ${alert.state}`;
}
