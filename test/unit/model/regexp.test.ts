/** RE2 patterns: what matches, what the index may push down, what is refused, and how long it takes. */
import { describe, expect, test } from "vitest";
import { compileCapturing, compileRegexp, escapeRegexp, expandTemplate } from "../../../src/model/regexp.ts";

const MATCHES: readonly (readonly [pattern: string, yes: readonly string[], no: readonly string[], why: string])[] = [
  ["", [""], ["a"], "the empty pattern matches only nothing"],
  ["a|b|cd", ["a", "b", "cd"], ["", "abcd"], "alternatives"],
  ["a.*", ["a", "ab", "a\nb"], ["ba"], "dot takes line feeds, the match is anchored"],
  [".+", ["x", "😀"], [""], "one or more"],
  [".", ["😀", "\n"], ["", "ab"], "a dot is a code point, not half of one"],
  ["..", ["ab", "😀b"], ["😀"], "two code points"],
  [".*err.*|.*fail.*", ["an err here", "fail"], ["fine"], "searching twice"],
  ["a.*b.+c", ["abxc", "axxbyc"], ["abc", "ab"], "wildcards with a least length"],
  ["a.*a", ["aa", "aba"], ["a"], "ends must not overlap"],
  ["(?i)Prod", ["prod", "PROD"], ["prods"], "any case"],
  ["(?i:p)rod", ["Prod", "prod"], ["pROD"], "any case for a part"],
  ["x(?i)y|z", ["xY", "Z"], ["Xy"], "a flag holds to the end of the group"],
  ["(?-s).", ["a"], ["\n"], "dot without line feeds"],
  ["[a-c-]+", ["a-b"], ["d"], "a class with a dash"],
  ["[^a-c]", ["d", "\n", "😀"], ["a"], "a negated class"],
  ["[]a]", ["]", "a"], ["b"], "a bracket first in a class is itself"],
  ["[[:digit:]x]{2,3}", ["1x", "123"], ["1", "1234"], "POSIX classes and counts"],
  ["\\d+\\.\\d+", ["1.25"], ["1x25"], "escapes"],
  ["\\s", [" ", "\t"], ["\u00a0"], "space is ASCII space"],
  ["\\x41\\x{1F600}", ["A😀"], ["A"], "hexadecimal escapes"],
  ["\\Qa.b\\E", ["a.b"], ["axb"], "quoted text"],
  ["\\pL+", ["äß"], ["1"], "Unicode classes"],
  ["^abc$", ["abc"], ["xabc"], "anchors where they are anyway"],
  ["a{", ["a{"], ["a"], "a brace that counts nothing"],
  ["(?P<v>v)?1", ["v1", "1"], ["vv1"], "named groups"],
  ["(a+)+b", ["aaab"], ["aaa"], "nested repeats"],
  ["a??b*?", ["", "abb"], ["ba"], "lazy repeats"],
  ["\\bfoo\\b", ["foo"], ["foox"], "word boundaries"],
];

for (const [pattern, yes, no, why] of MATCHES) {
  test(`${JSON.stringify(pattern)}: ${why}`, () => {
    const { matches } = compileRegexp(pattern);
    expect(yes.filter((text) => !matches(text))).toEqual([]);
    expect(no.filter((text) => matches(text))).toEqual([]);
  });
}

test.each([
  "(",
  ")",
  "a**",
  "*a",
  "[b-a]",
  "[a",
  "a(?=b)",
  "(?<!a)b",
  "(a)\\1",
  "\\u00e9",
  "a{1001}",
  "a{2,1}",
  "\\",
  "(?z)a",
])("%s is refused", (pattern) => {
  expect(() => compileRegexp(pattern)).toThrowError(expect.objectContaining({ code: "bad-regexp" }));
});

describe("push-down", () => {
  test.each([
    ["a|b|a", ["a", "b"]],
    ["api-(a|b)", ["api-a", "api-b"]],
    ["v[1-3]x?", ["v1x", "v1", "v2x", "v2", "v3x", "v3"]],
    ["a\\.b", ["a.b"]],
    ["(?i)1", ["1"]],
  ])("%s is the set %j", (pattern, set) => {
    expect(compileRegexp(pattern).set).toEqual(set);
  });

  test.each(["(?i)a", "a.*", "[a-z]{3}", "[^a]", "(a|b|c|d)(a|b|c|d)(a|b|c|d)(a|b|c|d)(a|b|c|d)"])(
    "%s is no small set",
    (pattern) => {
      expect(compileRegexp(pattern).set).toBeUndefined();
    },
  );

  test.each([
    ["api-.*", "api-"],
    ["(api)-[0-9]+", "api"],
    [".*api", ""],
    ["(?i)api.*", ""],
    ["a|b.*", ""],
  ])("matches of %s begin with %j", (pattern, prefix) => {
    expect(compileRegexp(pattern).prefix).toBe(prefix);
  });
});

test("hostile patterns take linear time", { timeout: 10_000 }, () => {
  const text = `${"a".repeat(5_000)}!`;
  const patterns = [
    "(a+)+b",
    "(a|a)*b",
    "a?".repeat(30) + "a".repeat(30),
    "(.*a){20}",
    ".*.*.*.*.*.*b",
    "(a|aa)+",
    "a*a*a*a*a*b",
  ];
  expect(patterns.filter((pattern) => compileRegexp(pattern).matches(text))).toEqual([]);
});

test("groups fill a template as in Go", () => {
  const { exec, names } = compileCapturing("(?P<first>\\w+)-(\\d+)");
  const groups = exec("abc-12") ?? [];
  expect(expandTemplate("$2/${first}/$first/$1x/$$/$9/${2}x", groups, names)).toBe("12/abc/abc//$//12x");
  expect(exec("abc-12!")).toBeUndefined();
});

test("an escaped text matches itself alone", () => {
  const text = "a.b*c(d)[e]{1}^$|\\+?";
  expect(compileRegexp(escapeRegexp(text)).set).toEqual([text]);
});
