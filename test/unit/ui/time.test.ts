/** The screen's one time: pausing, stepping, jumping, spans and how moments are written. */
import { describe, expect, test } from "vitest";
import {
  ageText,
  changeFrom,
  clockText,
  liveTime,
  momentOf,
  momentText,
  nextSpan,
  pauseAt,
  SPANS_MS,
  spanText,
  stepTime,
  togglePause,
  zoneText,
} from "../../../src/ui/time.ts";

const NOW = Date.UTC(2026, 10, 20, 12, 0, 7);
const BUCKET = 15_000;
const at = (clock: string): number => Date.parse(`2026-11-20T${clock}Z`);

describe("stepping", () => {
  test.each([
    { from: "live", by: -1, to: "12:00:00", why: "off the grid, the first step lands on the bucket's own start" },
    { from: "live", by: -2, to: "11:59:45", why: "then whole buckets" },
    { from: "11:59:45", by: -1, to: "11:59:30", why: "on the grid, one bucket is one bucket" },
    { from: "11:59:50", by: 1, to: "12:00:00", why: "forward lands on the next start" },
    { from: "11:30:00", by: 10, to: "11:32:30", why: "a jump is ten" },
    { from: "11:59:45", by: 2, to: "live", why: "past now is live" },
    { from: "live", by: 1, to: "live", why: "there is nothing after now" },
  ])("$from by $by is $to: $why", ({ from, by, to }) => {
    const start = from === "live" ? liveTime() : pauseAt(liveTime(), at(from));
    const time = stepTime(start, by, BUCKET, NOW);
    expect(time.mode === "live" ? "live" : momentText(time.at, true)).toBe(
      to === "live" ? "live" : `2026-11-20 ${to}Z`,
    );
  });
});

describe("alert changes", () => {
  const changes = [at("11:30:00"), at("11:52:00"), at("11:45:00"), at("12:00:30")];
  test.each([
    { from: "live", direction: -1 as const, to: "11:52:00", why: "the last one before now, whatever their order" },
    { from: "11:52:00", direction: -1 as const, to: "11:45:00", why: "strictly before" },
    { from: "11:30:00", direction: -1 as const, to: undefined, why: "none is earlier" },
    { from: "11:45:00", direction: 1 as const, to: "11:52:00", why: "strictly after" },
    { from: "11:52:00", direction: 1 as const, to: undefined, why: "one in the future does not count" },
  ])("$direction from $from is $to: $why", ({ from, direction, to }) => {
    const start = from === "live" ? liveTime() : pauseAt(liveTime(), at(from));
    expect(changeFrom(start, direction, changes, NOW)).toBe(to === undefined ? undefined : at(to));
  });
});

test("a pause keeps the moment while the clock goes on, and ends live", () => {
  const paused = togglePause(liveTime(), NOW);
  expect(momentOf(paused, NOW + 60_000)).toBe(NOW);
  expect(momentOf(togglePause(paused, NOW + 60_000), NOW + 60_000)).toBe(NOW + 60_000);
});

test("a clock set back never shows the future", () => {
  expect(momentOf(pauseAt(liveTime(), NOW), NOW - 5_000)).toBe(NOW - 5_000);
});

test("spans walk from 5m to 7d and stop at both ends", () => {
  let time = liveTime(SPANS_MS[0]);
  const seen = [spanText(time.spanMs)];
  for (let i = 0; i < 7; i++) {
    time = nextSpan(time, 1);
    seen.push(spanText(time.spanMs));
  }
  expect(seen).toEqual(["5m", "15m", "1h", "6h", "24h", "7d", "7d", "7d"]);
  expect(spanText(nextSpan(liveTime(45 * 60_000), -1).spanMs)).toBe("15m");
});

test.each([
  { ms: 42_900, text: "42s" },
  { ms: 720_000, text: "12m" },
  { ms: 3_600_000, text: "1h" },
  { ms: 12_000_000, text: "3h 20m" },
  { ms: 187_200_000, text: "2d 4h" },
  { ms: -5, text: "0s" },
])("an age of $ms ms reads $text", ({ ms, text }) => {
  expect(ageText(ms)).toBe(text);
});

test("a zone is Z or an offset with sign and minutes", () => {
  expect(zoneText(NOW, true)).toBe("Z");
  expect(zoneText(NOW, false)).toMatch(/^[+-]\d\d:\d\d$/);
});

test("a clock shows its day only when it is another day", () => {
  expect(clockText(at("11:52:00"), NOW, true)).toBe("11:52:00");
  expect(clockText(at("11:52:00") - 86_400_000, NOW, true)).toBe("11-19 11:52:00");
});
