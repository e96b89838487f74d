/** Legends: `{{label}}` holes filled from a series' labels. A template that fills to nothing falls back to what tells the series apart. */
import { METRIC_NAME, type Labels } from "../model/labels.ts";

/** Longest legend kept; one label value may be megabytes. */
const LEGEND_CHARS_MAX = 200;

export function fillLegend(template: string, labels: Labels): string {
  const filled = template
    .replaceAll(/\{\{\s*([^{}\s]+)\s*\}\}/g, (_, name: string) => labels.get(name))
    .replaceAll(/\s+/g, " ")
    .trim();
  const text = filled === "" && template !== "" ? distinguishing(labels) : filled;
  return text.length <= LEGEND_CHARS_MAX ? text : `${text.slice(0, LEGEND_CHARS_MAX).toWellFormed()}…`;
}

function distinguishing(labels: Labels): string {
  const parts: string[] = [];
  for (const [name, value] of labels) if (name !== METRIC_NAME) parts.push(value);
  return parts.length > 0 ? parts.join(" ") : labels.metric;
}
