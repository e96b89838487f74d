/** Slots of groups that passed without an evaluation: counted and journalled, those a leap of the clock left out apart. */
import type { Logger } from "../base/log.ts";
import type { JournalRecord } from "../journal/record.ts";
import type { Timestamp } from "../model/sample.ts";
import type { ClockLeap } from "./contract.ts";
import type { Passed } from "./schedule.ts";

export const NONE_PASSED: Passed = { missed: 0, leapMs: 0 };

interface Slotted {
  readonly group: { readonly name: string };
  readonly intervalMs: number;
}

export class PassedSlots {
  readonly #log: Logger;
  missed = 0;
  leap: ClockLeap | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** @returns what the journal says. */
  note({ group, intervalMs }: Slotted, at: Timestamp, { missed, leapMs }: Passed): readonly JournalRecord[] {
    const records: JournalRecord[] = [];
    const say = (durationMs: number, error: string): void =>
      void records.push({
        kind: "evaluation",
        at,
        group: group.name,
        rule: "",
        ruleVersion: "",
        durationMs,
        series: 0,
        outcome: "missed",
        error,
      });
    if (missed > 0) {
      this.missed += missed;
      this.#log.warn("rule iterations missed", { group: group.name, missed, interval_ms: intervalMs });
      say(missed * intervalMs, `${missed} iterations missed: an earlier one took too long`);
    }
    if (leapMs > 0) {
      this.leap = { at, byMs: leapMs };
      this.#log.warn("the clock leapt; no rule was evaluated for that time", { group: group.name, by_ms: leapMs });
      say(leapMs, `no iteration for ${leapMs} ms: the clock was set forward, or the machine slept`);
    }
    return records;
  }
}
