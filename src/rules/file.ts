/**
 * Rule files: Prometheus' groups, or the same inside a PrometheusRule object of Kubernetes. Text in; groups with
 * every expression parsed and every template compiled, and all mistakes with their place, out. Strict: an unknown
 * key is an error, since a misspelt `for` would make an alert fire at once.
 */
import { createHash } from "node:crypto";
import { stringify } from "yaml";
import { UserError } from "../base/errors.ts";
import { type Problem, sortProblems } from "../base/problem.ts";
import {
  type Decode,
  Findings,
  describe,
  fields,
  integer,
  list,
  parsed,
  quoteShort,
  record,
  text,
} from "../base/shape.ts";
import { type YamlNode, type YamlScalar, entryOf, nodeAt, parseYamlDocuments, positionInScalar } from "../base/yaml.ts";
import { formatDuration, parseDuration } from "../model/duration.ts";
import { Labels, METRIC_NAME } from "../model/labels.ts";
import { parseExpr } from "../promql/parse.ts";
import { compileRuleTemplate } from "../template/prometheus.ts";
import { TemplateError } from "../template/template.ts";
import type { Rule, RuleGroup } from "./group.ts";

export interface ParsedRuleFile {
  /** Groups without mistakes; a group that has one is left out whole. */
  readonly groups: readonly RuleGroup[];
  /** In file order. */
  readonly problems: readonly Problem[];
}

const duration: Decode<number> = parsed(parseDuration);

const ruleShape = fields(
  {
    record: text,
    alert: text,
    expr: scalarNode,
    for: duration,
    keep_firing_for: duration,
    labels: record(scalarNode),
    annotations: record(scalarNode),
  },
  { what: "a rule" },
);
const groupShape = fields(
  {
    name: text,
    interval: duration,
    query_offset: duration,
    limit: integer(0),
    labels: record(text),
    rules: list(anyNode),
    partial_response_strategy: text,
  },
  { what: "a group" },
);

function scalarNode(node: YamlNode, findings: Findings): YamlScalar | undefined {
  return node.kind === "scalar" ? node : findings.error(node, `${describe(node)} where text is expected`);
}
function anyNode(node: YamlNode): YamlNode {
  return node;
}

/** Reads a rule file; null `groups:` and null `rules:` are empty lists. */
export function parseRuleFile(source: string, file: string): ParsedRuleFile {
  const yaml = parseYamlDocuments(source, file);
  const findings = new Findings(file, yaml.problems);
  const groups: RuleGroup[] = [];
  const names = new Map<string, number>();
  for (const document of yaml.documents) {
    for (const node of groupNodes(document, findings)) {
      const group = readGroup(node, file, names, findings);
      if (group !== undefined) groups.push(group);
    }
  }
  noteDuplicates(groups, findings);
  return { groups, problems: sortProblems(findings.problems) };
}

function groupNodes(document: YamlNode, findings: Findings): readonly YamlNode[] {
  const kind = nodeAt(document, "kind");
  const isObject = entryOf(document, "apiVersion") !== undefined && kind !== undefined;
  if (isObject && !(kind.kind === "scalar" && kind.text === "PrometheusRule")) return [];
  const holder = isObject ? nodeAt(document, "spec") : document;
  if (holder === undefined) return [];
  const read = fields({ groups: list(anyNode) }, { what: isObject ? "the spec of a PrometheusRule" : "a rule file" })(
    holder,
    findings,
  );
  return read?.got.groups ?? [];
}

function readGroup(
  node: YamlNode,
  file: string,
  names: Map<string, number>,
  findings: Findings,
): RuleGroup | undefined {
  const before = findings.problems.length;
  const read = groupShape(node, findings);
  if (read === undefined) return undefined;
  const { got } = read;
  const name = got.name ?? "";
  const at = read.place("name");
  const earlier = names.get(name);
  if (name === "") findings.error(at, "a group needs a name");
  else if (earlier !== undefined) {
    findings.error(at, `group "${name}" is given twice in this file`, `the first one is on line ${earlier}`);
  } else names.set(name, at.line);
  if (got.interval === 0) findings.error(read.place("interval"), '"interval" must be longer than zero');
  const labels = got.labels ?? {};
  checkLabelNames(entryOf(node, "labels")?.value, findings);
  const rules = (got.rules ?? []).flatMap((item) => readRule(item, labels, findings) ?? []);
  if (findings.problems.slice(before).some((problem) => problem.severity === "error")) return undefined;
  return {
    file,
    name,
    intervalMs: got.interval,
    queryOffsetMs: got.query_offset,
    limit: got.limit ?? 0,
    rules,
    line: node.line,
  };
}

