/** What a bench prints: whether a promise was kept, and against whom. */
import { describe, expect, test } from "vitest";
import type { BenchRow } from "../support/bench.ts";
import { broken, markdownTable, plainTable } from "../support/bench-table.ts";

const peers = [
  { name: "Prometheus", value: 10, atMost: 0.3 },
  { name: "VictoriaMetrics", value: 4, atMost: 1 },
];
const row = (more: Partial<BenchRow>): BenchRow => ({ what: "a query", value: 3, unit: "ms", ...more });

describe("a promise", () => {
  const cases: readonly (readonly [why: string, row: BenchRow, verdict: string])[] = [
    ["the bound itself is within", row({ peers }), ""],
    ["beyond one peer's bound", row({ value: 3.1, peers }), "MISSED: over 0.3x Prometheus"],
    ["beyond both", row({ value: 5, peers }), "MISSED: over 0.3x Prometheus, 1x VictoriaMetrics"],
    ["a peer without a bound is only shown", row({ value: 99, peers: [{ name: "Prometheus", value: 1 }] }), ""],
    ["a floor in absolute numbers", row({ value: 9, atLeast: 10 }), "MISSED: under 10.0"],
    ["a ceiling", row({ value: 1.5, atMost: 1 }), "MISSED: over 1.00"],
    ["no number is no kept promise", row({ value: Number.NaN, atMost: 1 }), "MISSED: over 1.00"],
    ["nor beside a peer", row({ value: Number.NaN, peers }), "MISSED: over 0.3x Prometheus, 1x VictoriaMetrics"],
    ["a part that ended says why", row({ value: Number.NaN, failed: "no answer" }), "FAILED: no answer"],
  ];
  test.each(cases)("%s", (_, given, verdict) => {
    expect(broken(given)).toBe(verdict);
  });
});

const rows = [row({ what: "memory", value: 120, unit: "MB" }), row({ peers }), row({ what: "start", atMost: 2 })];

test("promises stand first, each peer in a column of its own", () => {
  expect(plainTable(rows).split("\n")).toEqual([
    "           opsmon   Prometheus  VictoriaMetrics  ratio        bound",
    "  a query  3.00 ms  10.0        4.00             0.30x 0.75x  <= 0.3x 1x  ok",
    "  start    3.00 ms                                            <= 2.00     MISSED: over 2.00",
    "  memory   120 MB",
  ]);
});

test("and as Markdown, where a bar in a name is no column", () => {
  expect(markdownTable([row({ what: 'a{b=~"c|d"}', peers })]).split("\n")).toEqual([
    "|  | opsmon | Prometheus | VictoriaMetrics | ratio | bound |  |",
    "| --- | --: | --: | --: | --: | --: | --- |",
    '| a{b=~"c\\|d"} | 3.00 ms | 10.0 | 4.00 | 0.30x 0.75x | <= 0.3x 1x | ok |',
  ]);
});
