/** `opsmon fsck`: reads every stored byte of a stopped data directory and says what is wrong with it. */
import { EXIT } from "../../base/errors.ts";
import { dataDirOf } from "../../config/paths.ts";
import type { CommandSpec } from "../command.ts";
import { jsonText, visible } from "../output/visible.ts";
import { progressBar } from "../progress.ts";

/** Sentences printed; a whole damaged disk would fill the screen with the same one. */
const PROBLEMS_SHOWN = 50;

export const fsck: CommandSpec = {
  name: "fsck",
  summary: "check every record of a stopped data directory, changing nothing; --repair moves damaged ones aside",
  options: [
    { flags: "--data <dir>", help: "data directory", env: "OPSMON_DATA" },
    { flags: "--repair", help: "move damaged records aside, restore labels, settle a damaged log" },
    { flags: "-o, --output <format>", help: "text or json", choices: ["text", "json"] },
  ],
  examples: [
    ["opsmon fsck", "exit code 0: sound, 6: damaged"],
    ["opsmon fsck --repair --data /var/lib/opsmon", "nothing is deleted"],
  ],
  async run(call) {
    const { options, io } = call;
    const { checkDirectory } = await import("../../app/fsck.ts");
    const dir = dataDirOf(options.text("data"), io.env);
    using progress = await progressBar(call, "checking");
    const report = await checkDirectory(dir, {
      repair: options.flag("repair"),
      onProgress: (_, share) => progress.update(Math.round(share * 1_000), 1_000),
    });
    progress[Symbol.dispose]();
    const { problems, repaired, chunks, segments, samples, logRecords, stateRecords, foreign } = report;
    if (options.text("output") === "json") io.out(jsonText({ dir, ...report }));
    else {
      for (const { what, why } of problems.slice(0, PROBLEMS_SHOWN)) io.out(`damaged: ${what}: ${visible(why)}\n`);
      if (problems.length > PROBLEMS_SHOWN) io.out(`… and ${problems.length - PROBLEMS_SHOWN} more\n`);
      for (const name of foreign.slice(0, PROBLEMS_SHOWN))
        io.out(`foreign: ${visible(name)}: not opsmon's, left alone\n`);
      if (foreign.length > PROBLEMS_SHOWN) io.out(`… and ${foreign.length - PROBLEMS_SHOWN} more foreign files\n`);
      for (const sentence of repaired) io.out(`repaired: ${sentence}\n`);
      const counts = `${samples} samples in ${chunks} chunks (${segments} segments), ${logRecords} log records, ${stateRecords} state records`;
      io.out(`${dir}: ${counts}; ${problems.length === 0 ? "sound" : `${problems.length} damaged`}\n`);
    }
    if (problems.length === 0) return EXIT.ok;
    // What is gone is brought back by no repair.
    const gone = problems.every(({ why }) => /^(?:it is )?gone/.test(why));
    const settles = !options.flag("repair") && problems.some(({ what }) => what.startsWith("log/"));
    if (gone)
      io.err(
        "hint: an engine goes on with what is there; a backup may have the rest" +
          `${settles ? '; "opsmon fsck --repair" puts on record what is lost' : ""}\n`,
      );
    else if (!options.flag("repair")) io.err('hint: "opsmon fsck --repair" moves damaged records aside\n');
    return EXIT.damaged;
  },
};
