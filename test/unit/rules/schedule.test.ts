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
): Promise<readonly (readonly [number, number])[]> {
  const clock = manualClock(1_000_000_000_000);
  const seen: (readonly [number, number])[] = [];
  using _slots = runOnSlots(clock, "g", 10_000, (at, missed) => {
    seen.push([at, missed]);
    return Promise.resolve();
  });
  await clock.advance(25_000);
  jump(clock);
  await clock.advance(40_000);
  return seen;
}

test("one tick a slot", async () => {
  const seen = await ticks(() => undefined);
  expect(seen.length).toBeGreaterThanOrEqual(6);
  expect(
    seen.slice(1).every(([at, missed], i) => at - (seen[i] as readonly [number, number])[0] === 10_000 && missed === 0),
  ).toBe(true);
});

test("an hour forward: the slots in between are missed once, then it goes on", async () => {
  const seen = await ticks((clock) => clock.jump(clock.now() + 3_600_000));
  expect(seen.reduce((sum, [, missed]) => sum + missed, 0)).toBe(360);
  expect(seen.length).toBeGreaterThanOrEqual(6);
});

test("an hour back: the group goes on within one interval", async () => {
  const seen = await ticks((clock) => clock.jump(clock.now() - 3_600_000));
  expect(seen.length).toBeGreaterThanOrEqual(5);
  expect(seen.every(([, missed]) => missed === 0)).toBe(true);
});
