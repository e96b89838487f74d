/**
 * Annotations as promtool 2.42 expands them: each row's text was put into an alert rule over
 * `m{i="h1",z="a b"} 0.1` and `m{i="h2"} 1e6`, and the answer noted. Error texts included: people read them.
 */
import { expect, test } from "vitest";
import { Labels } from "../../../src/model/labels.ts";
import { compileRuleTemplate, type TemplateSample } from "../../../src/template/prometheus.ts";

const h1 = Labels.from({ __name__: "m", i: "h1", z: "a b" });
const h2 = Labels.from({ __name__: "m", i: "h2" });
const answers: Readonly<Record<string, readonly TemplateSample[]>> = {
  m: [
    { labels: h1, value: 0.1 },
    { labels: h2, value: 1e6 },
  ],
  nope: [],
};
const expand = (text: string, value = 0.1, labels = h1): Promise<string> =>
  compileRuleTemplate(text, "A")
    .expand({
      labels,
      value,
      externalLabels: Labels.EMPTY,
      externalUrl: "http://box:9090/prom",
      at: 60_000,
      query: (expr) =>
        expr in answers
          ? Promise.resolve(answers[expr] as readonly TemplateSample[])
          : Promise.reject(new Error("1:5: parse error: unclosed left parenthesis")),
    })
    .then((expanded) => expanded.text);

const failed = (column: number, at: string, reason: string): string =>
  `<error expanding template: error executing template __alert_A: template: __alert_A:1:${column}: executing "__alert_A" at <${at}>: ${reason}>`;

