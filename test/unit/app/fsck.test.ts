/** fsck of a whole data directory: it says what is damaged, missing and foreign, and a mere check changes no byte. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { foreignFiles } from "../../../src/app/foreign.ts";
import { checkDirectory } from "../../../src/app/fsck.ts";
import { directorySource } from "../../../src/app/directory.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { openLevel } from "../../../src/base/leveldb.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { Labels } from "../../../src/model/labels.ts";
import { openState } from "../../../src/state/leveldb.ts";
import { openTsdb } from "../../../src/tsdb/tsdb.ts";
import { T0, temporaryDir } from "../../support/tsdb.ts";

/** Every name and every byte under `dir`. */
function hashOf(dir: string): string {
  const hash = createHash("sha256");
  for (const name of readdirSync(dir, { recursive: true }).map(String).sort()) {
    const file = path.join(dir, name);
    hash.update(`${name}\n`);
    if (statSync(file).isFile()) hash.update(readFileSync(file));
  }
  return hash.digest("hex");
}

/** A directory as kill -9 leaves it: tables, a journal with records, an append log with rows. */
async function fill(dir: string): Promise<void> {
  const live = temporaryDir();
  const open = (): ReturnType<typeof openTsdb> =>
    openTsdb({ dir: live, clock: systemClock, log: silentLogger, chunkRows: 20, reserveBytes: 0 });
  let db = await open();
  const rows = async (from: number, to: number): Promise<void> => {
    const appender = db.appender();
    const refs = Float64Array.from({ length: 150 }, (_, c) =>
      appender.series(Labels.from({ __name__: "page", c: String(c) })),
    );
    for (let i = from; i < to; i++) {
      appender.appendRow(
        refs,
        T0 + i * 1_000,
        Float64Array.from(refs, (_, c) => Math.cos(i * c)),
        refs.length,
      );
      await appender.commit();
    }
  };
  await rows(0, 50);
  await db.flush();
  await db.close();
  db = await open();
  db.accompany("state", true, "");
  await rows(50, 85);
  await db.upkeep();
  let state = await openState(path.join(live, "state"));
  await state.batch(Array.from({ length: 50 }, (_, i) => ({ kind: "put", key: `k${i}`, value: `v${i}` })));
  await state.close();
  state = await openState(path.join(live, "state"));
  await state.batch([{ kind: "put", key: "late", value: "v" }]);
  cpSync(live, dir, { recursive: true });
  await state.close();
  await db.close();
  rmSync(live, { recursive: true });
}

let original = "";
beforeAll(async () => {
  original = temporaryDir();
  await fill(original);
});
afterAll(() => rmSync(original, { recursive: true, force: true }));

function files(dir: string, sub: string, pattern: RegExp): string[] {
  return readdirSync(path.join(dir, sub))
    .filter((name) => pattern.test(name))
    .map((name) => path.join(dir, sub, name));
}

function flip(file: string, share = 0.5): void {
  const bytes = readFileSync(file);
  const at = Math.floor(bytes.length * share);
  bytes[at] = (bytes[at] as number) ^ 0x10;
  writeFileSync(file, bytes);
}

/** Once more from a new block of LevelDB's on, so that all of it can be read. */
function doubled(file: string): void {
  const bytes = readFileSync(file);
  writeFileSync(file, Buffer.concat([bytes, Buffer.alloc(32_768 - (bytes.length % 32_768)), bytes]));
}

interface Case {
  readonly name: string;
  readonly damage: (dir: string) => void;
  readonly problem: RegExp | undefined;
}

const cases: readonly Case[] = [
  { name: "killed", damage: () => undefined, problem: undefined },
  {
    name: "with a torn tail of the log",
    damage: (dir) => {
      const log = files(dir, "log", /\.log$/).at(-1) as string;
      truncateSync(log, statSync(log).size - 7);
    },
    problem: undefined,
  },
  {
    name: "with a flipped byte in a table",
    damage: (dir) => flip(files(dir, "series", /\.ldb$/)[0] as string),
    problem: /./,
  },
  {
    name: "with a flipped byte in the database's journal",
    damage: (dir) => flip(files(dir, "series", /\.log$/)[0] as string),
    problem: /journal of the series database/,
  },
  {
    name: "with the database's journal twice in its file",
    damage: (dir) => doubled(files(dir, "series", /\.log$/)[0] as string),
    problem: /journal of the series database: .*series\/\d+\.log" from byte \d+ on are there twice/,
  },
  {
    name: "with a damaged manifest",
    damage: (dir) => flip(files(dir, "series", /^MANIFEST/)[0] as string, 0.9),
    problem: /the series database/,
  },
  {
    name: "without CURRENT",
    damage: (dir) => rmSync(path.join(dir, "series/CURRENT")),
    problem: /the series database.*CURRENT is missing/,
  },
  {
    name: "with a flipped byte in the log",
    damage: (dir) => flip(files(dir, "log", /\.log$/)[0] as string, 0.3),
    problem: /bytes of log file/,
  },
  {
    name: "without its log",
    damage: (dir) => rmSync(path.join(dir, "log"), { recursive: true }),
    problem: /log\/.*gone/,
  },
  {
    name: "without its state",
    damage: (dir) => rmSync(path.join(dir, "state"), { recursive: true }),
    problem: /^state\/: it is gone, with alert states, silences/,
  },
  { name: "without CURRENT of its state", damage: (dir) => rmSync(path.join(dir, "state/CURRENT")), problem: /state/ },
  {
    name: "with damaged marks",
    damage: (dir) => {
      flip(path.join(dir, "marks"), 0.001);
      flip(path.join(dir, "marks"), 0.501);
    },
    problem: /^marks/,
  },
];

