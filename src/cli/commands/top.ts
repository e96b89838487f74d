/** `opsmon top`: the live console. Starts an engine of its own when none runs; several of them share one. */
import { userInfo } from "node:os";
import type { Source } from "../../api/source.ts";
import { EXIT, UserError } from "../../base/errors.ts";
import { parseDuration } from "../../model/duration.ts";
import { parseTime } from "../../model/time.ts";
import type { ViewId } from "../../panel/spec.ts";
import type { TerminalIn, TerminalOut } from "../../ui/options.ts";
import type { CommandSpec, Invocation } from "../command.ts";
import { holdEngine } from "../engine.ts";
import { jsonText } from "../output/visible.ts";
import { SOURCE_OPTIONS, urlSource } from "../source.ts";

const VIEWS: readonly ViewId[] = [
  "overview",
  "hosts",
  "postgres",
  "redis",
  "rabbitmq",
  "services",
  "web",
  "storage",
  "business",
  "alerts",
  "targets",
  "explore",
];
const SPAN_MS_DEFAULT = 900_000;
/** As in the console's own `:span`. */
const SPAN_MS_MIN = 1_000;

interface Opened extends AsyncDisposable {
  readonly source: Source;
  readonly revive?: () => Promise<void>;
}

export const top: CommandSpec = {
  name: "top",
  summary: "watch live: RED and USE panels with an alert pane",
  options: [
    { flags: "--view <view>", help: "the view to open", choices: [...VIEWS, "all"] },
    { flags: "--span <duration>", help: "how much time the charts show (default 15m)" },
    { flags: "--at <time>", help: "open paused at this moment" },
    { flags: "--since <duration>", help: "open paused, showing the time since then" },
    { flags: "--once", help: "print one frame and leave" },
    { flags: "-o, --output <format>", help: "with --once", choices: ["text", "json"], default: "text" },
    { flags: "--filter <matchers>", help: "only series with these labels, e.g. 'instance=\"db1:9187\"'" },
    { flags: "--discover", help: "scrape exporters found on this machine's well-known ports" },
    { flags: "-c, --config <file>", help: "a prometheus.yml for the engine that is started", env: "OPSMON_CONFIG" },
    { flags: "--listen <host:port>", help: "HTTP API on TCP of the engine that is started", many: true },
    { flags: "--web-config <file>", help: "TLS and users of --listen, as Prometheus' web.yml" },
    { flags: "--theme <theme>", help: "default, dark, light or colorblind", env: "OPSMON_THEME" },
    { flags: "--symbols <set>", help: "what charts are drawn with", choices: ["braille", "block", "ascii"] },
    { flags: "--utc", help: "times in UTC instead of the local zone" },
    ...SOURCE_OPTIONS,
  ],
  examples: [
    ["opsmon top", "this machine, at once, with no configuration"],
    ["opsmon top --config prometheus.yml", "and the targets of a prometheus.yml"],
    ["opsmon top --view redis --span 1h", "one view, the last hour"],
    ["opsmon top --at 'yesterday 03:10'", "how it looked then"],
    ["opsmon top --once -o json --view all", "every panel's numbers for a script"],
  ],
  async run(call) {
    const { options, io, clock } = call;
    const wantsOnce = options.flag("once") || options.text("output") === "json";
    const live = !wantsOnce && io.stdoutIsTty && process.stdin.isTTY;
    // A mistake in the flags starts no engine.
    const now = clock.now();
    const time = timeOf(call, now);
    // The screen is loaded while the engine starts or answers, not before it has been asked to.
    const loading = live ? turn().then(() => import("../../ui/mount.tsx")) : undefined;
    await using opened = await sourceFor(call);
    const { source, revive } = opened;
    const view = options.text("view");
    const symbols = options.text("symbols") as "braille" | "block" | "ascii" | undefined;
    const theme = options.text("theme");
    const filter = options.text("filter");
    const { allPanels } = await import("../../../scrapers/index.ts");
    const screen = {
      source,
      clock,
      panels: allPanels(),
      env: io.env,
      utc: options.flag("utc"),
      ...time,
      ...(view === undefined || view === "all" ? {} : { view: view as ViewId }),
      ...(symbols === undefined ? {} : { symbols }),
      ...(theme === undefined ? {} : { theme }),
      ...(filter === undefined ? {} : { filter }),
    };
    if (loading === undefined) {
      if (!wantsOnce) io.err("opsmon: not a terminal: printing one frame, as with --once\n");
      await printOnce(call, screen, view === "all");
      return EXIT.ok;
    }
    const { mountTop } = await loading;
    // Node types listeners with `any`, which no narrower port type admits.
    const stdin = process.stdin as unknown as TerminalIn;
    const stdout = process.stdout as unknown as TerminalOut;
    const exit = await mountTop({
      ...screen,
      stdin,
      stdout,
      author: author(),
      ...(revive === undefined ? {} : { revive }),
    });
    if (exit.reason === "signal")
      await opened[Symbol.asyncDispose]().then(() => process.kill(process.pid, exit.signal));
    return EXIT.ok;
  },
};

/** The span of the charts and, where it is not live, the moment they end. @throws UserError exit 2. */
function timeOf({ options }: Invocation, now: number): { readonly spanMs: number; readonly at?: number } {
  const since = options.text("since");
  const text = options.text("span") ?? since;
  const spanMs = text === undefined ? SPAN_MS_DEFAULT : parseDuration(text);
  if (spanMs < SPAN_MS_MIN) {
    throw new UserError("bad-span", `"${text}" is too short for a chart`, {
      hint: "write a span of at least 1s, for example 15m",
      exit: EXIT.usage,
    });
  }
  const at = options.text("at");
  if (at !== undefined) return { spanMs, at: parseTime(at, now, options.flag("utc")) };
  return since === undefined ? { spanMs } : { spanMs, at: now };
}

function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

async function printOnce(
  { options, io }: Invocation,
  screen: Parameters<typeof import("../../ui/once.tsx").renderOnce>[0],
  all: boolean,
): Promise<void> {
  const { onceJson, renderOnce } = await import("../../ui/once.tsx");
  if (options.text("output") === "json") {
    io.out(jsonText(await onceJson({ ...screen, all })));
    return;
  }
  const width = Number(io.env["COLUMNS"]) || process.stdout.columns;
  const height = Number(io.env["LINES"]) || process.stdout.rows;
  const color = io.stdoutIsTty && (io.env["NO_COLOR"] ?? "") === "";
  io.out(
    `${await renderOnce({ ...screen, ...(width > 0 ? { width } : {}), ...(height > 0 ? { height } : {}), color })}\n`,
  );
}

function author(): string {
  try {
    return userInfo().username;
  } catch {
    return "unknown";
  }
}

/** A foreign server, or an engine that is held while the screen is open. */
async function sourceFor(call: Invocation): Promise<Opened> {
  const foreign = urlSource(call);
  if (foreign !== undefined) return { source: foreign, [Symbol.asyncDispose]: () => foreign[Symbol.asyncDispose]() };
  const held = await holdEngine(call);
  return {
    source: held.engine,
    revive: () => held.revive(),
    [Symbol.asyncDispose]: () => held[Symbol.asyncDispose](),
  };
}
