/** Raw chunks past their retention: moved out first, complete, and read again by import. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { Labels } from "../../../src/model/labels.ts";
import { createMatcher } from "../../../src/model/matcher.ts";
import { importOpenMetrics } from "../../../src/tsdb/openmetrics.ts";
import { dump } from "../../support/storage-conformance.ts";
import { storeBox, T0, temporaryDir } from "../../support/tsdb.ts";

const HOUR = 3_600_000;
const EVERYTHING = [createMatcher("__name__", "=~", ".+")];

describe("the cold directory", () => {
  test("holds all that retention dropped, in files that import reads", async () => {
    const coldDir = temporaryDir();
    await using box = await storeBox({ retentionMs: 30 * HOUR, chunkRows: 10, tiers: [], coldDir });
    const appender = box.db.appender();
    const refs = Float64Array.from({ length: 70 }, (_, c) =>
      appender.series(Labels.from({ __name__: "kept", c: `a"b\\${c}` })),
    );
    for (let row = 0; row < 95; row++) {
      const values = Float64Array.from(refs, (_, c) => (c === 3 ? Number.NEGATIVE_INFINITY : row / 7 + c));
      const stale = row % 20 === 19 ? Uint8Array.from(refs, (_, c) => c % 2) : undefined;
      appender.appendRow(refs, T0 + row * 15_000 + 7, values, refs.length, stale);
      await appender.commit();
    }
    await box.db.flush();
    const before = await dump(box.db, EVERYTHING, 0, T0 * 2);
    await box.clock.advance(7 * HOUR);
    for (let round = 0; round < 6; round++) await box.db.upkeep();
    expect(box.db.stats().blocks).toBe(0);
    const files = readdirSync(coldDir).sort();
    expect(files.length).toBeGreaterThan(1);
    expect(files.filter((name) => !/^samples-[\dTZ-]+-\d+\.om\.zst$/.test(name))).toEqual([]);
    await using other = await storeBox();
    for (const name of files) {
      const packed = readFileSync(join(coldDir, name));
      const text = zstdDecompressSync(packed).toString("utf8");
      for (const part of [0.2, 0.5, 0.8]) {
        const flipped = Buffer.from(packed);
        flipped[Math.floor(packed.length * part)] = (flipped[Math.floor(packed.length * part)] as number) ^ 1;
        expect(() => zstdDecompressSync(flipped)).toThrow();
      }
      expect(await importOpenMetrics(text.split("\n"), other.db)).toMatchObject({ broken: 0, outOfBounds: 0 });
    }
    expect(await dump(other.db, EVERYTHING, 0, T0 * 2)).toEqual(before);
    rmSync(coldDir, { recursive: true });
  });

  test("while it cannot be written nothing is dropped", async () => {
    const parent = temporaryDir();
    const coldDir = join(parent, "file");
    writeFileSync(coldDir, "in the way");
    await using box = await storeBox({ retentionMs: 30 * HOUR, chunkRows: 10, tiers: [], coldDir });
    const appender = box.db.appender();
    const ref = appender.series(Labels.from({ __name__: "kept" }));
    for (let row = 0; row < 30; row++) appender.append(ref, T0 + row * 1_000, row);
    await appender.commit();
    await box.db.flush();
    const { blocks } = box.db.stats();
    await box.clock.advance(7 * HOUR);
    await box.db.upkeep();
    expect(box.db.stats().blocks).toBe(blocks);
    rmSync(coldDir);
    await box.clock.advance(2 * 60_000);
    await box.db.upkeep();
    await box.db.upkeep();
    expect(box.db.stats().blocks).toBe(0);
    rmSync(parent, { recursive: true });
  });
});
