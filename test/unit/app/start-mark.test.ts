/** A start that died: the next one looks through the tables, so that damage which ends the process ends it once. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { workAhead } from "../../../src/app/ahead.ts";
import { type RunningEngine, startEngine } from "../../../src/app/engine.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { Labels } from "../../../src/model/labels.ts";
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
