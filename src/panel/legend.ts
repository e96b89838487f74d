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

/** Labels told in one legend of what differs; more do not fit a screen. */
const DIFFERING_MAX = 4;

/**
 * Names for series of an expression nobody wrote a legend for: the labels in which they differ, `mode=idle cpu=0`. One
 * series alone needs no name.
 */
export function differingLegends(series: readonly Readonly<Record<string, string>>[]): readonly string[] {
  if (series.length < 2) return series.map(() => "");
  const names = [...new Set(series.flatMap((labels) => Object.keys(labels)))].filter(
    (name) => new Set(series.map((labels) => labels[name] ?? "")).size > 1,
  );
  return series.map((labels) => {
    const told = names.filter((name) => (labels[name] ?? "") !== "").slice(0, DIFFERING_MAX);
    const text = told.map((name) => (name === METRIC_NAME ? labels[name] : `${name}=${labels[name]}`)).join(" ");
    const whole = text === "" ? "{}" : text;
    return whole.length <= LEGEND_CHARS_MAX ? whole : `${whole.slice(0, LEGEND_CHARS_MAX).toWellFormed()}…`;
  });
}

function distinguishing(labels: Labels): string {
  const parts: string[] = [];
  for (const [name, value] of labels) if (name !== METRIC_NAME) parts.push(value);
  return parts.length > 0 ? parts.join(" ") : labels.metric;
}
