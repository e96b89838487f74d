import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { moduleText, packNames } from "../../../rules/embed.ts";
import { expandPack, packNamed, RULE_PACKS } from "../../../rules/index.ts";
import { allPanels } from "../../../scrapers/index.ts";
import { errorText } from "../../../src/base/errors.ts";
import { parseExpr } from "../../../src/promql/parse.ts";
import { runRuleTests } from "../../../src/rules/unittest.ts";

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

const FOLDER = new URL("../../../rules/", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, FOLDER), "utf8");

function rulesOf(text: string): readonly Rule[] {
  const file = parse(text) as { readonly groups: readonly { readonly rules: readonly Rule[] }[] };
  return file.groups.flatMap((group) => group.rules);
}

function parseError(expr: string): readonly string[] {
  try {
    parseExpr(expr);
    return [];
  } catch (error) {
    return [`${expr}: ${errorText(error)}`];
  }
}

const SEVERITIES = ["critical", "warning", "info"];
const PANEL_IDS = new Set(allPanels().map((panel) => panel.id));

it("every .yml is embedded as it is and registered once", () => {
  expect(RULE_PACKS.map((pack) => pack.name).toSorted()).toEqual([...packNames()]);
  for (const name of packNames()) {
    expect(read(`text/${name}.ts`), `run: node rules/embed.ts (${name})`).toBe(moduleText(name, read(`${name}.yml`)));
    expect(packNamed(name)?.text).toBe(read(`${name}.yml`));
  }
});

it("no alert has two definitions", () => {
  const names = RULE_PACKS.flatMap((pack) => rulesOf(pack.text).flatMap((rule) => rule.alert ?? []));
  expect(names.length).toBeGreaterThanOrEqual(47);
  expect(new Set(names).size).toBe(names.length);
});

describe.each(RULE_PACKS.map((pack) => [pack.name, pack] as const))("%s", (name, pack) => {
  const rules = rulesOf(pack.text);

  it("has expressions that parse, severities and a panel to look at", () => {
    expect(rules.length).toBeGreaterThan(0);
    expect(rules.flatMap((rule) => parseError(rule.expr))).toEqual([]);
    const alerts = rules.filter((rule) => rule.alert !== undefined);
    for (const rule of alerts) expect(Object.keys(rule.labels ?? {})).toEqual(["severity"]);
    expect(alerts.filter((rule) => !SEVERITIES.includes(rule.labels?.["severity"] ?? ""))).toEqual([]);
    expect(alerts.filter((rule) => !PANEL_IDS.has(rule.annotations?.["panel"] ?? ""))).toEqual([]);
  });

  it("documents each variable it marks, and marks each it documents", () => {
    const marked = new Set([...pack.text.matchAll(/# \$\{(\w+)\}/g)].map((match) => match[1]));
    expect(new Set(pack.variables.map((variable) => variable.name))).toEqual(marked);
    expect(pack.doc.length).toBeGreaterThan(10);
    expect(pack.variables.filter((variable) => variable.doc.length <= 3)).toEqual([]);
  });

  it("takes another value for every variable and stays valid", () => {
    const values = Object.fromEntries(pack.variables.map((v) => [v.name, /[smhdwy]$/.test(v.value) ? "7m" : "1234.5"]));
    const text = expandPack(pack, values);
    const changed = rulesOf(text);
    expect(changed.flatMap((rule) => parseError(rule.expr))).toEqual([]);
    const numbers = changed.map((rule) => `${rule.expr} ${rule.for ?? ""}`).join(" ");
    for (const variable of pack.variables) {
      expect(numbers).toContain(values[variable.name]);
      expect(text).toContain(`${values[variable.name]} # \${${variable.name}}`);
    }
    expect(expandPack(pack)).toBe(pack.text);
  });

  it("has a promtool test beside it that names each of its alerts", () => {
    expect(existsSync(new URL(`${name}.test.yml`, FOLDER))).toBe(true);
    const test = parse(read(`${name}.test.yml`)) as {
      readonly rule_files: readonly string[];
      readonly tests: readonly {
        readonly alert_rule_test?: readonly { readonly alertname: string; readonly exp_alerts?: readonly unknown[] }[];
      }[];
    };
    expect(test.rule_files).toEqual([`${name}.yml`]);
    const fired = test.tests.flatMap((t) => t.alert_rule_test ?? []).filter((t) => (t.exp_alerts ?? []).length > 0);
    const names = new Set(fired.map((t) => t.alertname));
    expect(rules.flatMap((rule) => rule.alert ?? []).filter((alert) => !names.has(alert))).toEqual([]);
  });
});

it.each(packNames())("%s passes its promtool test on our own engine", async (name) => {
  const file = `${name}.test.yml`;
  const verdict = await runRuleTests({
    text: read(file),
    file,
    readRuleFiles: (pattern) => [{ file: pattern, text: read(pattern) }],
  });
  expect({ problems: verdict.problems, failures: verdict.failures }).toEqual({ problems: [], failures: [] });
  expect(verdict.checks).toBeGreaterThan(0);
});

describe("expandPack refuses", () => {
  const host = packNamed("host") ?? RULE_PACKS[0];
  it.each<{ values: Record<string, string | number>; error: string; why: string }>([
    { values: { cpu_waring: 70 }, error: 'rule pack "host" has no variable "cpu_waring"', why: "a typing error" },
    { values: { cpu_warning: "5m" }, error: '"5m" is not a number', why: "a duration for a number" },
    { values: { cpu_warning_for: 5 }, error: '"5" is not a duration', why: "a number for a duration" },
    { values: { cpu_warning: "1 or up" }, error: "is not a number", why: "a value is never an expression" },
    { values: { cpu_warning: "80\n- alert: X" }, error: "is not a number", why: "nor more YAML" },
    { values: { cpu_warning: Number.NaN }, error: '"NaN" is not a number', why: "a comparison with NaN never fires" },
    { values: { toString: 1 }, error: "no variable", why: "names of the language are no variables" },
  ])("$error: $why", ({ values, error }) => {
    expect(() => expandPack(host as (typeof RULE_PACKS)[number], values)).toThrow(error);
  });
});
