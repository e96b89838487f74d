/**
 * A wall clock that somebody sets, noticed beside the monotonic one. Samples keep the times they came with; only what
 * would be deleted by a wrong date has to wait.
 */
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { ClockJump } from "./options.ts";

/** A wall clock that moved this much more than time passed was set by somebody … */
const CLOCK_JUMP_MS = 600_000;
/** … and nothing is dropped by age for so long. */
const CLOCK_DISTRUST_MS = 3_600_000;

export class ClockWatch {
  readonly #clock: Clock;
  readonly #log: Logger;
  #wallMinusMono: number;
  #distrustUntil = Number.NEGATIVE_INFINITY;
  #byMs = 0;

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
    this.#wallMinusMono = clock.now() - clock.monotonic();
  }

  /** Looks at the clock; to be called more often than clocks are set. @returns whether its date may be believed. */
  trusts(): boolean {
    const offset = this.#clock.now() - this.#clock.monotonic();
    const byMs = Math.round(offset - this.#wallMinusMono);
    this.#wallMinusMono = offset;
    const mono = this.#clock.monotonic();
    if (Math.abs(byMs) > CLOCK_JUMP_MS) {
      this.#distrustUntil = mono + CLOCK_DISTRUST_MS;
      this.#byMs = byMs;
      this.#log.warn("the wall clock was set; nothing is dropped by age for an hour", { by_ms: byMs });
    }
    return mono >= this.#distrustUntil;
  }

  /** While the clock is not believed: how it was set last. */
  jumps(): readonly ClockJump[] {
    const left = this.#distrustUntil - this.#clock.monotonic();
    if (left <= 0) return [];
    const until = Math.round(this.#clock.now() + left);
    return [{ at: until - CLOCK_DISTRUST_MS, byMs: this.#byMs, until }];
  }
}
