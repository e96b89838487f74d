import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { metricNames } from "../../../src/panel/metric-names.ts";
import { chartStep, momentary, panelGrid, panelQueries, rateWindow, substitute } from "../../../src/panel/query.ts";
import { NOON, spec } from "./frames.ts";

const MINUTE = 60_000;

describe("chartStep", () => {
  it.each([
    { span: 15 * MINUTE, columns: 80, interval: 15_000, step: 15_000, why: "never below the scrape interval" },
    { span: 15 * MINUTE, columns: 80, interval: 1_000, step: 10_000, why: "5.6 s rounds up to a nice step" },
    { span: 60 * MINUTE, columns: 80, interval: 15_000, step: 30_000, why: "two points a column" },
    { span: 24 * 60 * MINUTE, columns: 100, interval: 15_000, step: 600_000, why: "a day" },
    { span: 400 * 24 * 60 * MINUTE, columns: 10, interval: 15_000, step: 20 * 24 * 60 * MINUTE, why: "whole days" },
    { span: 15 * MINUTE, columns: 0, interval: 15_000, step: 600_000, why: "no columns is one column" },
  ])("$span ms on $columns columns: $why", ({ span, columns, interval, step }) => {
    expect(chartStep(span, columns, interval)).toBe(step);
  });

  it("never asks for more points than a server answers, and at most two a column", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e12 }), fc.integer({ min: 1, max: 400 }), (spanMs, columns) => {
        const grid = panelGrid({ at: NOON, spanMs, columns, rateMs: MINUTE, intervalMs: 1 });
        expect(grid.points).toBeLessThanOrEqual(Math.min(11_000, 2 * columns + 1));
        expect(grid.start % grid.stepMs).toBe(0);
        expect(grid.end).toBeLessThanOrEqual(NOON);
        expect(NOON - grid.end).toBeLessThan(grid.stepMs);
      }),
    );
  });
});

it("a window that moves by less than a step asks the same range", () => {
  const window = { spanMs: 15 * MINUTE, columns: 80, rateMs: MINUTE };
  expect(panelGrid({ ...window, at: NOON + 14_999 })).toEqual(panelGrid({ ...window, at: NOON }));
});

it("a rate spans four scrapes or one step, whichever is longer", () => {
  expect(rateWindow(15_000, 15_000)).toBe(MINUTE);
  expect(rateWindow(600_000, 15_000)).toBe(600_000);
});

describe("substitute", () => {
  it.each([
    { expr: "rate(a{$filter}[$rate])", filter: "", text: "rate(a[1m])", why: "no empty braces" },
    { expr: 'rate(a{b="c",$filter}[$rate])', filter: "", text: 'rate(a{b="c"}[1m])', why: "no trailing comma" },
    { expr: 'rate(a{$filter,b="c"}[$rate])', filter: "", text: 'rate(a{b="c"}[1m])', why: "no leading comma" },
    { expr: 'a{b="c",$filter}', filter: 'x="y"', text: 'a{b="c",x="y"}', why: "appended" },
    { expr: "a{$filter}", filter: ' x="y", ', text: 'a{x="y"}', why: "stray commas of a person" },
    { expr: "a{$filter}", filter: 'x="$&"', text: 'a{x="$&"}', why: "a filter is text, not a replacement pattern" },
    { expr: "a_$filtered", filter: "", text: "a_$filtered", why: "only the whole word" },
  ])("$expr with '$filter': $why", ({ expr, filter, text }) => {
    expect(substitute(expr, { rateMs: MINUTE, filter })).toBe(text);
  });
});

