/**
 * promtool's `test rules`: a test file and its rule files in, promtool's verdict out. The rules run through the
 * same manager as in production, on a store and a clock of their own, with Prometheus' semantics for silence.
 */
import { manualClock } from "../base/clock.ts";
import { errorText } from "../base/errors.ts";
import { silentLogger } from "../base/log.ts";
import { type Problem, formatProblem, hasErrors } from "../base/problem.ts";
import { Findings } from "../base/shape.ts";
import { parseYaml } from "../base/yaml.ts";
import { openJournal } from "../journal/journal.ts";
import { Labels, compareLabels } from "../model/labels.ts";
import { formatDuration } from "../model/duration.ts";
import { createEngine } from "../promql/engine.ts";
import { memoryState } from "../state/memory.ts";
import { parseRuleFile } from "./file.ts";
import type { RuleGroup } from "./group.ts";
import type { RuleManager } from "./contract.ts";
import { createRuleManager } from "./manager.ts";
import {
  type AlertTest,
  type ExpectedAlert,
  type ExprTest,
  type RuleTest,
  type RuleTestFile,
  ruleTestFile,
} from "./test-file.ts";
import { type TestStore, createTestStore } from "./test-store.ts";

export interface RuleTestInput {
  readonly text: string;
  readonly file: string;
  /** Files that a pattern of `rule_files` means, from the test file's directory. @throws anything unreadable. */
  readonly readRuleFiles: (pattern: string) => readonly { readonly file: string; readonly text: string }[];
}

export interface RuleTestFailure {
  /** Where the expectation stands. */
  readonly line: number;
  /** Name of the test, or "". */
  readonly test: string;
  readonly text: string;
}

export interface RuleTestVerdict {
  /** promtool's: no problem in any file and every expectation met. */
  readonly passed: boolean;
  /** Mistakes in the files themselves; with errors nothing was run. */
  readonly problems: readonly Problem[];
  readonly failures: readonly RuleTestFailure[];
  /** Expectations looked at. */
  readonly checks: number;
}

/** Evaluations one test may take: a month of minutes. */
const EVALUATIONS_MAX = 50_000;

/** Runs all tests of a file. */
export async function runRuleTests(input: RuleTestInput): Promise<RuleTestVerdict> {
  const yaml = parseYaml(input.text, input.file);
  const findings = new Findings(input.file, yaml.problems);
  const file = yaml.root === undefined ? undefined : ruleTestFile(yaml.root, findings);
  const problems: Problem[] = [...findings.problems];
  const groups: RuleGroup[] = [];
  for (const pattern of file?.ruleFiles ?? []) {
    try {
      const files = input.readRuleFiles(pattern);
      if (files.length === 0) throw new Error(`no file matches "${pattern}"`);
      for (const { file: name, text } of files) {
        const parsed = parseRuleFile(text, name);
        groups.push(...parsed.groups);
        problems.push(...parsed.problems);
      }
    } catch (error) {
      problems.push({ severity: "error", file: input.file, line: 0, column: 0, message: errorText(error) });
    }
  }
  if (file === undefined || hasErrors(problems)) return { passed: false, problems, failures: [], checks: 0 };
  const ordered = inOrder(groups, file.groupOrder);
  const failures: RuleTestFailure[] = [];
  for (const test of file.tests) failures.push(...(await runTest(test, file, ordered)));
  const checks = file.tests.reduce((sum, test) => sum + test.alerts.length + test.exprs.length, 0);
  return { passed: failures.length === 0, problems, failures, checks };
}

/** Groups named in the order come in that order; the others, as promtool sorts them, with its first. */
function inOrder(groups: readonly RuleGroup[], order: readonly string[]): readonly RuleGroup[] {
  const rank = new Map(order.map((name, i) => [name, i]));
  return [...groups].sort((a, b) => (rank.get(a.name) ?? 0) - (rank.get(b.name) ?? 0));
}

