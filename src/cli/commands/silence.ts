/** `opsmon silence`: what is kept quiet, by whom, until when and why; more of it, and an end to it. */
import type { SilenceStatus } from "../../api/source.ts";
import { EXIT, UserError } from "../../base/errors.ts";
import { parseDuration } from "../../model/duration.ts";
import { printMatcher } from "../../model/matcher-text.ts";
import { formatTime } from "../../model/time.ts";
import type { CommandSpec } from "../command.ts";
import { printRows } from "../output/print.ts";
import { jsonText } from "../output/visible.ts";
import { openEngine } from "../source.ts";
import { AUTHOR, authorOf, SOCKET, tell } from "./control.ts";

const add: CommandSpec = {
  name: "add",
  summary: "silence alerts whose labels match",
  args: [["<matchers...>", "name=value, name!=value, name=~regexp, name!~regexp"]],
  options: [
    { flags: "-d, --duration <duration>", help: "how long", default: "1h" },
    { flags: "--comment <text>", help: "why (required)" },
    AUTHOR,
    ...SOCKET,
  ],
  examples: [["opsmon silence add alertname=RedisDown instance=db1 -d 2h --comment maintenance", ""]],
  async run(call) {
    const { parseMatchers } = await import("../matchers.ts");
    const now = call.clock.now();
    const endsAt = now + parseDuration(call.options.text("duration") ?? "1h");
    const comment = call.options.text("comment") ?? "";
    if (comment.trim() === "") {
      throw new UserError("no-comment", "a silence needs a comment", {
        hint: "say why, for whoever wonders at night: --comment 'disk is being replaced'",
        exit: EXIT.usage,
      });
    }
    const matchers = parseMatchers(call.args);
    return tell(call, {
      kind: "silence",
      silence: { matchers, startsAt: now, endsAt, createdBy: authorOf(call), comment },
    });
  },
};

const expire: CommandSpec = {
  name: "expire",
  summary: "end a silence now",
  args: [["<id>", "as printed by opsmon silence query"]],
  options: SOCKET,
  run: (call) => tell(call, { kind: "expire-silence", id: call.args[0] as string }),
};

const RANK = { active: 0, pending: 1, expired: 2 } as const;

const query: CommandSpec = {
  name: "query",
  summary: "list silences and acknowledgements",
  options: [
    { flags: "--expired", help: "those that have ended as well" },
    { flags: "-e, --exit-code", help: "exit with 1 when nothing is silenced" },
    { flags: "-o, --output <format>", help: "table on a terminal, tsv in a pipe", choices: ["table", "json", "tsv"] },
    { flags: "--utc", help: "times in UTC instead of the local zone" },
    ...SOCKET,
  ],
  examples: [
    ["opsmon silence query", "what is quiet now, by whom and why"],
    ["opsmon silence query --expired -o json", "for a script"],
  ],
  async run(call) {
    const { options, io } = call;
    await using engine = await openEngine(call);
    const all = await engine.silences();
    const shown = all
      .filter((silence) => options.flag("expired") || silence.state !== "expired")
      .sort((a, b) => RANK[a.state] - RANK[b.state] || a.endsAt - b.endsAt);
    if (options.text("output") === "json") io.out(jsonText(shown));
    else {
      const rows = shown.map((silence) => row(silence, options.flag("utc")));
      await printRows(call, ["id", "state", "matchers", "until", "author", "comment"], rows);
    }
    if (shown.length === 0) io.err("nothing is silenced\n");
    return options.flag("exitCode") && shown.length === 0 ? EXIT.no : EXIT.ok;
  },
};

function row(silence: SilenceStatus, utc: boolean): readonly string[] {
  const { id, state, ack, createdBy, comment } = silence;
  const matchers = silence.matchers.map(printMatcher);
  // An acknowledgement is prolonged bit by bit: the last moment it can reach is what a person asks for.
  const until = formatTime(ack === undefined || state === "expired" ? silence.endsAt : ack.until, utc);
  return [id, ack === undefined ? state : `${state}, ack`, matchers.join(", "), until, createdBy, comment];
}

export const silence: CommandSpec = {
  name: "silence",
  summary: "list, add and end silences",
  subcommands: [query, add, expire],
};
