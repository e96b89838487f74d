/** Unix time in milliseconds; always an integer, negative before 1970. */
export type Timestamp = number;

/** Dense series number given out by a store; 0 means "not known yet". */
export type SeriesRef = number;

/** Sentinel for "no such series yet". */
export const NO_REF: SeriesRef = 0;

/**
 * Bits of Prometheus' stale marker. V8 may rewrite NaN payloads, so the marker never travels as a JS
 * number inside opsmon: it is a separate bitmap (see `SampleColumn.stale`) and becomes bits at the wire.
 * @see https://github.com/prometheus/prometheus/blob/main/model/value/value.go
 */
export const STALE_NAN_BITS = 0x7ff0_0000_0000_0002n;

/** Samples of one series, strictly ascending in time. Index range `from` (included) to `to` (excluded). */
export interface SampleColumn {
  /** Unix ms. Series of one target often share this very array: compare by identity to reuse window bounds. */
  readonly t: Float64Array;
  /** Values; where `stale` is set the number is meaningless. NaN is a legal value. */
  readonly v: Float64Array;
  readonly from: number;
  readonly to: number;
  /** One byte per sample at the same index, 1 = stale marker; undefined when no sample is stale. */
  readonly stale: Uint8Array | undefined;
}

export const EMPTY_COLUMN: SampleColumn = {
  t: new Float64Array(0),
  v: new Float64Array(0),
  from: 0,
  to: 0,
  stale: undefined,
};
