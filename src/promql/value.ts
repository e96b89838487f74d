/** What a PromQL expression evaluates to, as clients see it. Times are unix ms, columns are shared, read-only. */
import type { Labels } from "../model/labels.ts";
import type { Timestamp } from "../model/sample.ts";

export interface ScalarValue {
  readonly kind: "scalar";
  readonly t: Timestamp;
  readonly v: number;
}
export interface StringValue {
  readonly kind: "string";
  readonly t: Timestamp;
  readonly s: string;
}
export interface VectorValue {
  readonly kind: "vector";
  readonly t: Timestamp;
  readonly samples: readonly { readonly labels: Labels; readonly v: number }[];
}
/** `t[i]` and `v[i]` are one point; times without a point are simply absent. */
export interface MatrixSeries {
  readonly labels: Labels;
  readonly t: Float64Array;
  readonly v: Float64Array;
}
export interface MatrixValue {
  readonly kind: "matrix";
  readonly series: readonly MatrixSeries[];
}
export type Value = ScalarValue | StringValue | VectorValue | MatrixValue;
export type ValueKind = Value["kind"];

export interface QueryResult {
  readonly value: Value;
  /** At most 10 each, with positions, as Prometheus words them. */
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
  readonly stats: QueryStats;
}
export interface QueryStats {
  readonly seriesRead: number;
  readonly samplesRead: number;
  readonly elapsedMs: number;
  /** Width of the stored buckets that answered, ms; 0 = raw. */
  readonly resolutionMs: number;
}
