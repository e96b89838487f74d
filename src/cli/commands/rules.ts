/** `opsmon rules test`: promtool's unit tests for rule files, with promtool's verdict. */
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { EXIT, UserError, errorText } from "../../base/errors.ts";
import type { CommandSpec } from "../command.ts";
import { visible } from "../output/visible.ts";

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new UserError("unreadable", `cannot read "${file}": ${errorText(cause)}`, { cause });
  }
}

const test: CommandSpec = {
  name: "test",
  summary: "run promtool's unit tests of rule files",
  args: [["<files...>", "test files in promtool's format"]],
  examples: [["opsmon rules test rules/*.test.yml", "exit code 1 when an expectation is not met"]],
  async run({ args, io }) {
    const { runRuleTests, verdictText } = await import("../../rules/unittest.ts");
    let passed = true;
    for (const file of args) {
      const dir = path.dirname(path.resolve(file));
      const verdict = await runRuleTests({
        text: read(file),
        file,
        readRuleFiles: (pattern) => {
          const files = globSync(pattern, { cwd: dir }).sort();
          if (files.length === 0) throw new Error(`no file matches "${pattern}"`);
          return files.map((one) => ({ file: path.resolve(dir, one), text: read(path.resolve(dir, one)) }));
        },
      });
      io.out(`${visible(verdictText(file, verdict))}\n`);
      passed &&= verdict.passed;
    }
    return passed ? EXIT.ok : EXIT.no;
  },
};

export const rules: CommandSpec = { name: "rules", summary: "unit tests of rule files", subcommands: [test] };
