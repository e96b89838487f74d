/** Data of a newer opsmon: refused with exit 6 and a sentence that says what to do, and no byte of it changes. */
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { crc32 } from "node:zlib";
import { describe, expect, test } from "vitest";
import { workAhead } from "../../../src/app/ahead.ts";
import { restoreDirectory } from "../../../src/app/backup.ts";
import { directorySource } from "../../../src/app/directory.ts";
import { checkDirectory } from "../../../src/app/fsck.ts";
import { UserError } from "../../../src/base/errors.ts";
import { openLevel } from "../../../src/base/leveldb.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { Labels } from "../../../src/model/labels.ts";
import { openTsdb } from "../../../src/tsdb/tsdb.ts";
import { FORMAT_KEY } from "../../../src/tsdb/keys.ts";
import { sealRecord } from "../../../src/tsdb/segment.ts";
import { SERIES_LEVEL } from "../../../src/tsdb/options.ts";
import { storeBox, T0, temporaryDir } from "../../support/tsdb.ts";

/** Every file of the directory by name. */
function contents(dir: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    if (entry.isFile()) found[path.relative(dir, file)] = readFileSync(file).toString("base64");
  }
  return found;
}

async function stopped(): Promise<string> {
  const live = await storeBox();
  const appender = live.db.appender();
  appender.append(appender.series(Labels.from({ __name__: "m" })), T0, 1);
  await appender.commit();
  const dir = temporaryDir();
  cpSync(live.dir, dir, { recursive: true });
  await live[Symbol.asyncDispose]();
  return dir;
}

const newer = {
  "the append log": (dir: string): void => {
    const [name] = readdirSync(path.join(dir, "log"));
    const file = path.join(dir, "log", name as string);
    const bytes = readFileSync(file);
    const header = Buffer.alloc(16);
    header.write("opsmon log 9\n", "latin1");
    header.writeUIntLE(crc32("opsmon log 9\n") & 0xff_ffff, 13, 3);
    header.copy(bytes);
    writeFileSync(file, bytes);
  },
  "the marks": (dir: string): void => {
    const crc = crc32("{}", crc32("7")).toString(16).padStart(8, "0");
    writeFileSync(path.join(dir, "marks"), `opsmon marks 9 7 2 ${crc}\n{}`.padEnd(8_192, "\n"));
  },
  "the database, as the marks tell": (dir: string): void => {
    const text = '{"series":9}';
    const crc = crc32(text, crc32("7")).toString(16).padStart(8, "0");
    writeFileSync(path.join(dir, "marks"), `opsmon marks 1 7 ${text.length} ${crc}\n${text}`.padEnd(8_192, "\n"));
  },
};

const told = async (work: Promise<unknown>): Promise<void> => {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(UserError);
  expect(error).toMatchObject({ code: "store-format", exit: 6 });
  expect((error as UserError).message).toMatch(/format 9, this opsmon reads/);
  expect((error as UserError).message).not.toContain(".opsmon-read");
  expect((error as UserError).hint).toMatch(/newer opsmon/);
};

describe.each(Object.entries(newer))("%s of a newer version", (_, make) => {
  test("is refused by engine, fsck and readers, and stays as it is", async () => {
    const dir = await stopped();
    make(dir);
    const before = contents(dir);
    await workAhead(dir);
    await told(openTsdb({ dir, clock: systemClock, log: silentLogger, reserveBytes: 0 }));
    await told(checkDirectory(dir, {}));
    await told(checkDirectory(dir, { repair: true }));
    await told(directorySource(dir, systemClock));
    expect(contents(dir)).toEqual(before);
    rmSync(dir, { recursive: true });
  });
});

test("what format the database has is in the marks after the first opening", async () => {
  const dir = await stopped();
  const marks = (): string => readFileSync(path.join(dir, "marks"), "utf8");
  expect(marks()).toContain('"series":2');
  // Marks as the first opsmon wrote them.
  const crc = crc32("{}", crc32("7")).toString(16).padStart(8, "0");
  writeFileSync(path.join(dir, "marks"), `opsmon marks 1 7 2 ${crc}\n{}`.padEnd(8_192, "\n"));
  await (await openTsdb({ dir, clock: systemClock, log: silentLogger, reserveBytes: 0 })).close();
  expect(marks()).toContain('"series":2');
  rmSync(dir, { recursive: true });
});

test("the database of a newer version is refused by all of them; readers change nothing", async () => {
  const dir = await stopped();
  const { db } = await openLevel(path.join(dir, "series"), SERIES_LEVEL);
  await db.put(FORMAT_KEY, sealRecord(FORMAT_KEY, new TextEncoder().encode("opsmon series 9")));
  await db.close();
  const before = contents(dir);
  await told(checkDirectory(dir, {}));
  await told(directorySource(dir, systemClock));
  expect(contents(dir)).toEqual(before);
  await told(checkDirectory(dir, { repair: true }));
  await told(openTsdb({ dir, clock: systemClock, log: silentLogger, reserveBytes: 0 }));
  rmSync(dir, { recursive: true });
});

test("a backup of a newer version is not restored, and nothing is made", async () => {
  const backup = temporaryDir();
  const target = path.join(temporaryDir(), "data");
  writeFileSync(path.join(backup, "backup.json"), JSON.stringify({ kind: "opsmon backup", version: 9 }));
  await told(restoreDirectory(backup, target));
  expect(() => readdirSync(target)).toThrow("ENOENT");
});
