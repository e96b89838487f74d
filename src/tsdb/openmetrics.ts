/**
 * Data in and out as OpenMetrics text, the format that promtool and VictoriaMetrics read and write too. Export goes
 * metric by metric, so memory holds one metric at a time; import takes lines in any order, keeps going over broken
 * ones, and says which they were.
 */
import { lengthTrouble } from "../model/label-length.ts";
import { type Labels, METRIC_NAME, quoteLabelValue } from "../model/labels.ts";
import { createMatcher, type Matcher } from "../model/matcher.ts";
import type { Metadata, MetricType } from "../model/metadata.ts";
import { NO_REF, type Timestamp } from "../model/sample.ts";
import type { Appendable, MetadataReader, Queryable } from "../storage/storage.ts";
import { type Reach, type TierShare, TierShares } from "./history.ts";
import { parseSampleLine, STALE_EXEMPLAR } from "./openmetrics-line.ts";

/** Text handed over at once. */
const WRITE_CHARACTERS = 256 * 1024;
/** Samples in one commit: large enough to be quick, small enough for memory and a responsive engine. */
const COMMIT_SAMPLES = 10_000;
/** Broken lines remembered; the others are counted. */
const PROBLEMS_MAX = 100;
const TYPES: ReadonlySet<string> = new Set([
  "counter",
  "gauge",
  "histogram",
  "gaugehistogram",
  "summary",
  "info",
  "stateset",
  "unknown",
]);

export interface ExportOptions {
  readonly matchers?: readonly Matcher[];
  readonly start: Timestamp;
  readonly end: Timestamp;
  readonly onProgress?: (metricsDone: number, metrics: number) => void;
}

export interface ExportReport {
  readonly series: number;
  readonly samples: number;
  /** Written as NaN for others. */
  readonly staleMarkers: number;
  readonly warnings: readonly string[];
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  return Object.is(value, -0) ? "-0" : String(value);
}

function secondsText(t: Timestamp): string {
  const whole = Math.trunc(t / 1000);
  const rest = Math.abs(t % 1000);
  const sign = t < 0 && whole === 0 ? "-" : "";
  return `${sign}${whole}${rest === 0 ? "" : `.${String(rest).padStart(3, "0")}`}`;
}

function quoteText(text: string): string {
  return text.replace(/\\/g, "\\\\").replace(/\n/g, "\\n").replace(/"/g, '\\"');
}

/** `name{label="value"}`; names beyond the classic ones are quoted. */
export function seriesText(labels: Labels): string {
  const name = labels.metric;
  const pairs = [...labels].filter(([label]) => label !== METRIC_NAME);
  const classic = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name);
  const inner = pairs.map(
    ([label, value]) => `${/^[a-zA-Z_]\w*$/.test(label) ? label : quoteLabelValue(label)}="${quoteText(value)}"`,
  );
  if (!classic) inner.unshift(`"${quoteText(name)}"`);
  return (classic ? name : "") + (inner.length > 0 ? `{${inner.join(",")}}` : "");
}

/** Value and time as they follow a series. */
export function sampleText(value: number, t: Timestamp): string {
  return `${numberText(value)} ${secondsText(t)}`;
}

/** A stale marker: NaN for others, what it was for opsmon. */
export function staleText(t: Timestamp): string {
  return `${sampleText(Number.NaN, t)} ${STALE_EXEMPLAR}`;
}

/** What samples of a family may add to its name. */
const SUFFIXES: Partial<Record<MetricType, readonly string[]>> = {
  counter: ["_total", "_created"],
  histogram: ["_bucket", "_count", "_sum", "_created"],
  gaugehistogram: ["_bucket", "_gcount", "_gsum"],
  summary: ["_count", "_sum", "_created"],
  info: ["_info"],
};
const ALL_SUFFIXES: ReadonlySet<string> = new Set(Object.values(SUFFIXES).flat());

/** The family that a metric's samples belong to, when it was described. */
function describedFamily(metric: string, source: MetadataReader): readonly [string, Metadata] | undefined {
  const described = (name: string): Metadata | undefined => source.metadata(name).get(name)?.[0];
  const own = described(metric);
  if (own !== undefined) return [metric, own];
  for (const suffix of ALL_SUFFIXES) {
    if (!metric.endsWith(suffix)) continue;
    const family = metric.slice(0, -suffix.length);
    const metadata = described(family);
    if (metadata !== undefined && SUFFIXES[metadata.type]?.includes(suffix) === true) return [family, metadata];
  }
  return undefined;
}

function header(family: string, metadata: Metadata): string {
  const type = metadata.type === "unknown" ? "" : `# TYPE ${family} ${metadata.type}\n`;
  const help = metadata.help === "" ? "" : `# HELP ${family} ${quoteText(metadata.help)}\n`;
  return type + help;
}

