/**
 * `opsmon check query|alert|up` speak Nagios: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, one line with performance data.
 * @see https://www.monitoring-plugins.org/doc/guidelines.html
 */
import type { Source } from "../../api/source.ts";
import type { Alert } from "../../model/alert.ts";
import { errorText, type ExitCode, UserError } from "../../base/errors.ts";
import { parseDuration } from "../../model/duration.ts";
import { LOOKBACK_MS_DEFAULT } from "../../promql/options.ts";
import { formatFloat } from "../../promql/number.ts";
import type { Value } from "../../promql/value.ts";
import type { CommandSpec, Invocation, OptionSpec } from "../command.ts";
import { wholeNumber } from "../count-option.ts";
import { visible } from "../output/visible.ts";
import { measuredBy, parseDownLimit } from "../down-limit.ts";
import { openSource, SOURCE_OPTIONS } from "../source.ts";

type State = 0 | 1 | 2 | 3;
const WORDS = ["OK", "WARNING", "CRITICAL", "UNKNOWN"] as const;
/** Targets and alerts named in the one line. */
const NAMED_MAX = 10;
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
  // The first bar begins the performance data, so the text (a label value, a regexp) has none.
  const text = finding.text.replaceAll("|", "/");
  call.io.out(`${visible(`${WORDS[finding.state]}: ${text}${perf}`)}\n`);
  return finding.state;
}

function emptyState({ options }: Invocation): State {
  return Math.max(
    0,
    WORDS.findIndex((word) => word.toLowerCase() === options.text("empty")),
  ) as State;
}

/** Nothing came back: as bad as `--empty` says, with the reason. */
async function emptyFinding(call: Invocation, source: Source, expr: string): Promise<Finding> {
  const { whyEmpty } = await import("../why-empty.ts");
  const why = await whyEmpty(source, expr, call.clock.now(), LOOKBACK_MS_DEFAULT, false);
  return { state: emptyState(call), text: `the expression returned nothing: ${why.replace(/^empty: /, "")}` };
}

interface Range {
  readonly low: number;
  readonly high: number;
  readonly inside: boolean;
}

/** `10` is outside 0..10, `10:` below 10, `~:10` above 10, `10:20` outside, `@10:20` inside. */
function parseRange(text: string): Range {
  const match = /^(@)?(?:(~|[-+]?[\d.]+(?:e[-+]?\d+)?):)?([-+]?[\d.]+(?:e[-+]?\d+)?)?$/i.exec(text);
  const low = match?.[2] === "~" ? Number.NEGATIVE_INFINITY : Number(match?.[2] ?? 0);
  const high = match?.[3] === undefined ? Number.POSITIVE_INFINITY : Number(match[3]);
  const given = match?.[2] !== undefined || match?.[3] !== undefined;
  // "1.2.3" is no number, and against NaN nothing would ever be wrong.
  if (match === null || !given || Number.isNaN(low) || Number.isNaN(high) || (match[2] !== undefined && low > high)) {
    throw new UserError("bad-threshold", `"${text}" is not a threshold`, {
      hint: 'write "10", "10:", "~:10", "10:20" or "@10:20"',
      exit: 2,
    });
  }
  return { low, high, inside: match[1] === "@" };
}

function violates(value: number, range: Range | undefined, invert: boolean): boolean {
  if (range === undefined) return false;
  const outside = value < range.low || value > range.high;
  return (range.inside ? !outside : outside) !== invert;
}

/** What was measured, as performance data; U is what the guidelines have for a value that is not finite. */
function perfValue(value: number): string {
  return Number.isFinite(value) ? formatFloat(value) : "U";
}

/** The numbers of an answer, with their names. */
function numbersOf(value: Value): readonly { readonly name: string; readonly v: number }[] {
  switch (value.kind) {
    case "scalar":
      return [{ name: "value", v: value.v }];
    case "vector":
      return value.samples.map(({ labels, v }) => ({ name: labels.size === 0 ? "value" : labels.toString(), v }));
    case "matrix":
    case "string":
      throw new UserError(
        "not-comparable",
        `a ${value.kind === "string" ? "text" : "range of samples"} cannot be compared with thresholds`,
        { exit: 2 },
      );
  }
}

