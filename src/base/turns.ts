/**
 * Sharing one event loop. Whoever has long work asks `overdue()` every few thousand operations and, told yes, waits for
 * `nextTurn()`. Only one who waits goes on in each turn of the loop, first come, first served: twenty long jobs take
 * the loop no longer at a time than one, and sockets and timers are served in between.
 */

/** Long work in one turn of the loop, ms: a tenth of the lateness a scrape may show. */
const TURN_MS = 8;

const waiting: (() => void)[] = [];
let begun = 0;
let counting = false;

function count(): void {
  if (counting) return;
  counting = true;
  begun = performance.now();
  setImmediate(end);
}

function end(): void {
  counting = false;
  const next = waiting.shift();
  if (next === undefined) return;
  count();
  next();
}

/** True when long work has used up this turn of the loop. Costs a look at the clock. */
export function overdue(): boolean {
  count();
  return performance.now() - begun > TURN_MS;
}

/** Lets sockets, timers and earlier waiters go first; resolves in a turn that no other waiter shares. */
export function nextTurn(): Promise<void> {
  count();
  return new Promise((resolve) => void waiting.push(resolve));
}

/** Sorted with native sort at first, ms of work each; merged from there. */
const RUN_LENGTH = 1_024;

/** A sorted copy, made in turns. Stable. */
export async function sortedInTurns<T>(items: readonly T[], compare: (a: T, b: T) => number): Promise<T[]> {
  let from: T[] = [];
  for (let start = 0; start < items.length; start += RUN_LENGTH) {
    from.push(...items.slice(start, start + RUN_LENGTH).sort(compare));
    if (overdue()) await nextTurn();
  }
  for (let width = RUN_LENGTH; width < from.length; width *= 2) {
    const to: T[] = [];
    for (let start = 0; start < from.length; start += 2 * width) {
      let left = start;
      const middle = Math.min(from.length, start + width);
      let right = middle;
      const end = Math.min(from.length, middle + width);
      while (left < middle || right < end) {
        const takeLeft = right >= end || (left < middle && compare(from[left] as T, from[right] as T) <= 0);
        to.push(from[takeLeft ? left++ : right++] as T);
        if (to.length % RUN_LENGTH === 0 && overdue()) await nextTurn();
      }
    }
    from = to;
  }
  return from;
}
