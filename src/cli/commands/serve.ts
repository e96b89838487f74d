/** `opsmon serve`: scrape, store, evaluate, notify, answer; no screen. */
import { existsSync } from "node:fs";
import { createLogger, type LogLevel } from "../../base/log.ts";
import { EXIT } from "../../base/errors.ts";
import { dataDirOf, SERVICE_CONFIG, socketOf } from "../../config/paths.ts";
import { parseDuration } from "../../model/duration.ts";
import { parseSize } from "../../model/size.ts";
import type { CommandSpec, Invocation, OptionSpec } from "../command.ts";

export const ENGINE_OPTIONS: readonly OptionSpec[] = [
  {
    flags: "-c, --config <file>",
    help: "a prometheus.yml, with opsmon's own settings under opsmon:",
    env: "OPSMON_CONFIG",
  },
  { flags: "--data <dir>", help: "data directory", env: "OPSMON_DATA" },
  { flags: "--socket <path>", help: "unix socket to listen on", env: "OPSMON_SOCKET" },
  { flags: "--listen <host:port>", help: "the HTTP API on TCP as well", env: "OPSMON_LISTEN", many: true },
  {
    flags: "--web-config <file>",
    help: "Prometheus' web.yml: TLS and users of --listen; needed beyond loopback",
    env: "OPSMON_WEB_CONFIG",
  },
  { flags: "--retention <duration>", help: "how long raw samples are kept (default 15d)" },
  { flags: "--retention-size <bytes>", help: "drop the oldest data beyond this size, e.g. 10GB" },
  { flags: "--query-timeout <duration>", help: "longest a query may run (default 2m)" },
  { flags: "--lookback <duration>", help: "how far back an instant selector looks (default 5m)" },
  { flags: "--enable-feature <names>", help: "Prometheus feature names, separated by commas", many: true },
  { flags: "--discover", help: "scrape exporters found on this machine's well-known ports" },
  {
    flags: "--log-level <level>",
    help: "debug, info, warn or error",
    choices: ["debug", "info", "warn", "error"],
    default: "info",
  },
];

export const serve: CommandSpec = {
  name: "serve",
  summary: "scrape, store, evaluate rules, notify and answer queries; no screen",
  options: [...ENGINE_OPTIONS, { flags: "--embedded", help: "end when the last screen leaves" }],
  examples: [
    ["opsmon serve --config /etc/opsmon/opsmon.yml", "as a service"],
    ["opsmon serve --data ./data --listen 127.0.0.1:9090", "the API on TCP for Grafana or promtool"],
  ],
  async run(call) {
    const { options, io, clock } = call;
    const data = options.text("data");
    const { turn, workAhead } = await import("../../app/ahead.ts");
    await workAhead(dataDirOf(data, io.env));
    const { startEngine } = await import("../../app/engine.ts");
    const { keepHeapSmall } = await import("../../app/heap.ts");
    const { version } = await import("../../app/version.ts");
    await turn();
    const log = createLogger((options.text("logLevel") ?? "info") as LogLevel, clock, io.err);
    const duration = (name: string): number | undefined => {
      const text = options.text(name);
      return text === undefined ? undefined : parseDuration(text);
    };
    const size = options.text("retentionSize");
    const engine = await startEngine({
      version,
      dataDir: dataDirOf(data, io.env),
      socketPath: socketOf(options.text("socket"), data, io.env),
      socketMode: 0o600,
      configFile: configFile(call),
      listen: options.list("listen").flatMap((places) => places.split(",")),
      webConfigFile: options.text("webConfig"),
      features: features(call),
      retentionMs: duration("retention"),
      retentionBytes: size === undefined ? undefined : parseSize(size),
      queryTimeoutMs: duration("queryTimeout"),
      queryLookbackMs: duration("lookback"),
      discover: options.flag("discover"),
      embedded: options.flag("embedded"),
      env: io.env,
      clock,
      log,
    });
    keepHeapSmall(engine.learned);
    const onSignal = (signal: NodeJS.Signals): void => void engine.stop(`signal ${signal}`);
    process.once("SIGINT", onSignal);
    process.once("SIGTERM", onSignal);
    // A serve started from a terminal outlives it only under nohup or a service manager; then HUP means reload.
    process.on("SIGHUP", () => void engine.reload());
    await engine.stopped;
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
    process.removeAllListeners("SIGHUP");
    return EXIT.ok;
  },
};

function configFile(call: Invocation): string | undefined {
  const named = call.options.text("config");
  if (named !== undefined) return named;
  // Naming a data directory asks for an engine of one's own, which the service's file must not change.
  return call.options.text("data") === undefined && existsSync(SERVICE_CONFIG) ? SERVICE_CONFIG : undefined;
}

function features(call: Invocation): ReadonlySet<string> | undefined {
  const names = call.options
    .list("enableFeature")
    .flatMap((list) => list.split(","))
    .map((name) => name.trim());
  return names.length === 0 ? undefined : new Set(names.filter((name) => name !== ""));
}
