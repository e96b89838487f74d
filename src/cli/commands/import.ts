/**
 * `opsmon import`: samples from OpenMetrics text and from blocks of Prometheus, into the running engine or a stopped
 * data directory. What an input is shows by itself: a directory holds blocks, anything else is text.
 */
import { statSync } from "node:fs";
import type { ImportAnswer } from "../../api/services.ts";
import type { EngineSource } from "../../api/client/engine.ts";
import type { SnapshotReport } from "../../app/snapshot.ts";
import { EXIT, type ExitCode } from "../../base/errors.ts";
import { dataDirOf } from "../../config/paths.ts";
import { counted } from "../../model/count.ts";
import { formatDuration } from "../../model/duration.ts";
import type { CommandSpec, Invocation } from "../command.ts";
import { visible } from "../output/visible.ts";
import { progressBar } from "../progress.ts";
import { livingEngine } from "../source.ts";
import { openText } from "../text-lines.ts";

/** Broken lines and damaged places named. */
const PROBLEMS_SHOWN = 20;
const NAMES_SHOWN = 10;

/** What became of the samples. @returns 3 when some could not be taken. */
function tell({ io }: Invocation, name: string, report: ImportAnswer, more: readonly string[] = []): ExitCode {
  const parts = [
    `${counted(report.samples, "sample")} taken`,
    report.duplicate > 0 ? `${report.duplicate} had another value already, which stays` : "",
    ...report.tiers
      .filter(({ samples }) => samples > 0)
      .map(
        ({ resolutionMs, samples }) =>
          `${samples} older than raw samples are kept: into the ${formatDuration(resolutionMs)} tier`,
      ),
    report.outOfBounds > 0 ? `${report.outOfBounds} refused: older than everything that is kept, or in the future` : "",
    report.limited > 0 ? `${report.limited} refused by the series limit` : "",
    ...more,
  ];
  io.err(`${name}: ${parts.filter((part) => part !== "").join(", ")}\n`);
  return report.broken + report.outOfBounds + report.limited > 0 ? EXIT.invalid : EXIT.ok;
}

function dataDir({ options, io }: Invocation): string {
  return dataDirOf(options.text("data"), io.env);
}

async function importText(call: Invocation, file: string, engine: EngineSource | undefined): Promise<ExitCode> {
  const { importIntoDirectory, importIntoEngine } = await import("../../app/samples.ts");
  const input = openText(file);
  const report = await (async (): Promise<ImportAnswer> => {
    using progress = await progressBar(call, input.name);
    const lines = input.lines((bytes) => {
      if (input.sizeBytes > 0) progress.update(bytes, input.sizeBytes);
    });
    return engine === undefined
      ? importIntoDirectory(dataDir(call), call.clock, lines)
      : importIntoEngine(engine, lines);
  })();
  const { troubles } = input;
  const broken = report.broken + troubles.lines.length;
  const problems = [...report.problems, ...troubles.lines].sort((a, b) => a.line - b.line).slice(0, PROBLEMS_SHOWN);
  for (const { line, text } of problems) call.io.err(`${input.name}:${line}: ${visible(text)}\n`);
  if (broken > problems.length) call.io.err(`… and ${broken - problems.length} more broken lines\n`);
  if (troubles.failure !== undefined) call.io.err(`${visible(troubles.failure)}\n`);
  else if (!troubles.ended && report.samples > 0)
    call.io.err(`${input.name}: no "# EOF" at its end; was it cut short?\n`);
  const code = tell(call, input.name, report, [broken > 0 ? `${counted(broken, "line")} broken` : ""]);
  return broken > 0 || troubles.failure !== undefined ? EXIT.invalid : code;
}

function tellSnapshot(call: Invocation, name: string, report: SnapshotReport): ExitCode {
  const { io } = call;
  const { losses, notRead, answer } = report;
  for (const text of losses.damage.slice(0, PROBLEMS_SHOWN)) io.err(`${visible(text)}\n`);
  const more = losses.damaged - Math.min(losses.damage.length, PROBLEMS_SHOWN);
  if (more > 0) io.err(`… and ${more} more damaged places\n`);
  for (const text of notRead) io.err(`not read: ${visible(text)}\n`);
  if (losses.histograms > 0) {
    const names = [...losses.histogramMetrics];
    const others = names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : "";
    io.err(
      `skipped: ${counted(losses.histograms, "sample")} of native histograms, which are not stored: ` +
        `${visible(names.slice(0, NAMES_SHOWN).join(", "))}${others}\n`,
    );
  }
  const code = tell(call, name, answer, [
    `from ${counted(report.blocks, "block")}${report.log ? " and the log of what is in none yet" : ""}`,
    losses.deleted > 0 ? `${losses.deleted} had been deleted in Prometheus` : "",
    losses.damaged > 0 ? `${counted(losses.damaged, "damaged place")} passed over` : "",
    answer.broken > 0 ? `${answer.broken} series with unusable labels left out` : "",
  ]);
  return losses.damaged > 0 ? EXIT.invalid : code;
}

async function importBlocks(call: Invocation, dir: string, engine: EngineSource | undefined): Promise<ExitCode> {
  const { importSnapshotIntoDirectory, importSnapshotIntoEngine } = await import("../../app/snapshot.ts");
  const report = await (async (): Promise<SnapshotReport> => {
    using progress = await progressBar(call, dir);
    const onProgress = (done: number, all: number): void => progress.update(done, all);
    return engine === undefined
      ? importSnapshotIntoDirectory(dataDir(call), call.clock, dir, onProgress)
      : importSnapshotIntoEngine(engine, dir, onProgress);
  })();
  return tellSnapshot(call, dir, report);
}

function isDirectory(file: string): boolean {
  return file !== "-" && (statSync(file, { throwIfNoEntry: false })?.isDirectory() ?? false);
}

export const importCommand: CommandSpec = {
  name: "import",
  summary:
    "take samples from OpenMetrics files or from Prometheus' blocks, into the engine or a stopped data directory",
  args: [
    [
      "[input...]",
      "OpenMetrics text, plain or compressed with gzip or zstd; a snapshot or data directory of Prometheus; " +
        "- or nothing: standard input",
    ],
  ],
  options: [
    { flags: "--socket <path>", help: "socket of the running engine", env: "OPSMON_SOCKET" },
    { flags: "--data <dir>", help: "data directory; written directly when no engine runs on it", env: "OPSMON_DATA" },
  ],
  examples: [
    ["opsmon import /var/lib/prometheus/snapshots/20260101T000000Z-1a2b", "everything that Prometheus had"],
    ["promtool tsdb dump-openmetrics /var/lib/prometheus | opsmon import", ""],
    ["opsmon import old.om.zst --data ./data", "samples past the retention are taken where no engine runs"],
  ],
  async run(call) {
    let code: ExitCode = EXIT.ok;
    for (const input of call.args.length === 0 ? ["-"] : call.args) {
      const engine = await livingEngine(call);
      const result = isDirectory(input)
        ? await importBlocks(call, input, engine)
        : await importText(call, input, engine);
      if (result !== EXIT.ok) code = result;
    }
    return code;
  },
};
