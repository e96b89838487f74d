/** What failed its check and where: remembered with a bound, told once to the log, shown in stats and warnings. */
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import { QUARANTINE_MAX, type Quarantined } from "./options.ts";

export class Damage {
  readonly #found = new Map<string, Quarantined>();
  readonly #clock: Clock;
  readonly #log: Logger;

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
  }

  /** Names one damaged thing; naming it again changes nothing. @returns the sentence for a reader. */
  add(what: string, why: string): string {
    if (!this.#found.has(what) && this.#found.size < QUARANTINE_MAX) {
      this.#found.set(what, { what, why, foundAt: this.#clock.now() });
      this.#log.error("stored data is damaged and passed over", { what, why });
    }
    return `${what} is damaged and passed over: ${why}`;
  }

  /** Says once that something is not opsmon's and is left alone; it is no damage. */
  foreign(what: string): void {
    this.#log.warn("a foreign file in the data directory is left alone", { what });
  }

  list(): readonly Quarantined[] {
    return [...this.#found.values()];
  }
}