async function copied<T>(run: (dir: string) => Promise<T>): Promise<T> {
  const dir = temporaryDir();
  try {
    cpSync(original, dir, { recursive: true });
    return await run(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

describe("a mere check changes nothing", () => {
  test.each(cases)("of a store $name", async ({ damage, problem }) => {
    await copied(async (dir) => {
      damage(dir);
      const before = hashOf(dir);
      const { problems } = await checkDirectory(dir, {});
      expect(hashOf(dir)).toBe(before);
      const said = problems.map(({ what, why }) => `${what}: ${why}`);
      if (problem === undefined) expect(said).toEqual([]);
      else
        expect(
          said.some((text) => problem.test(text)),
          said.join("\n"),
        ).toBe(true);
      expect(said.join()).not.toContain(".opsmon-read");
    });
  });

  test("and the check can fail: opening the database itself does change it", async () => {
    await copied(async (dir) => {
      const before = hashOf(dir);
      await checkDirectory(dir, { repair: true });
      expect(hashOf(dir)).not.toBe(before);
    });
  });

  test("while an engine runs there, the check is refused and the engine goes on", async () => {
    const dir = temporaryDir();
    const child = fileURLToPath(new URL("../../support/tsdb-crash-child.ts", import.meta.url));
    const running = spawn(process.execPath, [child, dir, "0"], { stdio: ["ignore", "pipe", "ignore"] });
    const said = (): Promise<unknown> => new Promise((resolve) => running.stdout.once("data", resolve));
    try {
      await said();
      await expect(checkDirectory(dir, {})).rejects.toMatchObject({ code: "store-locked", exit: 4 });
      await said();
      await using source = await directorySource(dir, systemClock);
      const { items } = await source.status();
      expect(items.map(({ text }) => text).join()).toContain("an engine runs on");
    } finally {
      running.kill("SIGKILL");
      await new Promise((resolve) => running.once("close", resolve));
      rmSync(dir, { recursive: true, force: true });
    }
  });
});

/** Zeros where the keys of a block lie: LevelDB ends the process that reads them. */
function zeroed(file: string): void {
  const bytes = readFileSync(file);
  bytes.fill(0, 0, 512);
  writeFileSync(file, bytes);
}

describe("zeros at the beginning of a table", () => {
  const tablesOf = (dir: string): string[] =>
    ["series", "state"].flatMap((sub) => files(dir, sub, /\.ldb$/).slice(0, 1));

  test("are named by a check, which changes nothing", async () => {
    await copied(async (dir) => {
      for (const table of tablesOf(dir)) zeroed(table);
      const before = hashOf(dir);
      const { problems } = await checkDirectory(dir, {});
      expect(hashOf(dir)).toBe(before);
      const said = problems.map(({ what, why }) => `${what}: ${why}`).join("\n");
      for (const sub of ["series", "state"])
        expect(said).toMatch(new RegExp(`${sub}/\\d+\\.ldb: records from byte 0 on fail their checksum`));
    });
  });

  test("are taken out by a repair, which keeps the table as it was; then the store opens", async () => {
    await copied(async (dir) => {
      const tables = tablesOf(dir);
      for (const table of tables) zeroed(table);
      const were = tables.map((table) => readFileSync(table));
      const { repaired } = await checkDirectory(dir, { repair: true });
      expect(repaired.join("\n")).toMatch(/series\/\d+\.ldb: damaged blocks taken out, .* in series\.damaged-1\//);
      tables.forEach((table, i) => {
        const kept = path.join(`${path.dirname(table)}.damaged-1`, path.basename(table));
        expect(readFileSync(kept).equals(were[i] as Buffer)).toBe(true);
      });
      const db = await openTsdb({ dir, clock: systemClock, log: silentLogger, reserveBytes: 0 });
      expect(db.stats().samples).toBeGreaterThan(0);
      await db.close();
      const { problems } = await checkDirectory(dir, {});
      expect(problems.filter(({ why }) => why.includes("checksum"))).toEqual([]);
    });
  });

  test("a repair leaves the tables of a running engine alone", async () => {
    const dir = temporaryDir();
    const db = await openTsdb({ dir, clock: systemClock, log: silentLogger, reserveBytes: 0 });
    await expect(checkDirectory(dir, { repair: true })).rejects.toMatchObject({ code: "store-locked", exit: 4 });
    await db.close();
    rmSync(dir, { recursive: true, force: true });
  });
});

test("a journal that is twice in its file is named by a check, costs nothing, and is mended by a repair", async () => {
  await copied(async (dir) => {
    const journals = ["series", "state"].map((sub) => files(dir, sub, /\.log$/)[0] as string);
    const sound = await checkDirectory(dir, {});
    for (const journal of journals) doubled(journal);
    const were = journals.map((journal) => readFileSync(journal));
    const { problems, samples, stateRecords } = await checkDirectory(dir, {});
    expect(problems.map(({ why }) => why).filter((why) => why.endsWith("are there twice"))).toHaveLength(2);
    expect([samples, stateRecords]).toEqual([sound.samples, sound.stateRecords]);
    await checkDirectory(dir, { repair: true });
    expect(await checkDirectory(dir, {})).toMatchObject({ problems: [], samples, stateRecords, foreign: [] });
    journals.forEach((journal, i) => {
      const kept = path.join(`${path.dirname(journal)}.damaged-1`, path.basename(journal));
      expect(readFileSync(kept).equals(were[i] as Buffer)).toBe(true);
    });
  });
});

test("a damaged record of the state is named until a repair moves it aside; the others stay", async () => {
  await copied(async (dir) => {
    const place = path.join(dir, "state");
    const { db } = await openLevel(place, { name: "state" });
    const key = Buffer.from("k7");
    const value = Buffer.from((await db.get(key)) as Uint8Array);
    value[value.length - 1] = (value[value.length - 1] as number) ^ 1;
    await db.put(key, value);
    await db.put(Buffer.from([0x6b, 0xc3]), Buffer.from("a key that is no text"));
    await db.close();
    for (let i = 0; i < 2; i++)
      expect((await checkDirectory(dir, {})).problems.map(({ what }) => what)).toContain('state record "k7"');
    const { repaired, stateRecords } = await checkDirectory(dir, { repair: true });
    expect(repaired.filter((text) => text.startsWith("state record"))).toHaveLength(2);
    const after = await checkDirectory(dir, {});
    expect(after.problems).toEqual([]);
    expect(after.stateRecords).toBe(stateRecords);
    const state = await openState(place);
    expect(await state.get("k7")).toBeUndefined();
    expect(await state.get("k8")).toBe("v8");
    expect(state.damaged()).toEqual([]);
    await state.close();
  });
});

test("a table of the state that was emptied is named, and taken out by a repair; the other records stay", async () => {
  await copied(async (dir) => {
    const [table] = files(dir, "state", /\.ldb$/);
    truncateSync(table as string, 0);
    const { problems } = await checkDirectory(dir, {});
    expect(problems.map(({ what, why }) => `${what}: ${why}`).join("\n")).toMatch(
      /state\/\d+\.ldb: it has 0 bytes only/,
    );
    await checkDirectory(dir, { repair: true });
    expect((await checkDirectory(dir, {})).problems).toEqual([]);
    const state = await openState(path.join(dir, "state"));
    expect(await state.get("late")).toBe("v");
    await state.close();
  });
});

test("foreign files are named wherever they lie, and stay", async () => {
  await copied(async (dir) => {
    const strangers = ["notes.txt", "series/notes.txt", "state/x.ldb.bak", "log/00000001.log.gz", "log/99999999.log"];
    for (const name of strangers) writeFileSync(path.join(dir, name), "mine");
    mkdirSync(path.join(dir, "log/00000050.log"));
    mkdirSync(path.join(dir, "series/sub"));
    symlinkSync("/etc/hostname", path.join(dir, "link"));
    const all = [
      "link",
      "log/00000001.log.gz",
      "log/00000050.log",
      "log/99999999.log",
      "notes.txt",
      "series/notes.txt",
      "series/sub",
      "state/x.ldb.bak",
    ];
    const report = await checkDirectory(dir, {});
    expect(report.foreign).toEqual(all);
    expect(report.problems).toEqual([]);
    {
      await using source = await directorySource(dir, systemClock);
      const told = (await source.status()).items.find(({ text }) => text.includes("not opsmon's"));
      for (const name of all) expect(told?.text).toContain(name);
    }
    const db = await openTsdb({ dir, clock: systemClock, log: silentLogger, reserveBytes: 0 });
    await db.flush();
    await db.close();
    expect(foreignFiles(dir)).toEqual(all);
    for (const name of strangers) expect(readFileSync(path.join(dir, name), "utf8")).toBe("mine");
  });
});

test("a picture left by a killed reader goes when it is old", async () => {
  await copied(async (dir) => {
    const left = path.join(dir, ".opsmon-read-999999999-abc");
    mkdirSync(left);
    await checkDirectory(dir, {});
    expect(readdirSync(dir)).toContain(path.basename(left));
    const { utimesSync } = await import("node:fs");
    utimesSync(left, 1, 1);
    await checkDirectory(dir, {});
    expect(readdirSync(dir).filter((name) => name.startsWith(".opsmon"))).toEqual([]);
  });
});
