/** `opsmon status`: the engine's own health, the worst thing first and in the first line. */
import { EXIT } from "../../base/errors.ts";
import { formatDuration } from "../../model/duration.ts";
import type { CommandSpec } from "../command.ts";
import { tableText } from "../output/print.ts";
import { jsonText, visible } from "../output/visible.ts";
import { openSource, SOURCE_OPTIONS } from "../source.ts";

const WORD = { ok: "OK", warn: "WARN", crit: "CRIT" } as const;

export const status: CommandSpec = {
  name: "status",
  summary: "how the engine itself is doing, the worst thing first",
  options: [
    { flags: "-o, --output <format>", help: "table or json", choices: ["table", "json"] },
    { flags: "-e, --exit-code", help: "exit with 1 when something is critical" },
    ...SOURCE_OPTIONS,
  ],
  examples: [["opsmon status", "store, targets, rules, notifications"]],
  async run(call) {
    const { options, io, clock } = call;
    await using source = await openSource(call);
    const found = await source.status();
    if (options.text("output") === "json") io.out(jsonText(found));
    else {
      const worst = found.items[0];
      if (worst !== undefined && worst.state !== "ok")
        io.out(`${WORD[worst.state]}: ${worst.name}: ${visible(worst.text.split("\n")[0] as string)}\n\n`);
      const up =
        found.startedAt === 0
          ? "not running"
          : `up ${formatDuration(Math.round((clock.now() - found.startedAt) / 1_000) * 1_000)}`;
      io.out(
        `opsmon ${found.version}, ${up}${found.pid === 0 ? "" : `, pid ${found.pid}`}${found.dataDir === "" ? "" : `, data in ${found.dataDir}`}\n`,
      );
      const rows = found.items.map((item) => [WORD[item.state], item.name, item.text]);
      if (rows.length > 0) io.out(await tableText(call, ["state", "what", "finding"], rows));
    }
    return options.flag("exitCode") && found.items.some((item) => item.state === "crit") ? EXIT.no : EXIT.ok;
  },
};
