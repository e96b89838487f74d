/**
 * Time as a port. Live, review and tests differ in the clock they are given, so nothing below
 * `app` reads `Date.now()` or starts a timer by itself.
 */
export interface Clock {
  /** Unix time in milliseconds, integer. May jump when an administrator sets the clock. */
  now(): number;
  /** Milliseconds that never run backwards; only differences mean anything. */
  monotonic(): number;
  /** Calls `fire` once after `delayMs` (0 or more); disposing before then cancels it. */
  after(delayMs: number, fire: () => void): Disposable;
}

/** setTimeout counts in a signed 32-bit number; longer delays are taken in hops. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, fire) {
    let left = delayMs;
    let timer: NodeJS.Timeout;
    const hop = (): void => {
      const wait = Math.min(left, TIMEOUT_MS_MAX);
      left -= wait;
      timer = setTimeout(left > 0 ? hop : fire, wait);
    };
    hop();
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};

/** A clock that a test or a replay moves by hand. Timers fire in order of their due time. */
export interface ManualClock extends Clock {
  /** Moves time forward by `ms`, firing what falls due and letting promise callbacks run in between. */
  advance(ms: number): Promise<void>;
  /** Sets the wall clock without firing timers: an administrator's jump. */
  jump(toMs: number): void;
}

export function manualClock(startMs: number): ManualClock {
  let wall = startMs;
  let elapsed = 0;
  let serial = 0;
  const due = new Map<number, { readonly at: number; readonly fire: () => void }>();
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 8; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
  };
  return {
    now: () => wall,
    monotonic: () => elapsed,
    after(delayMs, fire) {
      const id = serial++;
      due.set(id, { at: elapsed + Math.max(0, delayMs), fire });
      return { [Symbol.dispose]: () => void due.delete(id) };
    },
    async advance(ms) {
      const end = elapsed + ms;
      for (;;) {
        await settle();
        const next = [...due]
          .filter(([, timer]) => timer.at <= end)
          .sort((a, b) => a[1].at - b[1].at || a[0] - b[0])[0];
        if (next === undefined) break;
        due.delete(next[0]);
        wall += next[1].at - elapsed;
        elapsed = next[1].at;
        next[1].fire();
      }
      wall += end - elapsed;
      elapsed = end;
      await settle();
    },
    jump(toMs) {
      wall = toMs;
    },
  };
}
