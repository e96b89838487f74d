/** `opsmon check`: configuration and rule files before they are used, and Nagios-style checks. */
import { readFileSync } from "node:fs";
import { EXIT, type ExitCode } from "../../base/errors.ts";
import { formatProblem, hasErrors, type Problem } from "../../base/problem.ts";
import { unreadable } from "../../base/system-error.ts";
import { counted } from "../../model/count.ts";
import type { CommandSpec, Invocation } from "../command.ts";
import { visible } from "../output/visible.ts";
import { checkMetrics } from "./check-metrics.ts";
import { checkTargets } from "./check-targets.ts";
import { nagiosCommands } from "./nagios.ts";

function tell({ io, options }: Invocation, problems: readonly Problem[], fine: string): ExitCode {
  for (const problem of problems) io.err(`${visible(formatProblem(problem))}\n`);
  if (hasErrors(problems)) {
    const errors = problems.filter((problem) => problem.severity === "error").length;
    io.err(`${counted(errors, "mistake")}\n`);
    return EXIT.invalid;
  }
  io.out(`${fine}\n`);
  return options.flag("strict") && problems.length > 0 ? EXIT.no : EXIT.ok;
}

const STRICT = { flags: "--strict", help: "exit with 1 on warnings as well" };

const config: CommandSpec = {
  name: "config",
  summary: "a prometheus.yml and every file it names",
  args: [["<file>", "the configuration file"]],
  options: [STRICT],
  examples: [["opsmon check config prometheus.yml", "all mistakes at once, with line and column"]],
  async run(call) {
    const { checkSettings } = await import("../../app/settings.ts");
    const { settings, problems } = checkSettings(call.args[0], call.io.env);
    const jobs = settings?.config.scrapeJobs.length ?? 0;
    return tell(
      call,
      problems,
      `${call.args[0]}: ok, ${counted(jobs, "scrape job")}, ${counted(settings?.groups.length ?? 0, "rule group")}`,
    );
  },
};

const rules: CommandSpec = {
  name: "rules",
  summary: "rule files",
  args: [["<files...>", "rule files in Prometheus format"]],
  options: [STRICT],
  examples: [["opsmon check rules rules/*.yml", ""]],
  async run(call) {
    const { parseRuleFile } = await import("../../rules/file.ts");
    const problems: Problem[] = [];
    let count = 0;
    for (const file of call.args) {
      let text: string;
      try {
        text = readFileSync(file, "utf8");
      } catch (cause) {
        const { message, hint } = unreadable(file, cause);
        problems.push({ severity: "error", file, line: 0, column: 0, message, hint });
        continue;
      }
      const parsed = parseRuleFile(text, file);
      problems.push(...parsed.problems);
      count += parsed.groups.reduce((sum, group) => sum + group.rules.length, 0);
    }
    return tell(call, problems, `${counted(call.args.length, "file")}, ${counted(count, "rule")}: ok`);
  },
};

const webConfig: CommandSpec = {
  name: "web-config",
  summary: "a web.yml for --web-config, its certificates and keys",
  args: [["<file>", "the file"]],
  options: [STRICT],
  examples: [["opsmon check web-config web.yml", "before serve --listen 0.0.0.0:9090 --web-config web.yml"]],
  async run(call) {
    const { checkWebConfig } = await import("../../app/web-config.ts");
    const { problems, security } = checkWebConfig(call.args[0] as string);
    const what = security?.tls === undefined ? "no TLS" : "TLS";
    return tell(call, problems, `${call.args[0]}: ok, ${what}, ${security?.users.size ?? 0} users`);
  },
};

export const check: CommandSpec = {
  name: "check",
  summary: "check files before they are used; Nagios checks",
  subcommands: [config, rules, checkMetrics, checkTargets, webConfig, ...nagiosCommands],
};
