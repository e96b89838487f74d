/**
 * Series out as a page: `/metrics`, `/federate` and `opsmon export` write with this, and the parser of this room
 * reads every page of it back to the same labels and values.
 */
import type { Labels } from "../model/labels.ts";
import type { Metadata, MetricType } from "../model/metadata.ts";
import type { Timestamp } from "../model/sample.ts";
import type { PageFormat } from "./page.ts";
import { METRIC_NAME } from "../model/labels.ts";
import { formatGoFloat } from "./float.ts";

export interface WriteSample {
  /** With `__name__`. */
  readonly labels: Labels;
  readonly value: number;
  /** Unix ms; undefined writes none. */
  readonly timestamp?: Timestamp;
}

/** Samples that share one HELP and TYPE, written together and in this order. */
export interface WriteFamily {
  readonly name: string;
  /** Without it only a TYPE line of the unknown type is written. */
  readonly metadata?: Metadata;
  readonly samples: readonly WriteSample[];
}

const CLASSIC_METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const CLASSIC_LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
/** Types the text format has no word for are told as their nearest. */
const TEXT_TYPE: Readonly<Record<MetricType, string>> = {
  counter: "counter",
  gauge: "gauge",
  histogram: "histogram",
  gaugehistogram: "histogram",
  summary: "summary",
  info: "gauge",
  stateset: "gauge",
  unknown: "untyped",
};

/** A name or label value between quotes: the format knows these three escapes and no other. */
export function quotedText(text: string): string {
  return `"${escapeQuoted(text)}"`;
}

function escapeQuoted(text: string): string {
  return text.replace(/[\\"\n]/g, (ch) => (ch === "\n" ? "\\n" : `\\${ch}`));
}

function escapeHelp(text: string, format: PageFormat): string {
  if (format === "openmetrics") return escapeQuoted(text);
  return text.replace(/[\\\n]/g, (ch) => (ch === "\n" ? "\\n" : "\\\\"));
}

/** `name{label="value"}`; names outside the classic set are quoted, as Prometheus 3 does. */
export function formatSeries(labels: Labels): string {
  const metric = labels.metric;
  const classic = CLASSIC_METRIC.test(metric);
  const parts = classic ? [] : [quotedText(metric)];
  for (const [name, value] of labels) {
    if (name === METRIC_NAME) continue;
    const shown = CLASSIC_LABEL.test(name) ? name : quotedText(name);
    parts.push(`${shown}=${quotedText(value)}`);
  }
  return `${classic ? metric : ""}${parts.length > 0 ? `{${parts.join(",")}}` : ""}`;
}

function formatTimestamp(t: Timestamp, format: PageFormat): string {
  if (format === "text") return String(t);
  const sign = t < 0 ? "-" : "";
  const ms = Math.abs(t);
  return `${sign}${Math.floor(ms / 1_000)}.${String(ms % 1_000).padStart(3, "0")}`;
}

/**
 * The page as text; OpenMetrics ends with `# EOF`.
 *
 * Timestamps before 1970 cannot be written in the text format: such a sample is left out.
 */
export function writePage(families: Iterable<WriteFamily>, format: PageFormat): string {
  const lines: string[] = [];
  for (const { name, metadata, samples } of families) {
    const shown = CLASSIC_METRIC.test(name) ? name : quotedText(name);
    const type = metadata?.type ?? "unknown";
    if (metadata !== undefined && metadata.help !== "") {
      lines.push(`# HELP ${shown} ${escapeHelp(metadata.help, format)}`);
    }
    lines.push(`# TYPE ${shown} ${format === "text" ? TEXT_TYPE[type] : type}`);
    if (
      format === "openmetrics" &&
      metadata !== undefined &&
      metadata.unit !== "" &&
      name.endsWith(`_${metadata.unit}`)
    ) {
      lines.push(`# UNIT ${shown} ${metadata.unit}`);
    }
    for (const { labels, value, timestamp } of samples) {
      if (timestamp !== undefined && timestamp < 0 && format === "text") continue;
      const at = timestamp === undefined ? "" : ` ${formatTimestamp(timestamp, format)}`;
      lines.push(`${formatSeries(labels)} ${formatGoFloat(value)}${at}`);
    }
  }
  if (format === "openmetrics") lines.push("# EOF");
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

/** Families by metric name, in the order names first appear; histograms and summaries are not put together. */
export function groupByMetric(
  samples: Iterable<WriteSample>,
  metadata?: ReadonlyMap<string, Metadata>,
): readonly WriteFamily[] {
  const groups = new Map<string, WriteSample[]>();
  for (const sample of samples) {
    const name = sample.labels.metric;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [sample]);
    else group.push(sample);
  }
  return [...groups].map(([name, group]) => {
    const known = metadata?.get(name);
    return known === undefined ? { name, samples: group } : { name, metadata: known, samples: group };
  });
}
