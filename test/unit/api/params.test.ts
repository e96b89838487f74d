import { describe, expect, it } from "vitest";
import { Parameters, parseDurationParameter, parseTimestamp } from "../../../src/api/params.ts";

const parameters = (text: string): Parameters => new Parameters(new URLSearchParams(text));

describe("times of a request", () => {
  it.each([
    ["1435781451.781", 1_435_781_451_781, "float seconds"],
    ["0", 0, "the epoch is a time"],
    ["-1.5", -1_500, "before the epoch"],
    ["1e3", 1_000_000, "Go's ParseFloat takes exponents"],
    ["2015-07-01T20:10:51.781Z", 1_435_781_451_781, "RFC 3339"],
    ["2015-07-01T22:10:51.781999+02:00", 1_435_781_451_781, "nanoseconds are cut, zones count"],
  ])("%s is %d (%s)", (text, ms) => expect(parseTimestamp(text)).toBe(ms));

  it.each(["", "yesterday", "2015-07-01", "NaN", "Inf", "1e30", "2015-13-01T00:00:00Z"])("refuses %j", (text) => {
    expect(() => parseTimestamp(text)).toThrow(/cannot parse/);
  });
});

describe("durations of a request", () => {
  it.each([
    ["15", 15_000],
    ["0.5", 500],
    ["1m30s", 90_000],
  ])("%s is %d ms", (text, ms) => expect(parseDurationParameter(text)).toBe(ms));
  it.each(["", "5 m", "m5", "1e30"])("refuses %j", (text) => {
    expect(() => parseDurationParameter(text)).toThrow(/cannot parse/);
  });
});

describe("parameters", () => {
  it("names the parameter it refuses, in Prometheus' words", () => {
    expect(() => parameters("time=foo").time("time", 0)).toThrow(
      'invalid parameter "time": cannot parse "foo" to a valid timestamp',
    );
    expect(() => parameters("limit=-1").limit()).toThrow('invalid parameter "limit"');
    expect(() => parameters("").requiredTime("start")).toThrow('invalid parameter "start"');
  });
  it("treats an empty value as not given", () => {
    expect(parameters("time=").time("time", 7)).toBe(7);
    expect(parameters("limit=").limit()).toBe(0);
  });
});