const query: CommandSpec = {
  name: "query",
  summary: "compare an expression with thresholds",
  args: [["<expr>", "PromQL; every value it returns is compared"]],
  options: [
    { flags: "-w, --warning <range>", help: "Nagios range for WARNING" },
    { flags: "-c, --critical <range>", help: "Nagios range for CRITICAL" },
    { flags: "--invert", help: "alert inside the ranges instead of outside" },
    { flags: "--timeout <duration>", help: "UNKNOWN when there is no answer after this long" },
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
      const expr = call.args[0] as string;
      const timeout = options.text("timeout");
      const wishes = timeout === undefined ? {} : { timeoutMs: parseDuration(timeout) };
      const { value } = await source.query(expr, call.clock.now(), wishes);
      const all = numbersOf(value);
      if (all.length === 0) return emptyFinding(call, source, expr);
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
        .map((one) => `'${one.name.replaceAll(/['=|]/g, "_")}'=${perfValue(one.v)};${limits}`)
        .join(" ");
      return { state: first.state, text: `${first.name} is ${formatFloat(first.v)}${more}`, perf };
    }),
};

/** How bad so many firing alerts are. */
function alertState(call: Invocation, firing: readonly Alert[], named: boolean): State {
  const { options } = call;
  const [warning, critical] = ["warning", "critical"].map((name) => {
    const text = options.text(name);
    return text === undefined ? undefined : wholeNumber(name, text);
  });
  if (options.flag("invert")) return firing.length === 0 ? 2 : 0;
  if (firing.length === 0) return 0;
  if (warning !== undefined || critical !== undefined) {
    if (critical !== undefined && firing.length >= critical) return 2;
    return warning !== undefined && firing.length >= warning ? 1 : 0;
  }
  return named || firing.some((one) => one.labels.get("severity") === "critical") ? 2 : 1;
}

const alert: CommandSpec = {
  name: "alert",
  summary: "whether an alert fires",
  args: [["[name]", "alert name; all alerts without one"]],
  options: [
    { flags: "-w, --warning <count>", help: "WARNING when so many fire" },
    { flags: "-c, --critical <count>", help: "CRITICAL when so many fire" },
    { flags: "--invert", help: "CRITICAL when it does not fire: for a watchdog that always must" },
    { ...EMPTY, help: "what it means that there is no such alert rule" },
    ...SOURCE_OPTIONS,
  ],
  examples: [
    ["opsmon check alert RedisDown", ""],
    ["opsmon check alert -w 1 -c 10", "by how many fire; without these by their severity"],
    ["opsmon check alert Watchdog --invert", ""],
  ],
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
        if (unknown !== undefined) return { state: emptyState(call), text: unknown };
      }
      const firing = found.filter((one) => one.state === "firing");
      const blind = firing.length > 0 ? undefined : await blindness(source, found, name);
      if (blind !== undefined) return { state: 3, text: blind };
      const names = [...new Set(firing.map((one) => one.labels.get("alertname")))].slice(0, NAMED_MAX).join(", ");
      const [warning = "", critical = ""] = [call.options.text("warning"), call.options.text("critical")];
      const pending = found.filter((one) => one.state === "pending").length;
      const perf = `firing=${firing.length};${warning};${critical};0 pending=${pending}`;
      const quiet = name === undefined ? "nothing fires" : `${name} does not fire`;
      return {
        state: alertState(call, firing, name !== undefined),
        text: firing.length === 0 ? quiet : `firing: ${names}`,
        perf,
      };
    }),
};

/** Old data must not read as "all is well": what fired or was up then says nothing about now. */
async function notLive(source: Source): Promise<Finding | undefined> {
  const { kind, place } = await source.capabilities();
  return kind === "directory" || kind === "bundle" ? { state: 3, text: `no engine runs on ${place}` } : undefined;
}

/** An alert whose rule failed, or whose source went silent, is not one that is quiet. */
async function blindness(
  source: Source,
  found: readonly Alert[],
  name: string | undefined,
): Promise<string | undefined> {
  const blind = found.filter((one) => one.state === "nodata" || one.state === "error");
  if (blind.length > 0) {
    const said = blind.slice(0, NAMED_MAX).map((one) => {
      const why = one.state === "nodata" ? "no data" : "its rule cannot be evaluated";
      return `${one.labels.get("alertname")}: ${why}`;
    });
    return said.join("; ");
  }
  if (!(await source.capabilities()).rules) return undefined;
  const failed = (await source.rules()).find(
    (rule) => rule.kind === "alerting" && rule.health === "err" && (name === undefined || rule.name === name),
  );
  return failed === undefined ? undefined : `${failed.name} cannot be evaluated: ${failed.lastError}`;
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
      const named = down.slice(0, NAMED_MAX).map((target) => `${target.url}: ${target.lastError}`);
      const more = down.length > NAMED_MAX ? [`and ${down.length - NAMED_MAX} more`] : [];
      const text = `${down.length} of ${all.length} down: ${[...named, ...more].join("; ")}`;
      return { state: isCritical === true ? 2 : isWarning === true ? 1 : 0, text, perf };
    }),
};

export const nagiosCommands: readonly CommandSpec[] = [query, alert, up];
