/** Values as JSON: the text a reader must get back, whatever the pieces it travels in. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodePieces, encodeValue, formatExponent, secondsText } from "../../../src/api/encode.ts";
import { Labels } from "../../../src/model/labels.ts";
import { formatFloat } from "../../../src/promql/number.ts";
import type { Value } from "../../../src/promql/value.ts";

const one = (v: readonly number[], t = v.map((_, i) => 1_000 * i)): Value => ({
  kind: "matrix",
  series: [{ labels: Labels.from({ a: "b" }), t: Float64Array.from(t), v: Float64Array.from(v) }],
});

describe("numbers", () => {
  it.each([
    [0, "0"],
    [-0, "-0"],
    [7, "7"],
    [-10, "-10"],
    [2_147_483_647, "2147483647"],
    [2_147_483_648, "2147483648"],
    [-99_999_999_999, "-99999999999"],
    [999_999_999_999_999, "999999999999999"],
    [1e15, "1000000000000000"],
    [1e21, "1e+21"],
    [5e-7, "5e-07"],
    [0.000001, "0.000001"],
    [0.1, "0.1"],
    [Number.NaN, "NaN"],
    [Number.POSITIVE_INFINITY, "+Inf"],
    [Number.NEGATIVE_INFINITY, "-Inf"],
  ])("%d in a range is %s", (v, text) => {
    expect(encodeValue(one([v])).text).toContain(`[0,"${text}"]`);
  });

  it("are the same in a range as anywhere", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.double(), fc.maxSafeInteger(), fc.integer()), { minLength: 1 }), (values) => {
        const { data } = {
          data: JSON.parse(encodeValue(one(values)).text) as { result: [{ values: [number, string][] }] },
        };
        expect(data.result[0].values.map(([, text]) => text)).toEqual(values.map(formatFloat));
      }),
    );
  });

  it("a scalar never has an exponent, an alert's value always", () => {
    expect(encodeValue({ kind: "scalar", t: 0, v: 5e-7 }).text).toContain('"0.0000005"');
    expect([formatExponent(12), formatExponent(-0), formatExponent(2.5e-7)]).toEqual(["1.2e+01", "-0e+00", "2.5e-07"]);
  });
});

describe("times", () => {
  it.each([
    [0, "0"],
    [1_500, "1.5"],
    [-1, "-0.001"],
    [-1_500, "-1.5"],
    [1_795_167_900_120, "1795167900.12"],
  ])("%d ms is %s", (ms, text) => {
    expect(secondsText(ms)).toBe(text);
  });

  it("belong to their own series, when series have gaps", () => {
    const value: Value = {
      kind: "matrix",
      series: [[1, 2, 3], [2, 3], [1, 3, 4], [4], [1, 2, 3]].map((t, i) => ({
        labels: Labels.from({ i: String(i) }),
        t: Float64Array.from(t, (s) => s * 1_000),
        v: Float64Array.from(t),
      })),
    };
    const { result } = JSON.parse(encodeValue(value).text) as { result: { values: [number, string][] }[] };
    for (const { values } of result) for (const [t, v] of values) expect(String(t)).toBe(v);
    expect(result.map((row) => row.values.length)).toEqual([3, 2, 3, 1, 3]);
  });
});

describe("pieces", () => {
  it("join to one JSON text whatever the labels are", () => {
    const labels = Labels.from({ long: "ä".repeat(70_000), quote: 'a"\\\n\u2028', emoji: "😀" });
    const t = Float64Array.from({ length: 9_000 }, (_, i) => i * 15_000);
    const value: Value = {
      kind: "matrix",
      series: [
        { labels, t, v: t },
        { labels: Labels.from({}), t, v: t },
      ],
    };
    const pieces = [...encodePieces(value).pieces];
    expect(pieces.length).toBeGreaterThan(3);
    const text = Buffer.concat(pieces.map((piece) => Buffer.from(piece))).toString("utf8");
    const { result } = JSON.parse(text) as { result: { metric: object; values: unknown[] }[] };
    expect(result[0]?.metric).toEqual(labels.toJSON());
    expect(result.map((row) => row.values.length)).toEqual([9_000, 9_000]);
  });

  it("limits keep the first series and say so", () => {
    const vector: Value = {
      kind: "vector",
      t: 0,
      samples: Array.from({ length: 3_000 }, (_, i) => ({ labels: Labels.from({ i: String(i) }), v: i })),
    };
    expect(encodePieces(vector, 3_000).truncated).toBe(false);
    expect(encodePieces(vector, 2_999).truncated).toBe(true);
    expect((JSON.parse(encodeValue(vector).text) as { result: unknown[] }).result).toHaveLength(3_000);
  });
});
