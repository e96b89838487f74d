/** `opsmon query`: one PromQL expression, at one moment or over a range. */
import { readFileSync } from "node:fs";
import type { Explainer, QueryOptions, Source } from "../../api/source.ts";
import { EXIT, type ExitCode, UserError } from "../../base/errors.ts";
import { unreadable } from "../../base/system-error.ts";
import { parseDuration } from "../../model/duration.ts";
import { parseTime } from "../../model/time.ts";
import { LOOKBACK_MS_DEFAULT } from "../../promql/options.ts";
import type { QueryResult, Value } from "../../promql/value.ts";
import type { CommandSpec, Invocation } from "../command.ts";
import { wholeNumber } from "../count-option.ts";
import { FORMATS, type Format, formatValue } from "../output/format.ts";
import { visible } from "../output/visible.ts";
import { openSource, SOURCE_OPTIONS } from "../source.ts";
import { terminalOf } from "../terminal.ts";

/** Points of a range without `--step`: one for each column of a usual terminal, two in braille. */
const POINTS_DEFAULT = 240;
const WIDTH_UNKNOWN = 80;
/** Pictures are of a range: the last hour where nobody says which. */
const DRAWN: ReadonlySet<string> = new Set(["graph", "spark"]);
const DRAWN_MS = 3_600_000;
/** An expression longer than this is not shown again under its error. */
const SHOWN_CHARS_MAX = 160;

export const query: CommandSpec = {
  name: "query",
  summary: "evaluate a PromQL expression and print the result",
  args: [["[expr]", 'the expression; "-" reads it from standard input']],
  options: [
    { flags: "-t, --time <time>", help: "evaluate at this moment instead of now" },
    { flags: "--start <time>", help: "evaluate over a range from here" },
    { flags: "--end <time>", help: "end of the range (default now)" },
    { flags: "--step <duration>", help: "resolution of the range" },
    { flags: "-o, --output <format>", help: "table on a terminal, tsv in a pipe", choices: FORMATS },
    { flags: "-f, --file <file>", help: "read the expression from a file" },
    { flags: "-e, --exit-code", help: "exit with 1 when the result is empty" },
    { flags: "--explain", help: "show the tree with series, samples and ms per node, or -o json" },
    { flags: "--watch <duration>", help: "ask again and again" },
    { flags: "--limit <n>", help: "at most so many series" },
    { flags: "--timeout <duration>", help: "give up after this long" },
    { flags: "--lookback <duration>", help: "how far back an instant selector looks" },
    { flags: "--utc", help: "times in UTC instead of the local zone" },
    ...SOURCE_OPTIONS,
  ],
  examples: [
    ["opsmon query up", "which targets answer"],
    ["opsmon query 'rate(http_requests_total[5m])' --start -1h -o graph", "the last hour as a picture"],
    ["opsmon query 'up == 0' -e -o csv", "for a script: exit code 1 when nothing is down"],
    ["opsmon query up --url http://127.0.0.1:9090", "ask another server"],
  ],
  async run(call) {
    const expr = await expressionOf(call);
    await using source = await openSource(call);
    const watch = call.options.text("watch");
    // Awaited here: the source is given back when this function ends.
    if (watch === undefined) return await once(call, source, expr);
    const everyMs = Math.max(100, parseDuration(watch));
    for (;;) {
      if (call.io.stdoutIsTty) call.io.out("\u001b[H\u001b[2J");
      await once(call, source, expr).catch((error: unknown) => bear(call, error));
      await new Promise<void>((resolve) => void call.clock.after(everyMs, resolve));
    }
  },
};

/** Who watches goes on watching while an engine restarts; a mistake in the question ends it. */
function bear({ io }: Invocation, error: unknown): void {
  if (!(error instanceof UserError) || (error.exit !== EXIT.unreachable && error.exit !== EXIT.limit)) throw error;
  io.err(`${visible(error.message)}\n`);
}

async function expressionOf({ args, options, io }: Invocation): Promise<string> {
  const file = options.text("file");
  const given = args[0];
  if (file !== undefined && given !== undefined) {
    throw new UserError("two-expressions", "an expression and --file were given", {
      hint: "leave one of them out",
      exit: EXIT.usage,
    });
  }
  if (file !== undefined) {
    try {
      return readFileSync(file, "utf8").trim();
    } catch (cause) {
      throw unreadable(file, cause, { exit: EXIT.usage });
    }
  }
  if (given === "-") return (await io.readStdin()).trim();
  if (given === undefined) {
    throw new UserError("no-expression", "no expression given", {
      hint: "for example: opsmon query up; one that begins with a minus goes after --: opsmon query -- -up",
      exit: EXIT.usage,
    });
  }
  return given;
}

interface Window {
  readonly start: number | undefined;
  readonly end: number;
  readonly stepMs: number;
}

function windowOf({ options, clock }: Invocation): Window {
  const now = clock.now();
  const utc = options.flag("utc");
  const time = (name: string): number | undefined => {
    const text = options.text(name);
    return text === undefined ? undefined : parseTime(text, now, utc);
  };
  const moment = time("time");
  if (moment !== undefined && (options.text("start") ?? options.text("end")) !== undefined) {
    throw new UserError("two-times", "--time is one moment, --start and --end are a range", {
      hint: "leave one of them out",
      exit: EXIT.usage,
    });
  }
  // A picture of a moment is of the hour before it.
  const end = time("end") ?? moment ?? now;
  const start = time("start") ?? (DRAWN.has(options.text("output") ?? "") ? end - DRAWN_MS : undefined);
  if (start === undefined) {
    for (const name of ["end", "step"]) {
      if (options.text(name) !== undefined) {
        throw new UserError("no-start", `--${name} belongs to a range, and --start is missing`, {
          hint: "add --start, for example --start -1h",
          exit: EXIT.usage,
        });
      }
    }
    return { start, end, stepMs: 0 };
  }
  if (end < start) throw new UserError("bad-range", "--end lies before --start", { exit: EXIT.usage });
  const step = options.text("step");
  const stepMs =
    step === undefined ? Math.max(1_000, Math.ceil((end - start) / POINTS_DEFAULT / 1_000) * 1_000) : stepOf(step);
  return { start, end, stepMs };
}

