import * as fc from "fast-check";
import { expect, test } from "vitest";
import { crowded, leftOfTurn, nextTurn, overdue, sortedInTurns } from "../../../src/base/turns.ts";

/** Keeps the processor for so long. */
function work(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

/** Runs jobs of some rounds each; `|` is a turn of the loop, in which sockets would be served. */
async function rounds(jobs: readonly string[], ms: number): Promise<string> {
  let seen = "";
  let counting = true;
  const count = (): void => {
    seen += "|";
    if (counting) setImmediate(count);
  };
  setImmediate(count);
  const job = async (name: string): Promise<void> => {
    for (let i = 0; i < 3; i++) {
      await nextTurn();
      seen += name;
      work(ms);
    }
  };
  await Promise.all(jobs.map(job));
  counting = false;
  return seen;
}

test("of long jobs one goes on in each turn of the loop, first come, first served", async () => {
  const seen = await rounds(["a", "b", "c"], 15);
  expect(seen.replaceAll("|", "")).toBe("abcabcabc");
  expect(seen, "two long jobs never share a turn").not.toMatch(/[abc]{2}/);
});

test("short jobs share a turn, up to its time", async () => {
  const names = Array.from({ length: 26 }, (_, i) => String.fromCharCode(97 + i));
  const seen = await rounds(names, 0);
  expect(seen.replaceAll("|", "")).toBe(names.join("").repeat(3));
  expect(seen.replace(/^\|+|\|+$/g, "").split(/\|+/).length).toBeLessThan(20);
});

test("who is new waits behind those who wait", async () => {
  await nextTurn();
  expect(crowded()).toBe(false);
  const waiting = nextTurn();
  expect(crowded()).toBe(true);
  await waiting;
  expect(crowded()).toBe(false);
});

test("work is overdue after some milliseconds, and not at the beginning of the next turn", async () => {
  await nextTurn();
  expect(overdue()).toBe(false);
  work(20);
  expect(overdue()).toBe(true);
  await nextTurn();
  expect(overdue()).toBe(false);
});

test("who goes on gets what the turn has left, and never less than a moment", async () => {
  await nextTurn();
  const whole = leftOfTurn();
  work(2);
  const later = leftOfTurn();
  expect(later).toBeLessThanOrEqual(whole - 2);
  work(20);
  expect(leftOfTurn()).toBeGreaterThan(0);
  expect(leftOfTurn()).toBeLessThanOrEqual(later);
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
