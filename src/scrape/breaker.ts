/**
 * The cardinality breaker: when a target shows more series than it may have, the ones already stored go on and only
 * new ones stay out. This names the metric and the label that grow, so that a person knows what to fix.
 */
import type { Labels } from "../model/labels.ts";
import type { Quarantine } from "./status.ts";
import { METRIC_NAME } from "../model/labels.ts";

/**
 * Series of one target unless told otherwise. The largest page of the common exporters (a large Kubernetes'
 * kube-state-metrics aside) has some 10,000; ten times that is an accident.
 */
export const SERIES_PER_TARGET_MAX = 100_000;
/** Refused series that are looked at for the label; more would tell nothing new. */
const EXAMINED_MAX = 2_000;

export class RefusedSeries {
  readonly #limit: number;
  readonly #byMetric: Map<string, number> = new Map();
  readonly #examined: Labels[] = [];
  #count = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(labels: Labels): void {
    this.#count++;
    const metric = labels.metric;
    this.#byMetric.set(metric, (this.#byMetric.get(metric) ?? 0) + 1);
    if (this.#examined.length < EXAMINED_MAX) this.#examined.push(labels);
  }

  /** @returns undefined when nothing was refused. */
  verdict(): Quarantine | undefined {
    if (this.#count === 0) return undefined;
    const [metric] = [...this.#byMetric].reduce((most, entry) => (entry[1] > most[1] ? entry : most));
    return { series: this.#count, metric, label: this.#growingLabel(metric), limit: this.#limit };
  }

  #growingLabel(metric: string): string {
    const values = new Map<string, Set<string>>();
    for (const labels of this.#examined) {
      if (labels.metric !== metric) continue;
      for (const [name, value] of labels) {
        if (name === METRIC_NAME) continue;
        const seen = values.get(name);
        if (seen === undefined) values.set(name, new Set([value]));
        else seen.add(value);
      }
    }
    let label = "";
    let most = 1;
    for (const [name, seen] of values) {
      if (seen.size > most) {
        label = name;
        most = seen.size;
      }
    }
    return label;
  }
}
