/**
 * `opsmon check targets`: which targets do not answer, worst job first, and whether that is more than is borne. It ends
 * as any other question does, 1 for "no"; `opsmon check up` says the same to Nagios.
 */
import { EXIT, UserError } from "../../base/errors.ts";
import { counted } from "../../model/count.ts";
import type { CommandSpec } from "../command.ts";
import { measuredBy, parseDownLimit } from "../down-limit.ts";
import { printRows } from "../output/print.ts";
import { visible } from "../output/visible.ts";
import { openSource, SOURCE_OPTIONS } from "../source.ts";

export const checkTargets: CommandSpec = {
  name: "targets",
  summary: "which targets do not answer, and why",
  args: [["[job]", "only this job"]],
  options: [
    { flags: "--max-down <count>", help: "so many may be down, or a share such as 10%", default: "0" },
    ...SOURCE_OPTIONS,
  ],
  examples: [
    ["opsmon check targets", "exit code 1 when any is down"],
    ["opsmon check targets node --max-down 10%", ""],
  ],
  async run(call) {
    const { io, options } = call;
    const job = call.args[0];
    const limit = parseDownLimit(options.text("maxDown") ?? "0");
    await using source = await openSource(call);
    const { kind, place } = await source.capabilities();
    // What answered when the engine stopped says nothing about now.
    if (kind === "directory" || kind === "bundle") {
      throw new UserError("not-live", `no engine runs on ${place}`, {
        hint: '"opsmon targets" shows what was last known',
        exit: EXIT.unreachable,
      });
    }
    const all = (await source.targets()).filter((target) => job === undefined || target.job === job);
    if (all.length === 0) {
      throw new UserError(
        "no-target",
        job === undefined ? "nothing is scraped" : `no target of job "${job}" is scraped`,
        {
          hint: 'see "opsmon targets"',
        },
      );
    }
    const down = all.filter((target) => target.health === "down");
    const unknown = all.filter((target) => target.health === "unknown").length;
    if (down.length > 0) {
      const rows = down.map((target) => [target.job, target.url, target.lastError]);
      await printRows(call, ["job", "target", "error"], rows);
    }
    const waiting = unknown === 0 ? "" : `, ${unknown} not scraped yet`;
    io.err(`${visible(`${down.length} of ${counted(all.length, "target")} down${waiting}`)}\n`);
    return measuredBy(limit, down.length, all.length) > limit.count ? EXIT.no : EXIT.ok;
  },
};
