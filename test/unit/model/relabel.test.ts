import { describe, expect, test } from "vitest";
import { Labels } from "../../../src/model/labels.ts";
import { compileRelabel, type RelabelRule } from "../../../src/model/relabel.ts";
import { rule } from "../../support/relabel.ts";

const start = Labels.from({ a: "foo", b: "bar", c: "baz" });

describe("relabelling", () => {
  const cases: readonly (readonly [
    why: string,
    rules: readonly Partial<RelabelRule>[],
    out: Record<string, string> | undefined,
  ])[] = [
    [
      "replace with groups of joined sources",
      [{ sourceLabels: ["a", "b"], regex: "f(.*);(.*)r", targetLabel: "a", replacement: "b${1}${2}m$1" }],
      { a: "boobamoo", b: "bar", c: "baz" },
    ],
    [
      "no match changes nothing",
      [{ sourceLabels: ["a"], regex: "x(.*)", targetLabel: "a", replacement: "$1" }],
      { a: "foo", b: "bar", c: "baz" },
    ],
    [
      "an empty result removes the label",
      [{ sourceLabels: ["a"], regex: "foo", targetLabel: "b", replacement: "" }],
      { a: "foo", c: "baz" },
    ],
    ["a constant", [{ targetLabel: "d", replacement: "x" }], { a: "foo", b: "bar", c: "baz", d: "x" }],
    [
      "the target may hold groups",
      [{ sourceLabels: ["a"], regex: "(f)(oo)", targetLabel: "${1}_x", replacement: "$2" }],
      { a: "foo", b: "bar", c: "baz", f_x: "oo" },
    ],
    [
      "named groups",
      [{ sourceLabels: ["a"], regex: "(?P<first>f).*", targetLabel: "d", replacement: "${first}!" }],
      { a: "foo", b: "bar", c: "baz", d: "f!" },
    ],
    [
      "the longest group name wins and an unknown one is empty",
      [{ sourceLabels: ["a"], regex: "(.*)", targetLabel: "d", replacement: "[$1x]" }],
      { a: "foo", b: "bar", c: "baz", d: "[]" },
    ],
    [
      "two dollars are one",
      [{ sourceLabels: ["a"], targetLabel: "d", replacement: "$$1 $1" }],
      { a: "foo", b: "bar", c: "baz", d: "$1 foo" },
    ],
    ["the expression is anchored", [{ action: "keep", sourceLabels: ["a"], regex: "o" }], undefined],
    [
      "a dot matches a line feed",
      [
        { targetLabel: "d", replacement: "x\ny" },
        { action: "keep", sourceLabels: ["d"], regex: "x.y" },
      ],
      { a: "foo", b: "bar", c: "baz", d: "x\ny" },
    ],
    ["keep", [{ action: "keep", sourceLabels: ["a"], regex: "foo|bar" }], { a: "foo", b: "bar", c: "baz" }],
    ["drop", [{ action: "drop", sourceLabels: ["b"], regex: ".*a.*" }], undefined],
    ["drop of an absent label by an empty match", [{ action: "drop", sourceLabels: ["zz"], regex: "" }], undefined],
    ["keepequal", [{ action: "keepequal", sourceLabels: ["a"], targetLabel: "b" }], undefined],
    ["dropequal", [{ action: "dropequal", sourceLabels: ["a"], targetLabel: "b" }], { a: "foo", b: "bar", c: "baz" }],
    [
      "hashmod as Prometheus computes it",
      [{ action: "hashmod", sourceLabels: ["c"], targetLabel: "d", modulus: 1_000 }],
      { a: "foo", b: "bar", c: "baz", d: "976" },
    ],
    [
      "labelmap copies",
      [{ action: "labelmap", regex: "(b|c)", replacement: "x_$1" }],
      { a: "foo", b: "bar", c: "baz", x_b: "bar", x_c: "baz" },
    ],
    ["labeldrop", [{ action: "labeldrop", regex: "b|c" }], { a: "foo" }],
    ["labelkeep", [{ action: "labelkeep", regex: "b|c" }], { b: "bar", c: "baz" }],
    [
      "uppercase and lowercase",
      [
        { action: "uppercase", sourceLabels: ["a"], targetLabel: "a" },
        { action: "lowercase", sourceLabels: ["a"], targetLabel: "b" },
      ],
      { a: "FOO", b: "foo", c: "baz" },
    ],
    [
      "rules see what the ones before left",
      [
        { sourceLabels: ["a"], targetLabel: "d" },
        { action: "labeldrop", regex: "a|b|c" },
        { action: "keep", sourceLabels: ["d"], regex: "foo" },
      ],
      { d: "foo" },
    ],
  ];
  test.each(cases)("%s", (_, rules, out) => {
    expect(compileRelabel(rules.map(rule))(start)?.toJSON()).toEqual(out);
  });

  test("no rules give the very same labels", () => {
    expect(compileRelabel([])(start)).toBe(start);
  });

  test.each(["(", "a(?=b)", "\\1"])("%j is refused when compiled", (regex) => {
    expect(() => compileRelabel([rule({ regex })])).toThrow(expect.objectContaining({ code: "bad-regexp" }));
  });
});
