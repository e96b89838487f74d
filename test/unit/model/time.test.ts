import { describe, expect, it } from "vitest";
import { formatTime, parseTime } from "../../../src/model/time.ts";

const NOW = Date.UTC(2026, 10, 20, 12, 0, 0);

describe("moments as people write them, in UTC", () => {
  it.each([
    ["now", NOW, "the moment itself"],
    ["now-2h", NOW - 7_200_000, "relative with now"],
    ["-2h", NOW - 7_200_000, "relative without it"],
    ["now+30s", NOW + 30_000, "forward"],
    ["03:10", Date.UTC(2026, 10, 20, 3, 10), "a clock time that has passed is today's"],
    ["13:10", Date.UTC(2026, 10, 19, 13, 10), "one still to come was yesterday"],
    ["today 13:10", Date.UTC(2026, 10, 20, 13, 10), "unless today is said"],
    ["yesterday 03:10", Date.UTC(2026, 10, 19, 3, 10), "yesterday"],
    ["2026-11-20 14:05", Date.UTC(2026, 10, 20, 14, 5), "a date without zone"],
    ["2026-11-20", Date.UTC(2026, 10, 20), "a date alone is its first moment"],
    ["2026-11-20T14:05:00+01:00", Date.UTC(2026, 10, 20, 13, 5), "RFC 3339"],
    ["1795000000", 1_795_000_000_000, "unix seconds"],
    ["1795000000.25", 1_795_000_000_250, "with fractions"],
  ])("%s (%d: %s)", (text, ms) => expect(parseTime(text, NOW, true)).toBe(ms));

  it.each(["", "soon", "25:00", "12:60", "2026-13-01", "2026-02-31T00:00:00ZZ", "-2hours", "tomorrow 03:10"])(
    "refuses %j and says what to write",
    (text) => {
      expect(() => parseTime(text, NOW, true)).toThrow(expect.objectContaining({ code: "bad-time", exit: 2 }));
    },
  );

  it("reads back what it prints", () => {
    for (const at of [0, NOW, NOW + 1, 1_795_000_000_250, -1_500]) {
      expect(parseTime(formatTime(at, true), NOW, true)).toBe(at);
    }
  });
});
