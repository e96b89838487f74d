/** promtool's verdict: the same files were given to promtool 2.42, and its answers are what is expected here. */
import { expect, test } from "vitest";
import { runRuleTests, verdictText } from "../../../src/rules/unittest.ts";

const RULES = `
groups:
- name: rec
  interval: 30s
  rules:
  - record: job:req:rate5m
    expr: sum by (job) (rate(req_total[5m]))
    labels: {src: rule}
- name: al
  limit: 3
  rules:
  - alert: Down
    expr: up == 0
    for: 2m
    labels: {severity: critical, inst: "{{ $labels.instance }}"}
    annotations: {summary: "{{ $labels.instance }} of {{ $labels.job }} is down, value {{ $value }}", d: '{{ with query "up" }}{{ len . }}{{ end }} {{ $externalLabels.site }}'}
  - alert: Fast
    expr: job:req:rate5m > 0.5
    keep_firing_for: 3m
    annotations: {v: "{{ $value | humanize }}"}
  - alert: Meta
    expr: ALERTS{alertstate="firing",alertname="Down"}
- name: nul
  rules:
`;
const TESTS = `
rule_files: [rules.yml]
evaluation_interval: 1m
group_eval_order: [rec, al]
tests:
- interval: 1m
  name: down
  external_labels: {site: a}
  input_series:
  - {series: 'up{job="n",instance="a"}', values: '1 0 0 0 0 _ _ _ _ _ _ _ 1'}
  - {series: 'up{job="n",instance="b"}', values: '1x20'}
  - {series: 'req_total{job="j"}', values: '0+60x5 300x20'}
  alert_rule_test:
  - {eval_time: 2m, alertname: Down, exp_alerts: []}
  - eval_time: 3m
    alertname: Down
    exp_alerts:
    - exp_labels: {severity: critical, inst: a, job: n, instance: a}
      exp_annotations: {summary: "a of n is down, value 0", d: "2 a"}
  - eval_time: 3m
    alertname: Meta
    exp_alerts:
    - exp_labels: {severity: critical, inst: a, job: n, instance: a, alertstate: firing}
  - eval_time: 5m
    alertname: Fast
    exp_alerts:
    - {exp_labels: {job: j, src: rule}, exp_annotations: {v: "1"}}
  - eval_time: 12m
    alertname: Fast
    exp_alerts: []
  promql_expr_test:
  - expr: job:req:rate5m
    eval_time: 5m
    exp_samples: [{labels: 'job:req:rate5m{job="j",src="rule"}', value: 1}]
  - {expr: 'count(ALERTS)', eval_time: 3m, exp_samples: [{labels: '{}', value: 3}]}
  - {expr: 'ALERTS', eval_time: 12m, exp_samples: []}
`;

const run = (tests: string, rules = RULES): ReturnType<typeof runRuleTests> =>
  runRuleTests({
    text: tests,
    file: "t.yml",
    readRuleFiles: (pattern) => (pattern === "rules.yml" ? [{ file: "rules.yml", text: rules }] : []),
  });

test("a right file passes", async () => {
  const verdict = await run(TESTS);
  expect(verdictText("t.yml", verdict)).toBe("t.yml: SUCCESS, 8 checks");
});

test("every expectation that is not met is named with its line, and the others are still looked at", async () => {
  const verdict = await run(TESTS.replace("value: 1}", "value: 2}").replaceAll("exp_alerts: []", "exp_alerts: [{}]"));
  expect(verdict.passed).toBe(false);
  expect(verdict.failures.map(({ line, text }) => `${line} ${text.split("\n")[0]}`)).toEqual([
    "14 alertname: Down, time: 2m,",
    "28 alertname: Fast, time: 12m,",
    '32 expr: "job:req:rate5m", time: 5m,',
  ]);
});

test.each([
  [
    "a rule that fails while it runs",
    "groups: [{name: g, limit: 1, rules: [{record: r, expr: up}]}]",
    "exceeded limit of 1 with 2 series",
  ],
  ["a rule file with mistakes", "groups: [{name: g, rules: [{record: r, expr: 'up('}]}]", "rules.yml:1:50"],
])("%s fails the file", async (_why, rules, want) => {
  const verdict = await run(TESTS, rules);
  expect(verdict.passed).toBe(false);
  expect(verdictText("t.yml", verdict)).toContain(want);
});

test("mistakes of the test file come with places", async () => {
  const verdict = await run(
    "rule_files: [nope.yml]\ntests:\n- input_series: [{series: 'up{', values: '1 x'}]\n  alert_rule_tests: []\n",
  );
  expect(
    verdictText("t.yml", verdict)
      .split("\n")
      .filter((line) => !line.startsWith("  ")),
  ).toEqual([
    't.yml:3:27: "up{" is not a series: a label name is missing',
    't.yml:3:42: "x" is not a list of test values',
    't.yml:4:3: "alert_rule_tests" is not a key of a test',
    't.yml: no file matches "nope.yml"',
    "t.yml: FAILED",
  ]);
});
