/**
 * A run that died at a start or at a read: the next one looks through the tables, so that damage which ends the process
 * ends it once. Readers of a stopped directory look before.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { engineSource } from "../../../src/api/client/engine.ts";
import { workAhead } from "../../../src/app/ahead.ts";
import { type RunningEngine, startEngine } from "../../../src/app/engine.ts";
import { backupDirectory } from "../../../src/app/backup.ts";
import { directorySource } from "../../../src/app/directory.ts";
import { markReads } from "../../../src/app/read-mark.ts";
import { exportFromDirectory } from "../../../src/app/samples.ts";
import { watchRun } from "../../../src/app/series-watch.ts";
import { manualClock, systemClock } from "../../../src/base/clock.ts";
import { openLevel } from "../../../src/base/leveldb.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { Labels } from "../../../src/model/labels.ts";
import { createMatcher } from "../../../src/model/matcher.ts";
import { openTsdb } from "../../../src/tsdb/tsdb.ts";
import { tempDir } from "../../support/process.ts";
import { QUIET_ENGINE } from "../../support/engine-options.ts";

async function fill(dir: string): Promise<void> {
  const db = await openTsdb({ dir, clock: systemClock, log: silentLogger, reserveBytes: 0, chunkRows: 20 });
  for (let i = 0; i < 40; i++) {
    const appender = db.appender();
    for (let c = 0; c < 30; c++)
      appender.append(appender.series(Labels.from({ __name__: "page", c: String(c) })), Date.now() - 60_000 + i, i * c);
    await appender.commit();
  }
  await db.flush();
  await db.close();
  // Opened once more, what was in the database's journal is in a table.
  await (await openTsdb({ dir, clock: systemClock, log: silentLogger, reserveBytes: 0 })).close();
}

function start(home: string, dataDir: string, config = ""): Promise<RunningEngine> {
  const configFile = path.join(home, "opsmon.yml");
  writeFileSync(configFile, config);
  return startEngine({
    ...QUIET_ENGINE,
    dataDir,
    socketPath: path.join(home, "opsmon.sock"),
    configFile,
  });
}

test("the mark of a start goes when the engine is ready, and when it cannot start", async () => {
  using temporary = tempDir();
  const home = temporary.path;
  const dir = path.join(home, "data");
  await fill(dir);
  await workAhead(dir);
  expect(existsSync(path.join(dir, "starting"))).toBe(true);
  const engine = await start(home, dir);
  expect(existsSync(path.join(dir, "starting"))).toBe(false);
  await engine.stop("done");
  await expect(start(home, dir, "scrape_configs: 7")).rejects.toThrow(/./);
  expect(existsSync(path.join(dir, "starting"))).toBe(false);
});

test("after a start that died, a table that would end the process is mended and kept", async () => {
  using temporary = tempDir();
  const home = temporary.path;
  const dir = path.join(home, "data");
  await fill(dir);
  const name = readdirSync(path.join(dir, "series")).find((file) => file.endsWith(".ldb")) ?? "";
  const table = path.join(dir, "series", name);
  const bytes = readFileSync(table);
  bytes.fill(0, 0, 512);
  writeFileSync(table, bytes);
  writeFileSync(path.join(dir, "starting"), "1 of another process\n");
  await workAhead(dir);
  const engine = await start(home, dir);
  await engine.stop("done");
  expect(readFileSync(path.join(dir, "series.damaged-1", name)).equals(bytes)).toBe(true);
  expect(existsSync(path.join(dir, "starting"))).toBe(false);
});

/** Zeros where keys lie, in every table of that database. */
function zero(dir: string, database: string): readonly string[] {
  const tables = readdirSync(path.join(dir, database)).filter((name) => name.endsWith(".ldb"));
  for (const name of tables) {
    const table = path.join(dir, database, name);
    const bytes = readFileSync(table);
    bytes.fill(0, 0, 512);
    writeFileSync(table, bytes);
  }
  expect(tables.length).toBeGreaterThan(0);
  return tables;
}

const marked = (dir: string): string => readFileSync(path.join(dir, "reading"), "latin1");

async function critical(engine: RunningEngine, home: string): Promise<string> {
  await using source = engineSource(path.join(home, "opsmon.sock"));
  const { items } = await source.status();
  await engine.stop("done");
  return items.flatMap(({ state, text }) => (state === "crit" ? [text] : [])).join("\n");
}

