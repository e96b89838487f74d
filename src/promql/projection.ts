/**
 * Parts of label sets, remembered: dropping a name or keeping what `by` asks for gives the same object again for the
 * same label set, so that its key is joined once and not once a query. Stores hand out the same label sets for as
 * long as a series lives; what they forget is forgotten here as well.
 */
import { type Labels, METRIC_NAME } from "../model/labels.ts";

export type Projection = (labels: Labels) => Labels;

/** Distinct projections remembered: the groupings of a site's rules and dashboards. */
const PROJECTIONS_MAX = 512;

const projections = new Map<string, Projection>();

function remembered(key: string, project: Projection): Projection {
  const known = projections.get(key);
  if (known !== undefined) return known;
  const results = new WeakMap<Labels, Labels>();
  const projection: Projection = (labels) => {
    let result = results.get(labels);
    if (result === undefined) {
      result = project(labels);
      results.set(labels, result);
    }
    return result;
  };
  if (projections.size >= PROJECTIONS_MAX) projections.clear();
  projections.set(key, projection);
  return projection;
}

/** Only these labels. */
export function keepOnly(names: readonly string[]): Projection {
  return remembered(`only ${JSON.stringify(names)}`, (labels) => labels.only(names));
}

/** All but these and the metric name. */
export function keepWithout(names: readonly string[]): Projection {
  return remembered(`without ${JSON.stringify(names)}`, (labels) => labels.without(...names, METRIC_NAME));
}

/** Without the labels that describe the metric itself: they go away with its name. */
export const dropMetadata: Projection = remembered("metadata", (labels) =>
  labels.without(METRIC_NAME, "__type__", "__unit__"),
);
