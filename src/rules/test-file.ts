/** promtool's unit test files, read strictly and with places. */
import { type Decode, type Findings, bool, fields, float, list, parsed, record, text } from "../base/shape.ts";
import type { Position, YamlNode } from "../base/yaml.ts";
import { UserError } from "../base/errors.ts";
import { parseDuration } from "../model/duration.ts";
import { Labels } from "../model/labels.ts";
import { type NotedValue, parseSeriesName, parseSeriesValues } from "./series-notation.ts";

export interface TestSeries {
  readonly labels: Labels;
  readonly values: readonly NotedValue[];
}
export interface ExpectedAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}
export interface AlertTest extends Position {
  readonly evalTimeMs: number;
  readonly alertname: string;
  readonly expected: readonly ExpectedAlert[];
}
export interface ExprTest extends Position {
  readonly expr: string;
  readonly evalTimeMs: number;
  readonly expected: readonly { readonly labels: Labels; readonly value: number }[];
}
export interface RuleTest extends Position {
  readonly name: string;
  readonly intervalMs: number | undefined;
  readonly startMs: number;
  readonly series: readonly TestSeries[];
  readonly alerts: readonly AlertTest[];
  readonly exprs: readonly ExprTest[];
  readonly externalLabels: Readonly<Record<string, string>>;
  readonly externalUrl: string;
}
export interface RuleTestFile {
  readonly ruleFiles: readonly string[];
  readonly evaluationIntervalMs: number;
  readonly groupOrder: readonly string[];
  readonly fuzzy: boolean;
  readonly tests: readonly RuleTest[];
}

const duration: Decode<number> = parsed((value) =>
  value.startsWith("-") ? -parseDuration(value.slice(1)) : parseDuration(value),
);
const place = (node: YamlNode): Position => ({ line: node.line, column: node.column });

const seriesShape = fields(
  { series: parsed(parseSeriesName), values: parsed(parseSeriesValues) },
  { what: "an input series", required: ["series", "values"] },
);
const series: Decode<TestSeries> = (node, findings) => {
  const read = seriesShape(node, findings);
  if (read?.got.series === undefined) return undefined;
  return { labels: read.got.series, values: read.got.values ?? [] };
};

const expectedAlertShape = fields(
  { exp_labels: record(text), exp_annotations: record(text) },
  { what: "an expected alert" },
);
const expectedAlert: Decode<ExpectedAlert> = (node, findings) => {
  const read = expectedAlertShape(node, findings);
  return read && { labels: read.got.exp_labels ?? {}, annotations: read.got.exp_annotations ?? {} };
};
const alertShape = fields(
  { eval_time: duration, alertname: text, exp_alerts: list(expectedAlert) },
  { what: "an alert_rule_test", required: ["alertname"] },
);
const alertTest: Decode<AlertTest> = (node, findings) => {
  const read = alertShape(node, findings);
  if (read === undefined) return undefined;
  const { got } = read;
  return {
    ...place(node),
    evalTimeMs: got.eval_time ?? 0,
    alertname: got.alertname ?? "",
    expected: got.exp_alerts ?? [],
  };
};

/** `1`, `1e3`, `NaN`, `+Inf`, as well as YAML's own `.inf`. */
const sampleNumber: Decode<number> = (node, findings) => {
  const word = node.kind === "scalar" ? node.text.toLowerCase() : "";
  if (/^\.?nan$/.test(word)) return Number.NaN;
  if (/^[-+]?\.?inf$/.test(word)) return word.startsWith("-") ? -Infinity : Infinity;
  return float(node, findings);
};
const sampleShape = fields(
  { labels: parsed((value) => parseSeriesName(value === "" ? "{}" : value)), value: sampleNumber },
  { what: "an expected sample", unsupported: { histogram: "opsmon stores floats" } },
);
const exprShape = fields(
  {
    expr: text,
    eval_time: duration,
    exp_samples: list((node: YamlNode, findings: Findings) => {
      const read = sampleShape(node, findings);
      // A value left out means 0, as promtool's zero value does.
      return read && { labels: read.got.labels ?? Labels.EMPTY, value: read.got.value ?? 0 };
    }),
  },
  { what: "a promql_expr_test", required: ["expr"] },
);
const exprTest: Decode<ExprTest> = (node, findings) => {
  const read = exprShape(node, findings);
  if (read?.got.expr === undefined) return undefined;
  return {
    ...place(node),
    expr: read.got.expr,
    evalTimeMs: read.got.eval_time ?? 0,
    expected: read.got.exp_samples ?? [],
  };
};

/** Unix seconds or RFC 3339. */
const moment: Decode<number> = parsed((value) => {
  const ms = /^-?\d+(?:\.\d+)?$/.test(value) ? Number(value) * 1000 : Date.parse(value);
  if (Number.isFinite(ms)) return Math.round(ms);
  throw new UserError("bad-time", `"${value}" is not a time`, { hint: "write unix seconds or 2026-01-02T03:04:05Z" });
});

const testShape = fields(
  {
    interval: duration,
    input_series: list(series),
    alert_rule_test: list(alertTest),
    promql_expr_test: list(exprTest),
    external_labels: record(text),
    external_url: text,
    name: text,
    start_timestamp: moment,
  },
  { what: "a test" },
);
const test: Decode<RuleTest> = (node, findings) => {
  const read = testShape(node, findings);
  if (read === undefined) return undefined;
  const { got } = read;
  return {
    ...place(node),
    name: got.name ?? "",
    intervalMs: got.interval,
    startMs: got.start_timestamp ?? 0,
    series: got.input_series ?? [],
    alerts: got.alert_rule_test ?? [],
    exprs: got.promql_expr_test ?? [],
    externalLabels: got.external_labels ?? {},
    externalUrl: got.external_url ?? "",
  };
};

const fileShape = fields(
  {
    rule_files: list(text),
    evaluation_interval: duration,
    group_eval_order: list(text),
    fuzzy_compare: bool,
    tests: list(test),
  },
  { what: "a rule test file" },
);

const EVALUATION_INTERVAL_MS = 60_000;

export const ruleTestFile: Decode<RuleTestFile> = (node, findings) => {
  const read = fileShape(node, findings);
  if (read === undefined) return undefined;
  const { got } = read;
  return {
    ruleFiles: got.rule_files ?? [],
    evaluationIntervalMs: got.evaluation_interval ?? EVALUATION_INTERVAL_MS,
    groupOrder: got.group_eval_order ?? [],
    fuzzy: got.fuzzy_compare ?? false,
    tests: got.tests ?? [],
  };
};
