/** The language as text: what is read, how it is printed back, and what is refused with which words. */
import { expect, test } from "vitest";
import type { Binary, Expr } from "../../../src/promql/ast.ts";
import type { Matcher } from "../../../src/model/matcher.ts";
import { parseExpr } from "../../../src/promql/parse.ts";
import { prettyExpr } from "../../../src/promql/pretty.ts";
import { printExpr } from "../../../src/promql/print.ts";

/** The tree without places in the text and functions, for comparing; the order of matchers means nothing. */
export function shape(expr: Expr): unknown {
  return JSON.parse(
    JSON.stringify(expr, (key, value: unknown) => {
      if (key !== "matchers") return key === "span" ? undefined : value;
      return (value as readonly Matcher[]).map((one) => `${one.name}${one.op}${one.value}`).sort();
    }),
  );
}

const PRINTED: readonly (readonly [text: string, printed: string, why: string])[] = [
  ["1", "1", "a number"],
  ["+1", "1", "a sign before a literal belongs to it"],
  ["-Inf", "-Inf", "infinity in any case"],
  ["nan", "NaN", "not a number"],
  ["1_000.5e1", "10005", "underscores between digits"],
  ["0x1f", "31", "hexadecimal"],
  ["1e-7", "0.0000001", "printed without an exponent"],
  ["5.", "5", "a dot may end a number"],
  ["1h30m", "1h30m", "a duration is a number of seconds and keeps its form"],
  ["'it''s'", "", "two strings do not join"],
  ["'a\\'b'", '"a\'b"', "either quote"],
  ["`raw\\n`", '"raw\\\\n"', "backquotes have no escapes"],
  ['"\\xff"', '"\\xff"', "bytes that are no text survive"],
  ["up", "up", "a name"],
  ["job:up:sum", "job:up:sum", "a recorded name"],
  ['{"up"}', '{__name__="up"}', "a quoted name"],
  ['{"disk.free", "store.room"="1"}', '{"store.room"="1",__name__="disk.free"}', "names outside the classic set"],
  ['up{job="a",instance!~"b.*",}', 'up{instance!~"b.*",job="a"}', "a comma may end the matchers"],
  ["up{}", "up", "empty braces say nothing"],
  ['sum{a="b"}', 'sum{a="b"}', "a keyword can be a metric"],
  ["offset offset 5m", "offset offset 5m", "even this one"],
  ["up offset 5m @ 10", "up @ 10.000 offset 5m", "modifiers in either order"],
  ["up @ start()", "up @ start()", "the query's start"],
  ["up offset + -5m", "up offset -5m", "two signs"],
  ["sum by (a:b) (up)", 'sum by ("a:b") (up)', "a colon in a label"],
  ["up offset -1h", "up offset -1h", "looking ahead"],
  ["rate(up[5m])", "rate(up[5m])", "a range"],
  ["up[36h]", "up[1d12h]", "days are not kept for whole ones"],
  ["rate(up[300])", "rate(up[5m])", "a number of seconds as range"],
  ["max_over_time(rate(up[1m])[1h:])", "max_over_time(rate(up[1m])[1h:])", "a sub-query with default step"],
  ["up[5m * 2] offset (1h - 5m)", "up[5m * 2] offset (1h - 5m)", "durations as expressions"],
  ["SUM(up) BY (job)", "sum by (job) (up)", "any case, clause after"],
  ["sum by (job,) (up)", "sum by (job) (up)", "a comma may end the labels"],
  ["sum by () (up)", "sum(up)", "grouping by nothing"],
  ["sum without () (up)", "sum without () (up)", "keeping everything is something else"],
  ['sum by ("a.b", c) (up)', 'sum by ("a.b", c) (up)', "quoted labels"],
  ["topk(3, up)", "topk(3, up)", "a parameter"],
  ["a + b * c", "a + b * c", "precedence"],
  ["(a + b) * c", "(a + b) * c", "parentheses stay"],
  ["a == bool 1", "a == bool 1", "bool"],
  ["a*on(x)group_left(y)b", "a * on (x) group_left (y) b", "matching"],
  ["a / ignoring(x) b", "a / ignoring (x) b", "ignoring"],
  ["a and on() b", "a and on () b", "matching on nothing"],
  ["a unless ignoring(bool, by) b", "a unless ignoring (bool, by) b", "keywords as labels"],
  ["-a", "-a", "a sign"],
  ["- -a", "--a", "two"],
  ["a # rest\n + b", "a + b", "comments"],
];

for (const [text, printed, why] of PRINTED.filter(([, out]) => out !== "")) {
  test(`reads ${JSON.stringify(text)}: ${why}`, () => {
    const expr = parseExpr(text);
    expect(printExpr(expr)).toBe(printed);
    expect(shape(parseExpr(printed))).toEqual(shape(expr));
    expect(shape(parseExpr(prettyExpr(expr)))).toEqual(shape(expr));
  });
}

