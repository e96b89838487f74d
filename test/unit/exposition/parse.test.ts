import { describe, expect, test } from "vitest";
import { createPageParser, type PageFormat, parsePage } from "../../../src/exposition/parse.ts";

const bytes = (text: string): Buffer => Buffer.from(text, "utf8");

/** `series value [@timestamp]` a line, as the parser understood it. */
function shown(text: string | Buffer, format: PageFormat = "text"): readonly string[] {
  const page = parsePage(typeof text === "string" ? bytes(text) : text, format);
  return page.series.map(({ labels }, i) => {
    const t = page.timestamps?.[i];
    return `${labels.toString()} ${page.values[i]}${t === undefined || Number.isNaN(t) ? "" : ` @${t}`}`;
  });
}

describe("text 0.0.4, as Prometheus 3 reads it", () => {
  test.each([
    ["a 1\n", ["a 1"], "plain"],
    ["a 1", ["a 1"], "the last line may lack its line feed"],
    ["", [], "an empty page"],
    ["\n \t\n a 1\n", ["a 1"], "blank lines and leading blanks"],
    ["a{} 1\n", ["a 1"], "empty braces"],
    ['a{b="c"} 1\n', ['a{b="c"} 1'], "one label"],
    ['a { b = "c" , } 1\n', ['a{b="c"} 1'], "blanks and a trailing comma"],
    ['a{b="c"d="e"} 1\n', ['a{b="c", d="e"} 1'], "the comma may be left out"],
    ['a{z="1",b="2"} 1\n', ['a{b="2", z="1"} 1'], "labels are sorted"],
    ['a{b=""} 1\n', ["a 1"], "an empty label is no label"],
    ['a{b="x\\\\y\\"z\\n"} 1\n', ['a{b="x\\\\y\\"z\\n"} 1'], "escapes"],
    ['a{b="\\q"} 1\n', ['a{b="\\\\q"} 1'], "an unknown escape stays as it is"],
    ['a{b="x\ny"} 1\n', ['a{b="x\\ny"} 1'], "a raw line feed in a value"],
    ['a{b="}# {"} 1\n', ['a{b="}# {"} 1'], "braces in a value"],
    ['a{b="c"}1\n', ['a{b="c"} 1'], "no blank before the value"],
    ["a 1 1395066363000\n", ["a 1 @1395066363000"], "timestamp"],
    ["a\t1\t5 \n", ["a 1 @5"], "tabs, and a blank at the end"],
    [
      "a +Inf\nb -inf\nc NaN\nd 1e3\ne .5\nf 5.\ng +2\nh -0\n",
      ["a Infinity", "b -Infinity", "c NaN", "d 1000", "e 0.5", "f 5", "g 2", "h 0"],
      "numbers as Go reads them",
    ],
    [
      "a 0.1\nb 1.7976931348623157e308\nc 5e-324\nd 1e-400\ne 123456789012345678\n",
      ["a 0.1", "b 1.7976931348623157e+308", "c 5e-324", "d 0", "e 123456789012345680"],
      "exact floats, short and long",
    ],
    ["# any text é\n#no blank\n#HELP x\n# HELPX y\na 1\n", ["a 1"], "comments that are only comments"],
    ['{"my.metric",b="c"} 1\n', ['{"my.metric", b="c"} 1'], "a quoted metric name"],
    ['{"my.metric"} 1\n', ['{"my.metric"} 1'], "a quoted name alone"],
    ['a{"my.label"="c"} 1\n', ['a{"my.label"="c"} 1'], "a quoted label name"],
    ["a:b_C9 1\n", ["a:b_C9 1"], "colons in names"],
    ["a 1\na 2\n", ["a 1", "a 2"], "the same series twice is for the scraper to judge"],
  ] as const)("%j → %j: %s", (page: string, expected: readonly string[], _why: string) => {
    expect(shown(page)).toEqual(expected);
  });

  test.each([
    ["a\n", /^line 1: expected a value after the metric, and the line ends there$/, "no value"],
    ["a 1\nb x\n", /^line 2: "x" is not a number$/, "not a number"],
    ["a 1e999\n", /is not a number/, "beyond a float64, as in Go"],
    ["a 0x1p3\n", /is not a number/, "hexadecimal"],
    ["a 1_000\n", /is not a number/, "underscore"],
    [
      "a 1 2 3\n",
      /^line 1: expected the end of the line after the timestamp, at "3"$/,
      "something after the timestamp",
    ],
    ["a 1 -5\n", /expected a timestamp/, "a negative timestamp"],
    ["a 1 5.5\n", /expected the end of the line/, "a fraction of a millisecond"],
    ["a 1 99999999999999999999\n", /expected a timestamp/, "beyond int64"],
    ["9a 1\n", /^line 1: expected a metric name, at "9a 1"$/, "a digit first"],
    ["a-b 1\n", /is not a number/, "a name with a dash"],
    ['a{b="c} 1\n', /the value of the label "b" has no closing quote/, "open quote"],
    ['a{b="c" 1\n', /expected a label name/, "open brace"],
    ["a{b=c} 1\n", /expected a quoted value of the label "b"/, "unquoted value"],
    ["a{b} 1\n", /expected "=" after the label name "b"/, "no value at all"],
    ['a{,b="c"} 1\n', /expected a label name/, "leading comma"],
    ['a{b="1",b="2"} 1\n', /the label "b" appears twice/, "duplicate label"],
    ['a{__name__="b"} 1\n', /the label "__name__" appears twice/, "two names"],
    ['{b="c"} 1\n', /the metric has no name/, "no name"],
    ['a{"b"} 1\n', /the metric has two names, "a" and "b"/, "quoted name beside a plain one"],
    ["# TYPE a what\n", /^line 1: "what" is not a metric type$/, "unknown type"],
    ["# TYPE a\n", /is not a metric type/, "no type"],
    ["# TYPE a  gauge\n", /is not a metric type/, "two blanks before the type"],
    ["# TYPE\t9 gauge\n", /expected a metric name after TYPE/, "a type of nothing"],
    ["a 1\r\n", /CR LF/, "CR LF after a value"],
    ["# TYPE a gauge\r\n", /CR LF/, "CR LF after a type"],
    ["\u0000a 1\n", /expected a metric name/, "a NUL byte ends nothing silently"],
    ["<!doctype html>\n", /^line 1: the body is HTML, not metrics$/, "HTML"],
  ] as const)("refuses %j with %s: %s", (page: string, expected: RegExp, _why: string) => {
    expect(() => shown(page)).toThrow(
      expect.objectContaining({ code: "bad-exposition", message: expect.stringMatching(expected) as string }),
    );
  });

  test.each([
    ['a{b="\xe9"} 1\n', /line 1: the value of the label "b" is not valid UTF-8/],
    ["# HELP a caf\xe9\n", /line 1: the HELP text of "a" is not valid UTF-8/],
    ['{"\xe9"} 1\n', /line 1: the label name is not valid UTF-8/],
  ])("latin-1 in %j is refused", (page, expected) => {
    expect(() => shown(Buffer.from(page, "latin1"))).toThrow(expected);
  });

  test("latin-1 in a plain comment is nobody's business", () => {
    expect(shown(Buffer.from("# caf\xe9\na 1\n", "latin1"))).toEqual(["a 1"]);
  });

  test("what a message quotes can drive no terminal", () => {
    expect(() => shown("\u001b[2J\u009b1m 1\n")).toThrow(/at "\\u001b\[2J\\u009b1m 1"/);
    expect(() => shown('a{"\u001b[2J" "x"} 1\n')).toThrow(/after the label name "\\u001b\[2J"/);
  });

  test("what a message quotes is short", () => {
    const long = "x".repeat(1_000_000);
    expect(() => shown(`a{"${long}"} 1\n`)).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/^.{1,400}$/) as string }),
    );
    expect(() => shown(`${long} x\n`)).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/^.{1,400}$/) as string }),
    );
  });
});