test("reads are marked while they last", async () => {
  using temporary = tempDir();
  const home = temporary.path;
  const dir = path.join(home, "data");
  await fill(dir);
  const engine = await start(home, dir);
  expect(marked(dir)).toBe("-");
  const seen: string[] = [];
  const { db } = await openLevel(path.join(home, "other", "series"), { name: "series" });
  const watch = markReads(path.join(home, "other"));
  await db.put(Buffer.from("k"), Buffer.from("v"));
  const both = [db.get(Buffer.from("k")), db.getMany([Buffer.from("k")])];
  seen.push(marked(path.join(home, "other")));
  await Promise.all(both);
  seen.push(marked(path.join(home, "other")));
  for await (const _ of db.iterator()) seen.push(marked(path.join(home, "other")));
  seen.push(marked(path.join(home, "other")));
  watch.end();
  await db.close();
  expect(seen).toEqual(["R", "-", "R", "-"]);
  expect(marked(path.join(home, "other"))).toBe("E");
  await engine.stop("done");
  expect(marked(dir)).toBe("E");
});

test("after a run that died at a read, tables are mended before they are opened, and named", async () => {
  using temporary = tempDir();
  const home = temporary.path;
  const dir = path.join(home, "data");
  await fill(dir);
  const [table] = zero(dir, "series");
  writeFileSync(path.join(dir, "reading"), "R");
  await workAhead(dir);
  const engine = await start(home, dir);
  expect(await critical(engine, home)).toContain(`series/${table}: records from byte 0 on fail their checksum`);
  expect(existsSync(path.join(dir, "series.damaged-1", table as string))).toBe(true);
});

test("a running engine takes a damaged table out, and goes on", async () => {
  const clock = manualClock(Date.now());
  using temporary = tempDir();
  const dir = path.join(temporary.path, "data");
  await fill(dir);
  writeFileSync(path.join(dir, "reading"), "-");
  const tsdb = await openTsdb({ dir, clock, log: silentLogger, reserveBytes: 0, chunkRows: 20 });
  // The first round reads what later ones know.
  await tsdb.upkeep();
  const watch = watchRun({ tsdb, options: { dataDir: dir, clock, log: silentLogger } });
  const [table] = zero(dir, "series");
  const checked = watch.check().then(() => "done");
  // Files are read outside of the clock.
  const turn = (): Promise<string> => new Promise((resolve) => void setImmediate(() => resolve("turn")));
  while ((await Promise.race([checked, turn()])) !== "done") await clock.advance(1_000);
  await tsdb.upkeep();
  expect(
    watch
      .items()
      .map(({ text }) => text)
      .join(),
  ).toContain(`series/${table}: damaged blocks taken out`);
  expect(tsdb.stats().readOnly).toBeUndefined();
  expect(tsdb.stats().gaps).toMatchObject([{ lost: false, reason: "damaged tables of the database are taken out" }]);
  const appender = tsdb.appender();
  appender.append(appender.series(Labels.from({ __name__: "later" })), clock.now(), 1);
  await appender.commit();
  await tsdb.flush();
  using querier = tsdb.querier(0, clock.now());
  const hints = { start: 0, end: clock.now(), stepMs: 0, rangeMs: 0, func: "" };
  const { series, warnings } = await querier.select([createMatcher("__name__", "=~", ".+")], hints);
  for (const one of series) one.samples();
  expect(series.length).toBe(31);
  expect(warnings.join()).toMatch(/is damaged and passed over|are damaged and passed over/);
  watch.close();
  await tsdb.close();
});

describe("readers of a stopped directory with a table that LevelDB dies of", () => {
  test.each(["series", "state"])("%s", async (database) => {
    using temporary = tempDir();
    const home = temporary.path;
    const dir = path.join(home, "data");
    await fill(dir);
    for (let i = 0; i < 2; i++) await (await start(home, dir)).stop("done");
    const [table] = zero(dir, database);
    const named = `${database}/${table}: records from byte 0 on fail their checksum`;
    const source = await directorySource(dir, systemClock);
    const { items } = await source.status();
    const answer = await source.query("count(page)", Date.now());
    await source[Symbol.asyncDispose]();
    expect(items.map(({ text }) => text).join("\n")).toContain(named);
    expect(answer.warnings.join()).toMatch(/damaged and passed over: "opsmon status" names them/);
    const report = await exportFromDirectory(dir, systemClock, async () => undefined, {
      matchers: [],
      start: 0,
      end: Date.now(),
    });
    expect(report.damaged).toBeGreaterThan(0);
    const copied = (async () => {
      for await (const _ of backupDirectory(dir, systemClock, path.join(home, "backup")));
    })();
    await expect(copied).rejects.toMatchObject({ code: "store-damaged", exit: 6 });
    expect(existsSync(path.join(home, "backup", "backup.json"))).toBe(true);
  });
});
