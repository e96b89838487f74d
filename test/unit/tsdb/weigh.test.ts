import { expect, test } from "vitest";
import { Labels } from "../../../src/model/labels.ts";
import { createMatcher } from "../../../src/model/matcher.ts";
import { hints } from "../../support/storage-conformance.ts";
import { storeBox, T0 } from "../../support/tsdb.ts";

const m = createMatcher;

test("a guess at a select is near what it reads, and asks no regular expression before", async () => {
  await using box = await storeBox({ chunkRows: 40 });
  const first = box.db.appender();
  const refs = Float64Array.from({ length: 100 }, (_, i) =>
    first.series(Labels.from({ __name__: i < 60 ? "a" : "b", i: String(i), shard: String(i % 4) })),
  );
  await first.commit();
  for (let k = 0; k < 240; k++) {
    const row = box.db.appender();
    row.appendRow(refs, T0 + k * 15_000, new Float64Array(100).fill(k), 100);
    await row.commit();
  }
  const end = T0 + 239 * 15_000;
  const weigh = (...matchers: Parameters<typeof box.db.weigh>[0]) => box.db.weigh(matchers, T0, end);
  for (const { matchers, series, why } of [
    { matchers: [m("__name__", "=", "a")], series: 60, why: "one value's list" },
    { matchers: [m("__name__", "=", "a"), m("shard", "=~", "1|2")], series: 30, why: "both lists" },
    { matchers: [m("__name__", "=", "c")], series: 0, why: "no such value" },
    { matchers: [m("__name__", "=~", ".*")], series: 100, why: "anything" },
    { matchers: [m("__name__", "=", "b"), m("i", "=~", "(6+)+")], series: 40, why: "at most all of b" },
  ]) {
    const guess = weigh(...matchers);
    expect(guess.series, why).toBe(series);
    expect(guess.samples, why).toBeGreaterThanOrEqual(series * 200);
    expect(guess.samples, why).toBeLessThanOrEqual(series * 280);
  }
  const explosive = [m("__name__", "=", "b"), m("i", "=~", "(6+)+")];
  using querier = box.db.querier(T0, end);
  const { series } = await querier.select(explosive, hints(T0, end));
  expect(series).toHaveLength(1);
  expect(weigh(...explosive).series, "what was found is remembered").toBe(1);
  expect(box.db.weigh([m("__name__", "=", "a")], end - 60_000, end).samples).toBeLessThan(60 * 10);
});