const rows: readonly (readonly [why: string, text: string, want: string])[] = [
  [
    "every verb on a float",
    '{{ $value }} {{ printf "%v %g %.4g %.0f %d %s %q %x %t %e %5.1f|%-8v|%+v %% %z" $value $value $value $value $value $value $value $value $value $value $value $value $value }}',
    "0.1 0.1 0.1 0.1 0 %!d(float64=0.1) %!s(float64=0.1) %!q(float64=0.1) 0x1.999999999999ap-04 %!t(float64=0.1) 1.000000e-01   0.1|0.1     |0.1 % %!z(MISSING)",
  ],
  [
    "ints and floats do not compare",
    "{{ gt $value 0 }}",
    failed(115, "gt $value 0", "error calling gt: incompatible types for comparison"),
  ],
  [
    "a struct has no unknown fields",
    "{{ .Foo }}",
    failed(
      115,
      ".Foo",
      "can't evaluate field Foo in type struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; Value float64 }",
    ),
  ],
  ["text has no fields", "{{ $labels.zzz.b }}", failed(122, "$labels.zzz.b", "can't evaluate field b in type string")],
  [
    "first of nothing",
    '{{ (query "nope") | first | value }}',
    failed(132, "first", "error calling first: first() called on vector with no elements"),
  ],
  [
    "not a number",
    '{{ humanize "abc" }}',
    failed(115, 'humanize "abc"', 'error calling humanize: strconv.ParseFloat: parsing "abc": invalid syntax'),
  ],
  [
    "missing and extra operands",
    '{{ printf "%d %v %d" 1 }} {{ printf "%d" 1 2 "x" }} {{ print 1 2 "a" "b" 3.5 nil }}',
    "1 %!v(MISSING) %!d(MISSING) 1%!(EXTRA int=2, string=x) 1 2ab3.5 <nil>",
  ],
  [
    "samples of a query",
    '{{ range query "m" }}{{ .Labels }} {{ .Value }} {{ end }}',
    "map[__name__:m i:h1 z:a b] 0.1 map[__name__:m i:h2] 1e+06 ",
  ],
  [
    "numbers and maps",
    "{{ args 1 \"x\" }} {{ .Labels }} {{ 1000000.0 }} {{ 1000000 }} {{ 'a' }} {{ 1e3 }}",
    "map[arg0:1 arg1:x] map[__name__:m i:h1 z:a b] 1e+06 1000000 97 1000",
  ],
  [
    "index, len, slice, escapes",
    '{{ index $labels "i" }} {{ len $labels }} {{ slice "abcdef" 1 3 }} {{ html "<a href=\'x\'>&\\"" }} {{ js "it\'s <b>" }} {{ urlquery "a b&c" }}',
    "h1 3 bc &lt;a href=&#39;x&#39;&gt;&amp;&#34; it\\'s \\u003Cb\\u003E a+b%26c",
  ],
  [
    "logic",
    '{{ and 1 0 2 }} {{ or 0 "" "z" }} {{ not 0 }} {{ eq 1 2 1 }} {{ ne "a" "b" }} {{ lt 1.5 2.5 }} {{ eq $labels.i "h1" }}',
    "0 z true true true true true",
  ],
  ["len of an int", "{{ len 3 }}", failed(115, "len 3", "error calling len: len of type int")],
  [
    "a map needs text keys",
    "{{ index $labels 3 }}",
    failed(115, "index $labels 3", "error calling index: value has type int; should be string"),
  ],
  ["a literal of the wrong type", "{{ toUpper 3 }}", failed(123, "3", "expected string; found 3")],
  ["too few arguments", "{{ toUpper }}", failed(115, "toUpper", "wrong number of args for toUpper: want 1 got 0")],
  [
    "eq of float and int",
    "{{ if eq $value 1 }}x{{ end }}",
    failed(118, "eq $value 1", "error calling eq: incompatible types for comparison"),
  ],
  ["assignment in a loop", '{{ $x := 1 }}{{ range $i, $e := query "m" }}{{ $x = $i }}{{ end }}{{ $x }}', "1"],
  [
    "verbs on ints",
    '{{ printf "%6.2f|%-6d|%06d|%+d|%x|%X|%o|%b|%c|%U|%q|%#x|% d" 3.14159 42 42 42 255 255 8 5 65 65 65 255 7 }}',
    "  3.14|42    |000042|+42|ff|FF|10|101|A|U+0041|'A'|0xff| 7",
  ],
  [
    "verbs on text",
    '{{ printf "%s|%10s|%-10s|%.2s|%q|%x|%v" "abc" "abc" "abc" "abc" "a\\"b" "abc" "abc" }}',
    'abc|       abc|abc       |ab|"a\\"b"|616263|abc',
  ],
  [
    "bools, nil, star, indexes, no verb",
    '{{ printf "%t %v %s %d" true false true true }} {{ printf "%v %s" nil nil }} {{ printf "%*d" 5 42 }} {{ printf "%[2]d %[1]d" 1 2 }} {{ printf "%!" }} {{ printf "%" }}',
    "true false %!s(bool=true) %!d(bool=true) <nil> %!s(<nil>)    42 2 1 %!!(MISSING) %!(NOVERB)",
  ],
  ["a template nobody defined", '{{ template "x" }}', failed(124, '{{template "x"}}', 'template "x" not defined')],
  [
    "define, template, block",
    '{{ define "q" }}[{{ . }}]{{ end }}{{ template "q" 5 }}{{ block "w" 7 }}<{{ . }}>{{ end }}',
    "[5]<7>",
  ],
  [
    "with, else, range over a map",
    "{{ with $labels.nope }}a{{ else }}b{{ end }}{{ range $k, $v := $labels }}{{ $k }}={{ $v }},{{ end }}",
    "b__name__=m,i=h1,z=a b,",
  ],
  [
    "pipes, trims, comments, raw text",
    '{{ $labels.i | printf "%s-%s" "x" | toUpper }} {{- " trim " -}} z {{/* c */}} {{- /* d */ -}} {{ `raw` }}',
    "X-H1 trim z raw",
  ],
  ["a float has no fields", "{{ .Value.Foo }}", failed(121, ".Value.Foo", "can't evaluate field Foo in type float64")],
  ["piped argument", "{{ 1 | len }}", failed(119, "len", "error calling len: len of type int")],
  [
    "numbers for people",
    '{{ println 1 "x" }}{{ true }} {{ humanizeDuration 90061.5 }} {{ humanize 1234567.0 }} {{ humanize1024 1048576.0 }} {{ humanizePercentage 0.1234567 }} {{ humanize 0.0001234 }} {{ humanizeDuration 0.0123 }} {{ humanizeDuration 61.5 }} {{ humanizeDuration -5 }}',
    "1 x\ntrue 1d 1h 1m 1s 1.235M 1Mi 12.35% 123.4u 12.3ms 1m 1s -5s",
  ],
  [
    "whole maps",
    '{{ $labels }} {{ printf "%q %s" $labels $labels }}',
    'map[__name__:m i:h1 z:a b] map["__name__":"m" "i":"h1" "z":"a b"] map[__name__:m i:h1 z:a b]',
  ],
  [
    "sorting and labels of samples",
    '{{ sortByLabel "i" (query "m") | first | label "i" }} {{ query "m" | first | strvalue }}',
    "h1 ",
  ],
  [
    "slice beyond the end",
    '{{ slice "abc" 5 }}',
    failed(115, 'slice "abc" 5', "error calling slice: index out of range: 5"),
  ],
  [
    "a query that does not parse",
    '{{ query "sum(" }}',
    failed(115, 'query "sum("', "error calling query: 1:5: parse error: unclosed left parenthesis"),
  ],
  [
    "int and float literals",
    "{{ eq 1 1.0 }}",
    failed(115, "eq 1 1.0", "error calling eq: incompatible types for comparison"),
  ],
  [
    "bools have no order",
    "{{ lt true false }}",
    failed(115, "lt true false", "error calling lt: invalid type for comparison"),
  ],
  [
    "maps do not compare",
    "{{ eq $labels $labels }}",
    failed(
      115,
      "eq $labels $labels",
      "error calling eq: non-comparable type map[__name__:m i:h1 z:a b]: map[string]string",
    ),
  ],
  [
    "wrong verbs, ties to even, signs",
    '{{ printf "%d" "x" }} {{ printf "%f" 3 }} {{ printf "%.2f" 2.5 }} {{ printf "%.0f %.0f" 2.5 0.5 }} {{ printf "%08.3f|%-8.2f|%+.1e" 3.14159 2.0 12345.678 }} {{ printf "%6.2f%%" 45.678 }} {{ printf "%g %G" 1e-7 1e21 }}',
    "%!d(string=x) %!f(int=3) 2.50 2 0 0003.142|2.00    |+1.2e+04  45.68% 1e-07 1E+21",
  ],
];