function readRule(node: YamlNode, groupLabels: Readonly<Record<string, string>>, findings: Findings): Rule | undefined {
  const before = findings.problems.length;
  const read = ruleShape(node, findings);
  if (read === undefined) return undefined;
  const { got } = read;
  const { record: metric, alert } = got;
  if (metric !== undefined && alert !== undefined) {
    findings.error(read.place("alert"), `a rule is either "record" or "alert", not both`);
  } else if (metric === undefined && alert === undefined) findings.error(node, 'a rule needs "record" or "alert"');
  else if (metric === "" || alert === "") findings.error(node, "a rule needs a name");
  const name = alert ?? metric ?? "";
  checkExpression(got.expr, node, findings);
  const labels = textOf(got.labels);
  const annotations = textOf(got.annotations);
  checkLabelNames(entryOf(node, "labels")?.value, findings);
  if (alert !== undefined) {
    for (const template of Object.values({ ...got.labels })) checkTemplate(template, name, findings);
    for (const template of Object.values({ ...got.annotations })) checkTemplate(template, name, findings);
  } else if (metric !== undefined) {
    for (const key of ["for", "keep_firing_for", "annotations"] as const) {
      if (read.has(key)) findings.error(read.place(key), `"${key}" belongs to alerts, not to a recording rule`);
    }
    if (/[{}]/.test(metric)) {
      findings.error(
        read.place("record"),
        `"${metric}" has braces`,
        "a recording rule is named by a metric; its labels go to labels:",
      );
    }
  }
  if (findings.problems.length > before || got.expr === undefined) return undefined;
  const forMs = got.for ?? 0;
  const keepFiringForMs = got.keep_firing_for ?? 0;
  const expr = got.expr.text.trim();
  const stated = { ...groupLabels, ...labels };
  const canonical = {
    kind: alert === undefined ? "record" : "alert",
    name,
    expr,
    forMs,
    keepFiringForMs,
    labels: stated,
    annotations,
  };
  const common = {
    name,
    expr,
    labels: Labels.from(stated),
    version: versionOf(canonical),
    source: sourceOf(canonical),
    line: node.line,
  };
  if (alert === undefined) return { kind: "recording", ...common };
  return { kind: "alerting", ...common, forMs, keepFiringForMs, annotations: Labels.from(annotations) };
}

function textOf(nodes: Readonly<Record<string, YamlScalar>> | undefined): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(nodes ?? {}).map(([name, node]) => [name, node.isNull ? "" : node.text]));
}

function checkLabelNames(labels: YamlNode | undefined, findings: Findings): void {
  for (const entry of labels?.kind === "map" ? labels.entries : []) {
    const { key } = entry;
    if (key === "" || key === METRIC_NAME) findings.error(entry, `"${key}" cannot be a label here`);
  }
}

/** Longest expression repeated in a message is cut by quoteShort; its own position is exact. */
function checkExpression(node: YamlScalar | undefined, rule: YamlNode, findings: Findings): void {
  if (node === undefined || node.isNull || node.text.trim() === "") {
    if (node !== undefined || entryOf(rule, "expr") === undefined) findings.error(node ?? rule, 'a rule needs "expr"');
    return;
  }
  try {
    // Without the newline that ends a block, or a mistake at the end would stand on the line after it.
    parseExpr(node.text.trimEnd());
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const match = /^(\d+):(\d+):\s*(?:parse error:\s*)?([\s\S]*)$/.exec(error.message);
    const offset = match === null ? 0 : offsetOf(node.text, Number(match[1]), Number(match[2]));
    const what = match?.[3] ?? error.message;
    findings.error(
      positionInScalar(node, offset),
      `${quoteShort(node.text.trim())} is not a PromQL expression: ${what}`,
      error.hint,
    );
  }
}

function offsetOf(source: string, line: number, column: number): number {
  const lines = source.split("\n");
  const before = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
  return Math.min(source.length, before + column - 1);
}

function checkTemplate(node: YamlScalar, rule: string, findings: Findings): void {
  try {
    compileRuleTemplate(node.text, rule);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const cause = error.cause instanceof TemplateError ? error.cause : undefined;
    const at = positionInScalar(node, cause?.offset ?? 0);
    findings.error(at, `not a template: ${error.message.replace(/^template: __alert_[\s\S]*?:\d+: /, "")}`);
  }
}

/** The same text of a rule has the same version everywhere: a hash, not a counter. */
function versionOf(canonical: Readonly<Record<string, unknown>>): string {
  const sorted = (value: unknown): unknown =>
    typeof value === "object" && value !== null
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value;
  const parts = Object.entries(canonical).map(([key, value]) => [key, sorted(value)]);
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 16);
}

function sourceOf(rule: {
  readonly kind: string;
  readonly name: string;
  readonly expr: string;
  readonly forMs: number;
  readonly keepFiringForMs: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}): string {
  return stringify(
    {
      [rule.kind]: rule.name,
      expr: rule.expr,
      ...(rule.forMs > 0 && { for: formatDuration(rule.forMs) }),
      ...(rule.keepFiringForMs > 0 && { keep_firing_for: formatDuration(rule.keepFiringForMs) }),
      ...(Object.keys(rule.labels).length > 0 && { labels: rule.labels }),
      ...(Object.keys(rule.annotations).length > 0 && { annotations: rule.annotations }),
    },
    { lineWidth: 0 },
  );
}

/** The same name with the same labels twice is legal but writes one series from two places. */
function noteDuplicates(groups: readonly RuleGroup[], findings: Findings): void {
  const seen = new Map<string, number>();
  for (const rule of groups.flatMap((group) => group.rules)) {
    const key = `${rule.kind}\0${rule.name}\0${rule.labels.key}\0${rule.kind === "alerting" ? rule.expr : ""}`;
    const earlier = seen.get(key);
    if (earlier === undefined) seen.set(key, rule.line);
    else {
      findings.warn(
        { line: rule.line, column: 1 },
        `${rule.kind} rule "${rule.name}" with the same labels is given twice`,
        `the first one is on line ${earlier}; one of the two is enough, or give them different labels`,
      );
    }
  }
}
