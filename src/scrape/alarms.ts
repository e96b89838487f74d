/**
 * One timer for all that waits: ticks of targets and deadlines of requests, in a heap by due time. A hundred targets that
 * share a slot are woken by one timer, and a deadline that is taken back, as nearly all are, costs no timer at all.
 */
import type { Clock } from "../base/clock.ts";

/** A timer of the system rings up to so much early, and is not set again for the rest. */
const EARLY_MS = 1;
const NOT_SET = -1;
/** Due, and waiting for its turn among those that are due together. */
const RINGING = -2;

/** Something that is woken once each time it is set. Its owner keeps it and sets it again. */
export class Alarm {
  readonly ring: () => void;
  /** On the monotonic clock. */
  due = 0;
  /** Its place in the heap. */
  place: number = NOT_SET;

  constructor(ring: () => void) {
    this.ring = ring;
  }
}

export class Alarms {
  readonly #clock: Clock;
  /** No alarm is due before the one at half its place. */
  readonly #heap: Alarm[] = [];
  #timer: Disposable | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Rings after `delayMs`, and not at the time it was set to before. */
  set(alarm: Alarm, delayMs: number): void {
    this.#remove(alarm);
    alarm.due = this.#clock.monotonic() + delayMs;
    this.#heap.push(alarm);
    this.#rise(alarm, this.#heap.length - 1);
    this.#arm();
  }

  clear(alarm: Alarm): void {
    this.#remove(alarm);
    // Nothing keeps the process alive that nobody waits for.
    if (this.#heap.length === 0) this.#disarm();
  }

  #arm(): void {
    const [first] = this.#heap;
    if (first === undefined || first.due >= this.#timerAt) return;
    this.#disarm();
    this.#timerAt = first.due;
    this.#timer = this.#clock.after(Math.max(0, first.due - this.#clock.monotonic()), () => this.#ring());
  }

  #disarm(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
  }

  #ring(): void {
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
    const now = this.#clock.monotonic() + EARLY_MS;
    const due: Alarm[] = [];
    for (let first = this.#heap[0]; first !== undefined && first.due <= now; first = this.#heap[0]) {
      this.#remove(first);
      first.place = RINGING;
      due.push(first);
    }
    this.#arm();
    for (const alarm of due) {
      // Somebody who rang before may have cleared it, or set it anew.
      if (alarm.place !== RINGING) continue;
      alarm.place = NOT_SET;
      alarm.ring();
    }
  }

  #remove(alarm: Alarm): void {
    const at = alarm.place;
    alarm.place = NOT_SET;
    if (at < 0) return;
    const last = this.#heap.pop() as Alarm;
    if (last === alarm) return;
    this.#sink(last, at);
    this.#rise(last, last.place);
  }

  #rise(alarm: Alarm, from: number): void {
    const heap = this.#heap;
    let at = from;
    while (at > 0) {
      const above = heap[(at - 1) >> 1] as Alarm;
      if (above.due <= alarm.due) break;
      heap[at] = above;
      above.place = at;
      at = (at - 1) >> 1;
    }
    heap[at] = alarm;
    alarm.place = at;
  }

  #sink(alarm: Alarm, from: number): void {
    const heap = this.#heap;
    let at = from;
    for (;;) {
      let next = 2 * at + 1;
      if (next >= heap.length) break;
      const right = heap[next + 1];
      if (right !== undefined && right.due < (heap[next] as Alarm).due) next++;
      const below = heap[next] as Alarm;
      if (below.due >= alarm.due) break;
      heap[at] = below;
      below.place = at;
      at = next;
    }
    heap[at] = alarm;
    alarm.place = at;
  }
}

const known: WeakMap<Clock, Alarms> = new WeakMap();

/** The alarms of a clock: one timer for everybody who waits on it. */
export function alarmsOf(clock: Clock): Alarms {
  let alarms = known.get(clock);
  if (alarms === undefined) known.set(clock, (alarms = new Alarms(clock)));
  return alarms;
}
