/** `opsmon cardinality`, `opsmon config show`, `opsmon notify log|test`: looking into a running engine. */
import type { CardinalityRow } from "../../api/services.ts";
import { EXIT, type ExitCode } from "../../base/errors.ts";
import { formatTime, parseTime } from "../../model/time.ts";
import { recordsSince } from "../history.ts";
import type { CommandSpec, Invocation } from "../command.ts";
import { printRows, tableText } from "../output/print.ts";
import { jsonText, visible } from "../output/visible.ts";
import { openEngine, openSource, SOURCE_OPTIONS, urlSource } from "../source.ts";

export const cardinality: CommandSpec = {
  name: "cardinality",
  summary: "which metrics, labels, values and jobs have the most series",
  options: [
    { flags: "--limit <n>", help: "rows of each list", default: "10" },
    { flags: "--since <time>", help: "instead: what grew since then, in which job and by which label" },
    { flags: "-o, --output <format>", help: "table or json", choices: ["table", "json"] },
    ...SOURCE_OPTIONS,
  ],
  examples: [
    ["opsmon cardinality --limit 20", ""],
    ["opsmon cardinality --since -1d", "works with --url as well"],
  ],
  async run(call) {
    if (call.options.text("since") !== undefined) return growth(call);
    await using engine = await openEngine(call);
    const report = await engine.cardinality(Number(call.options.text("limit") ?? 10));
    if (call.options.text("output") === "json") {
      call.io.out(jsonText(report));
      return EXIT.ok;
    }
    const section = async (title: string, count: string, rows: readonly CardinalityRow[]): Promise<void> => {
      const cells = rows.map((one) => [one.name, String(one.count)]);
      call.io.out(`\n${await tableText(call, [title, count], cells)}`);
    };
    call.io.out(`${report.series} series\n`);
    await section("metric", "series", report.metrics);
    await section("label", "values", report.labels);
    await section("label=value", "series", report.pairs);
    await section("job", "series", report.jobs);
    return EXIT.ok;
  },
};

async function growth(call: Invocation): Promise<ExitCode> {
  const { growthSince } = await import("../growth.ts");
  await using source = await openSource(call);
  const now = call.clock.now();
  const since = parseTime(call.options.text("since") as string, now);
  const rows = await growthSince(source, since, now, Number(call.options.text("limit") ?? 10));
  if (call.options.text("output") === "json") {
    call.io.out(jsonText(rows));
    return EXIT.ok;
  }
  const cells = rows.map((one) => [
    one.metric,
    one.job,
    String(one.before),
    String(one.now),
    `+${one.now - one.before}`,
    one.label === "" ? "" : `${one.label} (${one.values} values)`,
  ]);
  await printRows(call, ["metric", "job", "then", "now", "growth", "by label"], cells);
  return EXIT.ok;
}

const show: CommandSpec = {
  name: "show",
  summary: "print the configuration in force, secrets masked",
  options: [
    { flags: "-c, --config <file>", help: "this file as it would be read, instead of what an engine uses" },
    ...SOURCE_OPTIONS,
  ],
  examples: [
    ["opsmon config show", "what the running engine uses"],
    ["opsmon config show --config prometheus.yml", "a file with its defaults filled in"],
  ],
  async run(call) {
    const file = call.options.text("config");
    if (file !== undefined) {
      const { loadSettings } = await import("../../app/settings.ts");
      const { configText } = await import("../../config/print.ts");
      call.io.out(configText(loadSettings(file, call.io.env).config));
      return EXIT.ok;
    }
    await using source = urlSource(call) ?? (await openEngine(call));
    call.io.out(await source.configText());
    return EXIT.ok;
  },
};

export const config: CommandSpec = { name: "config", summary: "the configuration in force", subcommands: [show] };

const log: CommandSpec = {
  name: "log",
  summary: "every attempt to tell somebody, and every reason not to",
  options: [
    { flags: "--since <time>", help: "from this moment (default a day ago)" },
    { flags: "--limit <n>", help: "at most so many, the newest (default 200)" },
    { flags: "--utc", help: "times in UTC" },
    { flags: "-o, --output <format>", help: "table on a terminal, tsv in a pipe", choices: ["table", "json", "tsv"] },
    ...SOURCE_OPTIONS,
  ],
  examples: [["opsmon notify log --since -1h", ""]],
  async run(call) {
    const { options, io } = call;
    await using source = await openSource(call);
    const records = await recordsSince(call, source, "delivery", 200);
    const header = ["time", "receiver", "outcome", "status", "alerts", "attempt", "reason"];
    const rows = records.map((one) => [
      formatTime(one.at, options.flag("utc")),
      one.integration === "" ? one.receiver : `${one.receiver}/${one.integration}`,
      one.outcome,
      one.status,
      String(one.fingerprints.length),
      String(one.attempt),
      one.reason,
    ]);
    if (options.text("output") === "json") io.out(jsonText(records));
    else await printRows(call, header, rows);
    return EXIT.ok;
  },
};

const test: CommandSpec = {
  name: "test",
  summary: "send a test message through a receiver now",
  args: [["<receiver>", "its name in the configuration"]],
  options: SOURCE_OPTIONS,
  examples: [["opsmon notify test telegram", ""]],
  async run(call) {
    await using engine = await openEngine(call);
    const result = await engine.command({ kind: "notify-test", receiver: call.args[0] as string });
    call.io.out(`${visible(result.text)}\n`);
    return EXIT.ok;
  },
};

export const notify: CommandSpec = {
  name: "notify",
  summary: "notifications: test them, read their log",
  subcommands: [test, log],
};
