/**
 * What a command is, as data: the registry lists these, `main` turns them into a commander program. A command file
 * loads its heavy rooms inside `run`, so `opsmon query` never pays for the console.
 */
import type { Clock } from "../base/clock.ts";
import type { ExitCode } from "../base/errors.ts";

export interface OptionSpec {
  /** As commander writes them: `-o, --output <format>`. */
  readonly flags: string;
  readonly help: string;
  readonly default?: string | boolean;
  readonly choices?: readonly string[];
  /** Environment variable that stands in for the flag. */
  readonly env?: string;
  /** May be given more than once. */
  readonly many?: boolean;
}

export interface CommandSpec {
  readonly name: string;
  readonly summary: string;
  /** Arguments as commander writes them: `<expr>`, `[file...]`. */
  readonly args?: readonly (readonly [syntax: string, help: string])[];
  readonly options?: readonly OptionSpec[];
  /** What to type, and what it does. */
  readonly examples?: readonly (readonly [line: string, what: string])[];
  readonly subcommands?: readonly CommandSpec[];
  /** What its parent does when no subcommand is named. */
  readonly standard?: boolean;
  /** Not in `--help`: for the program itself. */
  readonly hidden?: boolean;
  readonly run?: (call: Invocation) => Promise<ExitCode>;
}

/** The process as a command sees it; a test gives its own. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdoutIsTty: boolean;
  readonly stderrIsTty: boolean;
  readonly columns: number;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readStdin(): Promise<string>;
}

export interface Invocation {
  /** Positional arguments; a variadic one is spread. */
  readonly args: readonly string[];
  readonly options: Options;
  readonly io: Io;
  readonly clock: Clock;
}

/** Parsed options with checked types; asking for one that the command does not have is a bug. */
export class Options {
  readonly #values: Readonly<Record<string, unknown>>;
  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }
  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === "string" ? value : undefined;
  }
  flag(name: string): boolean {
    return this.#values[name] === true;
  }
  /** True when an option declared `--no-x` was given. */
  off(name: string): boolean {
    return this.#values[name] === false;
  }
  list(name: string): readonly string[] {
    const value = this.#values[name];
    return Array.isArray(value) ? value.map(String) : typeof value === "string" ? [value] : [];
  }
}
