/**
 * When a group is evaluated: on slots of its interval, shifted by a hash of its name so that groups spread out and
 * keep their phase over restarts. Slots come from the wall clock at each wake, so a jump of it moves the next slot
 * instead of stopping the group.
 */
import type { Clock } from "../base/clock.ts";
import type { Timestamp } from "../model/sample.ts";

/** Timers may fire a little before the wall clock says so. */
const EARLY_MS = 50;

/** FNV-1a, 32 bits: spreads names well enough over one interval. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) h = Math.imul(h ^ byte, 0x01000193);
  return h >>> 0;
}

/** The phase of a group within its interval, ms. */
export function slotOffset(name: string, intervalMs: number): number {
  return hash(name) % intervalMs;
}

/** The latest slot at or before `now`. */
export function slotBefore(now: Timestamp, intervalMs: number, offsetMs: number): Timestamp {
  return Math.floor((now - offsetMs) / intervalMs) * intervalMs + offsetMs;
}

/** What passed before a tick without one. */
export interface Passed {
  /** Slots that passed while an earlier tick took too long. */
  readonly missed: number;
  /** How far the wall clock went ahead of the time that passed, ms: it was set, or the machine slept. 0: not by a slot. */
  readonly leapMs: number;
}

/**
 * Calls `tick` at each slot, one call at a time. A tick that takes longer than the interval makes slots be skipped, and so
 * does a clock that is set forward; the next tick is told of both, apart.
 */
export function runOnSlots(
  clock: Clock,
  name: string,
  intervalMs: number,
  tick: (at: Timestamp, passed: Passed) => Promise<void>,
): Disposable {
  const offset = slotOffset(name, intervalMs);
  let timer: Disposable | undefined;
  let stopped = false;
  let target = slotBefore(clock.now(), intervalMs, offset) + intervalMs;
  let lastDue = Number.NEGATIVE_INFINITY;
  /** When `target` was set. */
  let since = { wall: clock.now(), monotonic: clock.monotonic() };
  const passedBefore = (due: Timestamp, now: Timestamp): Passed => {
    const passed = Math.max(0, Math.round((due - target) / intervalMs));
    const lived = clock.monotonic() - since.monotonic;
    const missed = Math.min(passed, Math.max(0, Math.floor((since.wall + lived + EARLY_MS - target) / intervalMs)));
    return { missed, leapMs: missed === passed ? 0 : Math.round(now - since.wall - lived) };
  };
  const wake = async (): Promise<void> => {
    const now = clock.now();
    const due = slotBefore(now + EARLY_MS, intervalMs, offset);
    const passed = passedBefore(due, now);
    since = { wall: now, monotonic: clock.monotonic() };
    // Woken early after the clock was set back: the slot is the one already done.
    if (due !== lastDue) await tick(due, passed);
    lastDue = due;
    if (stopped) return;
    // From the slot just done, so that slots which passed meanwhile are counted as missed at the next wake; a clock
    // that was set back starts anew.
    target = Math.min(due, slotBefore(clock.now(), intervalMs, offset)) + intervalMs;
    arm();
  };
  const arm = (): void => {
    const now = clock.now();
    // A slot that has passed already runs at once, at the latest slot; a clock set back must not stop the group.
    const wait = Math.min(Math.max(0, target - now), intervalMs);
    timer = clock.after(wait, () => void wake());
  };
  arm();
  return {
    [Symbol.dispose]: () => {
      stopped = true;
      timer?.[Symbol.dispose]();
    },
  };
}
