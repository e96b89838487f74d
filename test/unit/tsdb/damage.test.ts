/** One flipped byte, one cut file: the store opens, invents nothing, and names whatever is missing. */
import { cpSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { Labels } from "../../../src/model/labels.ts";
import { createMatcher } from "../../../src/model/matcher.ts";
import { openTsdb, type Tsdb } from "../../../src/tsdb/tsdb.ts";
import { hints } from "../../support/storage-conformance.ts";
import { T0, temporaryDir } from "../../support/tsdb.ts";

const COLUMNS = 150;
const PAGES = 60;
const FLIPS_PER_FILE = Number(process.env["OPSMON_TORTURE_ROUNDS"] ?? 6);
const everything = [createMatcher("__name__", "=~", ".+")];

const open = (dir: string): Promise<Tsdb> =>
  openTsdb({ dir, clock: systemClock, log: silentLogger, chunkRows: 20, reserveBytes: 0 });
const valueOf = (page: number, column: number): number => (column % 2 === 0 ? page * column : Math.cos(page * column));

async function fillStore(db: Tsdb, from: number, to: number): Promise<void> {
  const appender = db.appender();
  const refs = Float64Array.from({ length: COLUMNS }, (_, c) =>
    appender.series(Labels.from({ __name__: "page", c: String(c) })),
  );
  for (let page = from; page < to; page++) {
    appender.appendRow(
      refs,
      T0 + page * 1000,
      Float64Array.from({ length: COLUMNS }, (_, c) => valueOf(page, c)),
      COLUMNS,
    );
    appender.append(
      appender.series(Labels.from({ __name__: "single", n: String(page % 5) })),
      T0 + page * 1000 + 1,
      page,
    );
    await appender.commit();
  }
}

/** Reads everything; a wrong value fails. @returns samples found and everything that was said about missing ones. */
async function readAll(db: Tsdb): Promise<{ found: number; said: readonly string[] }> {
  using querier = db.querier(T0 - 1e9, T0 + 1e9);
  const { series, warnings } = await querier.select(everything, hints(T0 - 1e9, T0 + 1e9));
  let found = 0;
  for (const one of series) {
    const { labels } = one;
    const { t, v, from, to } = one.samples();
    found += to - from;
    for (let i = from; i < to; i++) {
      const page = Math.floor(((t[i] as number) - T0) / 1000);
      const expected = labels.metric === "page" ? valueOf(page, Number(labels.get("c"))) : page;
      if (!Object.is(v[i], expected))
        throw new Error(`${labels.toString()} at ${t[i]}: ${v[i]} instead of ${expected}`);
    }
  }
  return { found, said: [...warnings, ...db.stats().quarantined.map(({ what, why }) => `${what}: ${why}`)] };
}

let original = "";
let total = 0;
const files: string[] = [];

beforeAll(async () => {
  original = temporaryDir();
  let db = await open(original);
  await fillStore(db, 0, 50);
  await db.flush();
  await db.close();
  // Opened again: the journal of the database becomes a table, the log holds the rest.
  db = await open(original);
  await fillStore(db, 50, PAGES);
  total = (await readAll(db)).found;
  await db.close();
  for (const part of ["series", "log"]) {
    for (const name of readdirSync(join(original, part))) files.push(`${part}/${name}`);
  }
  files.push("marks");
});
afterAll(() => rmSync(original, { recursive: true, force: true }));

async function damaged(damage: (dir: string) => void): Promise<{ found: number; said: readonly string[] }> {
  const dir = temporaryDir();
  try {
    cpSync(original, dir, { recursive: true });
    damage(dir);
    const db = await open(dir);
    try {
      return await readAll(db);
    } finally {
      await db.close();
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

describe("damage", () => {
  test("the undamaged copy is whole and silent", async () => {
    expect(total).toBe(PAGES * (COLUMNS + 1));
    expect(await damaged(() => undefined)).toEqual({ found: total, said: [] });
    expect(files.some((file) => file.endsWith(".ldb"))).toBe(true);
    expect(files.filter((file) => file.startsWith("log/")).length).toBeGreaterThan(0);
  });

  test("a flipped bit anywhere costs little, is named, and invents nothing", { timeout: 600_000 }, async () => {
    const silent: string[] = [];
    for (const file of files) {
      const size = statSync(join(original, file)).size;
      for (let n = 0; n < (size > 0 ? FLIPS_PER_FILE : 0); n++) {
        const at = Math.floor(Math.random() * size);
        const bit = 1 << Math.floor(Math.random() * 8);
        const where = `${file} at ${at}, bit ${bit}`;
        const { found, said } = await damaged((dir) => {
          const bytes = readFileSync(join(dir, file));
          bytes[at] = (bytes[at] as number) ^ bit;
          writeFileSync(join(dir, file), bytes);
        }).catch((error: unknown) => ({ found: 0, said: [], error: silent.push(`${where}: ${String(error)}`) }));
        if (found > total || (found < total && said.length === 0))
          silent.push(`${where}: ${total - found} samples missing`);
      }
    }
    expect(silent).toEqual([]);
  });

  test("a file cut short costs what it held, and the store opens", { timeout: 120_000 }, async () => {
    const refused: string[] = [];
    for (const file of files) {
      const half = Math.floor(statSync(join(original, file)).size / 2);
      await damaged((dir) => truncateSync(join(dir, file), half)).catch((error: unknown) =>
        refused.push(`${file}: ${String(error)}`),
      );
    }
    expect(refused).toEqual([]);
  });

  test("foreign files are no damage", async () => {
    const { found, said } = await damaged((dir) => {
      writeFileSync(join(dir, "log", "notes.txt"), "mine");
      // Our names, but beyond all numbers: what came behind it would be lost.
      writeFileSync(join(dir, "log", "99999999.log"), "mine");
      writeFileSync(join(dir, "series", "notes.txt"), "mine");
      writeFileSync(join(dir, "notes.txt"), "mine");
    });
    expect(found).toBe(total);
    expect(said).toEqual([]);
  });

  test("a lost CURRENT file does not make LevelDB forget its tables", async () => {
    const { found, said } = await damaged((dir) => rmSync(join(dir, "series", "CURRENT")));
    expect(found).toBe(total);
    expect(said.join()).toContain("repaired");
  });

  test("a lost database leaves what the log holds", async () => {
    const { found, said } = await damaged((dir) => rmSync(join(dir, "series"), { recursive: true }));
    expect(found).toBe((PAGES - 50) * (COLUMNS + 1));
    expect(said.join()).toMatch(/the series database: it is gone, with all samples from before log\/0+\d+\.log/);
  });

  test("a lost log is named, and what comes after it survives the next crash", async () => {
    const dir = temporaryDir();
    try {
      cpSync(original, dir, { recursive: true });
      rmSync(join(dir, "log"), { recursive: true });
      let db = await open(dir);
      expect((await readAll(db)).said.join()).toMatch(/log\/0+\d+\.log: gone, with the samples that were in no chunk/);
      await fillStore(db, PAGES, PAGES + 5);
      // As kill -9 leaves it: what is on the disk now, and nothing of what closing does.
      const crashed = temporaryDir();
      cpSync(dir, crashed, { recursive: true });
      const before = (await readAll(db)).found;
      await db.close();
      db = await open(crashed);
      expect((await readAll(db)).found).toBe(before);
      await db.close();
      rmSync(crashed, { recursive: true });
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  test("a missing file in the middle of the log is named", async () => {
    const { said } = await damaged((dir) => {
      const newest = readdirSync(join(dir, "log")).sort().at(-1) as string;
      const later = String(Number(newest.slice(0, 8)) + 3).padStart(8, "0");
      cpSync(join(dir, "log", newest), join(dir, "log", `${later}.log`));
    });
    expect(said.join()).toMatch(/log\/0+\d+\.log to 0+\d+\.log: gone/);
  });
});
