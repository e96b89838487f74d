/**
 * `opsmon check query|alert|up` speak Nagios: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, one line with performance data.
 * @see https://www.monitoring-plugins.org/doc/guidelines.html
 */
import type { Source } from "../../api/source.ts";
import { errorText, type ExitCode, UserError } from "../../base/errors.ts";
import { formatFloat } from "../../promql/number.ts";
import type { CommandSpec, Invocation, OptionSpec } from "../command.ts";
import { visible } from "../output/visible.ts";
import { measuredBy, parseDownLimit } from "../down-limit.ts";
import { openSource, SOURCE_OPTIONS } from "../source.ts";

type State = 0 | 1 | 2 | 3;
const WORDS = ["OK", "WARNING", "CRITICAL", "UNKNOWN"] as const;
/** Targets named in the one line. */
const DOWN_SHOWN = 10;
const EMPTY: OptionSpec = {
  flags: "--empty <state>",
  help: "what an empty result means",
  choices: ["ok", "warning", "critical", "unknown"],
  default: "unknown",
};

interface Finding {
  readonly state: State;
  readonly text: string;
  readonly perf?: string;
}

/** Everything that goes wrong on the way is UNKNOWN, in one line on stdout: that is what the caller reads. */
async function run(call: Invocation, check: (source: Source) => Promise<Finding>): Promise<ExitCode> {
  let finding: Finding;
  try {
    await using source = await openSource(call);
    finding = await check(source);
  } catch (error) {
    finding = { state: 3, text: errorText(error).split("\n")[0] as string };
  }
  const perf = finding.perf === undefined ? "" : ` | ${finding.perf}`;
  call.io.out(`${visible(`${WORDS[finding.state]}: ${finding.text}${perf}`)}\n`);
  return finding.state;
}

function emptyState({ options }: Invocation): State {
  return Math.max(
    0,
    WORDS.findIndex((word) => word.toLowerCase() === options.text("empty")),
  ) as State;
}

interface Range {
  readonly low: number;
  readonly high: number;
  readonly inside: boolean;
}

/** `10` is outside 0..10, `10:` below 10, `~:10` above 10, `10:20` outside, `@10:20` inside. */
function parseRange(text: string): Range {
  const match = /^(@)?(?:(~|[-+]?[\d.]+(?:e[-+]?\d+)?):)?([-+]?[\d.]+(?:e[-+]?\d+)?)?$/i.exec(text);
  if (match === null || (match[2] === undefined && match[3] === undefined)) {
    throw new UserError("bad-threshold", `"${text}" is not a threshold`, {
      hint: 'write "10", "10:", "~:10", "10:20" or "@10:20"',
      exit: 2,
    });
  }
  const low = match[2] === "~" ? Number.NEGATIVE_INFINITY : Number(match[2] ?? 0);
  return { low, high: match[3] === undefined ? Number.POSITIVE_INFINITY : Number(match[3]), inside: match[1] === "@" };
}

function violates(value: number, range: Range | undefined, invert: boolean): boolean {
  if (range === undefined) return false;
  const outside = value < range.low || value > range.high;
  return (range.inside ? !outside : outside) !== invert;
}

const query: CommandSpec = {
  name: "query",
  summary: "compare an expression with thresholds",
  args: [["<expr>", "PromQL; every value it returns is compared"]],
  options: [
    { flags: "-w, --warning <range>", help: "Nagios range for WARNING" },
    { flags: "-c, --critical <range>", help: "Nagios range for CRITICAL" },
    { flags: "--invert", help: "alert inside the ranges instead of outside" },
    EMPTY,
    ...SOURCE_OPTIONS,
  ],
  examples: [
    ["opsmon check query 'node_load1' -w 4 -c 8", ""],
    ["opsmon check query 'sum(up)' -c 3:", "critical below 3"],
  ],
  run: (call) =>
    run(call, async (source) => {
      const { options } = call;
      const range = (name: string): Range | undefined => {
        const text = options.text(name);
        return text === undefined ? undefined : parseRange(text);
      };
      const [warning, critical] = [range("warning"), range("critical")];
      const { value } = await source.query(call.args[0] as string, call.clock.now());
      const all =
        value.kind === "scalar"
          ? [{ name: "value", v: value.v }]
          : value.kind === "vector"
            ? value.samples.map(({ labels, v }) => ({ name: labels.size === 0 ? "value" : labels.toString(), v }))
            : [];
      if (all.length === 0) return { state: emptyState(call), text: "the expression returned nothing" };
      const invert = options.flag("invert");
      const judge = (v: number): State => {
        if (Number.isNaN(v)) return 3;
        return violates(v, critical, invert) ? 2 : violates(v, warning, invert) ? 1 : 0;
      };
      const judged = all.map((one) => ({
        ...one,
        state: judge(one.v),
      }));
      const order = [2, 1, 3, 0] as const;
      const worst =
        order.map((state) => judged.filter((one) => one.state === state)).find((some) => some.length > 0) ?? judged;
      const first = worst[0] as (typeof judged)[number];
      const more = worst.length > 1 ? ` and ${worst.length - 1} more` : "";
      const limits = `${options.text("warning") ?? ""};${options.text("critical") ?? ""}`;
      const perf = judged
        .slice(0, 20)
        .map((one) => `'${one.name.replaceAll(/['=|]/g, "_")}'=${formatFloat(one.v)};${limits}`)
        .join(" ");
      return { state: first.state, text: `${first.name} is ${formatFloat(first.v)}${more}`, perf };
    }),
};

