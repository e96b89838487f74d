/** Remembered answers are dropped by samples of the time they speak of, and by no others. */
import { expect, it } from "vitest";
import { forgetfulStorage } from "../../../src/app/forgetful-storage.ts";
import { Labels } from "../../../src/model/labels.ts";
import type { Appender } from "../../../src/storage/storage.ts";
import { memoryStore } from "../../support/memory-store.ts";

const NOW = 1_800_000_000_000;

it.each<readonly [agesMs: readonly number[], how: keyof Appender, drops: boolean, why: string]>([
  [[0], "append", false, "the present"],
  [[59_999], "append", false, "late, but nothing has settled there"],
  [[60_000], "append", true, "the last settled moment"],
  [[0, 3_600_000, 0], "append", true, "one old sample among new ones"],
  [[0], "appendStale", false, "a marker of the present"],
  [[90_000], "appendStale", true, "a marker of the past"],
  [[10_000], "appendRow", false, "a row of the present"],
  [[70_000], "appendRow", true, "a row of the past"],
  [[], "append", false, "nothing"],
])("ages %j by %s: %s, %s", async (ages, how, drops) => {
  let forgotten = 0;
  const storage = forgetfulStorage(
    memoryStore(),
    () => forgotten++,
    () => NOW,
  );
  const appender = storage.appender();
  const ref = appender.series(Labels.from({ __name__: "x" }));
  for (const age of ages) {
    if (how === "append") appender.append(ref, NOW - age, 1);
    else if (how === "appendStale") appender.appendStale(ref, NOW - age);
    else appender.appendRow(Float64Array.of(ref), NOW - age, Float64Array.of(1), 1);
  }
  await appender.commit();
  expect(forgotten).toBe(drops ? 1 : 0);
  appender.append(ref, NOW, 1);
  await appender.commit();
  expect(forgotten, "what was committed is not counted again").toBe(drops ? 1 : 0);
});
