/** A configuration and what it names: every mistake of every file in one run, in the order a person reads them. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkSettings, loadConfigAlone } from "../../../src/app/settings.ts";
import { formatProblem } from "../../../src/base/problem.ts";
import { check } from "../../../src/cli/commands/check.ts";
import { runCommand } from "../../support/cli.ts";

let box = "";
beforeEach(() => {
  box = mkdtempSync(path.join(tmpdir(), "opsmon-settings-"));
});
afterEach(() => rmSync(box, { recursive: true, force: true }));

function put(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(box, name), text);
}
const mistakes = (file: string): readonly string[] =>
  checkSettings(path.join(box, file), {}).problems.map(
    (problem) => formatProblem(problem).replaceAll(`${box}/`, "").split("\n")[0] as string,
  );

const BAD_RULES = `groups:
- name: g
  rules:
  - {alert: A, expr: "up ==", for: 5x}
`;

describe("all mistakes at once", () => {
  test("of the configuration and of everything it names, file after file", () => {
    put({
      "p.yml": `global: {scrape_interval: 5x}
rule_files:
- z.yml
- missing.yml
- "none/*.yml"
- a.yml
scrape_configs:
- {job_name: a, static_configs: [{targets: ["h:1"]}], metric_path: /m}
opsmon:
  alertmanager_config_file: am.yml
  rule_packs:
  - nowhere
  - {name: host, vars: {no_such_thing: "1"}}
`,
      "z.yml": BAD_RULES,
      "a.yml": "groups: 3\n",
      "am.yml": "route: {receiver: nobody}\nreceivers: []\n",
    });
    const found = mistakes("p.yml");
    const places = found.map((line) => line.replace(/: .*$/s, ""));
    expect(places.slice(0, 7)).toEqual([
      "p.yml:1:27",
      "p.yml:4:3",
      "p.yml:5:3",
      "p.yml:8:55",
      "p.yml:12:5",
      "p.yml:13:5",
      "z.yml:4:28",
    ]);
    expect(places.slice(7).map((place) => place.split(":")[0])).toEqual(["z.yml", "a.yml", "am.yml"]);
    expect(found[1]).toBe('p.yml:4:3: there is no rule file "missing.yml"');
    expect(found[2]).toBe('p.yml:5:3: warning: no rule file matches "none/*.yml"');
  });

  test("an engine that refuses to start tells the same ones", () => {
    put({ "p.yml": "global: {scrape_interval: 5x}\nrule_files: [z.yml]\n", "z.yml": BAD_RULES });
    expect(() => loadConfigAlone(path.join(box, "p.yml"), {})).toThrow(/p\.yml:1:27: .*\n[^]*z\.yml:4:28: /);
  });

  test("a dead link and a directory among the rule files are mistakes at the place that names them", () => {
    put({ "p.yml": "rule_files: ['r-*.yml']\n" });
    symlinkSync(path.join(box, "gone.yml"), path.join(box, "r-1.yml"));
    mkdirSync(path.join(box, "r-2.yml"));
    expect(mistakes("p.yml")).toEqual([
      'p.yml:1:14: cannot read "r-1.yml": no such file or directory',
      'p.yml:1:14: cannot read "r-2.yml": it is a directory',
    ]);
  });

  test("an Alertmanager file that is not there is a mistake at the place that names it", () => {
    put({ "p.yml": "rule_files: [z.yml]\nopsmon: {alertmanager_config_file: am.yml}\n", "z.yml": BAD_RULES });
    expect(mistakes("p.yml")[0]).toBe('p.yml:2:36: cannot read "am.yml": no such file or directory');
    expect(mistakes("p.yml").length).toBe(3);
  });
});

describe("opsmon check rules", () => {
  const rules = check.subcommands?.find((one) => one.name === "rules");

  test("goes on behind a file that is missing", async () => {
    put({ "a.yml": BAD_RULES, "b.yml": BAD_RULES });
    const names = ["a.yml", "missing.yml", "b.yml"].map((name) => path.join(box, name));
    if (rules === undefined) throw new Error("no such command");
    const { code, err } = await runCommand(rules, { now: 0, args: names });
    expect(code).toBe(3);
    const lines = err.replaceAll(`${box}/`, "").split("\n");
    expect(lines.filter((line) => /^\S/.test(line)).map((line) => line.replace(/: .*$/, ""))).toEqual([
      "a.yml:4:28",
      "a.yml:4:36",
      "missing.yml",
      "b.yml:4:28",
      "b.yml:4:36",
      "5 mistakes",
    ]);
  });
});
