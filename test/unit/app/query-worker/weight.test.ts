import { describe, expect, test } from "vitest";
import { type Scales, weighAsk } from "../../../../src/app/query-worker/weight.ts";
import { parseExpr } from "../../../../src/promql/parse.ts";

const NOW = 1_700_000_000_000;

/** 10,000 series, one sample a second; `one` names a single one. */
const scales: Scales = {
  weigh(matchers, start, end) {
    const series = matchers.some(({ value }) => value === "one") ? 1 : 10_000;
    return { series, samples: series * ((end - start) / 1_000 + 1) };
  },
  parse: (text) => parseExpr(text),
  now: () => NOW,
};

function ask(path: string, parameters: Readonly<Record<string, string>>, body = ""): number {
  const url = new URL(`http://x${path}?${new URLSearchParams(parameters).toString()}`);
  const signal = new AbortController().signal;
  return weighAsk({ method: "GET", url, headers: {}, body: Buffer.from(body), signal }, scales);
}

const range = (query: string, seconds: number, step: number): number =>
  ask("/api/v1/query_range", { query, start: `${NOW / 1_000 - seconds}`, end: `${NOW / 1_000}`, step: `${step}` });
const instant = (query: string): number => ask("/api/v1/query", { query, time: `${NOW / 1_000}` });
const LIGHT = 500_000;

describe("the weight of a request", () => {
  test.each([
    { weight: instant("one"), heavy: false, why: "one series" },
    { weight: range("rate(one[5m])", 3_600, 15), heavy: false, why: "an hour of one series" },
    { weight: range("sum(rate(one[1h]))", 3_600, 15), heavy: false, why: "windows of one series that overlap" },
    { weight: range("many", 3_600, 15), heavy: true, why: "ten thousand series" },
    { weight: instant("sum(rate(many[5m]))"), heavy: true, why: "all their samples of five minutes" },
    { weight: instant("max_over_time(rate(one[5m])[30d:1s])"), heavy: true, why: "2.6 million evaluations" },
    { weight: range("1", 11_000, 1), heavy: false, why: "numbers cost little" },
    { weight: instant(`${"1+".repeat(5_000)}1`), heavy: true, why: "a text too long to be guessed" },
    { weight: instant("rate(one[5m]"), heavy: false, why: "a mistake is told here" },
    { weight: ask("/api/v1/series", { "match[]": "many" }), heavy: true, why: "ten thousand label sets" },
    { weight: ask("/api/v1/series", { "match[]": "one" }), heavy: false, why: "one label set" },
    { weight: ask("/federate", { "match[]": "many" }), heavy: true, why: "a page of ten thousand" },
    { weight: ask("/api/v1/write", {}, "x".repeat(1e6)), heavy: false, why: "no question at all" },
  ])("$why: heavy $heavy", ({ weight, heavy }) => {
    expect(weight >= LIGHT).toBe(heavy);
  });

  test("a batch weighs what its heaviest query does, or a part of all", () => {
    const query = (expr: string) => ({ id: "1", expr, start: NOW - 3_600_000, end: NOW, stepMs: 15_000 });
    const batch = (queries: readonly unknown[]): number => ask("/api/opsmon/v1/batch", {}, JSON.stringify({ queries }));
    const light = batch([query("rate(one[5m])")]);
    expect(light).toBeLessThan(LIGHT);
    expect(batch(Array.from({ length: 5 }, () => query("rate(one[5m])")))).toBe(light);
    expect(batch(Array.from({ length: 1_000 }, () => query("rate(one[5m])")))).toBeCloseTo(light * 100, 3);
    expect(batch([query("rate(one[5m])"), query("many"), { expr: 7 }, query("(")])).toBeGreaterThan(LIGHT);
    expect(ask("/api/opsmon/v1/batch", {}, "no JSON")).toBe(0);
  });
});
