/** When the engine gives back what learning its first pages took. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { whenLearned } from "../../../src/app/heap.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("the heap is tidied once", () => {
  const cases: readonly { why: string; learnedAfterMs: number; at: number }[] = [
    { why: "pages that are learned leave nothing to wait for", learnedAfterMs: 0, at: 0 },
    { why: "targets that are scraped seldom are waited for", learnedAfterMs: 58_000, at: 60_000 },
    { why: "a target that never answers is not waited for", learnedAfterMs: Infinity, at: 300_000 },
  ];
  test.each(cases)("$why", ({ learnedAfterMs, at }) => {
    const began = Date.now();
    const acts: number[] = [];
    whenLearned(
      () => Date.now() - began >= learnedAfterMs,
      () => acts.push(Date.now() - began),
    );
    vi.advanceTimersByTime(3_600_000);
    expect(acts).toEqual([at]);
  });
});
