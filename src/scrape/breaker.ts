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

/**
 * Tells the store that new series of a target are kept out: the value is how many, the labels name metric and label.
 * It exists only while that is so; the pack `targets` has an alert on it.
 */
export const QUARANTINED_METRIC = "opsmon_series_quarantined";

/** Series that the targets of one job may have together. */
export class SeriesBudget {
  readonly max: number;
  readonly #held = new Map<object, number>();

  constructor(max: number) {
    this.max = max;
  }

  /** What is left for `holder`, counting what it holds already. */
  roomFor(holder: object): number {
    let others = 0;
    for (const [one, series] of this.#held) if (one !== holder) others += series;
    return Math.max(0, this.max - others);
  }

  /** 0 gives everything back. */
  hold(holder: object, series: number): void {
    if (series === 0) this.#held.delete(holder);
    else this.#held.set(holder, series);
  }
}

export class RefusedSeries {
  readonly #limit: number;
  readonly #of: Quarantine["of"];
  readonly #byMetric: Map<string, number> = new Map();
  readonly #examined: Labels[] = [];
  #count = 0;

  constructor(limit: number, of: Quarantine["of"]) {
    this.#limit = limit;
    this.#of = of;
  }

  get count(): number {
    return this.#count;
  }

  /** @param labels undefined: counted, and not looked at. */
  add(labels: Labels | undefined): void {
    this.#count++;
    if (labels === undefined) return;
    const metric = labels.metric;
    this.#byMetric.set(metric, (this.#byMetric.get(metric) ?? 0) + 1);
    if (this.#examined.length < EXAMINED_MAX) this.#examined.push(labels);
  }

  /** @returns undefined when nothing was refused. */
  verdict(): Quarantine | undefined {
    if (this.#count === 0) return undefined;
    const [metric] = [...this.#byMetric].reduce((most, entry) => (entry[1] > most[1] ? entry : most), ["", 0]);
    return { series: this.#count, metric, label: this.#growingLabel(metric), limit: this.#limit, of: this.#of };
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