describe("le and quantile are kept as Prometheus 3 keeps them", () => {
  test.each([
    ["histogram", "le", "1", "1.0"],
    ["histogram", "le", "0", "0.0"],
    ["histogram", "le", "0.005", "0.005"],
    ["histogram", "le", "500000", "500000.0"],
    ["histogram", "le", "1000000", "1e+06"],
    ["histogram", "le", "1.5e6", "1.5e+06"],
    ["histogram", "le", "5e-05", "5e-05"],
    ["histogram", "le", "+Inf", "+Inf"],
    ["histogram", "le", "x", "x"],
    ["histogram", "quantile", "1", "1"],
    ["summary", "quantile", "1", "1.0"],
    ["summary", "le", "1", "1"],
    ["gauge", "le", "1", "1"],
  ])("%s: %s=%j → %j", (type, label, written, kept) => {
    expect(shown(`# TYPE a ${type}\na{${label}="${written}"} 1\n`)).toEqual([`a{${label}="${kept}"} 1`]);
  });
});

describe("OpenMetrics 1.0", () => {
  test.each([
    ["a 1\n# EOF\n", ["a 1"], "plain"],
    ["a 1\n# EOF", ["a 1"], "no line feed after EOF"],
    ["a 1 1520879607.789\n# EOF\n", ["a 1 @1520879607789"], "seconds become milliseconds"],
    ["a 1 -5\n# EOF\n", ["a 1 @-5000"], "before 1970"],
    ["a 1 1e30\n# EOF\n", ["a 1 @9007199254740991"], "a time that only an int64 holds is as far as any"],
    ['a{b="c"} 1 # {trace_id="x",n="y"} 0.5 1.5\n# EOF\n', ['a{b="c"} 1'], "an exemplar"],
    ["a 1 5 # {} 1\n# EOF\n", ["a 1 @5000"], "timestamp and exemplar"],
    ["a_total 1\na_created 2\n# EOF\n", ["a_total 1", "a_created 2"], "created series stay series"],
    [
      "# TYPE a_seconds counter\n# UNIT a_seconds seconds\n# HELP a_seconds x\na_seconds_total 1\n# EOF\n",
      ["a_seconds_total 1"],
      "metadata",
    ],
  ] as const)("%j → %j: %s", (page: string, expected: readonly string[], _why: string) => {
    expect(shown(page, "openmetrics")).toEqual(expected);
  });

  test.each([
    ["a 1\n", /^line 2: the page does not end with # EOF$/, "cut at a line end"],
    ["a 1", /the page does not end with # EOF/, "cut in a line"],
    ["# EOF\na 1\n", /there is something after # EOF/, "more after the end"],
    ["a  1\n# EOF\n", /expected a value/, "two blanks"],
    ["a 1 \n# EOF\n", /expected a timestamp/, "a blank at the end"],
    ["# a comment\n# EOF\n", /a comment line is HELP, TYPE, UNIT or EOF/, "free comments"],
    ["\na 1\n# EOF\n", /expected a metric name/, "blank line"],
    ['a{b="c" } 1\n# EOF\n', /expected "," or "}" after a label/, "blanks in braces"],
    ['a{b="c"d="e"} 1\n# EOF\n', /expected "," or "}"/, "no comma"],
    ["# TYPE a untyped\n# EOF\n", /"untyped" is not a metric type/, "a type of the other format"],
    ["# UNIT a seconds\n# EOF\n", /the unit "seconds" does not end the name "a"/, "unit and name disagree"],
    ["a 1 # {b=c} 1\n# EOF\n", /the exemplar is broken/, "broken exemplar"],
    ['a 1 # {1="b"} 1\n# EOF\n', /the exemplar is broken/, "a digit first in an exemplar's label"],
    ["a 1 NaN\n# EOF\n", /expected a timestamp/, "a time that is none"],
  ] as const)("refuses %j with %s: %s", (page: string, expected: RegExp, _why: string) => {
    expect(() => shown(page, "openmetrics")).toThrow(expected);
  });

  test("exemplars are counted, metadata is collected", () => {
    const page = parsePage(bytes('# HELP a x \\"q\\"\n# TYPE a info\na_info 1 # {} 1\n# EOF\n'), "openmetrics");
    expect(page.exemplars).toBe(1);
    expect([...page.metadata()]).toEqual([["a", { type: "info", help: 'x "q"', unit: "" }]]);
  });
});

describe("later pages of a target", () => {
  const parser = createPageParser();
  const parse = (text: string): ReturnType<typeof parser.parse> => parser.parse(bytes(text), "text");

  test("equal gaps keep layout, series and metadata; values and timestamps are read anew", () => {
    const first = parse("# HELP a x\na 1\nb 22 1000\n");
    const { layout, series } = first;
    const second = parse("# HELP a x\na 10\nb 3 2500\n");
    expect({ layout: second.layout, series: second.series, replayed: parser.replayed }).toEqual({
      layout,
      series,
      replayed: 1,
    });
    expect([...second.values.subarray(0, 2)]).toEqual([10, 3]);
    expect(second.timestamps?.[1]).toBe(2500);
    expect(second.fresh).toBe(2);
  });

  test("another series is another layout, but known series stay the same objects", () => {
    const before = parse("a 1\nb 2\n").series[1];
    const page = parse("b 3\n");
    expect(page.series[0]).toBe(before);
    expect(page.fresh).toBe(0);
  });

  test("a page that fails is forgotten, the next good one is read in full", () => {
    parse("a 1\nb 2\n");
    expect(() => parse("a 1\nb x\n")).toThrow(/line 2/);
    expect(parser.seen).toBe(1);
    expect([...parse("a 1\nb 5\n").values.subarray(0, 2)]).toEqual([1, 5]);
  });
});
