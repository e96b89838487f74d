/** Groups that keep old log files: sealed for them, but never all in one round, and no writer waits for all of it. */
import { describe, expect, test } from "vitest";
import { Labels } from "../../../src/model/labels.ts";
import { createMatcher } from "../../../src/model/matcher.ts";
import type { Tsdb } from "../../../src/tsdb/tsdb.ts";
import { dump } from "../../support/storage-conformance.ts";
import { storeBox, T0 } from "../../support/tsdb.ts";

/** One time of as many targets, each with a page of its own; a promise for each commit. */
function targets(db: Tsdb, count: number, columns: number): (at: number) => Promise<unknown>[] {
  const all = Array.from({ length: count }, (_, target) => {
    const appender = db.appender();
    const series = (c: number): Labels => Labels.from({ __name__: "m", target: String(target), c: String(c) });
    return { appender, refs: Float64Array.from({ length: columns }, (_unused, c) => appender.series(series(c))) };
  });
  return (at) =>
    all.map(({ appender, refs }) => {
      const values = Float64Array.from(refs, (_, c) => at * 1_000 + c + 0.5);
      appender.appendRow(refs, T0 + at * 1_000, values, columns);
      return Promise.resolve(appender.commit());
    });
}

async function lengths(db: Tsdb): Promise<readonly number[]> {
  const found = await dump(db, [createMatcher("__name__", "=", "m")], T0, T0 + 1e6);
  return Object.values(found).map((list) => list.length);
}

describe("groups that began together", () => {
  test("are sealed for the log an eighth a round", async () => {
    await using box = await storeBox({ logFileBytes: 25_000, chunkRows: 1_000 });
    const scrape = targets(box.db, 64, 10);
    const sealed: number[] = [];
    for (let at = 0; at < 80; at++) {
      await Promise.all(scrape(at));
      const before = box.db.stats().blocks;
      await box.db.upkeep();
      sealed.push(box.db.stats().blocks - before);
    }
    expect(sealed.reduce((sum, n) => sum + n, 0)).toBeGreaterThanOrEqual(64);
    expect(Math.max(...sealed)).toBe(8);
    expect(await lengths(box.db)).toEqual(Array.from({ length: 640 }, () => 80));
  });

  test("and fill together make writers wait for room, not for the last of them", async () => {
    // Chunks of so few rows have eight, first ones too.
    await using box = await storeBox({ chunkRows: 7 });
    const scrape = targets(box.db, 1_100, 2);
    for (let at = 0; at < 8; at++) await Promise.all(scrape(at));
    const done: number[] = [];
    const told = (): void => void done.push(box.db.stats().blocks);
    await Promise.all([8, 9].flatMap((at) => scrape(at)).map((commit) => commit.then(told)));
    const waited = done.filter((blocks) => blocks > 0);
    expect(waited.length).toBeGreaterThan(100);
    expect(Math.max(...waited)).toBeLessThan(1_100);
    await box.db.flush();
    expect(await lengths(box.db)).toEqual(Array.from({ length: 2_200 }, () => 10));
  });
});
