import * as fc from "fast-check";
import { expect, test } from "vitest";
import { alignTimestamp, untilNextTick, untilTickAfter } from "../../../src/scrape/schedule.ts";

const rhythm = fc.record({
  intervalMs: fc.integer({ min: 100, max: 3_600_000 }),
  phase: fc.double({ min: 0, max: 0.999, noNaN: true }),
});
const now = fc.integer({ min: -1e12, max: 4e12 });

test("the next tick is ahead, at most one interval away, and ticks are one interval apart", () => {
  fc.assert(
    fc.property(now, rhythm, (at, beat) => {
      const wait = untilNextTick(at, beat);
      expect(wait).toBeGreaterThan(0);
      expect(wait).toBeLessThanOrEqual(beat.intervalMs);
      expect(untilNextTick(at + wait, beat)).toBe(beat.intervalMs);
    }),
  );
});

test("a scrape near its tick carries the tick's time, another carries its own", () => {
  const beat = { intervalMs: 10_000, phase: 0.25 };
  expect([12_499, 12_500, 12_509, 12_511, 12_490, 12_489].map((at) => alignTimestamp(at, beat))).toEqual([
    12_500, 12_500, 12_500, 12_511, 12_500, 12_489,
  ]);
  expect(alignTimestamp(2_502, { intervalMs: 100, phase: 0 })).toBe(2_502);
});

test("a timer that fires early does not make its tick come twice", () => {
  const beat = { intervalMs: 10_000, phase: 0.25 };
  expect(alignTimestamp(12_499, beat)).toBe(12_500);
  expect(untilTickAfter(12_499, 12_500, beat)).toBe(10_001);
  expect(untilTickAfter(12_600, 12_500, beat)).toBe(9_900);
});

test("a clock set back is followed at once, not waited out", () => {
  expect(untilTickAfter(12_600, 3_612_500, { intervalMs: 10_000, phase: 0.25 })).toBe(9_900);
});
