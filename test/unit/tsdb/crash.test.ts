/** kill -9 at random moments: nothing that was committed is lost, nothing else appears. */
import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { Labels } from "../../../src/model/labels.ts";
import { createMatcher } from "../../../src/model/matcher.ts";
import { listLog, readLogFile } from "../../../src/tsdb/log.ts";
import { openTsdb } from "../../../src/tsdb/tsdb.ts";
import { hints } from "../../support/storage-conformance.ts";
import { temporaryDir } from "../../support/tsdb.ts";
import { CRASH_COLUMNS, crashTime, crashValue } from "../../support/tsdb-crash-data.ts";

const ROUNDS = Number(process.env["OPSMON_TORTURE_ROUNDS"] ?? 12);
const child = fileURLToPath(new URL("../../support/tsdb-crash-child.ts", import.meta.url));

/** Runs the appending process and kills it after `pages` pages and a moment. @returns the last page it committed. */
async function runAndKill(dir: string, first: number, pages: number): Promise<number> {
  const running = spawn(process.execPath, [child, dir, String(first)], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  let complaint = "";
  running.stderr.on("data", (bytes: Buffer) => (complaint += bytes.toString()));
  running.stdout.on("data", (bytes: Buffer) => {
    said += bytes.toString();
    const last = Number(said.slice(0, said.lastIndexOf("\n")).split("\n").at(-1));
    if (last >= first + pages) running.kill("SIGKILL");
  });
  await new Promise<void>((resolve) => running.once("close", () => resolve()));
  expect(complaint.replace(/.*ExperimentalWarning.*\n.*\n?/, "")).toBe("");
  const lines = said
    .slice(0, said.lastIndexOf("\n") + 1)
    .trim()
    .split("\n");
  return Number(lines.at(-1));
}

/** @returns the number of pages stored. */
async function verify(dir: string, committed: number): Promise<number> {
  const db = await openTsdb({ dir, clock: systemClock, log: silentLogger, chunkRows: 16, reserveBytes: 0 });
  expect(db.stats().quarantined).toEqual([]);
  const start = crashTime(0);
  const end = crashTime(committed + 10);
  using querier = db.querier(start, end);
  const { series, warnings } = await querier.select([createMatcher("__name__", "=", "page")], hints(start, end));
  expect(warnings).toEqual([]);
  expect(series.length).toBe(CRASH_COLUMNS);
  let pages = 0;
  for (const one of series) {
    const column = Number(one.labels.get("c"));
    const { t, v, from, to } = one.samples();
    pages = to - from;
    expect(pages).toBeGreaterThanOrEqual(committed + 1);
    expect(pages).toBeLessThanOrEqual(committed + 2);
    for (let page = 0; page < pages; page++) {
      if (t[from + page] !== crashTime(page) || v[from + page] !== crashValue(page, column)) {
        throw new Error(`page ${page}, column ${column}: ${t[from + page]} ${v[from + page]}`);
      }
    }
  }
  const up = (await querier.select([createMatcher("__name__", "=", "up")], hints(start, end))).series[0]?.samples();
  expect((up?.to ?? 0) - (up?.from ?? 0)).toBe(pages + Math.floor((pages - 1) / 7));
  await db.close();
  return pages;
}

test("a scrape is one record of the log, also where it fills a chunk: a crash keeps all of it or nothing", async () => {
  const dir = temporaryDir();
  const pages = 300;
  const db = await openTsdb({ dir, clock: systemClock, log: silentLogger, chunkRows: 16, reserveBytes: 0 });
  const appender = db.appender();
  const [row, up] = ["page", "up"].map((name) => appender.series(Labels.from({ __name__: name }))) as [number, number];
  for (let page = 0; page < pages; page++) {
    const at = crashTime(page);
    appender.appendRow(Float64Array.of(row), at, Float64Array.of(page), 1);
    appender.append(up, at, 1);
    // between two scrapes, and once in a while before what is sealed
    if (page % 7 === 3) appender.append(up, at - 500, 0);
    if (page % 11 === 5) appender.append(up, at - 40_250, 0);
    await appender.commit();
  }
  let records = 0;
  const count = { record: () => void records++, damaged: (at: number) => expect(at).toBeUndefined() };
  for (const { number } of listLog(`${dir}/log`).files) readLogFile(`${dir}/log`, number, false, count);
  await db.close();
  rmSync(dir, { recursive: true, force: true });
  expect(records).toBe(pages);
});

test(`every committed page survives ${ROUNDS} kills`, { timeout: 30_000 + ROUNDS * 3_000 }, async () => {
  const dir = temporaryDir();
  let next = 0;
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const committed = await runAndKill(dir, next, 1 + Math.floor(Math.random() * 60));
      next = await verify(dir, committed);
      expect(next).toBeGreaterThan(committed);
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