describe("panelQueries", () => {
  const window = { at: NOON + 1, spanMs: 15 * MINUTE, columns: 60, rateMs: MINUTE };
  const two = spec({
    queries: [
      { legend: "", exprs: ["a", "b"] },
      { legend: "", exprs: ["c"] },
    ],
  });

  it("asks a chart's range on the grid and its value at the moment, for each alternative", () => {
    expect(panelQueries(two, window).map((r) => `${r.id} ${r.expr} ${r.stepMs}`)).toEqual([
      "test.panel#0.0 a 15000",
      "test.panel#0.0@ a 0",
      "test.panel#0.1 b 15000",
      "test.panel#0.1@ b 0",
      "test.panel#1.0 c 15000",
      "test.panel#1.0@ c 0",
    ]);
  });
  it("asks no extra value where the grid ends at the moment", () => {
    expect(panelQueries(two, { ...window, at: NOON })).toHaveLength(3);
  });
  it("asks a table, and everything in a health table, for the moment only", () => {
    const ids = ["test.panel#0.0@", "test.panel#0.1@", "test.panel#1.0@"];
    expect(panelQueries({ ...two, kind: "table" }, window).map((r) => r.id)).toEqual(ids);
    expect(panelQueries(two, { ...window, momentOnly: true }).map((r) => r.id)).toEqual(ids);
  });
});

describe("momentary", () => {
  const window = { at: NOON, spanMs: 15 * MINUTE, columns: 60, rateMs: MINUTE };
  it.each([
    { age: 500, expr: "rate(a[1m])", text: "irate(a[1m])", why: "two samples in a minute that is not over" },
    { age: MINUTE, expr: "rate(a[1m])", text: "rate(a[1m])", why: "a full window" },
    {
      age: 2 * MINUTE,
      expr: "rate(a[1m]) / rate(b[5m])",
      text: "rate(a[1m]) / rate(b[2m])",
      why: "as long as it can be",
    },
    { age: 500, expr: "rate(a[1m]) / rate(b[5m])", text: "irate(a[1m]) / irate(b[5m])", why: "nothing is long enough" },
    { age: 500, expr: 'rate(a{b=~"(c|d)"}[1m30s])', text: 'irate(a{b=~"(c|d)"}[1m30s])', why: "brackets in a matcher" },
    { age: 500, expr: "increase(a[1m]) + b_rate", text: "increase(a[1m]) + b_rate", why: "only rate()" },
    {
      age: 500,
      expr: "rate(a[5m:1m]) + rate(a[])",
      text: "rate(a[5m:1m]) + rate(a[])",
      why: "subqueries and nonsense",
    },
    { age: -500, expr: "rate(a[1m])", text: "rate(a[1m])", why: "paused before the start, on what a former run left" },
  ])("$expr after $age ms: $why", ({ age, expr, text }) => {
    expect(momentary(expr, { ...window, collectedSince: NOON - age })).toBe(text);
  });
  it("changes nothing where nobody says when collecting began", () => {
    expect(momentary("rate(a[1m])", { ...window, collectedSince: 0 })).toBe("rate(a[1m])");
    expect(momentary("rate(a[1m])", window)).toBe("rate(a[1m])");
  });
  it("is asked for beside the range even where the grid ends at the moment", () => {
    const chart = spec({ queries: [{ legend: "", exprs: ["rate(a[$rate])"] }] });
    const young = { ...window, collectedSince: NOON - 500 };
    expect(panelQueries(chart, young).map(({ expr }) => expr)).toEqual(["rate(a[1m])", "irate(a[1m])"]);
    expect(panelQueries(chart, window)).toHaveLength(1);
  });
});

describe("metricNames", () => {
  it.each([
    { expr: "sum by (instance) (rate(a_total[5m]))", names: ["a_total"], why: "not the grouping, not the function" },
    { expr: 'a{b="c_d"} / on (x) group_left (y) e', names: ["a", "e"], why: "not matchers nor matching labels" },
    { expr: "topk(5, a) or vector(0) > bool b offset 5m", names: ["a", "b"], why: "not keywords" },
    { expr: '{__name__="a:b"}', names: ["a:b"], why: "a name as a matcher" },
    { expr: "1e3 * a", names: ["a"], why: "not numbers" },
  ])("$expr: $why", ({ expr, names }) => {
    expect(metricNames(expr)).toEqual(names);
  });
});
