/** YAML with positions: what Go's reader accepts, where things stand, and what hostile text cannot do. */
import { expect, test } from "vitest";
import { formatProblem } from "../../../src/base/problem.ts";
import { type YamlScalar, nodeAt, parseYaml, parseYamlDocuments, positionInScalar } from "../../../src/base/yaml.ts";

const problems = (text: string): readonly string[] =>
  parseYaml(text, "f.yml").problems.map((problem) => formatProblem(problem).split("\n")[0] as string);
const scalar = (text: string, ...path: (string | number)[]): YamlScalar =>
  nodeAt(parseYaml(text, "f.yml").root, ...path) as YamlScalar;

test("every node knows its place", () => {
  const { root } = parseYaml("a: 1\nb:\n  - x\n  - c: y # note\n", "f.yml");
  const place = (...path: (string | number)[]): unknown => {
    const node = nodeAt(root, ...path);
    return node && [node.line, node.column, node.kind];
  };
  expect(place()).toEqual([1, 1, "map"]);
  expect(place("a")).toEqual([1, 4, "scalar"]);
  expect(place("b", 0)).toEqual([3, 5, "scalar"]);
  expect(place("b", 1, "c")).toEqual([4, 8, "scalar"]);
  expect(place("b", 2)).toBeUndefined();
});

test.each([
  ["a: 012", "012", false],
  ["a: on", "on", false],
  ["a: 1_000", "1_000", false],
  ["a: ~", "~", true],
  ["a:", "", true],
  ['a: ""', "", false],
  ["a: '~'", "~", false],
])("%s keeps its text", (text, want, isNull) => {
  expect(scalar(text, "a")).toMatchObject({ text: want, isNull });
});

test.each([
  ["a: abcdef", 3, 1, 7],
  ['a: "abcdef"', 3, 1, 8],
  ["a: |\n  one\n  two\n", 5, 3, 4],
  ["a: |-\n\n    x\n    yz\n", 4, 4, 6],
  ["a: >\n  one\n  two\n", 5, 1, 4],
])("the character inside a scalar: %s", (text, offset, line, column) => {
  const at = positionInScalar(scalar(text, "a"), offset);
  expect([at.line, at.column]).toEqual([line, column]);
});

test("anchors, aliases and merge keys", () => {
  const text = "base: &b {x: 1, y: 2}\none:\n  <<: *b\n  y: 3\ntwo: *b\n";
  const { root } = parseYaml(text, "f.yml");
  expect(nodeAt(root, "one", "x")).toMatchObject({ text: "1" });
  expect(nodeAt(root, "one", "y")).toMatchObject({ text: "3" });
  expect(nodeAt(root, "two", "y")).toMatchObject({ text: "2" });
});

test.each([
  ["a: 1\nb: 2\na: 3\n", 'f.yml:3:1: "a" is given twice'],
  ["a: [1, 2\n", "f.yml:"],
  ["a: b: c\n", "f.yml:1:"],
  ["a: *nope\n", "f.yml:1:4: "],
  ["a: 1\n---\nb: 2\n", "f.yml:3:1: a second YAML document"],
  ["\ta: 1\n", "f.yml:1:1: "],
])("refused with its place: %j", (text, want) => {
  expect(problems(text).some((line) => line.startsWith(want))).toBe(true);
});

test.each([
  [
    "a bomb of aliases",
    `a: &a [${"x,".repeat(50)}]\n${"bcdefgh"
      .split("")
      .map((c, i) => `${c}: &${c} [${`*${"abcdefg"[i]},`.repeat(50)}]`)
      .join("\n")}\n`,
  ],
  ["nesting without end", `${"[".repeat(5_000)}${"]".repeat(5_000)}`],
  ["a mapping nested in itself", "a: &a\n  b: *a\n"],
])("%s is refused, quickly and in words", (_why, text) => {
  const found = problems(text);
  expect(found.length).toBeGreaterThan(0);
  expect(found.length).toBeLessThan(250);
});

test("an empty text has no root; several documents are read on request", () => {
  expect(parseYaml("", "f.yml")).toEqual({ root: undefined, problems: [] });
  expect(parseYamlDocuments("a: 1\n---\n---\nb: 2\n", "f.yml").documents).toHaveLength(2);
});

test.each([
  {
    text: "a: 1\nb: x\u0000y\n",
    want: "f.yml:2:5: not a text file: it holds the control character U+0000",
    why: "NUL",
  },
  { text: "\ufffdPNG\r\n", want: "f.yml:1:1: not a text file: it holds bytes that are no UTF-8", why: "a picture" },
  { text: "a: \u001b[2J", want: "f.yml:1:4: not a text file: it holds the control character U+001B", why: "escape" },
])("a file that is none of ours is told in one sentence: $why", ({ text, want }) => {
  expect(problems(text)).toEqual([want]);
  expect(parseYaml(text, "f.yml").root).toBeUndefined();
});

test("tabs, returns and any letter are text", () => {
  expect(problems('a: "x\ty"\r\nb: Größe 温度\r\n')).toEqual([]);
});
