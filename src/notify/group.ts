/** The grouping stage: a route and an alert's labels in, the group's labels and key out. */
import { Labels } from "../model/labels.ts";
import type { Route } from "../model/routing.ts";

export type LabelMap = Readonly<Record<string, string>>;

export function groupLabels(route: Route, labels: LabelMap): LabelMap {
  if (route.groupBy === "all") return labels;
  const wanted = route.groupBy.filter((name) => Object.hasOwn(labels, name)).map((name) => [name, labels[name]]);
  return Object.fromEntries(wanted) as LabelMap;
}

/** As Alertmanager writes it: the route's path, then the group's labels: `{}/{team="db"}:{alertname="X"}`. */
export function groupKey(route: Route, labels: LabelMap): string {
  return `${route.id}:${Labels.from(labels).toString()}`;
}

/** Labels or annotations that all have with one value. */
export function common(maps: readonly LabelMap[]): LabelMap {
  const [first, ...rest] = maps;
  if (first === undefined) return {};
  return Object.fromEntries(Object.entries(first).filter(([name, value]) => rest.every((map) => map[name] === value)));
}
