/** `opsmon targets`: what is scraped, how it goes, and what was found but is not scraped. */
import type { TargetStatus } from "../../api/source.ts";
import { targetToWire } from "../../api/codec.ts";
import { EXIT } from "../../base/errors.ts";
import { formatDuration } from "../../model/duration.ts";
import type { CommandSpec } from "../command.ts";
import { tableText } from "../output/print.ts";
import { jsonText, visible } from "../output/visible.ts";
import { toCsv, toTsv } from "../output/rows.ts";
import { openSource, SOURCE_OPTIONS } from "../source.ts";

const RANK = { down: 0, unknown: 1, up: 2 } as const;
const HEADER = ["health", "job", "target", "age", "took", "samples", "error"] as const;

export const targets: CommandSpec = {
  name: "targets",
  summary: "show what is scraped, the ones that are down first, and why",
  options: [
    {
      flags: "-o, --output <format>",
      help: "table on a terminal, tsv in a pipe",
      choices: ["table", "json", "csv", "tsv"],
    },
    { flags: "--down", help: "only targets that are down" },
    { flags: "-e, --exit-code", help: "exit with 1 when a target is down" },
    ...SOURCE_OPTIONS,
  ],
  examples: [
    ["opsmon targets", "everything, the worst first"],
    ["opsmon targets --down -e", "for a script"],
  ],
  async run(call) {
    const { options, io, clock } = call;
    await using source = await openSource(call);
    const all = [...(await source.targets())].sort((a, b) => RANK[a.health] - RANK[b.health]);
    const shown = options.flag("down") ? all.filter((target) => target.health === "down") : all;
    const rows = shown.map((target) => row(target, clock.now()));
    switch (options.text("output") ?? (io.stdoutIsTty ? "table" : "tsv")) {
      case "json":
        io.out(jsonText(shown.map(targetToWire)));
        break;
      case "csv":
        io.out(visible(toCsv({ header: HEADER, rows })));
        break;
      case "tsv":
        io.out(visible(toTsv({ header: HEADER, rows })));
        break;
      default:
        io.out(await tableText(call, HEADER, rows));
    }
    const found = await source.discovered();
    if (found.length > 0) {
      io.err(`found and not scraped (press D in "opsmon top" to add, or start with --discover):\n`);
      for (const one of found) io.err(`  ${one.url}  ${one.doc}\n`);
    }
    return options.flag("exitCode") && all.some((target) => target.health === "down") ? EXIT.no : EXIT.ok;
  },
};

function row(target: TargetStatus, now: number): readonly string[] {
  const age =
    target.lastScrapeAt === 0
      ? "never"
      : formatDuration(Math.max(0, Math.round((now - target.lastScrapeAt) / 1_000) * 1_000));
  return [
    target.health,
    target.job,
    target.url,
    age,
    `${Math.round(target.lastDurationMs)}ms`,
    String(target.samples),
    target.lastError,
  ];
}
