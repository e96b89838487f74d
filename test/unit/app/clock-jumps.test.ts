/** Somebody sets the clock by hours while targets are scraped into the store: nothing is lost, and it is said. */
import { rmSync } from "node:fs";
import { expect, test } from "vitest";
import { standingItems } from "../../../src/app/store-items.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { createMatcher } from "../../../src/model/matcher.ts";
import { openTsdb } from "../../../src/tsdb/tsdb.ts";
import { startExporter } from "../../support/exporter.ts";
import { scrapeJob, scrapeRig } from "../../support/scrape.ts";
import { dump } from "../../support/storage-conformance.ts";
import { temporaryDir } from "../../support/tsdb.ts";

const HOUR = 3_600_000;

test.each([
  { why: "forward", jumps: [5 * HOUR], ahead: false },
  { why: "back", jumps: [-5 * HOUR], ahead: true },
  { why: "forward and back", jumps: [5 * HOUR, -5 * HOUR], ahead: true },
  { why: "back and forward", jumps: [-5 * HOUR, 5 * HOUR], ahead: false },
  { why: "days ahead and back", jumps: [3 * 24 * HOUR, -3 * 24 * HOUR], ahead: true },
])("set $why", async ({ jumps, ahead }) => {
  const dir = temporaryDir();
  await using exporter = await startExporter("page");
  await using rig = scrapeRig();
  const { clock } = rig;
  const options = { dir, clock, log: silentLogger, reserveBytes: 0, retentionMs: 48 * HOUR };
  const store = await openTsdb(options);
  await using scraper = scrapeRig({ clock, appendable: store });
  let visits = 0;
  const scrape = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i++) {
      exporter.page = `visits ${++visits}\n`;
      const count = scraper.scraped.length + 1;
      // The next tick is at most one interval away, whatever the clock says.
      await clock.advance(10_000);
      await scraper.ended(count);
      await clock.advance(0);
      expect(scraper.scraped.at(-1)?.health).toBe("up");
    }
  };
  exporter.page = `visits ${++visits}\n`;
  await scraper.manager.apply([scrapeJob("j", [exporter.address])]);
  await clock.advance(0);
  await scraper.ended(1);
  await scrape(5);
  await store.upkeep();
  for (const by of jumps) {
    clock.jump(clock.now() + by);
    await scrape(5);
    await store.upkeep();
  }
  const { clockJumps } = store.stats();
  expect(clockJumps.map(({ byMs }) => byMs)).toEqual(jumps.slice(-1));
  const said = standingItems(store.stats(), dir, clock.now()).map(({ text }) => text);
  expect(said.join("\n")).toMatch(/the clock was set (?:forward|back) by \w+ at .*nothing is dropped by age before/);
  expect(said.some((text) => /newest sample is \w+ ahead of the clock/.test(text))).toBe(ahead);
  await store.flush();
  // Long enough for retention to look, by what clock ever.
  for (let i = 0; i < 3; i++) {
    await clock.advance(61_000);
    await store.upkeep();
  }
  const stored = await dump(store, [createMatcher("__name__", "=", "visits")], -8.64e15, 8.64e15);
  const values = new Set(Object.values(stored)[0]?.map((point) => Number(point.split("=")[1])));
  for (let visit = 1; visit <= visits; visit++) expect(values, String(visit)).toContain(visit);
  await scraper.manager.close();
  await store.close();
  rmSync(dir, { recursive: true });
});
