/** scrape_configs to ScrapeJobs: defaults from `global`, checks, and what is skipped because opsmon cannot do it. */
import {
  type Decode,
  type Findings,
  bool,
  checked,
  choice,
  fields,
  integer,
  list,
  record,
  text,
} from "../base/shape.ts";
import { nodeAt, type Position, type YamlNode } from "../base/yaml.ts";
import type { ScrapeJob } from "../model/job.ts";
import { type Context, interval, size } from "./context.ts";
import { UNSUPPORTED_DISCOVERY, discoveries, discoveryShape } from "./discovery.ts";
import { HTTP_UNSUPPORTED, httpClient, httpShape } from "./http.ts";
import { relabelRules } from "./relabel.ts";

/** Values a job takes when it states none. */
export interface ScrapeDefaults {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly limits: ScrapeLimits;
}
export interface ScrapeLimits {
  readonly bodySizeLimitBytes: number;
  readonly sampleLimit: number;
  readonly labelLimit: number;
  readonly labelNameLengthLimit: number;
  readonly labelValueLengthLimit: number;
  readonly targetLimit: number;
}

export interface LimitShape extends Readonly<Record<string, Decode<unknown>>> {
  readonly body_size_limit: Decode<number>;
  readonly sample_limit: Decode<number>;
  readonly label_limit: Decode<number>;
  readonly label_name_length_limit: Decode<number>;
  readonly label_value_length_limit: Decode<number>;
  readonly target_limit: Decode<number>;
}
export const limitShape: LimitShape = {
  body_size_limit: size,
  sample_limit: integer(0),
  label_limit: integer(0),
  label_name_length_limit: integer(0),
  label_value_length_limit: integer(0),
  target_limit: integer(0),
};

type LimitKey =
  | "body_size_limit"
  | "sample_limit"
  | "label_limit"
  | "label_name_length_limit"
  | "label_value_length_limit"
  | "target_limit";
type LimitsGot = { readonly [K in LimitKey]?: number };

export function limitsOf(got: LimitsGot, otherwise: ScrapeLimits): ScrapeLimits {
  return {
    bodySizeLimitBytes: got.body_size_limit ?? otherwise.bodySizeLimitBytes,
    sampleLimit: got.sample_limit ?? otherwise.sampleLimit,
    labelLimit: got.label_limit ?? otherwise.labelLimit,
    labelNameLengthLimit: got.label_name_length_limit ?? otherwise.labelNameLengthLimit,
    labelValueLengthLimit: got.label_value_length_limit ?? otherwise.labelValueLengthLimit,
    targetLimit: got.target_limit ?? otherwise.targetLimit,
  };
}

export const NO_LIMITS: ScrapeLimits = {
  bodySizeLimitBytes: 0,
  sampleLimit: 0,
  labelLimit: 0,
  labelNameLengthLimit: 0,
  labelValueLengthLimit: 0,
  targetLimit: 0,
};

/** Read and left alone: opsmon negotiates formats itself and counts native histograms without storing them. */
export const HARMLESS = {
  scrape_protocols: list(text),
  fallback_scrape_protocol: text,
  metric_name_validation_scheme: text,
  metric_name_escaping_scheme: text,
  native_histogram_bucket_limit: integer(0),
  native_histogram_min_bucket_factor: text,
  scrape_classic_histograms: bool,
  always_scrape_classic_histograms: bool,
  convert_classic_histograms_to_nhcb: bool,
  scrape_native_histograms: bool,
  extra_scrape_metrics: bool,
  keep_dropped_targets: integer(0),
  scrape_failure_log_file: text,
} satisfies Readonly<Record<string, Decode<unknown>>> as Readonly<Record<string, Decode<unknown>>>;

const path: Decode<string> = checked(text, (value, node, findings) => {
  if (!value.startsWith("/")) findings.error(node, `"${value}" is not a path`, 'begin it with "/"');
});

function rewritesAddress(job: YamlNode): boolean {
  const rules = nodeAt(job, "relabel_configs");
  return (
    rules?.kind === "seq" &&
    rules.items.some((rule) => {
      const target = nodeAt(rule, "target_label");
      return target?.kind === "scalar" && target.text === "__address__";
    })
  );
}

/** The keys of a job. @param rewritten its relabelling writes `__address__`, so its targets may be anything. */
function jobShape(context: Context, file: string, rewritten: boolean) {
  return fields(
    {
      ...HARMLESS,
      ...httpShape(context),
      ...discoveryShape(context, file, rewritten),
      ...limitShape,
      job_name: text,
      scrape_interval: interval,
      scrape_timeout: interval,
      metrics_path: path,
      scheme: choice("http", "https"),
      params: record(list(text)),
      honor_labels: bool,
      honor_timestamps: bool,
      track_timestamps_staleness: bool,
      enable_compression: bool,
      relabel_configs: relabelRules,
      metric_relabel_configs: relabelRules,
    },
    {
      what: "a scrape config",
      required: ["job_name"],
      unsupported: { ...UNSUPPORTED_DISCOVERY, ...HTTP_UNSUPPORTED },
    },
  );
}

/** Notes an empty name and a second job of one name. */
function checkName(name: string, at: Position, given: boolean, names: Map<string, number>, findings: Findings): void {
  if (given && name === "") findings.error(at, '"job_name" is empty');
  const earlier = names.get(name);
  if (earlier === undefined || name === "") names.set(name, at.line);
  else findings.error(at, `job "${name}" is given twice`, `the first one is on line ${earlier}; rename one`);
}

export function scrapeJobs(context: Context, file: string, defaults: ScrapeDefaults): Decode<readonly ScrapeJob[]> {
  const [plain, rewriting] = [jobShape(context, file, false), jobShape(context, file, true)];
  const names = new Map<string, number>();
  const job: Decode<ScrapeJob> = (node: YamlNode, findings: Findings) => {
    const read = (rewritesAddress(node) ? rewriting : plain)(node, findings);
    if (read === undefined) return undefined;
    const { got } = read;
    const name = got.job_name ?? "";
    checkName(name, read.place("job_name"), read.has("job_name"), names, findings);
    const intervalMs = got.scrape_interval ?? defaults.intervalMs;
    const timeoutMs = got.scrape_timeout ?? Math.min(defaults.timeoutMs, intervalMs);
    if (timeoutMs > intervalMs) {
      findings.error(
        read.place("scrape_timeout"),
        `job "${name}": the timeout is longer than the interval`,
        `scrape_interval is ${intervalMs} ms`,
      );
    }
    const http = httpClient(read, findings);
    if (Object.keys({ ...UNSUPPORTED_DISCOVERY, ...HTTP_UNSUPPORTED }).some((key) => read.has(key))) return undefined;
    return {
      name,
      intervalMs,
      timeoutMs,
      metricsPath: got.metrics_path ?? "/metrics",
      scheme: got.scheme ?? "http",
      params: got.params ?? {},
      honorLabels: got.honor_labels ?? false,
      honorTimestamps: got.honor_timestamps ?? true,
      trackTimestampsStaleness: got.track_timestamps_staleness ?? false,
      enableCompression: got.enable_compression ?? true,
      http,
      discovery: discoveries(got),
      relabel: got.relabel_configs ?? [],
      metricRelabel: got.metric_relabel_configs ?? [],
      ...limitsOf(got, defaults.limits),
    };
  };
  return list(job);
}
