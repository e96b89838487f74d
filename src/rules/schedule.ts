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

/**
 * Calls `tick` at each slot, one call at a time. A tick that takes longer than the interval makes slots be skipped;
 * `missed` says how many before the next tick.
 */
export function runOnSlots(
  clock: Clock,
  name: string,
  intervalMs: number,
  tick: (at: Timestamp, missed: number) => Promise<void>,
): Disposable {
  const offset = slotOffset(name, intervalMs);
  let timer: Disposable | undefined;
  let stopped = false;
  let target = slotBefore(clock.now(), intervalMs, offset) + intervalMs;
  let lastDue = Number.NEGATIVE_INFINITY;
  const wake = async (): Promise<void> => {
    const now = clock.now();
    const due = slotBefore(now + EARLY_MS, intervalMs, offset);
    const missed = Math.max(0, Math.round((due - target) / intervalMs));
    // Woken early after the clock was set back: the slot is the one already done.
    if (due !== lastDue) await tick(due, missed);
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
