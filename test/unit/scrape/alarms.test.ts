/** Many waits on one timer, against a clock that is moved by hand. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Clock, manualClock } from "../../../src/base/clock.ts";
import { Alarm, Alarms } from "../../../src/scrape/alarms.ts";

/** A clock that counts the timers it was asked for. */
function counting(): {
  readonly clock: ReturnType<typeof manualClock>;
  readonly timers: () => number;
  open: () => number;
} {
  const inner = manualClock(0);
  let made = 0;
  let open = 0;
  const after: Clock["after"] = (delayMs, fire) => {
    made++;
    open++;
    const timer = inner.after(delayMs, () => {
      open--;
      fire();
    });
    return {
      [Symbol.dispose]: () => {
        open--;
        timer[Symbol.dispose]();
      },
    };
  };
  return { clock: { ...inner, after }, timers: () => made, open: () => open };
}

describe("alarms", () => {
  test("a hundred due together are rung by one timer, in the order in which they were due", async () => {
    const { clock, timers } = counting();
    const alarms = new Alarms(clock);
    const rung: number[] = [];
    for (let i = 0; i < 100; i++) alarms.set(new Alarm(() => rung.push(i)), 250);
    await clock.advance(250);
    expect(rung.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(timers()).toBe(1);
  });

  test("a deadline that is taken back costs no timer, and the last one gives its timer back", () => {
    const { clock, timers, open } = counting();
    const alarms = new Alarms(clock);
    const tick = new Alarm(() => undefined);
    const deadline = new Alarm(() => undefined);
    alarms.set(tick, 1_000);
    for (let i = 0; i < 50; i++) {
      alarms.set(deadline, 5_000);
      alarms.clear(deadline);
    }
    expect(timers()).toBe(1);
    alarms.clear(tick);
    expect(open(), "nothing keeps the process alive").toBe(0);
  });

  test("who rings may clear or set those that are due with it", async () => {
    const { clock } = counting();
    const alarms = new Alarms(clock);
    const rung: string[] = [];
    const second = new Alarm(() => rung.push("second"));
    const third = new Alarm(() => rung.push("third"));
    const first = new Alarm(() => {
      rung.push("first");
      alarms.clear(second);
      alarms.set(third, 100);
    });
    alarms.set(first, 10);
    alarms.set(second, 10.5);
    alarms.set(third, 10.5);
    await clock.advance(50);
    expect(rung).toEqual(["first"]);
    await clock.advance(100);
    expect(rung).toEqual(["first", "third"]);
  });

  test("each rings once, when its last setting says, unless cleared", async () => {
    const step = fc.record({
      who: fc.nat(9),
      delay: fc.integer({ min: 0, max: 40 }),
      clear: fc.boolean(),
      pass: fc.nat(8),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { clock, open } = counting();
        const alarms = new Alarms(clock);
        const due = new Map<number, number>();
        const all = Array.from(
          { length: 10 },
          (_, who) =>
            new Alarm(() => {
              const at = due.get(who) as number;
              expect(Math.abs(clock.monotonic() - at), `alarm ${who}`).toBeLessThanOrEqual(1);
              due.delete(who);
            }),
        );
        for (const { who, delay, clear, pass } of steps) {
          if (clear) {
            alarms.clear(all[who] as Alarm);
            due.delete(who);
          } else {
            due.set(who, clock.monotonic() + delay);
            alarms.set(all[who] as Alarm, delay);
          }
          await clock.advance(pass);
          for (const at of due.values()) expect(at).toBeGreaterThan(clock.monotonic());
        }
        await clock.advance(50);
        expect(due.size).toBe(0);
        expect(open()).toBe(0);
      }),
      { numRuns: 60 },
    );
  });
});
