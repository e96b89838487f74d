/**
 * The program's entry: commands as data become a commander program; every error ends in one sentence on stderr, a hint
 * and the exit code that means it.
 */
import { Command, CommanderError, Option } from "commander";
import { version } from "../app/version.ts";
import { systemClock } from "../base/clock.ts";
import { errorText, EXIT, type ExitCode, UserError } from "../base/errors.ts";
import { escapeControl } from "../base/log.ts";
import { normaliseArguments } from "./arguments.ts";
import { type CommandSpec, Options } from "./command.ts";
import { processIo } from "./io.ts";
import { COMMANDS } from "./registry.ts";

const INTRO = "Scrape, keep, query, watch and alert on your services from one terminal program.";

function build(specs: readonly CommandSpec[], finish: (code: ExitCode) => void): Command {
  const program = new Command("opsmon")
    .description(INTRO)
    .version(`opsmon ${version}`, "-V, --version", "print the version")
    .helpOption("-h, --help", "show help")
    .configureOutput({ writeOut: processIo.out, writeErr: processIo.err })
    .showHelpAfterError('(try "opsmon --help", or "opsmon COMMAND --help")')
    .exitOverride();
  program.addHelpText(
    "after",
    examplesText([
      ["opsmon top", "watch this machine and what runs on it"],
      ["opsmon query 'rate(node_cpu_seconds_total[1m])'", "ask once"],
      ["opsmon serve --config prometheus.yml", "scrape, keep and alert without a screen"],
    ]),
  );
  for (const spec of specs) addCommand(program, spec, finish);
  return program;
}

function addCommand(parent: Command, spec: CommandSpec, finish: (code: ExitCode) => void): void {
  const command = parent
    .command(spec.name, { hidden: spec.hidden === true, isDefault: spec.standard === true })
    .description(spec.summary)
    .exitOverride();
  for (const [syntax, help] of spec.args ?? []) command.argument(syntax, help);
  for (const option of spec.options ?? []) {
    const made = new Option(option.flags, option.help);
    if (option.choices !== undefined) made.choices([...option.choices]);
    if (option.default !== undefined) made.default(option.default);
    if (option.env !== undefined) made.env(option.env);
    if (option.many === true)
      made.argParser((value: string, before: string[] | undefined) => [...(before ?? []), value]);
    command.addOption(made);
  }
  if (spec.examples !== undefined) command.addHelpText("after", examplesText(spec.examples));
  for (const sub of spec.subcommands ?? []) addCommand(command, sub, finish);
  const { run } = spec;
  if (run === undefined) return;
  // What stands after the parent's name is meant as a command, not as an argument of the one that needs no name.
  const standsAlone = spec.standard === true && (spec.args ?? []).length === 0;
  if (standsAlone) command.allowExcessArguments();
  command.action(async () => {
    if (standsAlone && command.args.length > 0) parent.error(`error: unknown command '${command.args[0]}'`);
    const args = command.processedArgs.flat().filter((one): one is string => typeof one === "string");
    finish(await run({ args, options: new Options(command.opts()), io: processIo, clock: systemClock }));
  });
}

function examplesText(examples: readonly (readonly [line: string, what: string])[]): string {
  const width = Math.max(...examples.map(([line]) => line.length));
  return `\nExamples:\n${examples.map(([line, what]) => `  ${line.padEnd(width)}   ${what}`).join("\n")}`;
}

/** `opsmon completion SHELL`, and the hidden `complete` the shell calls; others pay nothing but a line of help for it. */
async function addCompletion(program: Command, command: string | undefined): Promise<void> {
  if (command !== "completion" && command !== "complete") {
    program
      .command("completion")
      .argument("<shell>", "bash, zsh or fish")
      .description("print a completion script for a shell");
    return;
  }
  const { default: tab } = await import("@bomb.sh/tab/commander");
  tab(program, { completionCommandName: "completion" });
}

/** Tells what went wrong and returns the exit code. A bug shows its stack: it is ours to read. */
export function report(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof UserError) {
    const lines = error.message.split("\n").map(escapeControl).join("\n");
    processIo.err(`opsmon: ${lines}\n${error.hint === undefined ? "" : `  hint: ${escapeControl(error.hint)}\n`}`);
    return error.exit;
  }
  processIo.err(`opsmon: a bug: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return EXIT.damaged;
}

export async function main(argv: readonly string[]): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok;
  try {
    const program = build(COMMANDS, (result) => {
      code = result;
    });
    await addCompletion(program, argv[0]);
    await program.parseAsync(normaliseArguments(argv), { from: "user" });
    return code;
  } catch (error) {
    const failed = report(error);
    const plugin = argv[0] === "check" && /^(?:query|alert|up)$/.test(argv[1] ?? "");
    if (failed === EXIT.ok || !plugin) return failed;
    // A Nagios plugin's 2 is CRITICAL: a flag with a spelling mistake is UNKNOWN, and the reason is read from stdout.
    processIo.out(
      `UNKNOWN: ${escapeControl(
        errorText(error)
          .replace(/^error: /, "")
          .split("\n")[0] as string,
      )}\n`,
    );
    return 3;
  }
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.exitCode = report(error);
  },
);
