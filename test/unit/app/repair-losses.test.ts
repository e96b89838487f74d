/** What a repair cannot bring back is on record afterwards: `fsck` is content, `status` warns, and an export says so. */
import { rmSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { directorySource } from "../../../src/app/directory.ts";
import { checkDirectory } from "../../../src/app/fsck.ts";
import { exportFromDirectory, importIntoDirectory, selectorMatchers } from "../../../src/app/samples.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { type ByteLevel, openLevel } from "../../../src/base/leveldb.ts";
import { parseChunkKey, parseGroupKey, rangeOf } from "../../../src/tsdb/keys.ts";
import { T0, temporaryDir } from "../../support/tsdb.ts";

const HOUR_MS = 3_600_000;
const ROWS = 10;

/** Two series with a chunk each, an hour apart. */
async function* lines(): AsyncGenerator<string> {
  for (const [i, name] of ["first", "second"].entries()) {
    yield `# TYPE ${name} gauge`;
    for (let row = 0; row < ROWS; row++) yield `${name} ${row} ${(T0 + i * HOUR_MS) / 1_000 + row}`;
  }
  yield "# EOF";
}

async function told(dir: string, selector: string): Promise<{ readonly samples: number; readonly said: string }> {
  const range = { start: T0 - HOUR_MS, end: T0 + 24 * HOUR_MS };
  const report = await exportFromDirectory(dir, systemClock, () => Promise.resolve(), {
    ...range,
    matchers: selectorMatchers(selector),
  });
  expect(report.damaged).toBe(0);
  return { samples: report.samples, said: report.warnings.join("\n") };
}

async function statusOf(dir: string): Promise<string> {
  await using source = await directorySource(dir, systemClock);
  return (await source.status()).items.map(({ state, text }) => `${state} ${text}`).join("\n");
}

async function spoil(db: ByteLevel, kind: string, wanted: (key: Uint8Array) => boolean = () => true): Promise<void> {
  for await (const [key, record] of db.iterator(rangeOf(kind))) {
    if (!wanted(key)) continue;
    record[record.length - 1] = (record[record.length - 1] as number) ^ 1;
    await db.put(key, record);
  }
}

interface Case {
  readonly why: string;
  readonly damage: (db: ByteLevel) => Promise<void>;
  readonly samples: number;
  readonly said: RegExp;
}

const DATED = /up to 2 series lack samples from 2023-11-14T22:13:20.000Z to 2023-11-15T23:13:20.000Z/;
const cases: readonly Case[] = [
  { why: "the keys tell when the only chunks began", damage: (db) => spoil(db, "c"), samples: 0, said: DATED },
  {
    why: "also when no number misses them, as the last numbers are damaged as well",
    damage: async (db) => {
      await spoil(db, "c");
      await spoil(db, "w");
    },
    samples: 0,
    said: DATED,
  },
  {
    why: "also when nobody knows how many series they were of",
    damage: async (db) => {
      for (const kind of ["c", "g", "h"]) await spoil(db, kind);
    },
    samples: 0,
    said: DATED,
  },
  {
    why: "nothing tells when chunks were that are gone without a trace",
    damage: async (db) => {
      for await (const key of db.keys(rangeOf("c"))) await db.del(key);
    },
    samples: 0,
    said: /up to 2 series lack samples at an unknown time before 20/,
  },
  {
    why: "what remains is answered",
    damage: async (db) => {
      await spoil(db, "c", (key) => parseChunkKey(key)?.start === T0);
    },
    samples: ROWS,
    said: /up to 1 series lack samples from 2023-11-14T22:13:20.000Z to 2023-11-15T22:13:20.000Z/,
  },
];

test.each(cases)("a damaged only chunk of a group: $why", async ({ damage, samples, said }) => {
  const dir = temporaryDir();
  try {
    await importIntoDirectory(dir, systemClock, lines());
    expect(await told(dir, '{__name__=~"first|second"}')).toEqual({ samples: 2 * ROWS, said: "" });
    const { db } = await openLevel(path.join(dir, "series"), { name: "series", compression: false });
    const groups: number[] = [];
    for await (const key of db.keys(rangeOf("g"))) groups.push(parseGroupKey(key)?.group ?? 0);
    expect(groups).toHaveLength(2);
    await damage(db);
    await db.close();
    expect((await checkDirectory(dir, { repair: true })).problems).not.toEqual([]);
    expect((await checkDirectory(dir, {})).problems).toEqual([]);
    const after = await told(dir, '{__name__=~"first|second"}');
    expect(after.said).toMatch(said);
    expect(after.samples).toBe(samples);
    expect(await statusOf(dir)).toMatch(/^warn \d blocks? of up to \d series .* taken out by fsck/m);
    expect(await statusOf(dir)).not.toMatch(/^crit/m);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
