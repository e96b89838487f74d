/** Prometheus' write-ahead log: what is read of it, what a torn or damaged one costs, and that nothing is invented. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { noLosses } from "../../../src/blocks/losses.ts";
import { openSnapshot } from "../../../src/blocks/snapshot.ts";
import { readWal } from "../../../src/blocks/wal.ts";
import { snappyEncode } from "../../../src/remote/snappy.ts";
import { type LogRecord, type WrittenSample, writeBlock, writeLog } from "../../support/blocks.ts";
import { temporaryDir } from "../../support/tsdb.ts";

let dir: string;
beforeEach(() => {
  dir = temporaryDir();
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const T = 1_700_000_000_000;
const NAMES = Array.from({ length: 40 }, (_, ref) => [ref + 1, { __name__: `m${ref}`, job: `j${ref % 3}` }] as const);
/** One scrape of all series. */
const scrape = (i: number): LogRecord => ({
  samples: NAMES.map(([ref]) => [ref, { t: T + i * 15_000, v: ref === 7 && i === 5 ? undefined : i * ref }]),
});
const whole = (count: number): LogRecord[] => [
  { series: NAMES },
  ...Array.from({ length: count }, (_, i) => scrape(i)),
];

function readAll(losses = noLosses()): Map<string, WrittenSample[]> {
  const found = new Map<string, WrittenSample[]>();
  const { log } = openSnapshot(dir);
  for (const piece of log === undefined ? [] : readWal(log, losses))
    for (const { labels, t, v, stale } of piece) {
      const list = found.get(labels.metric) ?? [];
      found.set(labels.metric, list);
      t.forEach((time, i) => list.push({ t: time, v: stale?.[i] === 1 ? undefined : v[i] }));
    }
  return found;
}

const expected = (ref: number, count: number, from = 0): WrittenSample[] =>
  Array.from({ length: count - from }, (_, k) => k + from).map((i) => ({
    t: T + i * 15_000,
    v: ref === 7 && i === 5 ? undefined : i * ref,
  }));

describe("the write-ahead log", () => {
  test.each([
    ["plain", [0, (bytes: Uint8Array) => bytes]],
    ["snappy", [8, snappyEncode]],
    ["zstd", [16, (bytes: Uint8Array) => zstdCompressSync(bytes)]],
  ] as const)("is read over page borders, %s", (_, pack) => {
    writeLog(path.join(dir, "wal/00000000"), whole(300), pack);
    const losses = noLosses();
    const found = readAll(losses);
    expect(found.size).toBe(40);
    expect(found.get("m0")).toEqual(expected(1, 300));
    expect(found.get("m6")).toEqual(expected(7, 300));
    expect(losses.damaged).toBe(0);
  });

  test("the newest checkpoint stands for the segments up to it", () => {
    writeLog(path.join(dir, "wal/00000001"), [{ samples: [[1, { t: T - 1, v: 1 }]] }]);
    writeLog(path.join(dir, "wal/checkpoint.00000000/00000000"), [{ series: [[1, { __name__: "old" }]] }]);
    writeLog(path.join(dir, "wal/checkpoint.00000001/00000000"), whole(2));
    writeLog(path.join(dir, "wal/00000002"), [scrape(2)]);
    expect(readAll().get("m0")).toEqual(expected(1, 3));
    expect(readAll().has("old")).toBe(false);
  });

  test("what blocks hold is not taken again; deletions hold; histograms are counted", () => {
    writeBlock(path.join(dir, "01A"), [{ labels: { __name__: "b" }, chunks: [[{ t: T + 44_999, v: 1 }]] }]);
    writeLog(path.join(dir, "wal/00000000"), [
      ...whole(10),
      { deleted: [[2, T + 60_000, T + 75_000]] },
      { histograms: [3] },
    ]);
    const losses = noLosses();
    const found = readAll(losses);
    expect(found.get("m0")).toEqual(expected(1, 10, 3));
    expect(found.get("m1")?.map(({ t }) => (t - T) / 15_000)).toEqual([3, 6, 7, 8, 9]);
    expect(losses).toMatchObject({ deleted: 2, histograms: 1, damaged: 0 });
    expect([...losses.histogramMetrics]).toEqual(["m2"]);
  });

  test("what came out of order is of any time and finds its series", () => {
    writeBlock(path.join(dir, "01A"), [{ labels: { __name__: "b" }, chunks: [[{ t: T + 999_999, v: 1 }]] }]);
    writeLog(path.join(dir, "wal/00000000"), whole(2));
    writeLog(path.join(dir, "wbl/00000000"), [{ samples: [[1, { t: T - 3_600_000, v: 5 }]] }]);
    expect([...readAll()]).toEqual([["m0", [{ t: T - 3_600_000, v: 5 }]]]);
  });

  test("a record that was being written is no damage; one cut in the middle of the log is", () => {
    const file = path.join(dir, "wal/00000000");
    writeLog(file, whole(5));
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.subarray(0, bytes.length - 10));
    const torn = noLosses();
    expect(readAll(torn).get("m0")).toEqual(expected(1, 4));
    expect(torn.damaged).toBe(0);
    writeLog(path.join(dir, "wal/00000001"), [scrape(6)]);
    const cut = noLosses();
    expect(readAll(cut).get("m0")).toHaveLength(5);
    expect(cut.damage).toEqual([expect.stringMatching(/00000000 at byte \d+: a record runs over the end of its page/)]);
  });

  test("a flipped bit anywhere is told or costs nothing, and no sample changes", () => {
    const file = path.join(dir, "wal/00000000");
    writeLog(file, whole(120));
    writeLog(path.join(dir, "wal/00000001"), [scrape(120)]);
    const bytes = readFileSync(file);
    fc.assert(
      fc.property(fc.nat(), fc.nat({ max: 7 }), (place, bit) => {
        const flipped = Buffer.from(bytes);
        const at = place % bytes.length;
        flipped[at] = (flipped[at] as number) ^ (1 << bit);
        writeFileSync(file, flipped);
        const losses = noLosses();
        const found = readAll(losses);
        let samples = 0;
        for (const [name, list] of found) {
          const times = new Map(expected(Number(name.slice(1)) + 1, 121).map(({ t, v }) => [t, v]));
          for (const { t, v } of list) expect([times.has(t), Object.is(times.get(t), v)]).toEqual([true, true]);
          samples += list.length;
        }
        if (samples < 40 * 121) expect(losses.damaged).toBeGreaterThan(0);
      }),
      { numRuns: 150 },
    );
  });
});
