/**
 * The process that the crash test kills: appends pages to the store in argv[2] from page argv[3] on, and says the
 * number of each page on stdout once its commit has resolved.
 */
import { writeSync } from "node:fs";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import { Labels } from "../../src/model/labels.ts";
import { openTsdb } from "../../src/tsdb/tsdb.ts";
import { CRASH_COLUMNS, crashTime, crashValue } from "./tsdb-crash-data.ts";

const [, , dir = "", first = "0"] = process.argv;
const db = await openTsdb({
  dir,
  clock: systemClock,
  log: silentLogger,
  chunkRows: 16,
  logFileBytes: 20_000,
  syncMs: 20,
  reserveBytes: 0,
});
const appender = db.appender();
const refs = Float64Array.from({ length: CRASH_COLUMNS }, (_, c) =>
  appender.series(Labels.from({ __name__: "page", c: String(c) })),
);
const up = appender.series(Labels.from({ __name__: "up" }));
const values = new Float64Array(CRASH_COLUMNS);
for (let page = Number(first); ; page++) {
  for (let c = 0; c < CRASH_COLUMNS; c++) values[c] = crashValue(page, c);
  appender.appendRow(refs, crashTime(page), values, CRASH_COLUMNS);
  appender.append(up, crashTime(page), 1);
  // Late samples take the other way through the store.
  if (page % 7 === 0 && page > 0) appender.append(up, crashTime(page) - 500, 0);
  await appender.commit();
  writeSync(1, `${page}\n`);
  if (page % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
}
