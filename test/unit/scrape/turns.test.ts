import { expect, test } from "vitest";
import { manualClock } from "../../../src/base/clock.ts";
import { createPageParser, parsePage } from "../../../src/exposition/parse.ts";
import { createTurn } from "../../../src/scrape/turns.ts";

test("a page read in turns is the page read at once, and others run in between", async () => {
  const lines = Array.from({ length: 5_000 }, (_, i) => `many{i="${i}"} ${i}\n`);
  const page = Buffer.from(lines.join(""));
  let elapsed = 0;
  // Each look at the clock finds a millisecond gone, so a turn ends after a few of them.
  const turn = createTurn({ ...manualClock(0), monotonic: () => elapsed++ });
  let others = 0;
  let done = false;
  const beside = (): void => {
    others++;
    if (!done) setImmediate(beside);
  };
  setImmediate(beside);
  const parser = createPageParser();
  const read = await parser.parseInTurns(page, "text", turn);
  done = true;
  expect(others).toBeGreaterThan(1);
  const cold = parsePage(page, "text");
  expect(read.count).toBe(5_000);
  expect([...read.values.subarray(0, 5_000)]).toEqual([...cold.values.subarray(0, 5_000)]);
  expect(read.series.map(({ labels }) => labels.key)).toEqual(cold.series.map(({ labels }) => labels.key));
});

test("a page that breaks in a later turn is refused as a whole", async () => {
  const page = Buffer.from(`${"a 1\n".repeat(1_000)}b x\n`);
  const parser = createPageParser();
  await expect(parser.parseInTurns(page, "text", () => undefined)).rejects.toMatchObject({ code: "bad-exposition" });
  expect(parser.seen).toBe(1_000);
});
