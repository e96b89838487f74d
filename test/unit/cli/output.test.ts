import { describe, expect, it } from "vitest";
import { type FormatOptions, formatValue } from "../../../src/cli/output/format.ts";
import { Labels } from "../../../src/model/labels.ts";
import type { Value } from "../../../src/promql/value.ts";

const options: FormatOptions = { width: 80, utc: true, color: false, ascii: false, expr: "up" };
const T = Date.UTC(2026, 10, 20, 12);
const vector: Value = {
  kind: "vector",
  t: T,
  samples: [
    { labels: Labels.from({ __name__: "up", job: "redis", note: 'a,"b"' }), v: 1 },
    { labels: Labels.from({ __name__: "up", job: "node" }), v: Number.NaN },
  ],
};
const matrix: Value = {
  kind: "matrix",
  series: [
    {
      labels: Labels.from({ job: "redis" }),
      t: Float64Array.from({ length: 60 }, (_, i) => T + i * 15_000),
      v: Float64Array.from({ length: 60 }, (_, i) => Math.sin(i / 6) * 50 + 50),
    },
  ],
};
const empty: Value = { kind: "vector", t: T, samples: [] };

describe("formats of a vector", () => {
  it("csv quotes what needs quoting and keeps its header when empty", async () => {
    expect(await formatValue(vector, "csv", options)).toBe(
      '__name__,job,note,time,value\nup,redis,"a,""b""",2026-11-20T12:00:00Z,1\nup,node,,2026-11-20T12:00:00Z,NaN\n',
    );
    expect(await formatValue(empty, "csv", options)).toBe("time,value\n");
  });
  it("tsv escapes tabs", async () => {
    const tab: Value = { kind: "vector", t: T, samples: [{ labels: Labels.from({ a: "x\ty" }), v: 2 }] };
    expect(await formatValue(tab, "tsv", options)).toBe("a\ttime\tvalue\nx\\ty\t2026-11-20T12:00:00Z\t2\n");
  });
  it("json is Prometheus' data object", async () => {
    expect(JSON.parse(await formatValue(vector, "json", options))).toEqual({
      resultType: "vector",
      result: [
        { metric: { __name__: "up", job: "redis", note: 'a,"b"' }, value: [T / 1_000, "1"] },
        { metric: { __name__: "up", job: "node" }, value: [T / 1_000, "NaN"] },
      ],
    });
  });
  it("prom is the text format with timestamps", async () => {
    expect(await formatValue(vector, "prom", options)).toBe(
      `up{job="redis",note="a,\\"b\\""} 1 ${T}\nup{job="node"} NaN ${T}\n`,
    );
  });
  it("value is only the numbers", async () => expect(await formatValue(vector, "value", options)).toBe("1\nNaN\n"));
  it("table leaves out the time everybody knows and aligns numbers right", async () => {
    expect(await formatValue(vector, "table", options)).toBe(
      'METRIC  JOB    NOTE   VALUE\nup      redis  a,"b"      1\nup      node            NaN\n',
    );
  });
  it("a control character in a label never reaches the terminal", async () => {
    const hostile: Value = {
      kind: "vector",
      t: T,
      samples: [{ labels: Labels.from({ a: "\u001b[2J\u009b31m" }), v: 1 }],
    };
    expect(await formatValue(hostile, "table", options)).not.toMatch(/[\u001b\u009b]/);
  });
});

describe("formats of a range", () => {
  it("table has one row a series with its extremes", async () => {
    expect(await formatValue(matrix, "table", options)).toMatch(/^JOB {4}POINTS +MIN +AVG +MAX +LAST\nredis {6}60 /);
  });
  it.each(["graph", "spark"] as const)("%s fits the width and shows something", async (format) => {
    const text = await formatValue(matrix, format, options);
    const rows = text.trimEnd().split("\n");
    expect(rows.length).toBeGreaterThan(format === "graph" ? 8 : 0);
    for (const row of rows) expect(row.length).toBeLessThanOrEqual(80);
    expect(text).toMatch(/[\u2800-\u28ff\u2581-\u2588]/);
  });
  it("graph of a moment says what is missing", async () => {
    await expect(formatValue(vector, "graph", options)).rejects.toThrow(/draws a range/);
  });
});
