import fc from "fast-check";
import { expect, test } from "vitest";
import { editDistance, nearest } from "../../../src/base/nearest.ts";

test.each([
  ["scrape_intervall", "scrape_interval"],
  ["scrape-interval", "scrape_interval"],
  ["targts", "targets"],
  ["metric_path", "metrics_path"],
  ["zzzzzz", undefined],
  ["x".repeat(5_000), undefined],
])("%s", (word, want) => {
  expect(nearest(word, ["scrape_interval", "scrape_timeout", "targets", "metrics_path"])).toBe(want);
});

test("a distance is symmetric and zero only for equal words", () => {
  const word = fc.string({ maxLength: 12 });
  fc.assert(
    fc.property(word, word, (a, b) => {
      expect(editDistance(a, b)).toBe(editDistance(b, a));
      expect(editDistance(a, b) === 0).toBe(a === b);
    }),
  );
});