function stepOf(text: string): number {
  const ms = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1_000 : parseDuration(text);
  if (ms >= 1) return ms;
  throw new UserError("bad-step", `"${text}" is not a step`, {
    hint: "write a duration above 0, for example 15s",
    exit: EXIT.usage,
  });
}

function wishes({ options }: Invocation): QueryOptions {
  const timeout = options.text("timeout");
  const lookback = options.text("lookback");
  const limit = options.text("limit");
  return {
    ...(timeout === undefined ? {} : { timeoutMs: parseDuration(timeout) }),
    ...(lookback === undefined ? {} : { lookbackMs: parseDuration(lookback) }),
    ...(limit === undefined ? {} : { limit: wholeNumber("limit", limit) }),
  };
}

async function once(call: Invocation, source: Source, expr: string): Promise<ExitCode> {
  const window = windowOf(call);
  if (call.options.flag("explain")) return explain(call, source, expr, window);
  const asked =
    window.start === undefined
      ? source.query(expr, window.end, wishes(call))
      : source.queryRange(expr, window.start, window.end, window.stepMs, wishes(call));
  const result = await asked.catch((error: unknown) => {
    throw pointing(error, expr);
  });
  tell(call, result);
  const terminal = terminalOf(call);
  const utc = call.options.flag("utc");
  const format = (call.options.text("output") as Format | undefined) ?? (call.io.stdoutIsTty ? "table" : "tsv");
  const empty = isEmpty(result.value);
  // A table of nothing is only its header; formats for programs keep theirs.
  if (!empty || format === "csv" || format === "tsv" || format === "json") {
    const width = Number.isFinite(terminal.width)
      ? terminal.width
      : format === "graph" || format === "spark"
        ? WIDTH_UNKNOWN
        : terminal.width;
    const text = await formatValue(result.value, format, { ...terminal, width, utc, expr });
    call.io.out(format === "table" || format === "graph" || format === "spark" ? text : visible(text));
  }
  await remark(call, source, expr, window.end, empty);
  return empty && call.options.flag("exitCode") ? EXIT.no : EXIT.ok;
}

/** Only these hide that a name in the expression was never scraped; the rest need not load a parser. */
const MAY_HIDE = /absent|\W(?:or|unless|and)\W/i;

/** What an answer does not say by itself. */
async function remark(call: Invocation, source: Source, expr: string, at: number, empty: boolean): Promise<void> {
  if (!empty && !MAY_HIDE.test(expr)) return;
  const { misspelt, whyEmpty } = await import("../why-empty.ts");
  const said = empty
    ? [await whyEmpty(source, expr, at, lookbackOf(call), call.options.flag("utc"))]
    : (await misspelt(source, expr)).map((text) => `hint: ${text}`);
  for (const text of said) call.io.err(`${visible(text)}\n`);
}

/** A mistake at `line:column` shows the line with a mark under the place. */
function pointing(error: unknown, expr: string): unknown {
  if (!(error instanceof UserError)) return error;
  const match = /^(?:invalid parameter "query": )?((\d+):(\d+): .*)$/s.exec(error.message);
  const line = expr.split("\n")[Number(match?.[2]) - 1];
  if (match === null || line === undefined || line.length > SHOWN_CHARS_MAX) return error;
  const mark = `${" ".repeat(Math.max(0, Number(match[3]) - 1))}^`;
  return new UserError(error.code, `${match[1] as string}\n  ${line}\n  ${mark}`, {
    exit: error.exit,
    cause: error,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}

function lookbackOf(call: Invocation): number {
  return wishes(call).lookbackMs ?? LOOKBACK_MS_DEFAULT;
}

function isEmpty(value: Value): boolean {
  return (
    (value.kind === "vector" && value.samples.length === 0) || (value.kind === "matrix" && value.series.length === 0)
  );
}

function tell({ io }: Invocation, { warnings, infos }: QueryResult): void {
  for (const text of warnings) io.err(`warning: ${visible(text).replace(/^PromQL warning: /, "")}\n`);
  for (const text of infos) io.err(`info: ${visible(text).replace(/^PromQL info: /, "")}\n`);
}

function explains(source: Source): source is Source & Explainer {
  return "explain" in source;
}

async function explain(call: Invocation, source: Source, expr: string, window: Window): Promise<ExitCode> {
  if (!explains(source)) {
    throw new UserError("not-supported", "--explain needs an opsmon engine or its data, not another server", {
      exit: EXIT.usage,
    });
  }
  const output = call.options.text("output") ?? "table";
  if (output !== "table" && output !== "json") {
    throw new UserError("not-supported", `--explain prints a tree or JSON, not ${output}`, {
      hint: "use -o json, or leave -o out",
      exit: EXIT.usage,
    });
  }
  const { explainText } = await import("../output/explain.ts");
  const { tree, stats } = await source.explain(expr, window.start ?? window.end, window.end, window.stepMs);
  const text = output === "json" ? `${JSON.stringify({ tree, stats })}\n` : explainText(tree, stats, terminalOf(call));
  call.io.out(text);
  return EXIT.ok;
}
