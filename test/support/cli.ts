/** A command as its tests call it: own streams, own environment, a clock that stands. */
import { manualClock } from "../../src/base/clock.ts";
import type { ExitCode } from "../../src/base/errors.ts";
import { type CommandSpec, Options } from "../../src/cli/command.ts";

export interface Ran {
  readonly code: ExitCode;
  readonly out: string;
  readonly err: string;
}

export interface CallOptions {
  readonly now: number;
  readonly args?: readonly string[];
  readonly options?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly tty?: boolean;
  readonly stdin?: string;
}

/** @throws what the command throws. */
export async function runCommand(spec: CommandSpec, call: CallOptions): Promise<Ran> {
  let out = "";
  let err = "";
  const code = await spec.run?.({
    args: call.args ?? [],
    options: new Options(call.options ?? {}),
    clock: manualClock(call.now),
    io: {
      env: call.env ?? {},
      stdoutIsTty: call.tty ?? false,
      stderrIsTty: false,
      columns: 80,
      out: (text) => (out += text),
      err: (text) => (err += text),
      readStdin: async () => call.stdin ?? "",
    },
  });
  if (code === undefined) throw new Error(`${spec.name} cannot be run`);
  return { code, out, err };
}

/** `check query` → the spec of its last word. */
export function commandNamed(specs: readonly CommandSpec[], ...names: readonly string[]): CommandSpec {
  let found: CommandSpec | undefined;
  let level: readonly CommandSpec[] = specs;
  for (const name of names) {
    found = level.find((spec) => spec.name === name);
    level = found?.subcommands ?? [];
  }
  if (found === undefined) throw new Error(`there is no command ${names.join(" ")}`);
  return found;
}
