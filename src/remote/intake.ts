/** Series of a write request as they are read, whatever the version: checked, counted, with the first complaints. */
import { escapeControl } from "../base/log.ts";
import { lengthTrouble } from "../model/label-length.ts";
import { METRIC_NAME } from "../model/labels.ts";
import type { Metadata } from "../model/metadata.ts";
import type { RemoteSeries, WriteRequest } from "./message.ts";
import { checkLabels, type RawSeries } from "./series.ts";

/** Reasons told to the sender; the count says how many there were. */
const REASONS_MAX = 5;
const REASON_LENGTH_MAX = 200;
/** Names of metrics with native histograms noted of one message. */
const HISTOGRAM_METRICS_MAX = 500;

export class Intake {
  readonly #series: RemoteSeries[] = [];
  readonly #metadata = new Map<string, Metadata>();
  readonly #reasons: string[] = [];
  readonly #histogramMetrics = new Set<string>();
  #samples = 0;
  #exemplars = 0;
  #histograms = 0;
  #invalid = 0;

  /** @returns the metric's name; undefined when its labels are unusable. */
  add(raw: RawSeries): string | undefined {
    this.#exemplars += raw.exemplars;
    this.#histograms += raw.histograms;
    const checked = checkLabels(raw.pairs, true);
    const labels = typeof checked === "string" ? checked : (lengthTrouble(checked) ?? checked);
    if (typeof labels === "string") {
      this.#invalid++;
      if (this.#reasons.length < REASONS_MAX) this.#reasons.push(escapeControl(labels).slice(0, REASON_LENGTH_MAX));
      return undefined;
    }
    const name = labels.get(METRIC_NAME);
    if (raw.histograms > 0 && this.#histogramMetrics.size < HISTOGRAM_METRICS_MAX) this.#histogramMetrics.add(name);
    if (raw.t.length > 0) {
      this.#samples += raw.t.length;
      this.#series.push({ labels, t: raw.t, v: raw.v, stale: raw.stale });
    }
    return name;
  }

  describe(family: string, metadata: Metadata): void {
    if (family !== "") this.#metadata.set(family, metadata);
  }

  finish(): WriteRequest {
    return {
      series: this.#series,
      metadata: this.#metadata,
      samples: this.#samples,
      exemplars: this.#exemplars,
      histograms: this.#histograms,
      histogramMetrics: [...this.#histogramMetrics],
      invalid: this.#invalid,
      reasons: this.#reasons,
    };
  }
}
