import * as fc from "fast-check";
import { expect, test } from "vitest";
import { nextTurn, overdue, sortedInTurns } from "../../../src/base/turns.ts";

/** Keeps the processor for so long. */
function work(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

test("one long job goes on in each turn of the loop, in order, and sockets come in between", async () => {
  const seen: string[] = [];
  const job = async (name: string): Promise<void> => {
    for (let i = 0; i < 3; i++) {
      await nextTurn();
      seen.push(`${name}${i}`);
    }
  };
  let turns = 0;
  let counting = true;
  const count = (): void => {
    turns++;
    seen.push("|");
    if (counting) setImmediate(count);
  };
  setImmediate(count);
  await Promise.all([job("a"), job("b"), job("c")]);
  counting = false;
  expect(seen.filter((one) => one !== "|")).toEqual(["a0", "b0", "c0", "a1", "b1", "c1", "a2", "b2", "c2"]);
  expect(seen.join(""), "two jobs never share a turn").not.toMatch(/[abc]\d[abc]/);
  expect(turns).toBeGreaterThanOrEqual(9);
});

test("work is overdue after some milliseconds, and not at the beginning of the next turn", async () => {
  await nextTurn();
  expect(overdue()).toBe(false);
  work(20);
  expect(overdue()).toBe(true);
  await nextTurn();
  expect(overdue()).toBe(false);
});

test("sorting in turns sorts as sort does, equal items in their order", async () => {
  const items = fc.array(fc.record({ key: fc.nat(50), at: fc.nat() }), { maxLength: 6_000, size: "max" });
  await fc.assert(
    fc.asyncProperty(items, async (list) => {
      const by = (a: { readonly key: number }, b: { readonly key: number }): number => a.key - b.key;
      expect(await sortedInTurns(list, by)).toEqual([...list].sort(by));
    }),
    { numRuns: 30 },
  );
});
