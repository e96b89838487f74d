/** A query result as rows of text columns: the base of tables, csv, tsv and json lines. */
import { METRIC_NAME, type Labels } from "../../model/labels.ts";
import { formatTime } from "../../model/time.ts";
import type { Timestamp } from "../../model/sample.ts";
import { formatFloat } from "../../promql/number.ts";
import type { Value } from "../../promql/value.ts";

export interface Rows {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Label names in use, the metric name first, the rest sorted. */
export function labelColumns(all: readonly Labels[]): readonly string[] {
  const names = new Set<string>();
  for (const labels of all) for (const [name] of labels) names.add(name);
  const rest = [...names].filter((name) => name !== METRIC_NAME).sort();
  return names.has(METRIC_NAME) ? [METRIC_NAME, ...rest] : rest;
}

/** One row a sample: labels, time, value. A scalar or string is one row without labels. */
export function sampleRows(value: Value, utc: boolean): Rows {
  const time = (t: Timestamp): string => formatTime(t, utc);
  switch (value.kind) {
    case "scalar":
      return { header: ["time", "value"], rows: [[time(value.t), formatFloat(value.v)]] };
    case "string":
      return { header: ["time", "value"], rows: [[time(value.t), value.s]] };
    case "vector": {
      const columns = labelColumns(value.samples.map((sample) => sample.labels));
      const rows = value.samples.map(({ labels, v }) => [
        ...columns.map((name) => labels.get(name)),
        time(value.t),
        formatFloat(v),
      ]);
      return { header: [...columns, "time", "value"], rows };
    }
    case "matrix": {
      const columns = labelColumns(value.series.map((one) => one.labels));
      const rows = value.series.flatMap(({ labels, t, v }) => {
        const own = columns.map((name) => labels.get(name));
        return Array.from(t, (at, i) => [...own, time(at), formatFloat(v[i] as number)]);
      });
      return { header: [...columns, "time", "value"], rows };
    }
  }
}

/** RFC 4180, always with its header. A field with a comma, quote or line break is quoted. */
export function toCsv({ header, rows }: Rows): string {
  const field = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return [header, ...rows].map((row) => `${row.map(field).join(",")}\n`).join("");
}

/** Tab-separated with its header; tabs, line breaks and backslashes inside fields are escaped as in psql. */
export function toTsv({ header, rows }: Rows): string {
  const field = (text: string): string =>
    text.replace(/[\\\t\n\r]/g, (ch) => (ch === "\\" ? "\\\\" : ch === "\t" ? "\\t" : ch === "\n" ? "\\n" : "\\r"));
  return [header, ...rows].map((row) => `${row.map(field).join("\t")}\n`).join("");
}
