/** What there is most of: metrics, label names and pairs of name and value, by their series. */
import { compareUtf8, METRIC_NAME } from "../model/labels.ts";
import type { Cardinality, CardinalityEntry } from "./options.ts";

/** @param names every label name with the series of each of its values. */
export function largest(
  names: readonly { readonly name: string; readonly values: readonly CardinalityEntry[] }[],
  series: number,
  limit: number,
): Cardinality {
  const top = (entries: CardinalityEntry[]): CardinalityEntry[] =>
    entries.sort((a, b) => b.series - a.series || compareUtf8(a.name, b.name)).slice(0, limit);
  const metrics: CardinalityEntry[] = [];
  const labelNames: CardinalityEntry[] = [];
  const pairs: CardinalityEntry[] = [];
  for (const { name, values } of names) {
    labelNames.push({ name, series: values.length });
    for (const value of values) {
      if (name === METRIC_NAME) metrics.push(value);
      pairs.push({ name: `${name}=${value.name}`, series: value.series });
    }
  }
  const labelPairs = pairs.length;
  return { series, labelPairs, metrics: top(metrics), labelNames: top(labelNames), pairs: top(pairs) };
}