const alert: CommandSpec = {
  name: "alert",
  summary: "whether an alert fires",
  args: [["[name]", "alert name; all alerts without one"]],
  options: SOURCE_OPTIONS,
  examples: [["opsmon check alert RedisDown", ""]],
  run: (call) =>
    run(call, async (source) => {
      const stale = await notLive(source);
      if (stale !== undefined) return stale;
      const name = call.args[0];
      const found = (await source.alerts("now")).filter(
        (one) => name === undefined || one.labels.get("alertname") === name,
      );
      if (name !== undefined && found.length === 0) {
        const unknown = await unknownAlert(source, name);
        if (unknown !== undefined) return { state: 3, text: unknown };
      }
      const firing = found.filter((one) => one.state === "firing");
      const worst: State = firing.some((one) => one.labels.get("severity") === "critical")
        ? 2
        : firing.length > 0
          ? name === undefined
            ? 1
            : 2
          : 0;
      const names = [...new Set(firing.map((one) => one.labels.get("alertname")))].slice(0, 10).join(", ");
      const perf = `firing=${firing.length} pending=${found.filter((one) => one.state === "pending").length}`;
      return {
        state: worst,
        text:
          firing.length === 0
            ? `${name ?? "nothing"} ${name === undefined ? "fires" : "does not fire"}`
            : `firing: ${names}`,
        perf,
      };
    }),
};

/** Old data must not read as "all is well": what fired or was up then says nothing about now. */
async function notLive(source: Source): Promise<Finding | undefined> {
  const { kind, place } = await source.capabilities();
  return kind === "directory" || kind === "bundle" ? { state: 3, text: `no engine runs on ${place}` } : undefined;
}

/** A name with a spelling mistake must not read as "all is well" for ever. */
async function unknownAlert(source: Source, name: string): Promise<string | undefined> {
  if (!(await source.capabilities()).rules) return undefined;
  const names = (await source.rules()).flatMap((rule) => (rule.kind === "alerting" ? [rule.name] : []));
  if (names.includes(name)) return undefined;
  const { nearest } = await import("../../base/nearest.ts");
  const similar = nearest(name, names);
  return `there is no alert rule "${name}"${similar === undefined ? "" : `; did you mean ${similar}?`}`;
}

const up: CommandSpec = {
  name: "up",
  summary: "whether targets answer",
  args: [["[job]", "only this job"]],
  options: [
    { flags: "-w, --warning <count>", help: "WARNING when so many are down, or a share such as 10%" },
    { flags: "-c, --critical <count>", help: "CRITICAL when so many are down (default 1)" },
    EMPTY,
    ...SOURCE_OPTIONS,
  ],
  examples: [
    ["opsmon check up redis", ""],
    ["opsmon check up -w 1 -c 20%", "one is a warning, a fifth is critical"],
  ],
  run: (call) =>
    run(call, async (source) => {
      const { options } = call;
      const warning = options.text("warning");
      const critical = options.text("critical") ?? (warning === undefined ? "1" : undefined);
      const limits = ([critical, warning] as const).map((text) =>
        text === undefined ? undefined : parseDownLimit(text),
      );
      const stale = await notLive(source);
      if (stale !== undefined) return stale;
      const job = call.args[0];
      const all = (await source.targets()).filter((target) => job === undefined || target.job === job);
      if (all.length === 0)
        return { state: emptyState(call), text: job === undefined ? "no targets" : `no target of job ${job}` };
      const down = all.filter((target) => target.health === "down");
      const plain = (text: string | undefined): string => (text?.endsWith("%") === false ? text : "");
      const perf = `up=${all.length - down.length} down=${down.length};${plain(warning)};${plain(critical)};0;${all.length}`;
      if (down.length === 0) return { state: 0, text: `${all.length} up`, perf };
      const [isCritical, isWarning] = limits.map(
        (limit) => limit !== undefined && measuredBy(limit, down.length, all.length) >= limit.count,
      );
      const named = down.slice(0, DOWN_SHOWN).map((target) => `${target.url}: ${target.lastError}`);
      const more = down.length > DOWN_SHOWN ? [`and ${down.length - DOWN_SHOWN} more`] : [];
      const text = `${down.length} of ${all.length} down: ${[...named, ...more].join("; ")}`;
      return { state: isCritical === true ? 2 : isWarning === true ? 1 : 0, text, perf };
    }),
};

export const nagiosCommands: readonly CommandSpec[] = [query, alert, up];
