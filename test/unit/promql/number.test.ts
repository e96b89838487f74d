/** Numbers where Go and JavaScript write or compute them differently. */
import { expect, test } from "vitest";
import { formatFloat, formatPlain, parseFloatLabel, parseNumber, pow } from "../../../src/promql/number.ts";

test.each([
  [0, "0"],
  [-0, "-0"],
  [1, "1"],
  [0.1 + 0.2, "0.30000000000000004"],
  [5e-7, "5e-07"],
  [1e-6, "0.000001"],
  [1e20, "100000000000000000000"],
  [1e21, "1e+21"],
  [-1.5e300, "-1.5e+300"],
  [5e-324, "5e-324"],
  [Number.POSITIVE_INFINITY, "+Inf"],
  [Number.NEGATIVE_INFINITY, "-Inf"],
  [Number.NaN, "NaN"],
])("the API writes %s as %s", (value, text) => {
  expect(formatFloat(value)).toBe(text);
});

test.each([
  [1e21, "1000000000000000000000"],
  [-1.25e-9, "-0.00000000125"],
  [1.5, "1.5"],
  [123456789e15, "123456789000000000000000"],
  [-0, "-0"],
])("count_values writes %s without an exponent: %s", (value, text) => {
  expect(formatPlain(value)).toBe(text);
});

test("powers of one and minus one are those of Go", () => {
  expect(pow(1, Number.NaN)).toBe(1);
  expect(pow(-1, Number.POSITIVE_INFINITY)).toBe(1);
  expect(pow(2, 10)).toBe(1024);
  expect(pow(Number.NaN, 0)).toBe(1);
});

test.each([
  ["0755", 493],
  ["08", 8],
  ["1_0", 10],
  [".5e1", 5],
  ["iNf", Number.POSITIVE_INFINITY],
  ["1e", undefined],
])("the literal %s is %s", (text, value) => {
  expect(parseNumber(text)).toBe(value);
});

test.each([
  ["+Inf", Number.POSITIVE_INFINITY],
  ["-infinity", Number.NEGATIVE_INFINITY],
  ["2.0e-1", 0.2],
  [".2", 0.2],
  ["", undefined],
  ["wide", undefined],
  ["1 ", undefined],
])("the bound %s is %s", (text, value) => {
  expect(parseFloatLabel(text)).toBe(value);
});
