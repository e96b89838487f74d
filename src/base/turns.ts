/**
 * Sharing one event loop. Whoever has long work asks `overdue()` every few thousand operations and, told yes, waits for
 * `nextTurn()`. Those who wait go on first come, first served, as many in one turn of the loop as fit into its time: many
 * short jobs together, but of twenty long ones only one, so that they take the loop no longer at a time than one does.
 * Sockets and timers are served in between.
 */

/** Long work in one turn of the loop, ms: a tenth of the lateness a scrape may show. */
const TURN_MS = 8;
/** Who goes on may work for so long, ms, in a turn however far gone. */
const LEAST_MS = 3;
/** Waiters that may go on in one turn; each costs an entry in the loop's own queue. */
const WAITERS_PER_TURN = 64;

let waiting: (() => void)[] = [];
/** Of `waiting`, those before this have gone on. */
let gone = 0;
let begun = 0;
let counting = false;

function count(): void {
  if (counting) return;
  counting = true;
  begun = performance.now();
  setImmediate(first);
}

/** The loop has come round: a new turn begins. Promise callbacks run between the immediates of one turn. */
function first(): void {
  counting = false;
  const left = waiting.length - gone;
  if (left === 0) return;
  count();
  for (let i = 1; i < Math.min(left, WAITERS_PER_TURN); i++) setImmediate(more);
  release();
}

function more(): void {
  if (performance.now() - begun <= TURN_MS) release();
}

function release(): void {
  const next = waiting[gone];
  if (next === undefined) return;
  if (++gone > 1_000 && gone * 2 > waiting.length) {
    waiting = waiting.slice(gone);
    gone = 0;
  }
  next();
}

/** True when long work has used up this turn of the loop. Costs a look at the clock. */
export function overdue(): boolean {
  count();
  return performance.now() - begun > TURN_MS;
}

/**
 * Time for one who goes on now, ms: what the turn has left, so that many who go on in one turn take no more than one
 * does; not less than a moment, or going on would cost more than what is done.
 */
export function leftOfTurn(): number {
  count();
  return Math.max(LEAST_MS, TURN_MS - (performance.now() - begun));
}

/** True when others wait already, or the turn is used up: what is new then waits behind them. */
export function crowded(): boolean {
  return waiting.length > gone || overdue();
}

/** Lets sockets, timers and earlier waiters go first. */
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
    if (start > 0 && overdue()) await nextTurn();
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
