/**
 * A configuration file's text to a Config: everything Prometheus accepts in prometheus.yml, plus `opsmon:`. All
 * mistakes come out at once with line and column; a file with errors gives no Config, so a running program keeps
 * the one it has.
 */
import { dirname, resolve } from "node:path";
import type { Problem } from "../base/problem.ts";
import { hasErrors, sortProblems } from "../base/problem.ts";
import { type Decode, Findings, fields, float, integer, list, node as keep, record, text } from "../base/shape.ts";
import { type YamlNode, parseYaml } from "../base/yaml.ts";
import { Labels } from "../model/labels.ts";
import type { Config, ConfigPorts, GlobalConfig, StorageConfig } from "./config.ts";
import { type Context, duration, filePath, interval, size } from "./context.ts";
import { OWN_DEFAULTS, ownSection } from "./own.ts";
import { alerting, remoteReads, remoteWrites } from "./remote.ts";
import { HARMLESS, NO_LIMITS, type ScrapeDefaults, limitShape, limitsOf, scrapeJobs } from "./scrape.ts";

export type { Problem } from "../base/problem.ts";
export type * from "./config.ts";

export interface LoadedConfig {
  /** Undefined when there are errors. */
  readonly config: Config | undefined;
  /** What could be read in spite of errors: where to look for further mistakes, never to run with. */
  readonly readable: Config | undefined;
  /** In file order. */
  readonly problems: readonly Problem[];
}

const SCRAPE_INTERVAL_MS = 60_000;
const SCRAPE_TIMEOUT_MS = 10_000;
const EVALUATION_INTERVAL_MS = 60_000;

const NO_PORTS: ConfigPorts = {
  readFile: (path) => {
    throw new Error(`"${path}" is not read here`);
  },
  env: {},
};

/**
 * Loads a configuration.
 *
 * @param file where the text came from; relative paths in it start from its directory.
 * @param ports how secrets are read: files and environment. Without them a secret file is only named.
 */
export function loadConfig(source: string, file: string, ports: ConfigPorts = NO_PORTS): LoadedConfig {
  const yaml = parseYaml(source, file);
  const findings = new Findings(file, yaml.problems);
  const context: Context = { dir: dirname(resolve(file)), ports, secrets: new Set() };
  const root: YamlNode = yaml.root ?? { kind: "map", entries: [], line: 1, column: 1 };
  const config = readConfig(root, file, context, findings);
  const problems = sortProblems(findings.problems);
  return { config: hasErrors(problems) ? undefined : config, readable: config, problems };
}

/** The configuration of a program that was given none: the host collector and discovery. */
export function emptyConfig(file: string = "(no configuration file)"): Config {
  return loadConfig("", file).config as Config;
}

const globalShape = fields(
  {
    ...HARMLESS,
    ...limitShape,
    scrape_interval: interval,
    scrape_timeout: interval,
    evaluation_interval: interval,
    rule_query_offset: duration,
    external_labels: record(text),
    query_log_file: text,
  },
  { what: "global" },
);

function readConfig(root: YamlNode, file: string, context: Context, findings: Findings): Config | undefined {
  const top = fields(
    {
      global: keep,
      scrape_configs: keep,
      scrape_config_files: keep,
      rule_files: list(filePath(context)),
      alerting: alerting(context, file),
      remote_write: remoteWrites(context),
      remote_read: remoteReads(context),
      storage,
      runtime: keep,
      opsmon: ownSection(context),
    },
    {
      what: "a configuration",
      unsupported: { tracing: "opsmon sends no traces", otlp: "opsmon takes no OTLP; use remote write" },
    },
  )(root, findings);
  if (top === undefined) return undefined;
  if (top.has("scrape_config_files")) {
    findings.warn(
      top.place("scrape_config_files"),
      '"scrape_config_files" is not supported',
      "put the jobs into scrape_configs",
    );
  }
  const { global, defaults } = readGlobal(top.got.global, findings);
  const jobs = top.got.scrape_configs && scrapeJobs(context, file, defaults)(top.got.scrape_configs, findings);
  const alerts = top.got.alerting;
  return {
    file,
    global,
    scrapeJobs: jobs ?? [],
    ruleFiles: top.got.rule_files ?? [],
    alertmanagers: (alerts?.alertmanagers ?? []).map((target) => ({
      ...target,
      alertRelabel: [...(alerts?.alertRelabel ?? []), ...target.alertRelabel],
    })),
    remoteWrite: top.got.remote_write ?? [],
    remoteRead: top.got.remote_read ?? [],
    storage: top.got.storage ?? { retentionMs: undefined, retentionBytes: undefined, outOfOrderWindowMs: 0 },
    own: top.got.opsmon ?? OWN_DEFAULTS,
    source: { root, secrets: context.secrets },
  };
}

function readGlobal(
  node: YamlNode | undefined,
  findings: Findings,
): { readonly global: GlobalConfig; readonly defaults: ScrapeDefaults } {
  const read = node && globalShape(node, findings);
  const got = read?.got ?? {};
  const scrapeIntervalMs = got.scrape_interval ?? SCRAPE_INTERVAL_MS;
  const scrapeTimeoutMs = got.scrape_timeout ?? Math.min(SCRAPE_TIMEOUT_MS, scrapeIntervalMs);
  if (read !== undefined && scrapeTimeoutMs > scrapeIntervalMs) {
    findings.error(read.place("scrape_timeout"), "global: the scrape timeout is longer than the scrape interval");
  }
  return {
    global: {
      scrapeIntervalMs,
      scrapeTimeoutMs,
      evaluationIntervalMs: got.evaluation_interval ?? EVALUATION_INTERVAL_MS,
      ruleQueryOffsetMs: got.rule_query_offset ?? 0,
      externalLabels: Labels.from(got.external_labels ?? {}),
      queryLogFile: got.query_log_file,
    },
    defaults: { intervalMs: scrapeIntervalMs, timeoutMs: scrapeTimeoutMs, limits: limitsOf(got, NO_LIMITS) },
  };
}

/** `retention: {time, size}`, `retention.time:` as some runbooks write it, or `retention: 30d`. */
const storage: Decode<StorageConfig> = (node, findings) => {
  const retention: Decode<{ readonly time?: number | undefined; readonly size?: number | undefined }> = (at, found) => {
    if (at.kind === "scalar") return { time: interval(at, found) };
    const inner = { time: interval, size, percentage: float };
    const read = fields(inner, { what: "retention", unsupported: { percentage: "give time or size" } })(at, found);
    return read && { time: read.got.time, size: read.got.size };
  };
  const tsdb = fields(
    {
      retention,
      "retention.time": interval,
      "retention.size": size,
      out_of_order_time_window: duration,
      stale_series_compaction_threshold: float,
      path: text,
    },
    { what: "storage.tsdb" },
  );
  const read = fields(
    { tsdb, exemplars: fields({ max_exemplars: integer(-1) }, { what: "storage.exemplars" }) },
    { what: "storage" },
  )(node, findings);
  const got = read?.got.tsdb?.got;
  return {
    retentionMs: got?.retention?.time ?? got?.["retention.time"],
    retentionBytes: got?.retention?.size ?? got?.["retention.size"],
    outOfOrderWindowMs: got?.out_of_order_time_window ?? 0,
  };
};
