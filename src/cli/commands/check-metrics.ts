/** `opsmon check metrics`: a page of an exporter against Prometheus' conventions, and which family has most series. */
import { readFileSync } from "node:fs";
import type { LintReport } from "../../app/lint.ts";
import { EXIT, type ExitCode, UserError } from "../../base/errors.ts";
import { unreadable } from "../../base/system-error.ts";
import { counted } from "../../model/count.ts";
import type { CommandSpec, Invocation } from "../command.ts";
import { printRows } from "../output/print.ts";
import { visible } from "../output/visible.ts";

async function textOf({ io }: Invocation, file: string): Promise<string> {
  if (file === "-") return io.readStdin();
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

async function showCardinality(call: Invocation, { cardinality: rows, series }: LintReport): Promise<void> {
  const percent = (count: number): string => (series === 0 ? "0.00%" : `${((100 * count) / series).toFixed(2)}%`);
  await printRows(
    call,
    ["metric", "series", "share"],
    [
      ...rows.map((row) => [row.metric, String(row.series), percent(row.series)]),
      ["total", String(series), percent(series)],
    ],
  );
}

export const checkMetrics: CommandSpec = {
  name: "metrics",
  summary: "a page of metrics: names, types, units and help by Prometheus' conventions",
  args: [["[file...]", "pages in the text format or OpenMetrics; - or nothing: standard input"]],
  options: [
    { flags: "--strict", help: "exit with 1 when there is anything to say" },
    { flags: "--extended", help: "show how many series each family has as well" },
    {
      flags: "--lint <checks>",
      help: "all, none, or some of help,units,counter,reserved,type,colon,case,abbreviation,unique",
      default: "all",
    },
  ],
  examples: [
    ["curl -s http://127.0.0.1:9100/metrics | opsmon check metrics", ""],
    ["opsmon check metrics --extended --lint none page.prom", "only how many series each family has"],
  ],
  async run(call) {
    const { lintsOf, lintText } = await import("../../app/lint.ts");
    const { io, options } = call;
    const lints = lintsOf(options.text("lint") ?? "all");
    let code: ExitCode = EXIT.ok;
    for (const file of call.args.length === 0 ? ["-"] : call.args) {
      const text = await textOf(call, file);
      const name = file === "-" ? "standard input" : file;
      let report: LintReport;
      try {
        report = lintText(text, lints);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        io.err(`${name}: ${visible(error.message)}\n`);
        code = EXIT.invalid;
        continue;
      }
      for (const { metric, text: what, count } of report.problems)
        io.err(`${visible(metric)} ${what}${count > 1 ? ` (${count} times)` : ""}\n`);
      if (options.flag("extended")) await showCardinality(call, report);
      else if (report.problems.length === 0) io.out(`${name}: ok, ${counted(report.series, "sample")}\n`);
      if (report.problems.length > 0 && options.flag("strict") && code === EXIT.ok) code = EXIT.no;
    }
    return code;
  },
};
