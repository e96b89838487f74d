/** `opsmon alerts`: what fires now, and what happened. */
import { alertToWire } from "../../api/codec.ts";
import { EXIT } from "../../base/errors.ts";
import { type Alert, type AlertState, suppressionText } from "../../model/alert.ts";
import { formatDuration } from "../../model/duration.ts";
import { fingerprint } from "../../model/fingerprint.ts";
import { Labels } from "../../model/labels.ts";
import { formatTime, parseTime } from "../../model/time.ts";
import { recordsSince } from "../history.ts";
import type { CommandSpec, Invocation, OptionSpec } from "../command.ts";
import { printRows } from "../output/print.ts";
import { jsonText } from "../output/visible.ts";
import { openSource, SOURCE_OPTIONS } from "../source.ts";

const RANK: Readonly<Record<AlertState, number>> = { firing: 0, error: 1, nodata: 2, pending: 3, inactive: 4 };
const OUTPUT: OptionSpec = {
  flags: "-o, --output <format>",
  help: "table on a terminal, tsv in a pipe",
  choices: ["table", "json", "tsv"],
};

export const alerts: CommandSpec = {
  name: "alerts",
  summary: "alerts now, and their history",
  subcommands: [
    {
      name: "query",
      standard: true,
      summary: "active alerts, firing ones first",
      options: [
        OUTPUT,
        { flags: "--at <time>", help: "as they stood at this moment" },
        { flags: "-e, --exit-code", help: "exit with 1 when nothing fires" },
        ...SOURCE_OPTIONS,
      ],
      examples: [
        ["opsmon alerts query", "what fires now"],
        ["opsmon alerts query --at 'yesterday 03:10'", "what fired then"],
      ],
      run: current,
    },
    {
      name: "history",
      summary: "changes of alert states, oldest first",
      options: [
        OUTPUT,
        { flags: "--since <time>", help: "from this moment (default a day ago)" },
        { flags: "--limit <n>", help: "at most so many, the newest (default 1000)" },
        { flags: "--utc", help: "times in UTC" },
        ...SOURCE_OPTIONS,
      ],
      examples: [["opsmon alerts history --since -2h", "what changed in the last two hours"]],
      run: history,
    },
  ],
};

async function current(call: Invocation): Promise<0 | 1> {
  const { options, io, clock } = call;
  await using source = await openSource(call);
  const text = options.text("at");
  const at = text === undefined ? undefined : parseTime(text, clock.now());
  const found = await source.alerts(at ?? "now");
  const sorted = [...found].sort((a, b) => RANK[a.state] - RANK[b.state] || a.activeAt - b.activeAt);
  if (options.text("output") === "json") io.out(jsonText(sorted.map(alertToWire)));
  else {
    const rows = sorted.map((alert) => row(alert, at ?? clock.now()));
    await printRows(call, ["state", "alert", "for", "value", "quiet", "labels", "summary", "fingerprint"], rows);
  }
  if (sorted.length === 0) io.err("no active alerts\n");
  return options.flag("exitCode") && !sorted.some((alert) => alert.state === "firing") ? EXIT.no : EXIT.ok;
}

function row(alert: Alert, now: number): readonly string[] {
  const age = formatDuration(Math.max(0, Math.round((now - (alert.firedAt ?? alert.activeAt)) / 1_000) * 1_000));
  const value = Number.isFinite(alert.value) ? String(Number(alert.value.toPrecision(5))) : String(alert.value);
  const said = alert.annotations.get("summary") || alert.annotations.get("description");
  const summary = alert.restored === true ? `not evaluated since the restart; before it: ${said || "active"}` : said;
  return [
    alert.state,
    alert.labels.get("alertname"),
    age,
    value,
    alert.suppressed === undefined ? "" : suppressionText(alert.suppressed),
    alert.labels.without("alertname").toString(),
    summary,
    fingerprint(alert.labels),
  ];
}

async function history(call: Invocation): Promise<0> {
  const { options, io } = call;
  await using source = await openSource(call);
  const records = await recordsSince(call, source, "transition", 1_000);
  if (options.text("output") === "json") io.out(jsonText(records));
  else {
    const rows = records.map((one) => {
      const labels = Labels.from(one.labels);
      return [
        formatTime(one.at, options.flag("utc")),
        one.from,
        one.to,
        labels.get("alertname"),
        labels.without("alertname").toString(),
        String(one.value),
        one.reason,
      ];
    });
    await printRows(call, ["time", "from", "to", "alert", "labels", "value", "reason"], rows);
  }
  if (records.length === 0) io.err("no changes in that time\n");
  return EXIT.ok;
}