const REFUSED: readonly (readonly [text: string, message: string])[] = [
  ["", "unknown position: parse error: no expression found in input"],
  ["# only a comment", "1:1: parse error: no expression found in input"],
  ["1 +", "1:4: parse error: unexpected end of input"],
  ["(up", "1:4: parse error: unclosed left parenthesis"],
  ["up)", "1:4: parse error: unexpected right parenthesis ')'"],
  ["up[5m", "1:6: parse error: unclosed left bracket"],
  ["up{", "1:4: parse error: unexpected end of input inside braces"],
  ["up{job}", '1:7: parse error: unexpected "}" in label matching, expected label matching operator'],
  ["up{job=1}", "1:8: parse error: unexpected character inside braces: '1'"],
  ["up{job=}", '1:8: parse error: unexpected "}" in label matching, expected string'],
  [
    'up{job="a" instance="b"}',
    '1:12: parse error: unexpected identifier "instance" in label matching, expected "," or "}"',
  ],
  ['up{job=="a"}', '1:8: parse error: unexpected "=" in label matching, expected string'],
  ["sum(up up)", '1:8: parse error: unexpected identifier "up" in aggregation'],
  ["up @ start", "1:11: parse error: unexpected end of input in @, expected timestamp"],
  ["up[]", '1:4: parse error: unexpected "]" in subquery selector, expected number or duration'],
  ["up 90sand", '1:4: parse error: bad number or duration syntax: "90sa"'],
  ["0x", '1:1: parse error: error parsing number: strconv.ParseFloat: parsing "0x": invalid syntax'],
  ["up up", '1:4: parse error: unexpected identifier "up"'],
  ["sum(up) by", '1:11: parse error: unexpected end of input in grouping opts, expected "("'],
  ["sum by (1) (up)", '1:9: parse error: unexpected number "1" in grouping opts, expected label'],
  ["sum by (a b) (up)", '1:11: parse error: unexpected identifier "b" in grouping opts, expected "," or ")"'],
  ["sum()", "1:1: parse error: no arguments for aggregate expression provided"],
  ["topk(up)", "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1"],
  ["rate(up[5m],)", "1:12: parse error: trailing commas not allowed in function call args"],
  ["rate()", '1:1: parse error: expected 1 argument(s) in call to "rate", got 0'],
  ["label_join(up)", '1:1: parse error: expected at least 3 argument(s) in call to "label_join", got 1'],
  ["round(up, 1, 2)", '1:1: parse error: expected at most 2 argument(s) in call to "round", got 3'],
  ["rate(up)", '1:6: parse error: expected type range vector in call to function "rate", got instant vector'],
  ["topk(up, up)", "1:6: parse error: expected type scalar in aggregation parameter, got instant vector"],
  ["sum(1)", "1:5: parse error: expected type instant vector in aggregation expression, got scalar"],
  ["rat(up[5m])", '1:1: parse error: unknown function with name "rat"'],
  ["up offset 5m offset 5m", "1:1: parse error: offset may not be set multiple times"],
  ["up @ 1 @ 2", "1:1: parse error: @ <timestamp> may not be set multiple times"],
  ["up @ Inf", "1:6: parse error: timestamp out of bounds for @ modifier: Infinity"],
  [
    "1 offset 5m",
    "1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
  ],
  ["up offset", "1:10: parse error: unexpected end of input in offset, expected number or duration"],
  ["(up)[5m]", "1:5: parse error: ranges only allowed for vector selectors"],
  ["up offset 5m[5m]", "1:13: parse error: no offset modifiers allowed before range"],
  ["up[0]", "1:4: parse error: duration must be greater than 0"],
  ["up[-5m]", "1:4: parse error: duration must be greater than 0"],
  ["up[5m][5m]", "1:7: parse error: ranges only allowed for vector selectors"],
  ["up[5m:1m:1m]", '1:9: parse error: unexpected ":" in subquery selector, expected "]"'],
  ["5m2h", '1:1: parse error: not a valid duration string: "5m2h"'],
  ["1e400", '1:1: parse error: error parsing number: strconv.ParseFloat: parsing "1e400": value out of range'],
  ["1x", '1:1: parse error: bad number or duration syntax: "1x"'],
  ["1 == 1", "1:3: parse error: comparisons between scalars must use BOOL modifier"],
  ["a + bool b", "1:3: parse error: bool modifier can only be used on comparison operators"],
  ["1 and a", '1:1: parse error: set operator "and" not allowed in binary scalar expression'],
  ["a and on(x) group_left b", '1:1: parse error: no grouping allowed for "and" operation'],
  ["a + on(x) group_left(x) b", '1:3: parse error: label "x" must not occur in ON and GROUP clause at once'],
  ["1 + on(x) 2", "1:1: parse error: vector matching only allowed between instant vectors"],
  ['"a" + 1', "1:1: parse error: binary expression must contain only scalar and instant vector types"],
  [
    '-"a"',
    '1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got "string"',
  ],
  ['{a=~".*"}', "1:1: parse error: vector selector must contain at least one non-empty matcher"],
  ["{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"],
  ['up{__name__="down"}', '1:1: parse error: metric name must not be set twice: "up" or "down"'],
  ['"a\\qb"', "1:1: parse error: unknown escape sequence U+0071 'q'"],
  ['"open', "1:1: parse error: unterminated quoted string"],
  ["a ! b", "1:3: parse error: unexpected character after '!': ' '"],
  ["a &", "1:3: parse error: unexpected character: '&'"],
  ["a\n+\n  ~", "3:3: parse error: unexpected character: '~'"],
  ['"é" + ~', "1:8: parse error: unexpected character: '~'"],
  ["a +* b", "1:4: parse error: unexpected <op:*>"],
  ["sum(by)(", '1:8: parse error: unexpected "("'],
  ["info(up, up)", "1:10: parse error: expected label selectors only, got vector selector instead"],
];

