/**
 * Every row of test/golden/coverage.tsv on the lab's real exporters: a row that claims a panel has a number in
 * `opsmon top --once -o json`, a row that claims an alert is evaluated by the engine without an error, on data.
 */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { RULE_PACKS } from "../../rules/index.ts";
import { walk } from "../../src/promql/ast.ts";
import { parseExpr } from "../../src/promql/parse.ts";
import { printExpr } from "../../src/promql/print.ts";
import { labInfo } from "../support/lab.ts";
import { type Engine, eventually, opsmon, root, startEngine, type TempDir, tempDir } from "../support/process.ts";

interface Row {
  readonly row: string;
  readonly kind: string;
  readonly ids: readonly string[];
  readonly note: string;
}

const ROWS: readonly Row[] = readFileSync(path.join(root, "test/golden/coverage.tsv"), "utf8")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#") && !line.startsWith("row\t"))
  .map((line) => {
    const [row = "", kind = "", ids = "", note = ""] = line.split("\t");
    return { row, kind, ids: ids.split(","), note };
  });

/** Rows that the lab cannot give a number for, each with the reason why. */
const NOT_HERE: Readonly<Record<string, string>> = {
  "D2.50": "compares with an hour ago, and the lab is younger",
};

interface Panel {
  readonly id: string;
  readonly reason?: string;
  readonly series: readonly { readonly last?: number | string | null }[];
}

interface Rule {
  readonly name: string;
  readonly query: string;
  readonly health: string;
  readonly lastError?: string;
}

describe("what was asked for, on real exporters", () => {
  let home: TempDir;
  let engine: Engine;
  let panels: ReadonlyMap<string, Panel>;
  let rules: readonly Rule[];
  const withData = new Map<string, boolean>();

  const hasData = async (expr: string): Promise<boolean> => {
    const known = withData.get(expr);
    if (known !== undefined) return known;
    const answer = (await engine.get(`/api/v1/query?query=${encodeURIComponent(expr)}`)) as {
      data: { result: readonly unknown[] };
    };
    withData.set(expr, answer.data.result.length > 0);
    return answer.data.result.length > 0;
  };

  /** Some selector of the rule finds series: it looks at something that exists. */
  const seesData = async (rule: Rule): Promise<boolean> => {
    const selectors: string[] = [];
    walk(parseExpr(rule.query), (node) => {
      if (node.kind === "selector") selectors.push(printExpr(node));
    });
    for (const selector of selectors) if (await hasData(selector.replace(/(\[.*\])? (offset|@) .*$/, ""))) return true;
    return false;
  };

  beforeAll(async () => {
    const lab = labInfo();
    home = tempDir();
    const config = parse(readFileSync(path.join(lab.dir, "prometheus.yml"), "utf8")) as Record<string, unknown>;
    config["opsmon"] = { rule_packs: RULE_PACKS.map(({ name }) => ({ name, enabled: true })) };
    const file = path.join(home.path, "opsmon.yml");
    writeFileSync(file, stringify(config));
    engine = await startEngine({ home: home.path, config: file });
    // rates over a minute, from scrapes every five seconds, and every group evaluated
    await eventually(
      "over a minute of scrapes",
      () =>
        hasData('count_over_time(up{job="redis"}[3m]) > 14').then((yes) => {
          withData.clear();
          return yes;
        }),
      150_000,
    );
    const argv = ["top", "--once", "-o", "json", "--view", "all", "--socket", engine.socket];
    const { stdout, stderr, code } = await opsmon(argv, { home: home.path, timeoutMs: 60_000 });
    if (code !== 0) throw new Error(stderr);
    panels = new Map((JSON.parse(stdout) as { panels: readonly Panel[] }).panels.map((panel) => [panel.id, panel]));
    const groups = (await engine.get("/api/v1/rules")) as { data: { groups: readonly { rules: readonly Rule[] }[] } };
    rules = groups.data.groups.flatMap((group) => group.rules);
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    home[Symbol.dispose]();
  });

  const shown = (id: string): boolean =>
    panels.get(id)?.series.some(({ last }) => last !== undefined && last !== null) ?? false;

  test("the table is whole", () => {
    expect(ROWS).toHaveLength(198);
    expect(Object.keys(NOT_HERE).filter((row) => !ROWS.some((each) => each.row === row))).toEqual([]);
  });

  test("every row that claims a panel has a number there", () => {
    const missing = ROWS.filter(
      ({ row, kind, ids }) => kind === "panel" && NOT_HERE[row] === undefined && !shown(ids[0] ?? ""),
    ).map(
      ({ row, ids, note }) =>
        `${row} ${ids[0]}: ${panels.has(ids[0] ?? "") ? (panels.get(ids[0] ?? "")?.reason ?? "no reason") : "no such panel"} (${note})`,
    );
    expect(missing).toEqual([]);
  });

  test("every row that claims an alert is evaluated on data", async () => {
    const missing: string[] = [];
    for (const { row, kind, ids } of ROWS) {
      if (kind !== "alert" || NOT_HERE[row] !== undefined) continue;
      const found = rules.filter((rule) => rule.name === ids[0]);
      if (found.length === 0) missing.push(`${row} ${ids[0]}: no such rule`);
      for (const rule of found) {
        if (rule.health !== "ok") missing.push(`${row} ${rule.name}: ${rule.health} ${rule.lastError ?? ""}`);
        else if (!(await seesData(rule))) missing.push(`${row} ${rule.name}: none of its selectors finds a series`);
      }
    }
    expect(missing).toEqual([]);
  });
});
