/** Slots of a group: aligned, spread by name, and never stopped by a clock that jumps. */
import { expect, test } from "vitest";
import { manualClock } from "../../../src/base/clock.ts";
import { runOnSlots, slotBefore, slotOffset } from "../../../src/rules/schedule.ts";

test("the phase depends on the name alone and stays within the interval", () => {
  const phases = Array.from({ length: 200 }, (_, i) => slotOffset(`group ${i}`, 60_000));
  expect(phases.every((phase) => phase >= 0 && phase < 60_000)).toBe(true);
  expect(new Set(phases.map((phase) => Math.floor(phase / 10_000))).size).toBe(6);
  expect(slotOffset("group 1", 60_000)).toBe(phases[1]);
});

test.each([
  [100, 10, 3, 93],
  [103, 10, 3, 103],
  [-1, 10, 0, -10],
])("slotBefore(%i, %i, %i) = %i", (now, interval, offset, want) => {
  expect(slotBefore(now, interval, offset)).toBe(want);
});

async function ticks(
  jump: (clock: ReturnType<typeof manualClock>) => void,
  slowMs = 0,
): Promise<readonly (readonly [at: number, missed: number, leapMs: number])[]> {
  const clock = manualClock(1_000_000_000_000);
  const seen: (readonly [number, number, number])[] = [];
  using _slots = runOnSlots(clock, "g", 10_000, (at, { missed, leapMs }) => {
    seen.push([at, missed, leapMs]);
    return new Promise((resolve) => void clock.after(slowMs, resolve));
  });
  await clock.advance(25_000);
  jump(clock);
  await clock.advance(100_000);
  return seen;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

test("one tick a slot", async () => {
  const seen = await ticks(() => undefined);
  expect(seen.length).toBeGreaterThanOrEqual(12);
  expect(seen.slice(1).every(([at], i) => at - (seen[i]?.[0] as number) === 10_000)).toBe(true);
  expect(seen.every(([, missed, leapMs]) => missed === 0 && leapMs === 0)).toBe(true);
});

test("a tick that takes 25 s makes two slots be missed each time", async () => {
  const seen = await ticks(() => undefined, 25_000);
  expect(sum(seen.map(([, missed]) => missed))).toBeGreaterThanOrEqual(6);
  expect(sum(seen.map(([, , leapMs]) => leapMs))).toBe(0);
});

test.each([0, 12_000])("an hour forward: nothing is missed, the leap is told once (ticks of %i ms)", async (slowMs) => {
  const seen = await ticks((clock) => clock.jump(clock.now() + 3_600_000), slowMs);
  const without = await ticks(() => undefined, slowMs);
  expect(seen.map(([, , leapMs]) => leapMs).filter((leapMs) => leapMs > 0)).toEqual([3_600_000]);
  expect(Math.abs(sum(seen.map(([, missed]) => missed)) - sum(without.map(([, missed]) => missed)))).toBeLessThan(2);
  expect(seen.length).toBeGreaterThanOrEqual(6);
});

test("an hour back: the group goes on within one interval", async () => {
  const seen = await ticks((clock) => clock.jump(clock.now() - 3_600_000));
  expect(seen.length).toBeGreaterThanOrEqual(5);
  expect(seen.every(([, missed, leapMs]) => missed === 0 && leapMs === 0)).toBe(true);
});

test("an hour back and forward again: that is no leap of more than an hour", async () => {
  const seen = await ticks((clock) => {
    clock.jump(clock.now() - 3_600_000);
    clock.after(30_000, () => clock.jump(clock.now() + 3_600_000));
  });
  expect(seen.every(([, missed]) => missed === 0)).toBe(true);
  expect(sum(seen.map(([, , leapMs]) => leapMs))).toBe(3_600_000);
});
