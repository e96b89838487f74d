/** What a page says about a metric beside its samples. */
export type MetricType =
  | "counter"
  | "gauge"
  | "histogram"
  | "gaugehistogram"
  | "summary"
  | "info"
  | "stateset"
  | "unknown";

export interface Metadata {
  readonly type: MetricType;
  readonly help: string;
  readonly unit: string;
}