/** Writes everything that matches, ending in `# EOF`. */
export async function exportOpenMetrics(
  source: Queryable & MetadataReader,
  write: (text: string) => Promise<void>,
  options: ExportOptions,
): Promise<ExportReport> {
  const { matchers = [], start, end, onProgress } = options;
  using querier = source.querier(start, end);
  const names = await querier.labelValues(METRIC_NAME, matchers);
  const warnings = new Set<string>();
  const described = new Set<string>();
  let series = 0;
  let samples = 0;
  let staleMarkers = 0;
  let text = "";
  for (const [done, name] of names.entries()) {
    const found = await querier.select([...matchers, createMatcher(METRIC_NAME, "=", name)], {
      start,
      end,
      stepMs: 0,
      rangeMs: 0,
      func: "",
    });
    for (const warning of found.warnings) warnings.add(warning);
    const family = describedFamily(name, source);
    if (family !== undefined && !described.has(family[0])) {
      described.add(family[0]);
      text += header(...family);
    }
    for (const one of found.series) {
      const column = one.samples();
      if (column.from < column.to) series++;
      const prefix = seriesText(one.labels);
      for (let i = column.from; i < column.to; i++) {
        const t = column.t[i] as number;
        const isStale = column.stale?.[i] === 1;
        text += `${prefix} ${isStale ? staleText(t) : sampleText(column.v[i] as number, t)}\n`;
        if (isStale) staleMarkers++;
        else samples++;
        if (text.length < WRITE_CHARACTERS) continue;
        await write(text);
        text = "";
      }
    }
    onProgress?.(done + 1, names.length);
  }
  await write(`${text}# EOF\n`);
  return { series, samples, staleMarkers, warnings: [...warnings] };
}

export interface ImportOptions {
  readonly onProgress?: (lines: number) => void;
  /** What is kept how long: told apart in the report. */
  readonly reach?: Reach;
}

interface ImportProblem {
  readonly line: number;
  readonly text: string;
}

export interface ImportReport {
  readonly lines: number;
  readonly samples: number;
  readonly duplicate: number;
  readonly outOfBounds: number;
  readonly limited: number;
  /** Samples that only tiers keep, by tier. */
  readonly tiers: readonly TierShare[];
  readonly broken: number;
  /** The first broken lines. */
  readonly problems: readonly ImportProblem[];
}

const META_LINE = /^# (TYPE|HELP|UNIT) (\S+) ?(.*)$/;

/** Collects TYPE, HELP and UNIT lines of the families. */
class Families {
  readonly #known = new Map<string, Metadata>();
  take(line: string): readonly [string, Metadata] | undefined {
    const [, kind, family = "", rest = ""] = META_LINE.exec(line) ?? [];
    if (kind === undefined) return undefined;
    const old = this.#known.get(family) ?? { type: "unknown", help: "", unit: "" };
    const word = rest.trim().toLowerCase();
    const type = TYPES.has(word) ? (word as MetricType) : "unknown";
    const metadata =
      kind === "TYPE"
        ? { ...old, type }
        : kind === "HELP"
          ? { ...old, help: rest.replace(/\\n/g, "\n").replace(/\\(["\\])/g, "$1") }
          : { ...old, unit: rest };
    this.#known.set(family, metadata);
    return [family, metadata];
  }
}

/** Takes lines of OpenMetrics text with timestamps. @throws UserError from the store when it cannot be written. */
export async function importOpenMetrics(
  lines: AsyncIterable<string> | Iterable<string>,
  target: Appendable,
  options: ImportOptions = {},
): Promise<ImportReport> {
  const appender = target.appender();
  const families = new Families();
  const refs = new Map<string, number>();
  const problems: ImportProblem[] = [];
  const sums = { samples: 0, duplicate: 0, outOfBounds: 0, limited: 0 };
  const shares = options.reach === undefined ? undefined : new TierShares(options.reach);
  let number = 0;
  let broken = 0;
  let pending = 0;
  const commit = async (): Promise<void> => {
    const { accepted, duplicate, outOfBounds, limited } = await appender.commit();
    sums.samples += accepted;
    sums.duplicate += duplicate;
    sums.outOfBounds += outOfBounds;
    sums.limited += limited;
    pending = 0;
    options.onProgress?.(number);
  };
  for await (const raw of lines) {
    number++;
    const line = raw.trim();
    if (line === "") continue;
    if (line.startsWith("#")) {
      const described = families.take(line);
      if (described !== undefined) appender.describe(...described);
      continue;
    }
    const parsed = parseSampleLine(line);
    if (typeof parsed === "string") {
      broken++;
      if (problems.length < PROBLEMS_MAX) problems.push({ line: number, text: parsed });
      continue;
    }
    let ref = refs.get(parsed.labels.key) ?? NO_REF;
    if (ref === NO_REF) {
      const tooLong = lengthTrouble(parsed.labels);
      if (tooLong !== undefined) {
        broken++;
        if (problems.length < PROBLEMS_MAX) problems.push({ line: number, text: tooLong });
        continue;
      }
      refs.set(parsed.labels.key, (ref = appender.series(parsed.labels)));
    }
    if (parsed.stale) appender.appendStale(ref, parsed.t);
    else appender.append(ref, parsed.t, parsed.value);
    shares?.note(parsed.t);
    if (++pending >= COMMIT_SAMPLES) await commit();
  }
  await commit();
  return { lines: number, ...sums, tiers: shares?.list() ?? [], broken, problems };
}
