/** promtool's notation of series and values. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { Labels } from "../../../src/model/labels.ts";
import { type NotedValue, parseSeriesName, parseSeriesValues } from "../../../src/rules/series-notation.ts";

const values: readonly (readonly [text: string, want: readonly NotedValue[], why: string])[] = [
  ["1 2 3", [1, 2, 3], "plain"],
  ["1x3", [1, 1, 1, 1], "repeated: one more than the number"],
  ["0+10x3", [0, 10, 20, 30], "rising"],
  ["5-2x2", [5, 3, 1], "falling"],
  ["-2+4x2", [-2, 2, 6], "from below zero"],
  ["0x12", Array.from({ length: 13 }, () => 0), "never hexadecimal"],
  ["1 _ 2", [1, undefined, 2], "a gap"],
  ["_x3 1", [undefined, undefined, undefined, 1], "gaps: exactly as many"],
  ["1 stale 2", [1, "stale", 2], "a stale marker"],
  ["1.5e3 .5 -Inf +Inf", [1500, 0.5, -Infinity, Infinity], "numbers"],
  ["1+0.5x2", [1, 1.5, 2], "fractions"],
  ["", [], "nothing"],
];
test.each(values)("%s", (text, want) => {
  expect(parseSeriesValues(text)).toEqual(want);
});

test.each(["1y", "1+x3", "one", "1 2,3", "{{schema:1}}", "1x99999999999"])("%s is refused", (text) => {
  expect(() => parseSeriesValues(text)).toThrow();
});

test.each([
  ["up", { __name__: "up" }],
  ['up{job="a", instance="b:1"}', { __name__: "up", job: "a", instance: "b:1" }],
  ['{job="a",}', { job: "a" }],
  ['{"metric.name", "label.name"=\'x\'}', { __name__: "metric.name", "label.name": "x" }],
  ['a:b{x="\\"q\\"\\n\\u00e9"}', { __name__: "a:b", x: '"q"\né' }],
  ["{}", {}],
])("%s", (text, want) => {
  expect(parseSeriesName(text).toJSON()).toEqual(want);
});

test.each(["", "up{", "up{a}", "up{a=b}", 'up{a="b"', 'up{a="b" c="d"}', 'up{a="1",a="2"}', "up down"])(
  "%s is refused",
  (text) => {
    expect(() => parseSeriesName(text)).toThrow();
  },
);

test("what labels print is read back", () => {
  const name = fc.stringMatching(/^[a-z_][a-z0-9_]{0,8}$/);
  fc.assert(
    fc.property(fc.dictionary(name, fc.string({ unit: "binary" }), { minKeys: 1 }), (record) => {
      const labels = Labels.from(record);
      fc.pre(labels.size > 0 && [...labels].every(([, value]) => value.isWellFormed()));
      expect(parseSeriesName(labels.toString()).toJSON()).toEqual(labels.toJSON());
    }),
  );
});
