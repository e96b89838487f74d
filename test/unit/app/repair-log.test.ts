/**
 * A repair settles damage of the append log: what can be read stays, the loss is on record with its time, and the next
 * `fsck` and `status` name no damage any more. Damaged files are kept as they were.
 */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { directorySource } from "../../../src/app/directory.ts";
import { checkDirectory } from "../../../src/app/fsck.ts";
import { exportFromDirectory, selectorMatchers } from "../../../src/app/samples.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { Labels } from "../../../src/model/labels.ts";
import { openTsdb } from "../../../src/tsdb/tsdb.ts";
import { T0, temporaryDir } from "../../support/tsdb.ts";

const ROWS = 200;
const SERIES = 3;
const FIRST = "log/00000001.log";
const SECOND = "log/00000002.log";

/** As kill -9 leaves it: rows a second apart in several files, the marks know where the closed ones end. */
async function fill(dir: string): Promise<void> {
  const live = temporaryDir();
  const sizes = { chunkRows: 5 * ROWS, logFileBytes: 2_000 };
  const db = await openTsdb({ dir: live, clock: systemClock, log: silentLogger, reserveBytes: 0, ...sizes });
  const appender = db.appender();
  const refs = Float64Array.from({ length: SERIES }, (_, s) =>
    appender.series(Labels.from({ __name__: "row", s: String(s) })),
  );
  for (let i = 0; i < ROWS; i++) {
    const values = Float64Array.from(refs, (_, s) => Math.sin(i * SERIES + s));
    appender.appendRow(refs, T0 + i * 1_000, values, SERIES);
    await appender.commit();
  }
  await db.upkeep();
  cpSync(live, dir, { recursive: true });
  await db.close();
  rmSync(live, { recursive: true });
}

let original = "";
beforeAll(async () => {
  original = temporaryDir();
  await fill(original);
});
afterAll(() => rmSync(original, { recursive: true, force: true }));

function change(file: string, edit: (bytes: Buffer) => Buffer | undefined): void {
  const bytes = readFileSync(file);
  writeFileSync(file, edit(bytes) ?? bytes);
}

const newestOf = (dir: string): string => path.join(dir, "log", readdirSync(path.join(dir, "log")).sort().at(-1) ?? "");

async function statusOf(dir: string): Promise<string> {
  await using source = await directorySource(dir, systemClock);
  return (await source.status()).items.map(({ state, text }) => `${state} ${text}`).join("\n");
}

async function exported(
  dir: string,
): Promise<{ readonly times: readonly number[]; readonly said: string; readonly damaged: number }> {
  let text = "";
  const sink = (piece: string): Promise<void> => {
    text += piece;
    return Promise.resolve();
  };
  const range = { start: T0, end: T0 + ROWS * 1_000 };
  const report = await exportFromDirectory(dir, systemClock, sink, {
    ...range,
    matchers: selectorMatchers('row{s="0"}'),
  });
  const times = [...text.matchAll(/^row\{.*\} \S+ (\S+)$/gm)].map(([, seconds]) => Number(seconds) - T0 / 1_000);
  return { times, said: report.warnings.join("\n"), damaged: report.damaged };
}

interface Case {
  readonly name: string;
  readonly damage: (dir: string) => void;
  /** What a check says before. */
  readonly problem: RegExp;
  /** Files that are kept as they were. */
  readonly kept: readonly string[];
  readonly loses: boolean;
}

const cases: readonly Case[] = [
  {
    name: "zeros behind the end of a closed file",
    damage: (dir) => change(path.join(dir, FIRST), (bytes) => Buffer.concat([bytes, Buffer.alloc(4_096)])),
    problem: /4096 bytes of log file 1 at \d+: checksum/,
    kept: ["00000001.log"],
    loses: false,
  },
  {
    name: "a flipped bit",
    damage: (dir) =>
      change(path.join(dir, SECOND), (bytes) => {
        bytes[1_000] = (bytes[1_000] as number) ^ 4;
        return undefined;
      }),
    problem: /bytes of log file 2 at \d+: checksum/,
    kept: ["00000002.log"],
    loses: true,
  },
  {
    name: "a flipped bit in the labels of the first file",
    damage: (dir) =>
      change(path.join(dir, FIRST), (bytes) => {
        bytes[60] = (bytes[60] as number) ^ 4;
        return undefined;
      }),
    problem: /bytes of log file 1 at 16: checksum/,
    kept: ["00000001.log"],
    loses: true,
  },
  {
    name: "a cut closed file",
    damage: (dir) => truncateSync(path.join(dir, SECOND), 700),
    problem: /log\/00000002.log: its last \d+ bytes are gone/,
    kept: ["00000002.log"],
    loses: true,
  },
  {
    name: "an emptied first file",
    damage: (dir) => truncateSync(path.join(dir, FIRST), 0),
    problem: /log\/00000001.log: its last \d+ bytes are gone/,
    kept: ["00000001.log"],
    loses: true,
  },
  {
    name: "a missing first file",
    damage: (dir) => rmSync(path.join(dir, FIRST)),
    problem: /log\/00000001.log: gone/,
    kept: [],
    loses: true,
  },
  {
    name: "a missing file in the middle",
    damage: (dir) => rmSync(path.join(dir, SECOND)),
    problem: /log\/00000002.log: gone/,
    kept: [],
    loses: true,
  },
  {
    name: "a flipped bit in the newest file",
    damage: (dir) =>
      change(newestOf(dir), (bytes) => {
        bytes[40] = (bytes[40] as number) ^ 4;
        return undefined;
      }),
    problem: /bytes of log file \d+ at \d+: checksum/,
    kept: ["newest"],
    loses: true,
  },
];

