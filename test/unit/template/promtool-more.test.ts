/**
 * More of what promtool 2.42 makes of annotations, over the same data as promtool.test.ts: numbers for people, addresses,
 * regular expressions, loops, odd literals, and the words of every failure.
 */
import { expect, test } from "vitest";
import { Labels } from "../../../src/model/labels.ts";
import { compileRuleTemplate, type TemplateSample } from "../../../src/template/prometheus.ts";

const labels = Labels.from({ __name__: "m", i: "h1", z: "a b" });
const samples: readonly TemplateSample[] = [
  { labels, value: 0.1 },
  { labels: Labels.from({ __name__: "m", i: "h2" }), value: 1e6 },
];

/** Failures are noted without what all of them begin with. */
const FAILED = "<error expanding template: error executing template __alert_A: template: __alert_A:1:";

const rows: readonly (readonly [text: string, want: string])[] = [
  [
    '{{ toTime 1435065584.128 }} {{ humanizeTimestamp 1435065584.128 }} {{ parseDuration "1h2m" }} {{ title "aa bB cc-dd it\'s éa" }}',
    "2015-06-23 13:19:44.128 +0000 UTC 2015-06-23 13:19:44.128 +0000 UTC 3720 Aa BB Cc-Dd It'S Éa",
  ],
  [
    '{{ stripPort "a:90" }} {{ stripPort "a" }} {{ stripPort "[::1]:90" }} {{ stripPort "1.2.3.4:5" }} {{ stripPort "::1" }}',
    "a a ::1 1.2.3.4 ::1",
  ],
  [
    '{{ stripDomain "a.b.c:90" }} {{ stripDomain "a.b.c" }} {{ stripDomain "1.2.3.4:5" }} {{ stripDomain "[::1]:90" }} {{ stripDomain "x" }}',
    "a:90 a 1.2.3.4:5 [::1]:90 x",
  ],
  [
    '{{ match "a.*" "xaz" }} {{ reReplaceAll "(a)" "<$1>" "bab" }} {{ reReplaceAll "a(?P<n>b)" "${n}x$1" "abab" }} {{ reReplaceAll "a" "$$" "banana" }} {{ reReplaceAll "x*" "-" "abc" }} {{ reReplaceAll "(a)" "$1x" "bab" }}',
    "true b<a>b bxbbxb b$n$n$ -a-b-c- bb",
  ],
  ["{{ if gt $value 0.5 }}big{{ else if gt $value 0.05 }}mid{{ else }}small{{ end }}", "mid"],
  ['{{ with $x := $labels.i }}{{ $x }}{{ . }}{{ end }}{{ with $y := "" }}a{{ else }}b{{ end }}', "h1h1b"],
  [
    '{{ humanize 0.0 }} {{ humanize 999.0 }} {{ humanize 1000.0 }} {{ humanize 12345.678 }} {{ humanize -0.5 }} {{ humanize 1e30 }} {{ humanize "1.5" }} {{ humanize 5 }}',
    "0 999 1k 12.35k -500m 1e+06Y 1.5 5",
  ],
  [
    '{{ humanize1024 0.5 }} {{ humanize1024 1024.0 }} {{ humanize1024 1500.0 }} {{ humanize1024 1e9 }} {{ humanizePercentage 1 }} {{ humanizePercentage 0.00123456 }} {{ humanizePercentage "0.5" }}',
    "0.5 1ki 1.465ki 953.7Mi 100% 0.1235% 50%",
  ],
  [
    "{{ humanizeDuration 0 }} {{ humanizeDuration 1 }} {{ humanizeDuration 59.999 }} {{ humanizeDuration 60 }} {{ humanizeDuration 3600 }} {{ humanizeDuration 86400 }} {{ humanizeDuration 0.001 }} {{ humanizeDuration 0.0000012 }} {{ humanizeDuration -3661 }} {{ humanizeDuration 899.987654321 }}",
    "0s 1s 60s 1m 0s 1h 0m 0s 1d 0h 0m 0s 1ms 1.2us -1h 1m 1s 14m 59s",
  ],
  [
    '{{ printf "%.0f %0.0f %5.2f|%-5d|%05d|%s|%v|%q" 2.5 3.5 1.005 7 7 "x" 1.0 "a\\nb" }}',
    '2 4  1.00|7    |00007|x|1|"a\\nb"',
  ],
  [
    '{{ printf "%v %v %v %v %v %v" 1e20 1e21 123456789.0 0.0001 0.00001 100000.0 }}',
    "1e+20 1e+21 1.23456789e+08 0.0001 1e-05 100000",
  ],
  [
    '{{ printf "%.3g %.10g %g %.1e %G" 1234.5678 1234.5678 1e100 0.000123 1e-10 }}',
    "1.23e+03 1234.5678 1e+100 1.2e-04 1E-10",
  ],
  [
    '{{ printf "%s %d" "a" }} {{ printf "x" 1 }} {{ printf "%[3]v %[1]v" 1 2 }} {{ printf "%.*f" 2 3.14159 }} {{ printf "%-8s|%8s|" "é" "日本" }}',
    "a %!d(MISSING) x%!(EXTRA int=1) %!v(BADINDEX) 1 3.14 é       |      日本|",
  ],
  [
    '{{ printf "%t" 1 }} {{ printf "%c" "a" }} {{ printf "%U" 128512 }} {{ printf "%x" -255 }} {{ printf "%+d % d %+.1f" 5 5 5.0 }} {{ printf "%#v" 1.5 }} {{ printf "%T %T %T %T" 1 1.5 "a" true }}',
    "%!t(int=1) %!c(string=a) U+1F600 -ff +5  5 +5.0 1.5 int float64 string bool",
  ],
  [
    '{{ print "a" "b" 1 2 "c" }} {{ print 1 2 }} {{ print true false }} {{ println "a" 1 }}',
    "ab1 2c 1 2 true false a 1\n",
  ],
  ['{{ len "héllo" }} {{ index "abc" 1 }} {{ slice "abc" 1 }} {{ len (query "m") }}', "6 98 bc 2"],
  [
    '{{ eq "a" "b" "a" }} {{ ne 1 2 }} {{ le 1 1 }} {{ ge 2 1 }} {{ lt "a" "b" }} {{ gt 1.5 1.0 }} {{ eq nil nil }} {{ eq true true }}',
    "true true true true true true true true",
  ],
  ['{{ and true "x" }} {{ or false nil "d" }} {{ not "" }} {{ and 0 (first (query "nope")) }}', "x d true 0"],
  [
    '{{ `raw {{ }} "q"` }} {{ "\\u00e9\\x41\\101\\t|" }} {{ \'\\n\' }} {{ 0x1F }} {{ 1_000 }} {{ 0b11 }} {{ -5 }} {{ +3.5 }} {{ .5 }}',
    'raw {{ }} "q" éAA\t| 10 31 1000 3 -5 3.5 0.5',
  ],
  ['a  {{- " b " -}}  c\n{{- /* x */ -}}\n d {{ "e" -}} \n\t f', "a b cd ef"],
  [
    '{{ define "t" }}{{ $x := . }}{{ range $k, $v := . }}{{ $k }}{{ $v }}{{ end }}{{ end }}{{ template "t" $labels }}',
    "__name__mih1za b",
  ],
  [
    '{{ index $labels "nope" }}|{{ index $labels "i" "x" }}',
    `${FAILED}142: executing "__alert_A" at <index $labels "i" "x">: error calling index: cannot index slice/array with type string>`,
  ],
  [
    '{{ index (query "m") 5 }}',
    `${FAILED}115: executing "__alert_A" at <index (query "m") 5>: error calling index: index out of range: 5>`,
  ],
  ["{{ first 5 }}", `${FAILED}121: executing "__alert_A" at <5>: can't handle 5 for arg of type template.queryResult>`],
  [
    "{{ $labels.Foo.Bar.Baz }}",
    `${FAILED}122: executing "__alert_A" at <$labels.Foo.Bar.Baz>: can't evaluate field Bar in type string>`,
  ],
  ["{{ query 5 }}", `${FAILED}121: executing "__alert_A" at <5>: expected string; found 5>`],
  [
    "{{ printf }}",
    `${FAILED}115: executing "__alert_A" at <printf>: wrong number of args for printf: want at least 1 got 0>`,
  ],
  ["{{ printf 5 }}", `${FAILED}122: executing "__alert_A" at <5>: expected string; found 5>`],
  [
    "{{ humanize $labels }}",
    `${FAILED}115: executing "__alert_A" at <humanize $labels>: error calling humanize: can't convert map[string]string to float>`,
  ],
  ["{{ range $value }}x{{ end }}", `${FAILED}121: executing "__alert_A" at <$value>: range can't iterate over 0.1>`],
  [
    "{{ slice 5 1 }}",
    `${FAILED}115: executing "__alert_A" at <slice 5 1>: error calling slice: can't slice item of type int>`,
  ],
  [
    "{{ index 5 1 }}",
    `${FAILED}115: executing "__alert_A" at <index 5 1>: error calling index: can't index item of type int>`,
  ],
  [
    "{{ index nil 1 }}",
    `${FAILED}115: executing "__alert_A" at <index nil 1>: error calling index: index of untyped nil>`,
  ],
  ['{{ label 5 "x" }}', `${FAILED}121: executing "__alert_A" at <5>: expected string; found 5>`],
  [
    "{{ toUpper $value }}",
    `${FAILED}123: executing "__alert_A" at <$value>: wrong type for value; expected string; got float64>`,
  ],
  ["{{ .Labels.i.x }}", `${FAILED}122: executing "__alert_A" at <.Labels.i.x>: can't evaluate field x in type string>`],
  ["{{ $labels.i 5 }}", `${FAILED}122: executing "__alert_A" at <$labels.i>: i is not a method but has arguments>`],
  [
    "{{ .Value 5 }}",
    `${FAILED}115: executing "__alert_A" at <.Value>: Value has arguments but cannot be invoked as function>`,
  ],
  ['{{ "a" "b" }}', `${FAILED}115: executing "__alert_A" at <"a">: can't give argument to non-function "a">`],
  [
    '{{ eq 1 "a" }}',
    `${FAILED}115: executing "__alert_A" at <eq 1 "a">: error calling eq: incompatible types for comparison>`,
  ],
  [
    '{{ lt 1 "a" }}',
    `${FAILED}115: executing "__alert_A" at <lt 1 "a">: error calling lt: incompatible types for comparison>`,
  ],
  ["{{ eq 1 }}", `${FAILED}115: executing "__alert_A" at <eq 1>: error calling eq: missing argument for comparison>`],
  [
    "{{ lt $labels $labels }}",
    `${FAILED}115: executing "__alert_A" at <lt $labels $labels>: error calling lt: invalid type for comparison>`,
  ],
  ["{{ not }}", `${FAILED}115: executing "__alert_A" at <not>: wrong number of args for not: want 1 got 0>`],
  ["{{ true 5 }}", `${FAILED}115: executing "__alert_A" at <true>: can't give argument to non-function true>`],
  ["{{ nil }}", `${FAILED}115: executing "__alert_A" at <nil>: nil is not a command>`],
  [
    '{{ parseDuration "x" }}',
    `${FAILED}115: executing "__alert_A" at <parseDuration "x">: error calling parseDuration: not a valid duration string: "x">`,
  ],
  [
    '{{ match "(" "x" }}',
    `${FAILED}115: executing "__alert_A" at <match "(" "x">: error calling match: error parsing regexp: missing closing ): \`(\`>`,
  ],
  [
    "{{ humanizeTimestamp 1e300 }}",
    `${FAILED}115: executing "__alert_A" at <humanizeTimestamp 1e300>: error calling humanizeTimestamp: 1e+300 cannot be represented as a nanoseconds timestamp since it overflows int64>`,
  ],
  [
    '{{ js "<a>\\u2028\\t" }} {{ html 5 "<" }} {{ urlquery "é/?&= +" }}',
    "\\u003Ca\\u003E\\u2028\\u0009 5&lt; %C3%A9%2F%3F%26%3D+%2B",
  ],
  ['{{ safeHtml "<b>" }} {{ strvalue (first (query "m")) }}|', "<b> |"],
  ['{{ args }} {{ args "a" 1.5 }} {{ (args 1 2).arg1 }}', "map[] map[arg0:a arg1:1.5] 2"],
  ["{{ $externalLabels }} {{ $externalURL }} {{ .ExternalLabels.x }}", "map[]  "],
];

test.each(rows)("%s", async (text, want) => {
  const expanded = await compileRuleTemplate(text, "A").expand({
    labels,
    value: 0.1,
    externalLabels: Labels.EMPTY,
    externalUrl: "",
    at: 60_000,
    query: (expr) => Promise.resolve(expr === "m" ? samples : []),
  });
  expect(expanded.text).toBe(want);
});
