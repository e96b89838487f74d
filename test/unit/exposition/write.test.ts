import { describe, expect, test } from "vitest";
import { formatGoFloat, parseGoFloat } from "../../../src/exposition/float.ts";
import { ACCEPT, CONTENT_TYPE, formatOf, negotiate } from "../../../src/exposition/negotiate.ts";
import { groupByMetric, writePage } from "../../../src/exposition/write.ts";
import { Labels } from "../../../src/model/labels.ts";

describe("numbers as Go's strconv writes them ('g', shortest)", () => {
  test.each([
    [0, "0"],
    [-0, "-0"],
    [1, "1"],
    [0.1, "0.1"],
    [123_456, "123456"],
    [1_000_000, "1e+06"],
    [1_234_567, "1.234567e+06"],
    [999_999.5, "999999.5"],
    [0.0001, "0.0001"],
    [0.00001, "1e-05"],
    [1.5e-7, "1.5e-07"],
    [1e21, "1e+21"],
    [1e100, "1e+100"],
    [-2.5e-300, "-2.5e-300"],
    [Infinity, "+Inf"],
    [-Infinity, "-Inf"],
    [Number.NaN, "NaN"],
  ])("%d → %s", (value, text) => {
    expect(formatGoFloat(value)).toBe(text);
    expect(parseGoFloat(text)).toBe(value);
  });
});

describe("writing a page", () => {
  const list = [
    { labels: Labels.from({ __name__: "a_total", path: 'x"\\\n' }), value: 1 },
    { labels: Labels.from({ __name__: "b.c", "d e": "f" }), value: 2, timestamp: 1_500 },
    { labels: Labels.from({ __name__: "a_total" }), value: 3, timestamp: -1_500 },
  ];
  const metadata = new Map([["a_total", { type: "counter", help: 'lines\nand "quotes" \\', unit: "" } as const]]);

  test("text 0.0.4", () => {
    expect(writePage(groupByMetric(list, metadata), "text")).toBe(
      [
        '# HELP a_total lines\\nand "quotes" \\\\',
        "# TYPE a_total counter",
        'a_total{path="x\\"\\\\\\n"} 1',
        '# TYPE "b.c" untyped',
        '{"b.c","d e"="f"} 2 1500',
        "",
      ].join("\n"),
    );
  });

  test("OpenMetrics: seconds, the end mark, and times before 1970", () => {
    const page = writePage(groupByMetric(list), "openmetrics");
    expect(page).toContain("a_total 3 -1.500\n");
    expect(page).toContain('{"b.c","d e"="f"} 2 1.500\n');
    expect(page.endsWith("# EOF\n")).toBe(true);
  });
});

describe("negotiation", () => {
  test.each([
    ["text/plain; version=0.0.4; charset=utf-8", "text"],
    ["application/openmetrics-text; version=1.0.0; charset=utf-8", "openmetrics"],
    ["Application/OpenMetrics-Text;version=0.0.1", "openmetrics"],
    ["text/html", "text"],
    ["", "text"],
    [undefined, "text"],
  ] as const)("an answer of type %j is read as %s", (type, format) => {
    expect(formatOf(type)).toBe(format);
  });

  test.each(["text", "openmetrics"] as const)("our own %s page is read as what it is", (format) => {
    expect(formatOf(CONTENT_TYPE[format])).toBe(format);
  });

  test.each([
    [undefined, "text"],
    ["*/*", "text"],
    ["application/openmetrics-text;version=1.0.0,text/plain;q=0.5", "openmetrics"],
    ["application/openmetrics-text;q=0.1,text/plain;q=0.5", "text"],
    ["application/openmetrics-text;q=0", "text"],
    [ACCEPT, "openmetrics"],
  ] as const)("a client that accepts %j gets %s", (accept, format) => {
    expect(negotiate(accept)).toBe(format);
  });
});
