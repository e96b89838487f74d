import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import { Options } from "../../../src/cli/command.ts";
import { rules } from "../../../src/cli/commands/rules.ts";

const RULES = "groups:\n- name: g\n  rules:\n  - alert: Down\n    expr: up == 0\n    for: 2m\n";
const tests = (at: string): string => `rule_files: [r.yml]
evaluation_interval: 1m
tests:
- interval: 1m
  input_series: [{series: 'up{job="a"}', values: 0x10}]
  alert_rule_test:
  - eval_time: ${at}
    alertname: Down
    exp_alerts: [{exp_labels: {job: a}}]
`;

describe("opsmon rules test", () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(path.join(tmpdir(), "opsmon-rules-"));
    writeFileSync(path.join(dir, "r.yml"), RULES);
    writeFileSync(path.join(dir, "good.test.yml"), tests("2m"));
    writeFileSync(path.join(dir, "bad.test.yml"), tests("1m"));
    writeFileSync(path.join(dir, "lost.test.yml"), tests("2m").replace("r.yml", "nowhere.yml"));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  const run = async (...files: readonly string[]): Promise<{ readonly code: number; readonly text: string }> => {
    let text = "";
    const io = {
      env: {},
      stdoutIsTty: false,
      stderrIsTty: false,
      columns: 80,
      out: (more: string) => {
        text += more;
      },
      err: () => undefined,
      readStdin: async () => "",
    };
    const spec = rules.subcommands?.find((one) => one.name === "test");
    const code = await spec?.run?.({
      args: files.map((file) => path.join(dir, file)),
      options: new Options({}),
      io,
      clock: systemClock,
    });
    return { code: code ?? -1, text };
  };

  it("says SUCCESS and exits with 0 when every expectation is met", async () => {
    expect(await run("good.test.yml")).toEqual({
      code: 0,
      text: expect.stringMatching(/good\.test\.yml: SUCCESS.*\n$/) as string,
    });
  });
  it("shows what was expected and what came, and exits with 1", async () => {
    const { code, text } = await run("good.test.yml", "bad.test.yml");
    expect([code, text]).toEqual([1, expect.stringMatching(/SUCCESS[^]*exp:[^]*got:[^]*FAILED/) as string]);
  });
  it("a rule file that is not there is a failure, not silence", async () => {
    expect(await run("lost.test.yml")).toEqual({ code: 1, text: expect.stringContaining("nowhere.yml") as string });
  });
});
