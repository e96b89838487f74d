/** Doubles as bytes: the text must be the one the language itself writes, digit by digit. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DECIMAL_BYTES_ROOM, writeDecimal, writeInteger } from "../../../src/api/decimal-bytes.ts";
import { formatFloat } from "../../../src/promql/number.ts";

const bytes = Buffer.alloc(2 + DECIMAL_BYTES_ROOM);
const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

function written(v: number): string {
  return bytes.toString("latin1", 2, writeDecimal(view, 2, v));
}

/** Doubles next to `v`, on both sides. */
function neighbours(v: number): number[] {
  const words = new BigInt64Array(new Float64Array([v]).buffer);
  return [-2n, -1n, 0n, 1n, 2n].map((by) => {
    const moved = new BigInt64Array([(words[0] as bigint) + by]);
    return new Float64Array(moved.buffer)[0] as number;
  });
}

describe("a decimal", () => {
  it.each([
    [0.1, "0.1", "short, though its double is not"],
    [0.1 + 0.2, "0.30000000000000004", "17 digits"],
    [5e-324, "5e-324", "the smallest"],
    [1.7976931348623157e308, "1.7976931348623157e+308", "the largest"],
    [1e-6, "0.000001", "the least in plain notation"],
    [9.5e-7, "9.5e-07", "just below it, and a padded exponent"],
    [2 ** -19, "0.0000019073486328125", "a power of two: doubles below it stand closer"],
    [123456789.12345679, "123456789.12345679", "nine digits before the point"],
    [99999999999999980, "99999999999999980", "seventeen before it"],
    [-2.5, "-2.5", "below zero"],
    [0.5, "0.5", "half"],
    [100.5, "100.5", "zeros inside stay"],
  ])("%d is %s: %s", (v, text) => {
    expect(written(v)).toBe(text);
  });

  it("is what the language writes, for any double", () => {
    fc.assert(
      fc.property(fc.double(), (v) => {
        expect(written(v)).toBe(formatFloat(v));
      }),
      { numRuns: 2_000 },
    );
  });

  it("is right around every power of ten and of two, and for quotients", () => {
    for (let e = -8; e <= 22; e++)
      for (let n = 1; n <= 9; n++) for (const v of neighbours(n * 10 ** e)) expect(written(v)).toBe(formatFloat(v));
    for (let e = -20; e <= 60; e++) for (const v of neighbours(2 ** e)) expect(written(v)).toBe(formatFloat(v));
    for (let a = 1; a < 100; a++) for (let b = 1; b < 100; b++) expect(written(-a / b)).toBe(formatFloat(-a / b));
  });

  it("is right for decimals of few places, among themselves and among others", () => {
    for (let n = 1; n <= 3_000; n++) {
      for (const v of [n / 10, -n / 100, n / 1_000, 1e11 + n / 1_000, n / 7]) expect(written(v)).toBe(formatFloat(v));
      expect(written(n / 1_000)).toBe(formatFloat(n / 1_000));
    }
  });
});

describe("a whole number", () => {
  const whole = (v: number): string => bytes.toString("latin1", 2, writeInteger(view, 2, v));

  it("has all its digits, whatever its length", () => {
    for (let e = 0; e <= 14; e++)
      for (let n = 1; n <= 9; n++)
        for (const by of [-1, 0, 1, 10_000, 99_999_999]) {
          const v = n * 10 ** e + by;
          if (v < 1e15) expect([whole(v), whole(-v)]).toEqual([formatFloat(v), formatFloat(-v)]);
        }
    fc.assert(
      fc.property(fc.integer({ min: -999_999_999_999_999, max: 999_999_999_999_999 }), (v) => {
        expect(whole(v)).toBe(formatFloat(v));
      }),
    );
    expect([whole(0), whole(-0)]).toEqual(["0", "-0"]);
  });
});
