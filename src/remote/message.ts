/**
 * Remote write and remote read messages as plain columns: what goes over the wire, without protobuf's shapes.
 * @see https://prometheus.io/docs/specs/prw/remote_write_spec/
 */
import type { Labels } from "../model/labels.ts";
import type { MatchOp } from "../model/matcher.ts";
import type { Metadata } from "../model/metadata.ts";
import type { Timestamp } from "../model/sample.ts";

/** One series of a message; `t`, `v` and `stale` have one entry a sample, in the order sent. */
export interface RemoteSeries {
  readonly labels: Labels;
  readonly t: Float64Array;
  readonly v: Float64Array;
  /** 1 = stale marker; undefined when there is none. */
  readonly stale: Uint8Array | undefined;
}

export interface WriteRequest {
  readonly series: readonly RemoteSeries[];
  /** By metric family. */
  readonly metadata: ReadonlyMap<string, Metadata>;
  /** Samples in `series`. */
  readonly samples: number;
  /** Skipped: exemplars and native histograms are not stored. */
  readonly exemplars: number;
  readonly histograms: number;
  /** Names of metrics with native histograms, as far as they were noted. */
  readonly histogramMetrics: readonly string[];
  /** Series left out because their labels are unusable, with the first few reasons. */
  readonly invalid: number;
  readonly reasons: readonly string[];
}

export interface RemoteMatcher {
  readonly name: string;
  readonly op: MatchOp;
  readonly value: string;
}

export interface ReadQuery {
  readonly start: Timestamp;
  readonly end: Timestamp;
  readonly matchers: readonly RemoteMatcher[];
  /** Zero and "" when the client gave no hints. */
  readonly stepMs: number;
  readonly rangeMs: number;
  readonly func: string;
}

export interface ReadRequest {
  readonly queries: readonly ReadQuery[];
}

/** `results[i]` answers `queries[i]`. */
export interface ReadResponse {
  readonly results: readonly (readonly RemoteSeries[])[];
}
