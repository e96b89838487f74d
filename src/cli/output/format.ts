/** `-o`: a query result in the format somebody asked for. Data goes to stdout; what explains it goes elsewhere. */
import { encodeValue, secondsText } from "../../api/encode.ts";
import { UserError } from "../../base/errors.ts";
import { METRIC_NAME, type Labels } from "../../model/labels.ts";
import { formatFloat } from "../../promql/number.ts";
import type { MatrixSeries, Value } from "../../promql/value.ts";
import { labelColumns, sampleRows, toCsv, toTsv } from "./rows.ts";
import { visible } from "./visible.ts";

export const FORMATS = ["table", "json", "jsonl", "csv", "tsv", "prom", "graph", "spark", "value"] as const;
export type Format = (typeof FORMATS)[number];

export interface FormatOptions {
  readonly width: number;
  readonly utc: boolean;
  readonly color: boolean;
  readonly ascii: boolean;
  /** Title of a graph. */
  readonly expr: string;
}

/** Pictures and tables load what they are drawn with only when they are asked for. */
export async function formatValue(value: Value, format: Format, options: FormatOptions): Promise<string> {
  switch (format) {
    case "json":
      return `${encodeValue(value).text}\n`;
    case "jsonl":
      return jsonLines(value);
    case "csv":
      return toCsv(sampleRows(value, options.utc));
    case "tsv":
      return toTsv(sampleRows(value, options.utc));
    case "prom":
      return exposition(value);
    case "value":
      return values(value);
    case "graph":
      return (await import("./graph.ts")).graph(asMatrix(value, format), options);
    case "spark":
      return (await import("./graph.ts")).spark(asMatrix(value, format), options);
    case "table":
      return table(value, options);
  }
}

function asMatrix(value: Value, format: Format): readonly MatrixSeries[] {
  if (value.kind === "matrix") return value.series;
  throw new UserError("no-range", `-o ${format} draws a range, and this is a value at one moment`, {
    hint: "add --start, for example --start -1h",
    exit: 2,
  });
}

function jsonLines(value: Value): string {
  if (value.kind === "vector") {
    return value.samples
      .map(
        ({ labels, v }) =>
          `{"metric":${JSON.stringify(labels)},"value":[${secondsText(value.t)},"${formatFloat(v)}"]}\n`,
      )
      .join("");
  }
  if (value.kind === "matrix") {
    return value.series
      .map(({ labels, t, v }) => {
        const points = Array.from(t, (at, i) => `[${secondsText(at)},"${formatFloat(v[i] as number)}"]`);
        return `{"metric":${JSON.stringify(labels)},"values":[${points.join(",")}]}\n`;
      })
      .join("");
  }
  const text = value.kind === "scalar" ? formatFloat(value.v) : value.s;
  return `{"metric":{},"value":[${secondsText(value.t)},${JSON.stringify(text)}]}\n`;
}

const CLASSIC_METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const CLASSIC_LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** The text format knows three escapes; what a terminal would act on becomes text with a backslash. */
function quoted(text: string): string {
  return `"${visible(text).replace(/[\\"\n]/g, (ch) => (ch === "\n" ? "\\n" : `\\${ch}`))}"`;
}

function expositionName(labels: Labels): string {
  const metric = labels.get(METRIC_NAME);
  const classic = metric === "" || CLASSIC_METRIC.test(metric);
  const pairs = [...labels]
    .filter(([name]) => name !== METRIC_NAME)
    .map(([name, v]) => `${CLASSIC_LABEL.test(name) ? name : quoted(name)}=${quoted(v)}`);
  if (!classic) return `{${[quoted(metric), ...pairs].join(",")}}`;
  return pairs.length === 0 && metric !== "" ? metric : `${metric}{${pairs.join(",")}}`;
}

/** The text format with timestamps; a series without a name has none here either, and is no valid exposition. */
function exposition(value: Value): string {
  const line = (labels: Labels, v: number, t: number): string => `${expositionName(labels)} ${formatFloat(v)} ${t}\n`;
  if (value.kind === "vector") return value.samples.map((sample) => line(sample.labels, sample.v, value.t)).join("");
  if (value.kind === "matrix") {
    return value.series
      .map(({ labels, t, v }) => Array.from(t, (at, i) => line(labels, v[i] as number, at)).join(""))
      .join("");
  }
  throw new UserError("no-series", `-o prom needs series, and this is a ${value.kind}`, { exit: 2 });
}

function values(value: Value): string {
  switch (value.kind) {
    case "scalar":
      return `${formatFloat(value.v)}\n`;
    case "string":
      return `${value.s}\n`;
    case "vector":
      return value.samples.map((sample) => `${formatFloat(sample.v)}\n`).join("");
    case "matrix":
      return value.series.map(({ v }) => `${formatFloat(v[v.length - 1] as number)}\n`).join("");
  }
}

async function table(value: Value, options: FormatOptions): Promise<string> {
  const { formatTable } = await import("./table.ts");
  if (value.kind !== "matrix") {
    const { header, rows } = sampleRows(value, options.utc);
    const time = header.indexOf("time");
    const drop = <T>(row: readonly T[]): readonly T[] => row.filter((_, i) => i !== time);
    return formatTable(drop(header).map(shown), rows.map(drop), options);
  }
  // A range has more samples than a screen has rows: one line a series, and -o csv for all of them.
  const columns = labelColumns(value.series.map((one) => one.labels));
  const rows = value.series.map(({ labels, v }) => {
    const all = Array.from(v).filter((x) => !Number.isNaN(x));
    const mean = all.reduce((sum, x) => sum + x, 0) / all.length;
    const numbers = [Math.min(...all), mean, Math.max(...all), v[v.length - 1] as number];
    return [...columns.map((name) => labels.get(name)), String(v.length), ...numbers.map(short)];
  });
  return formatTable([...columns.map(shown), "points", "min", "avg", "max", "last"], rows, options);
}

function shown(name: string): string {
  return name === METRIC_NAME ? "metric" : name;
}

function short(v: number): string {
  return Number.isFinite(v) ? String(Number(v.toPrecision(6))) : formatFloat(v);
}