test.each(rows)("%s", async (_why, text, want) => {
  expect(await expand(text)).toBe(want);
});

test("a million is printed as Go prints it", async () => {
  expect(
    await expand('{{ $value }} {{ printf "%v %x %.0f %5.1f|%-8v|" $value $value $value $value $value }}', 1e6, h2),
  ).toBe("1e+06 1e+06 0x1.e848p+19 1000000 1000000.0|1e+06   |");
});

test.each([
  ["unknown function", "{{ nope 1 }}", 'template: __alert_A:1: function "nope" not defined'],
  ["unknown variable", "{{ $nope }}", 'template: __alert_A:1: undefined variable "$nope"'],
  ["unclosed action", "a\n{{ $value", "template: __alert_A:2: unclosed action"],
  ["missing end", "{{ if true }}x", "template: __alert_A:1: unexpected EOF"],
  ["break outside a loop", "{{ break }}", "template: __alert_A:1: {{break}} outside {{range}}"],
  ["end without beginning", "{{ end }}", "template: __alert_A:1: unexpected {{end}}"],
  [
    "a value in the middle of a pipe",
    "{{ 1 | 2 }}",
    "template: __alert_A:1: non executable command in pipeline stage 2",
  ],
])("refused when compiled: %s", (_why, text, want) => {
  expect(() => compileRuleTemplate(text, "A")).toThrow(want);
});
