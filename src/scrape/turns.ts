/**
 * Long work in turns: whoever reads a page of 50,000 new series lets the others run every few milliseconds, so one
 * large target does not make the scrapes of the small ones late.
 */
import type { Clock } from "../base/clock.ts";

/** Longest stretch of work without a break. A scrape's time is kept to some 10 ms, so half of that. */
const TURN_MS_MAX = 5;

/** Asked at places where work may be interrupted: undefined means go on, a promise means wait for it. */
export type Turn = () => Promise<void> | undefined;

export function createTurn(clock: Clock): Turn {
  let begun = clock.monotonic();
  return () => {
    if (clock.monotonic() - begun < TURN_MS_MAX) return undefined;
    return new Promise((resolve) => {
      setImmediate(() => {
        begun = clock.monotonic();
        resolve();
      });
    });
  };
}
