/** Rule files: what is accepted as Prometheus accepts it, and every mistake with its place. */
import { expect, test } from "vitest";
import { formatProblem } from "../../../src/base/problem.ts";
import { parseRuleFile } from "../../../src/rules/file.ts";

const check = (text: string): readonly string[] =>
  parseRuleFile(text, "r.yml").problems.map((problem) => formatProblem(problem).split("\n")[0] as string);

test("a whole file: group settings, both kinds of rule, labels of the group under those of the rule", () => {
  const { groups, problems } = parseRuleFile(
    `
groups:
- name: api
  interval: 30s
  query_offset: 1m
  limit: 10
  labels: {team: ops, tier: 1}
  rules:
  - record: job:errors:rate5m
    expr: sum by (job) (rate(errors_total[5m]))
  - alert: Errors
    expr: |
      job:errors:rate5m
        > 0.05
    for: 1h30m
    keep_firing_for: 5m
    labels: {tier: 2}
    annotations: {summary: "{{ $value | humanizePercentage }}"}
`,
    "r.yml",
  );
  expect(problems).toEqual([]);
  expect(groups).toMatchObject([{ name: "api", intervalMs: 30_000, queryOffsetMs: 60_000, limit: 10, line: 3 }]);
  const [recording, alerting] = groups[0]?.rules ?? [];
  expect(recording).toMatchObject({ kind: "recording", name: "job:errors:rate5m", line: 9 });
  expect(recording?.labels.toJSON()).toEqual({ team: "ops", tier: "1" });
  expect(alerting).toMatchObject({ kind: "alerting", forMs: 5_400_000, keepFiringForMs: 300_000 });
  expect(alerting?.labels.toJSON()).toEqual({ team: "ops", tier: "2" });
});

test.each([
  ["null rules", "groups: [{name: a, rules: }]"],
  ["null groups", "groups:"],
  ["an empty file", ""],
  ["only a comment", "# nothing\n"],
])("%s are an empty list", (_why, text) => {
  expect(parseRuleFile(text, "r.yml").problems).toEqual([]);
});

test("PrometheusRule objects, several documents, other objects between them", () => {
  const { groups, problems } = parseRuleFile(
    `
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: x}
spec:
  groups:
  - name: a
    rules: [{alert: A, expr: up == 0}]
---
apiVersion: v1
kind: ConfigMap
data: {x: y}
---
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
spec: {groups: [{name: b, rules: [{record: b, expr: up}]}]}
`,
    "r.yml",
  );
  expect(problems).toEqual([]);
  expect(groups.map((group) => group.name)).toEqual(["a", "b"]);
});

test("all mistakes at once, in file order, each at its own character", () => {
  const text = `groups:
- name: g
  intervall: 1m
  rules:
  - alert: Broken
    expr: rate(redis_keys
    for: 5x
    annotations:
      a: "one {{ nope }}"
  - alert: Block
    expr: |
      sum by (job) (
        up
    annotations: {b: ok}
  - {record: r, expr: up, for: 1m}
  - {alert: A, record: b, expr: up}
  - {expr: up}
  - {alert: NoExpr}
  - {alert: Labels, expr: up, labels: {__name__: x}}
- name: g
  rules: 5
rule: []
`;
  expect(check(text)).toEqual([
    'r.yml:3:3: "intervall" is not a key of a group',
    expect.stringMatching(/^r\.yml:6:\d+: "rate\(redis_keys" is not a PromQL expression: /),
    'r.yml:7:10: "5x" is not a duration',
    'r.yml:9:18: not a template: function "nope" not defined',
    expect.stringMatching(/^r\.yml:13:11: "sum by \(job\) \(\\n {2}up" is not a PromQL expression: /),
    'r.yml:15:27: "for" belongs to alerts, not to a recording rule',
    'r.yml:16:6: a rule is either "record" or "alert", not both',
    'r.yml:17:5: a rule needs "record" or "alert"',
    'r.yml:18:5: a rule needs "expr"',
    'r.yml:19:40: "__name__" cannot be a label here',
    'r.yml:20:3: group "g" is given twice in this file',
    'r.yml:21:10: "5" where a list is expected',
    'r.yml:22:1: "rule" is not a key of a rule file',
  ]);
});

test("the character of an expression is found in a literal block", () => {
  const [problem] = parseRuleFile(
    "groups:\n- name: g\n  rules:\n  - record: r\n    expr: |\n      up\n        + )\n",
    "r.yml",
  ).problems;
  expect([problem?.line, problem?.column]).toEqual([7, 12]);
});

test("the same rule twice is a warning, and both are kept", () => {
  const { groups, problems } = parseRuleFile(
    "groups: [{name: g, rules: [{record: r, expr: a}, {record: r, expr: b}]}]",
    "r.yml",
  );
  expect(problems.map((problem) => problem.severity)).toEqual(["warning"]);
  expect(groups[0]?.rules).toHaveLength(2);
});

test("a version belongs to the text of a rule, not to its place or the order of its labels", () => {
  const version = (text: string): string | undefined => parseRuleFile(text, "x.yml").groups[0]?.rules[0]?.version;
  const one = version("groups: [{name: g, rules: [{alert: A, expr: up == 0, labels: {a: 1, b: 2}}]}]");
  expect(version("# moved\ngroups:\n- name: h\n  rules: [{alert: A, labels: {b: 2, a: 1}, expr: ' up == 0 '}]")).toBe(
    one,
  );
  expect(version("groups: [{name: g, rules: [{alert: A, expr: up == 0, labels: {a: 1, b: 3}}]}]")).not.toBe(one);
  expect(version("groups: [{name: g, rules: [{alert: A, expr: up == 0, for: 1s, labels: {a: 1, b: 2}}]}]")).not.toBe(
    one,
  );
});
