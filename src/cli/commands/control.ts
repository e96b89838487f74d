/** The commands that change something in a running engine: mark, ack, reload. */
import { userInfo } from "node:os";
import type { Command } from "../../api/source.ts";
import { EXIT, type ExitCode, UserError } from "../../base/errors.ts";
import { fingerprint } from "../../model/fingerprint.ts";
import { parseTime } from "../../model/time.ts";
import type { CommandSpec, Invocation, OptionSpec } from "../command.ts";
import { visible } from "../output/visible.ts";
import { openEngine } from "../source.ts";

export const SOCKET: readonly OptionSpec[] = [
  { flags: "--socket <path>", help: "socket of the running engine", env: "OPSMON_SOCKET" },
  { flags: "--data <dir>", help: "data directory of the running engine", env: "OPSMON_DATA" },
];
export const AUTHOR: OptionSpec = { flags: "--author <name>", help: "who (default: the login name)" };
const COMMENT: OptionSpec = { flags: "--comment <text>", help: "why" };

export function authorOf({ options, io }: Invocation): string {
  const named = options.text("author");
  if (named !== undefined) return named;
  try {
    return userInfo().username;
  } catch {
    return io.env["USER"] ?? "unknown";
  }
}

export async function tell(call: Invocation, command: Command): Promise<ExitCode> {
  await using engine = await openEngine(call);
  const result = await engine.command(command);
  call.io.out(`${visible(result.text)}\n`);
  return EXIT.ok;
}

export const mark: CommandSpec = {
  name: "mark",
  summary: "remember a moment: a deploy, the start of an incident",
  args: [["<text...>", "what happened"]],
  options: [{ flags: "--at <time>", help: "when (default now)" }, AUTHOR, ...SOCKET],
  examples: [["opsmon mark deploy shop-api 1.42", "so that charts and reviews show it"]],
  run(call) {
    const at = call.options.text("at");
    const when = at === undefined ? {} : { at: parseTime(at, call.clock.now()) };
    return tell(call, { kind: "mark", text: call.args.join(" "), author: authorOf(call), ...when });
  },
};

export const ack: CommandSpec = {
  name: "ack",
  summary: "acknowledge a firing alert: silence it while it fires, with your name",
  args: [["<alert>", "its name, or its fingerprint from opsmon alerts query"]],
  options: [AUTHOR, COMMENT, ...SOCKET],
  examples: [["opsmon ack RedisDown --comment 'restarting it'", "stop the repeats"]],
  async run(call) {
    const wanted = call.args[0] as string;
    await using engine = await openEngine(call);
    const active = await engine.alerts("now");
    const found = active.filter(
      (alert) => fingerprint(alert.labels) === wanted || alert.labels.get("alertname") === wanted,
    );
    if (found.length === 0) {
      throw new UserError("no-such-alert", `no active alert is called "${wanted}"`, {
        hint:
          active.length === 0
            ? "nothing is active"
            : `active: ${[...new Set(active.map((one) => one.labels.get("alertname")))].join(", ")}`,
        exit: EXIT.usage,
      });
    }
    for (const alert of found) {
      const comment = call.options.text("comment") ?? "";
      const result = await engine.command({
        kind: "ack",
        fingerprint: fingerprint(alert.labels),
        author: authorOf(call),
        comment,
      });
      call.io.out(visible(`${alert.labels.toString()}: ${result.text}\n`));
    }
    return EXIT.ok;
  },
};

export const reload: CommandSpec = {
  name: "reload",
  summary: "make the running engine read its configuration and rules again",
  options: SOCKET,
  examples: [["opsmon check config prometheus.yml && opsmon reload", "check first"]],
  run: (call) => tell(call, { kind: "reload" }),
};
