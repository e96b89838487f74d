/** Blocks of Prometheus: what is read back, what is passed over and said, and that damage never becomes a number. */
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { crc32c } from "../../../src/blocks/crc32c.ts";
import { type BlockSeries, noLosses } from "../../../src/blocks/losses.ts";
import { readBlock } from "../../../src/blocks/read.ts";
import { openSnapshot } from "../../../src/blocks/snapshot.ts";
import { decodeXorChunk } from "../../../src/blocks/xor-chunk.ts";
import { UserError } from "../../../src/base/errors.ts";
import { type WrittenSample, type WrittenSeries, writeBlock, xorChunk } from "../../support/blocks.ts";
import { temporaryDir } from "../../support/tsdb.ts";

let dir: string;
beforeEach(() => {
  dir = temporaryDir();
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const T = 1_700_000_000_000;
const run = (count: number, from = T, step = 15_000): WrittenSample[] =>
  Array.from({ length: count }, (_, i) => ({ t: from + i * step, v: i * 1.5 }));

function samplesOf({ t, v, stale }: Pick<BlockSeries, "t" | "v" | "stale">): WrittenSample[] {
  return Array.from(t, (time, i) => ({ t: time, v: stale?.[i] === 1 ? undefined : (v[i] as number) }));
}

/** All samples of the blocks in `dir`, by series. */
function readAll(losses = noLosses()): Map<string, WrittenSample[]> {
  const found = new Map<string, WrittenSample[]>();
  for (const block of openSnapshot(dir).blocks)
    for (const piece of readBlock(block, losses))
      for (const one of piece)
        found.set(one.labels.toString(), [...(found.get(one.labels.toString()) ?? []), ...samplesOf(one)]);
  return found;
}

const sampleArb = fc.record({
  gap: fc.oneof(
    fc.constant(15_000),
    fc.integer({ min: 1, max: 40_000 }),
    fc.integer({ min: 1, max: 2 ** 21 }),
    fc.integer({ min: 1, max: 2 ** 40 }),
  ),
  v: fc.oneof(
    fc.double(),
    fc.integer({ min: -5, max: 5 }),
    fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -0, 5e-324, undefined),
  ),
});

describe("XOR chunks", () => {
  test("CRC-32C of the usual words", () => {
    expect(crc32c(new TextEncoder().encode("123456789"))).toBe(0xe306_9283);
    expect(crc32c(new Uint8Array(32))).toBe(0x8a91_36aa);
    expect(crc32c(new Uint8Array(0))).toBe(0);
  });

  test("what was written is read, bit by bit", () => {
    fc.assert(
      fc.property(fc.array(sampleArb, { minLength: 1, maxLength: 150 }), fc.integer(), (list, start) => {
        let t = start;
        const samples = list.map(({ gap, v }) => ({ t: (t += gap), v }));
        const read = samplesOf(decodeXorChunk(xorChunk(samples)));
        expect(read.every((one, i) => one.t === samples[i]?.t && Object.is(one.v, samples[i]?.v))).toBe(true);
        expect(read.length).toBe(samples.length);
      }),
    );
  });

  test("any bytes give samples or a reason, and never an endless loop or a huge array", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          expect(decodeXorChunk(bytes).t.length).toBeLessThanOrEqual(bytes.length * 4);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("a block", () => {
  const series: readonly WrittenSeries[] = [
    { labels: { __name__: "a", job: "x" }, chunks: [run(120), run(120, T + 1_800_000)] },
    { labels: { __name__: "b", job: "x", "zone.name": "Z ü" }, chunks: [run(3)] },
    { labels: { __name__: "gone", job: "y" }, chunks: [run(10)], deleted: [[T + 30_000, T + 60_000]] },
    { labels: { __name__: "ends", job: "y" }, chunks: [[...run(2), { t: T + 90_000, v: undefined }]] },
    { labels: { __name__: "far", job: "z" }, chunks: [run(2, -86_400_000), run(2, T + 365 * 86_400_000)] },
    { labels: { __name__: "hist", job: "y" }, chunks: [run(7)], encoding: 2 },
  ];

  test("comes back as it was written; deleted samples stay deleted, histograms are named", () => {
    writeBlock(path.join(dir, "01A"), series);
    const losses = noLosses();
    const found = readAll(losses);
    expect(found.get('a{job="x"}')).toEqual([...run(120), ...run(120, T + 1_800_000)]);
    expect([...found.values()].filter((samples) => samples.length === 3)).toContainEqual(run(3));
    expect([...found.keys()].filter((key) => key.includes("zone.name") && key.includes("Z ü"))).toHaveLength(1);
    expect(found.get('gone{job="y"}')?.map(({ t }) => (t - T) / 15_000)).toEqual([0, 1, 5, 6, 7, 8, 9]);
    expect(found.get('ends{job="y"}')?.at(-1)).toEqual({ t: T + 90_000, v: undefined });
    expect(found.get('far{job="z"}')).toHaveLength(4);
    expect(found.has('hist{job="y"}')).toBe(false);
    expect(losses).toMatchObject({ damaged: 0, histograms: 7, deleted: 3 });
    expect([...losses.histogramMetrics]).toEqual(["hist"]);
  });

  test("the series of one target come together", () => {
    writeBlock(path.join(dir, "01A"), series);
    const [block] = openSnapshot(dir).blocks;
    const jobs = [...readBlock(block as NonNullable<typeof block>, noLosses())].map(
      (piece) => new Set(piece.map(({ labels }) => labels.get("job"))).size,
    );
    expect(jobs.every((count) => count === 1)).toBe(true);
  });

  test("blocks are read oldest first, and what is not read is said", () => {
    writeBlock(path.join(dir, "01B"), [{ labels: { __name__: "x" }, chunks: [run(2, T)] }]);
    writeBlock(path.join(dir, "01A.tmp-for-creation"), series);
    writeBlock(path.join(dir, "01C"), [{ labels: { __name__: "x" }, chunks: [run(2, -T)] }]);
    const { blocks, notRead } = openSnapshot(dir);
    expect(blocks.map((block) => path.basename(block.path))).toEqual(["01C", "01B"]);
    expect(notRead.join("\n")).toMatch(/tmp-for-creation: a block that is not complete/);
  });

  const refused: readonly { why: string; make: () => void; message: RegExp }[] = [
    { why: "no blocks", make: () => undefined, message: /holds no blocks of Prometheus/ },
    {
      why: "an older index",
      make: () => {
        writeBlock(path.join(dir, "01A"), series);
        patch("01A/index", 4, 1);
      },
      message: /index at byte 4: an index of format 1, and format 2 is read/,
    },
    {
      why: "an index cut short",
      make: () => {
        writeBlock(path.join(dir, "01A"), series);
        const file = path.join(dir, "01A/index");
        writeFileSync(file, readFileSync(file).subarray(0, 40));
      },
      message: /index at byte 40: the file is too short for an index/,
    },
    {
      why: "a meta.json of another version",
      make: () => {
        writeBlock(path.join(dir, "01A"), series);
        writeFileSync(path.join(dir, "01A/meta.json"), '{"version":2}');
      },
      message: /meta.json: a block of format 2/,
    },
    {
      why: "a meta.json that is none",
      make: () => {
        writeBlock(path.join(dir, "01A"), series);
        writeFileSync(path.join(dir, "01A/meta.json"), "{");
      },
      message: /meta.json: not JSON/,
    },
    {
      why: "damaged tombstones",
      make: () => {
        writeBlock(path.join(dir, "01A"), series);
        patch("01A/tombstones", 7, 99);
      },
      message: /tombstones at byte 5: the checksum of the tombstones does not fit/,
    },
  ];
  test.each(refused)("is refused: $why", ({ make, message }) => {
    make();
    expect(() => readAll()).toThrow(message);
  });

  test("one block whose meta.json is damaged does not keep the others", () => {
    writeBlock(path.join(dir, "01A"), [{ labels: { __name__: "x" }, chunks: [run(2)] }]);
    writeBlock(path.join(dir, "01B"), series);
    writeFileSync(path.join(dir, "01B/meta.json"), "[]");
    const { blocks, damage } = openSnapshot(dir);
    expect([blocks.length, damage.map((error) => error.message)]).toEqual([
      1,
      [expect.stringContaining("01B/meta.json: a block of format undefined")],
    ]);
  });

  test("a segment that is gone costs its chunks and is named", () => {
    writeBlock(path.join(dir, "01A"), series);
    rmSync(path.join(dir, "01A/chunks"), { recursive: true });
    const losses = noLosses();
    expect(readAll(losses).size).toBe(0);
    expect(losses.damage.join()).toContain("segment file 1 is missing");
  });

  function patch(name: string, at: number, byte: number): void {
    const file = path.join(dir, name);
    const bytes = readFileSync(file);
    bytes[at] = byte;
    writeFileSync(file, bytes);
  }

  test("a flipped bit anywhere is told, and no sample ever changes", () => {
    writeBlock(path.join(dir, "01A"), series);
    const whole = readAll();
    const files = ["index", "tombstones", "chunks/000001"].map((name) => path.join(dir, "01A", name));
    fc.assert(
      fc.property(fc.constantFrom(...files), fc.nat(), fc.nat({ max: 7 }), (file, place, bit) => {
        const bytes = readFileSync(file);
        const flipped = Buffer.from(bytes);
        const at = place % bytes.length;
        flipped[at] = (flipped[at] as number) ^ (1 << bit);
        writeFileSync(file, flipped);
        const losses = noLosses();
        try {
          let lost = false;
          const found = readAll(losses);
          for (const [labels, samples] of whole) {
            const now = found.get(labels) ?? [];
            const times = new Map(samples.map(({ t, v }) => [t, v]));
            for (const { t, v } of now) expect([times.has(t), Object.is(times.get(t), v)]).toEqual([true, true]);
            if (now.length < samples.length) lost = true;
          }
          expect([...found.keys()].filter((labels) => !whole.has(labels))).toEqual([]);
          if (lost) expect(losses.damaged).toBeGreaterThan(0);
        } catch (error) {
          if (!(error instanceof UserError)) throw error;
          expect(error.message).toMatch(/ at byte \d+: /);
        } finally {
          writeFileSync(file, bytes);
        }
      }),
      { numRuns: 600 },
    );
    expect(readdirSync(dir)).toEqual(["01A"]);
    expect(statSync(path.join(dir, "01A/index")).isFile()).toBe(true);
  });
});