for (const [text, message] of REFUSED) {
  test(`refuses ${JSON.stringify(text)}`, () => {
    expect(() => parseExpr(text)).toThrowError(expect.objectContaining({ code: "promql-parse", message, exit: 2 }));
  });
}

test("a misspelt function comes with the one that was meant", () => {
  expect(() => parseExpr("incraese(up[5m])")).toThrowError(
    expect.objectContaining({ hint: "did you mean increase()?" }),
  );
});

test("^ groups to the right and binds tighter than a sign; the others group to the left", () => {
  const shapeOf = (text: string): string => {
    const show = (expr: Expr): string => {
      if (expr.kind === "binary") return `(${show(expr.left)} ${expr.op} ${show(expr.right)})`;
      if (expr.kind === "unary") return `${expr.op}(${show(expr.expr)})`;
      return printExpr(expr);
    };
    return show(parseExpr(text));
  };
  expect(shapeOf("a ^ b ^ c")).toBe("(a ^ (b ^ c))");
  expect(shapeOf("-a ^ b")).toBe("-((a ^ b))");
  expect(shapeOf("-a * b")).toBe("(-(a) * b)");
  expect(shapeOf("a - b - c")).toBe("((a - b) - c)");
  expect(shapeOf("a or b and c == d + e * f")).toBe("(a or (b and (c == (d + (e * f)))))");
});

test("set operators are many to many, arithmetic one to one", () => {
  expect((parseExpr("a or b") as Binary).matching?.card).toBe("many-to-many");
  expect((parseExpr("a + b") as Binary).matching?.card).toBe("one-to-one");
  expect((parseExpr("a + 1") as Binary).matching).toBeUndefined();
});

test("experimental parts need their features", () => {
  const features = new Set<string>();
  const refuse = (text: string, message: string): void => expect(() => parseExpr(text, { features })).toThrow(message);
  refuse("mad_over_time(up[5m])", "is not enabled");
  refuse("limitk(1, up)", "limitk() is experimental");
  refuse("up[5m * 2]", "experimental duration expression is not enabled");
  expect(printExpr(parseExpr("up[300]", { features }))).toBe("up[5m]");
});

const HOSTILE: readonly (readonly [name: string, text: string])[] = [
  ["100,000 open parentheses", "(".repeat(100_000)],
  ["100,000 signs", `${"-".repeat(100_000)}1`],
  ["a chain of 100,000 sums", "1" + "+1".repeat(100_000)],
  ["a megabyte of name", "a".repeat(1_000_000)],
  ["deep sub-queries", `x${"[1h:1m]".repeat(10_000)}`],
  ["deep duration parentheses", `x[${"(".repeat(50_000)}`],
];
for (const [name, text] of HOSTILE) {
  test(`${name}: a refusal, not a stack overflow`, () => {
    expect(() => parseExpr(text)).toThrowError(expect.objectContaining({ code: "promql-parse" }));
  });
}

test("long expressions go over several lines", () => {
  const text =
    'sum by (job) (rate(http_requests_total{job="api",code=~"5.."}[5m])) / sum by (job) (rate(http_requests_total{job="api"}[5m]))';
  expect(prettyExpr(parseExpr(text))).toBe(
    [
      '  sum by (job) (rate(http_requests_total{code=~"5..",job="api"}[5m]))',
      "/",
      '  sum by (job) (rate(http_requests_total{job="api"}[5m]))',
    ].join("\n"),
  );
});