async function runTest(
  test: RuleTest,
  file: RuleTestFile,
  groups: readonly RuleGroup[],
): Promise<readonly RuleTestFailure[]> {
  const store = createTestStore();
  const clock = manualClock(test.startMs);
  const state = memoryState();
  const engine = createEngine({ queryable: store, clock });
  const manager = createRuleManager({
    engine,
    appendable: store,
    state,
    journal: openJournal(state, clock),
    clock,
    log: silentLogger,
    externalLabels: Labels.from(test.externalLabels),
    externalUrl: test.externalUrl,
    onNoData: "resolve",
  });
  await load(store, test, test.intervalMs ?? file.evaluationIntervalMs);
  await manager.apply(groups);
  const failures: RuleTestFailure[] = [];
  const fail = (line: number, text: string): void => void failures.push({ line, test: test.name, text });
  const step = file.evaluationIntervalMs;
  const last = Math.max(0, ...[...test.alerts, ...test.exprs].map((check) => check.evalTimeMs));
  if (last / step > EVALUATIONS_MAX) fail(test.line, `more than ${EVALUATIONS_MAX} evaluations`);
  let broken = last / step > EVALUATIONS_MAX;
  for (let t = 0; t <= last && !broken; t += step) {
    await manager.evaluate(test.startMs + t);
    for (const rule of manager.rules()) {
      if (rule.lastError === "") continue;
      broken = true;
      fail(test.line, `rule: ${rule.name}, time: ${timeText(t)}, err: ${rule.lastError}`);
    }
    const due = test.alerts.filter((check) => t <= check.evalTimeMs && check.evalTimeMs < t + step);
    for (const check of due) checkAlerts(check, manager, fail);
  }
  for (const check of test.exprs) {
    try {
      const { value } = await engine.instant(check.expr, test.startMs + check.evalTimeMs);
      const got =
        value.kind === "vector"
          ? value.samples.map(({ labels, v }) => ({ labels, value: v }))
          : value.kind === "scalar"
            ? [{ labels: Labels.EMPTY, value: value.v }]
            : [];
      checkSamples(check, got, file.fuzzy, fail);
    } catch (error) {
      fail(
        check.line,
        `expr: ${JSON.stringify(check.expr)}, time: ${timeText(check.evalTimeMs)}, err: ${errorText(error)}`,
      );
    }
  }
  await manager.close();
  return failures;
}

async function load(store: TestStore, test: RuleTest, intervalMs: number): Promise<void> {
  const appender = store.appender();
  for (const { labels, values } of test.series) {
    const ref = appender.series(labels);
    values.forEach((value, i) => {
      const t = test.startMs + i * intervalMs;
      if (value === "stale") appender.appendStale(ref, t);
      else if (value !== undefined) appender.append(ref, t, value);
    });
  }
  await appender.commit();
}

function checkAlerts(check: AlertTest, manager: RuleManager, fail: (line: number, text: string) => void): void {
  const text = ({ labels, annotations }: ExpectedAlert): string =>
    `Labels:${Labels.from(labels).toString()} Annotations:${Labels.from(annotations).toString()}`;
  const got = manager
    .rules()
    .filter((rule) => rule.kind === "alerting" && rule.name === check.alertname)
    .flatMap((rule) => rule.alerts)
    .filter((alert) => alert.state === "firing")
    .map((alert) => text({ labels: alert.labels.toJSON(), annotations: alert.annotations.toJSON() }))
    .sort();
  const expected = check.expected
    .map((alert) => text({ ...alert, labels: { ...alert.labels, alertname: check.alertname } }))
    .sort();
  if (got.join("\n") === expected.join("\n")) return;
  fail(check.line, `alertname: ${check.alertname}, time: ${timeText(check.evalTimeMs)},${both(expected, got)}`);
}

interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

function checkSamples(
  check: ExprTest,
  got: readonly Sample[],
  fuzzy: boolean,
  fail: (line: number, text: string) => void,
): void {
  const sorted = (samples: readonly Sample[]): readonly Sample[] =>
    [...samples].sort((a, b) => compareLabels(a.labels, b.labels));
  const expected = sorted(check.expected);
  const actual = sorted(got);
  const same =
    expected.length === actual.length &&
    expected.every(
      ({ labels, value }, i) =>
        labels.equals((actual[i] as Sample).labels) && equal(value, (actual[i] as Sample).value, fuzzy),
    );
  if (same) return;
  const text = ({ labels, value }: Sample): string => `${labels.toString()} ${value}`;
  fail(
    check.line,
    `expr: ${JSON.stringify(check.expr)}, time: ${timeText(check.evalTimeMs)},${both(expected.map(text), actual.map(text))}`,
  );
}

/** promtool's fuzzy_compare allows floats to differ by one part in 2^52 or so. */
const FUZZ = 1e-15 * 4;

function equal(a: number, b: number, fuzzy: boolean): boolean {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) && Number.isNaN(b);
  return a === b || (fuzzy && Math.abs(a - b) <= FUZZ * Math.max(Math.abs(a), Math.abs(b)));
}

function both(expected: readonly string[], got: readonly string[]): string {
  const lines = (items: readonly string[]): string =>
    items.length === 0 ? " (none)" : items.map((item) => `\n    ${item}`).join("");
  return `\n  exp:${lines(expected)}\n  got:${lines(got)}`;
}

function timeText(ms: number): string {
  return formatDuration(ms);
}

/** The verdict as lines for a terminal, promtool's way: SUCCESS, or FAILED with what differed. */
export function verdictText(file: string, verdict: RuleTestVerdict): string {
  const lines = verdict.problems.map(formatProblem);
  for (const { line, test, text } of verdict.failures)
    lines.push(`${file}:${line}: ${test === "" ? "" : `${test}: `}${text}`);
  return [...lines, verdict.passed ? `${file}: SUCCESS, ${verdict.checks} checks` : `${file}: FAILED`].join("\n");
}
