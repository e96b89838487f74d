import { describe, expect, it } from "vitest";
import { fingerprint } from "../../../src/model/fingerprint.ts";
import { Labels } from "../../../src/model/labels.ts";
import { parseMatcher, parseMatchers, printMatchers } from "../../../src/model/matcher-text.ts";

describe("matchers as text", () => {
  it.each([
    ["foo=bar", '{foo="bar"}', "no quotes"],
    ['{foo="bar", dings!="bums"}', '{foo="bar",dings!="bums"}', "braces and two matchers"],
    ["foo =~ b.*,", '{foo=~"b.*"}', "spaces and a trailing comma"],
    ['foo!~"a,b"', '{foo!~"a,b"}', "a comma in quotes"],
    ['foo="a\\"b\\\\c\\nd"', '{foo="a\\"b\\\\c\\nd"}', "the three escapes"],
    ['foo=~"\\d+"', '{foo=~"\\\\d+"}', "any other backslash stays"],
    ['"a b"="c"', '{"a b"="c"}', "a quoted name"],
    ["foo=", '{foo=""}', "an empty value"],
    ["foo=a b", '{foo="a b"}', "an unquoted value keeps its inner space"],
    ["{}", "{}", "no matchers in braces"],
  ])("%s reads as %s: %s", (text, printed) => {
    expect(printMatchers(parseMatchers(text))).toBe(printed);
  });

  it.each([
    ["", "it is empty"],
    ["foo", 'no operator after "foo"'],
    ["=bar", "the label name is missing"],
    ['foo="bar', "a quote is not closed"],
    ['foo="bar"x', '"," is expected at character 10'],
    ['foo=b"r', 'the value holds a stray "'],
  ])("%j is refused: %s", (text, reason) => {
    expect(() => parseMatchers(text)).toThrow(reason);
  });

  it("one means one", () => {
    expect(() => parseMatcher("a=b,c=d")).toThrow("one matcher is expected");
  });
});

describe("fingerprint", () => {
  it.each<[Readonly<Record<string, string>>, string, string]>([
    [{}, "cbf29ce484222325", "the offset basis of FNV-1a"],
    [{ alertname: "Wörld", instance: "a:1" }, "877c9ea3ed118915", "by the definition, in 64-bit integers"],
  ])("of %j is %s: %s", (labels, expected) => {
    expect(fingerprint(Labels.from(labels))).toBe(expected);
    expect(fingerprint(Labels.from(Object.entries(labels).reverse()))).toBe(expected);
  });

  it("agrees with 64-bit arithmetic on any labels", () => {
    for (let i = 0; i < 200; i++) {
      const labels = Labels.from({ [`n${i}`]: "v".repeat(i), ключ: String.fromCodePoint(0x1f525 + i) });
      let hash = 0xcbf2_9ce4_8422_2325n;
      const add = (byte: number): void => {
        hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100_0000_01b3n);
      };
      for (const pair of labels) {
        for (const part of pair) {
          for (const byte of Buffer.from(part)) add(byte);
          add(255);
        }
      }
      expect(fingerprint(labels)).toBe(hash.toString(16).padStart(16, "0"));
    }
  });
});
