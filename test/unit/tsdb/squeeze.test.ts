/** zstd with one kept compressor gives what the public functions give, and refuses what they refuse. */
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { squeeze, unsqueeze } from "../../../src/tsdb/squeeze.ts";

const OPTIONS = { params: { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_contentSizeFlag]: 1 } };
const LIMIT = 1 << 24;

function patterned(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => (i * i) % 61));
}

describe("squeeze", () => {
  test("any bytes become the public frame, and come back", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 400 }),
      fc.array(fc.nat(3), { maxLength: 3_000 }).map((list) => Uint8Array.from(list)),
      fc.nat(200_000).map(patterned),
    );
    fc.assert(
      fc.property(bytes, (input) => {
        const frame = Buffer.from(squeeze(input));
        expect(frame.equals(zstdCompressSync(input, OPTIONS))).toBe(true);
        expect(zstdDecompressSync(frame).equals(input)).toBe(true);
        expect(Buffer.from(unsqueeze(frame, LIMIT)).equals(input)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  const sound = zstdCompressSync(patterned(5_000), OPTIONS);
  const flipped = Buffer.from(sound);
  flipped[20] = (flipped[20] as number) ^ 0xff;
  const cases: readonly (readonly [why: string, frame: Buffer, limit: number])[] = [
    ["its end cut off", sound.subarray(0, sound.length - 4), LIMIT],
    ["a byte changed", flipped, LIMIT],
    ["something else in it", Buffer.from("not a frame at all, only text"), LIMIT],
    ["nothing in it", Buffer.alloc(0), LIMIT],
    ["more than the limit", sound, 4_999],
  ];
  test.each(cases)("a frame with %s is taken or refused as the public way does", (_, frame, limit) => {
    let refused = "";
    let result: Uint8Array | undefined;
    try {
      result = zstdDecompressSync(frame, { maxOutputLength: limit });
    } catch (error) {
      refused = (error as Error).message;
    }
    if (result === undefined) expect(() => unsqueeze(frame, limit)).toThrow(refused);
    else expect(Buffer.from(unsqueeze(frame, limit)).equals(result)).toBe(true);
    expect(Buffer.from(unsqueeze(sound, LIMIT)).equals(patterned(5_000)), "the next one is read").toBe(true);
  });

  test("frames that do not tell their size are read too", () => {
    const frame = zstdCompressSync(patterned(5_000), { params: { [constants.ZSTD_c_contentSizeFlag]: 0 } });
    expect(Buffer.from(unsqueeze(frame, LIMIT)).equals(patterned(5_000))).toBe(true);
  });
});
