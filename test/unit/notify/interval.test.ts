import { describe, expect, it } from "vitest";
import { loadAlertmanagerConfig } from "../../../src/config/alertmanager.ts";
import { inInterval } from "../../../src/notify/interval.ts";

function holds(yaml: string, at: string): boolean {
  const text = `
route: {receiver: a}
receivers: [{name: a}]
time_intervals:
- name: x
  time_intervals: [${yaml}]
`;
  const { config, problems } = loadAlertmanagerConfig(text, "time.yml");
  const [interval] = config?.timeIntervals.get("x") ?? [];
  if (interval === undefined) throw new Error(JSON.stringify(problems));
  return inInterval(interval, Date.parse(at));
}

const NIGHT = '{times: [{start_time: "02:00", end_time: "03:00"}], location: Europe/Berlin}';

describe("a moment and an interval", () => {
  it.each([
    ["{}", "2026-11-20T09:00:00Z", true, "an empty interval is always"],
    ['{times: [{start_time: "09:00", end_time: "17:00"}]}', "2026-11-20T09:00:00Z", true, "the start is inside"],
    ['{times: [{start_time: "09:00", end_time: "17:00"}]}', "2026-11-20T17:00:00Z", false, "the end is not"],
    [
      '{times: [{start_time: "23:00", end_time: "24:00"}]}',
      "2026-11-20T23:59:59Z",
      true,
      "24:00 is the end of the day",
    ],
    ["{weekdays: ['monday:friday']}", "2026-11-20T12:00:00Z", true, "a Friday"],
    ["{weekdays: ['monday:friday']}", "2026-11-21T12:00:00Z", false, "a Saturday"],
    ["{weekdays: [sunday, Saturday]}", "2026-11-22T12:00:00Z", true, "names in any case"],
    ["{days_of_month: ['1:7']}", "2026-11-08T00:00:00Z", false, "both ends included, not beyond"],
    ["{days_of_month: ['-1']}", "2024-02-29T12:00:00Z", true, "the last day of a leap February"],
    ["{days_of_month: ['-3:-1']}", "2026-11-27T12:00:00Z", false, "the fourth last"],
    ["{days_of_month: ['-3:-1']}", "2026-11-28T12:00:00Z", true, "the third last"],
    ["{days_of_month: ['29:31']}", "2026-02-28T12:00:00Z", false, "days this month has not"],
    ["{days_of_month: ['25:-1']}", "2026-02-26T12:00:00Z", true, "from a day to the end"],
    ["{months: ['december:december', '1:2']}", "2026-01-15T12:00:00Z", true, "names and numbers"],
    ["{years: ['2027']}", "2026-12-31T23:59:59Z", false, "another year in UTC"],
    ["{years: ['2027'], location: Asia/Tokyo}", "2026-12-31T23:59:59Z", true, "already that year in Tokyo"],
    [NIGHT, "2026-10-25T00:30:00Z", true, "02:30 the first time when the clock goes back"],
    [NIGHT, "2026-10-25T01:30:00Z", true, "02:30 the second time"],
    [NIGHT, "2026-03-29T01:30:00Z", false, "02:30 does not exist when it goes forward: that is 03:30"],
    [
      '{times: [{start_time: "02:00", end_time: "02:30"}], location: Australia/Lord_Howe}',
      "2026-10-03T15:30:00Z",
      false,
      "a half-hour step leaves out 02:00 to 02:30",
    ],
    [
      '{times: [{start_time: "05:30", end_time: "05:31"}], location: Asia/Kolkata}',
      "2026-11-20T00:00:30Z",
      true,
      "a half-hour zone",
    ],
  ])("%s at %s: %s (%s)", (yaml, at, inside) => {
    expect(holds(yaml, at)).toBe(inside);
  });
});
