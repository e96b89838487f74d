/**
 * Readings of the host as a page: the collectors add values, the sink stores them like any target's.
 *
 * Series objects and the order of the page stay the same from one collection to the next, so the store sees the
 * same layout and takes its fast path.
 */
import { type PagePart, type PageSeries, type ParsedPage, VALUES_SPARE } from "../exposition/page.ts";
import type { Metadata, MetricType } from "../model/metadata.ts";
import { Labels, METRIC_NAME } from "../model/labels.ts";

/** A metric the host collector can tell: its name, description and the names of its labels. */
export interface HostFamily {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  readonly labels: readonly string[];
}

export function hostFamily(name: string, type: MetricType, help: string, ...labels: readonly string[]): HostFamily {
  return { name, type, help, labels };
}

/** Series remembered beyond those on the page, before the others are forgotten: processes come and go. */
const CACHE_SLACK = 2;

/** The whole page in one piece. */
interface HostPart extends PagePart {
  readonly series: readonly PageSeries[];
}

export class HostPage {
  readonly #known: Map<string, PageSeries> = new Map();
  readonly #metadata: Map<string, Metadata> = new Map();
  #series: PageSeries[] = [];
  #before: HostPart = { samples: 0, series: [] };
  #values: Float64Array = new Float64Array(1_024);
  #layout = 0;
  #fresh = 0;

  /** Starts the next page. */
  begin(): void {
    this.#series = [];
    this.#fresh = 0;
  }

  /** Adds one reading; a value that is no number (the file said something else) is left out. */
  add(family: HostFamily, value: number, ...labelValues: readonly string[]): void {
    if (!Number.isFinite(value)) return;
    const key = labelValues.length === 0 ? family.name : `${family.name}\u0000${labelValues.join("\u0000")}`;
    let series = this.#known.get(key);
    if (series === undefined) {
      series = this.#create(family, labelValues);
      this.#known.set(key, series);
    }
    const index = this.#series.length;
    if (index + VALUES_SPARE >= this.#values.length) {
      const larger = new Float64Array(this.#values.length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[index] = value;
    this.#series.push(series);
  }

  finish(): ParsedPage {
    const series = this.#series;
    const before = this.#before.series;
    const same = series.length === before.length && series.every((one, i) => one === before[i]);
    if (!same) {
      this.#layout++;
      this.#before = { samples: series.length, series };
      if (this.#known.size > CACHE_SLACK * series.length) {
        const live = new Set(series);
        for (const [key, one] of this.#known) if (!live.has(one)) this.#known.delete(key);
      }
    }
    return {
      layout: this.#layout,
      count: series.length,
      parts: [this.#before],
      seriesOf: (part) => (part as HostPart).series,
      describedOf: () => Array.from(this.#metadata, ([family, what]) => ({ family, what })),
      series: this.#before.series,
      values: this.#values,
      timestamps: undefined,
      metadata: () => this.#metadata,
      fresh: this.#fresh,
      exemplars: 0,
    };
  }

  #create(family: HostFamily, labelValues: readonly string[]): PageSeries {
    this.#fresh++;
    const { type, help } = family;
    this.#metadata.set(family.name, { type, help, unit: "" });
    const pairs = family.labels.map((name, i): [string, string] => [name, labelValues[i] ?? ""]);
    return { labels: Labels.from([[METRIC_NAME, family.name], ...pairs]), blank: [] };
  }
}