async function copied(run: (dir: string) => Promise<void>): Promise<void> {
  const dir = temporaryDir();
  try {
    cpSync(original, dir, { recursive: true });
    await run(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The stretch that a warning names, in seconds from the first row. */
function stretchOf(said: string): readonly [from: number, to: number] {
  const found = /lack samples (?:from (\S+) to|at an unknown time before) (\S+): the append log was damaged/.exec(said);
  const seconds = (text: string | undefined, otherwise: number): number =>
    text === undefined ? otherwise : (Date.parse(text) - T0) / 1_000;
  return [seconds(found?.[1], Number.NEGATIVE_INFINITY), seconds(found?.[2], Number.NaN)];
}

test("the original has several files and misses nothing", () =>
  copied(async (dir) => {
    expect(readdirSync(path.join(dir, "log")).length).toBeGreaterThan(3);
    expect((await checkDirectory(dir, {})).problems).toEqual([]);
    expect(await exported(dir)).toMatchObject({
      times: Array.from({ length: ROWS }, (_, i) => i),
      said: "",
      damaged: 0,
    });
  }));

test.each(cases)("$name", ({ damage, problem, kept, loses }) =>
  copied(async (dir) => {
    damage(dir);
    const files = kept.map((name) => (name === "newest" ? path.basename(newestOf(dir)) : name));
    const were = files.map((name) => readFileSync(path.join(dir, "log", name)));
    const said = (await checkDirectory(dir, {})).problems.map(({ what, why }) => `${what}: ${why}`).join("\n");
    expect(said).toMatch(problem);
    expect(await statusOf(dir)).toMatch(/^crit/m);
    const before = await exported(dir);
    expect(before.damaged).toBeGreaterThan(0);

    const { repaired } = await checkDirectory(dir, { repair: true });
    expect(repaired.join("\n")).toMatch(/^the append log: \d+ samples that could be read went to the database/m);
    expect((await checkDirectory(dir, {})).problems).toEqual([]);
    const status = await statusOf(dir);
    expect(status).not.toMatch(/^crit/m);
    const warned = /^warn \d places? of the append log with samples of up to 3 series .* taken out by fsck/m;
    if (loses) expect(status).toMatch(warned);
    else expect(status).not.toMatch(warned);
    files.forEach((name, i) =>
      expect(readFileSync(path.join(dir, "log.damaged-1", name)).equals(were[i] as Buffer)).toBe(true),
    );
    if (files.length > 0) expect(status).toMatch(/^warn what was damaged is kept in log.damaged-1\//m);
    else expect(existsSync(path.join(dir, "log.damaged-1"))).toBe(false);
    expect(status).not.toContain("not opsmon's");

    const after = await exported(dir);
    expect(after.times, "what could be read before is there").toEqual(before.times);
    expect(after.damaged).toBe(0);
    expect(after.said.includes("lack samples")).toBe(loses);
    const [from, to] = stretchOf(after.said);
    const gone = Array.from({ length: ROWS }, (_, i) => i).filter((i) => !after.times.includes(i));
    expect(gone.length > 0).toBe(loses);
    for (const i of gone) expect(i >= from && i <= to, `${i} in ${from} to ${to}`).toBe(true);
  }),
);

test("a store that was repaired goes on: what comes later is kept, and nothing old is named", () =>
  copied(async (dir) => {
    truncateSync(path.join(dir, FIRST), 0);
    await checkDirectory(dir, { repair: true });
    const db = await openTsdb({ dir, clock: systemClock, log: silentLogger, reserveBytes: 0 });
    expect(db.stats().quarantined).toEqual([]);
    const appender = db.appender();
    appender.append(appender.series(Labels.from({ __name__: "row", s: "0" })), T0 + ROWS * 1_000, 1);
    await appender.commit();
    await db.close();
    expect((await exported(dir)).times.at(-1)).toBe(ROWS);
    expect((await checkDirectory(dir, {})).problems).toEqual([]);
  }));
