/**
 * The storage port: the only thing the store, the query engine, rules, remote read and bundles know of each
 * other. Columnar on purpose: a read hands over whole columns, an append hands over whole rows, and neither
 * makes an object a sample.
 */
import type { Labels } from "../model/labels.ts";
import type { Matcher } from "../model/matcher.ts";
import type { Metadata } from "../model/metadata.ts";
import type { SampleColumn, SeriesRef, Timestamp } from "../model/sample.ts";

/** What became of appended samples. Counts of samples, except where said. */
export interface AppendResult {
  readonly accepted: number;
  /** Same series and time, other value: the first one stays, as in Prometheus. */
  readonly duplicate: number;
  /** Older than retention or further in the future than the store allows. */
  readonly outOfBounds: number;
  /** Refused because a series limit was reached. */
  readonly limited: number;
}

/**
 * Collects samples until `commit`. One appender is used by one writer, from one scrape or one rule tick.
 * Samples of any age within retention are taken, in any order.
 */
export interface Appender {
  /**
   * The number of the series, created when it is new.
   * @returns NO_REF when a series limit refuses it.
   */
  series(labels: Labels): SeriesRef;
  append(ref: SeriesRef, t: Timestamp, v: number): void;
  /** Appends a stale marker: the series ended here. */
  appendStale(ref: SeriesRef, t: Timestamp): void;
  /**
   * One value each for many series at one time: a scrape. `values[i]` belongs to `refs[i]` for i < count; a
   * NO_REF entry is passed over. `stale[i]` = 1 marks a stale marker. The arrays are borrowed until commit
   * returns; passing the same `refs` array again is the fast path.
   */
  appendRow(refs: Float64Array, t: Timestamp, values: Float64Array, count: number, stale?: Uint8Array): void;
  /** Describes a metric family; the newest description wins. */
  describe(family: string, metadata: Metadata): void;
  /** Durable against kill -9 when it resolves. @throws UserError `store-read-only`, `store-closed`. */
  commit(): Promise<AppendResult>;
  /** As `commit`, with the result at once where nothing has to be waited for; then errors are thrown, not rejected. */
  commitNow(): AppendResult | Promise<AppendResult>;
  rollback(): void;
}

export interface Appendable {
  appender(): Appender;
}

/** Which aggregate of a tier a function needs; raw samples serve all of them. */
export type Aggregate = "min" | "max" | "sum" | "count" | "counter" | "last";

export interface SelectHints {
  /** First and last time that can matter, both included, unix ms. */
  readonly start: Timestamp;
  readonly end: Timestamp;
  /** 0 for an instant query. */
  readonly stepMs: number;
  /** 0 for an instant selector. */
  readonly rangeMs: number;
  /** The function or aggregation directly around the selector, e.g. `rate`; "" when none. */
  readonly func: string;
  /** Only label sets are wanted (series, count of series): samples need not be decoded. */
  readonly labelsOnly?: boolean;
  /** Of each series only the newest sample, or stale marker, from `start` to `end` matters; a store may still give more. */
  readonly newestOnly?: boolean;
}

export interface Series {
  readonly labels: Labels;
  /** Samples from `hints.start` to `hints.end`; decoded on the call, valid until the querier is closed. */
  samples(): SampleColumn;
  /** A tier's aggregate, one per bucket at the bucket's end; undefined for raw data. */
  aggregate?(which: Aggregate): SampleColumn;
}

/**
 * Memory for one decoded column, lent to a store call after call. What a call returns may lie in `v` and holds until
 * the next call with the same scratch; a store that needs more room puts a larger array there.
 */
export interface ColumnScratch {
  v: Float64Array;
}

/** The series of a set without an object each: what a query over thousands of them reads. */
export interface SeriesColumns {
  /** In the order of `series`. One and the same array as long as the same series answer the same matchers. */
  readonly labels: readonly Labels[];
  /** As `series[index].samples()`. */
  samples(index: number, scratch: ColumnScratch): SampleColumn;
  /**
   * The newest sample of each series from `first` to `end` at once: the first one's value goes to `values[0]`, with 1 in
   * `present[0]`; cells of series without a sample, or with a stale marker as their newest, are left alone. There only where
   * the newest ones were asked for. @returns samples looked at.
   */
  readonly newest?: (first: number, end: number, values: Float64Array, present: Uint8Array) => number;
}

export interface SeriesSet {
  /** Sorted by labels when the store says so in `sorted`. */
  readonly series: readonly Series[];
  /** The quick way to the same; a store may go without. */
  readonly columns?: SeriesColumns;
  readonly sorted: boolean;
  /** Width of one stored bucket, ms; 0 = raw samples. */
  readonly resolutionMs: number;
  /** Things the reader must know: a quarantined chunk, a remote part that did not answer. */
  readonly warnings: readonly string[];
}

/** What a set of series comes to when nobody asks which ones they are. */
export interface Tally {
  /** As many as `select` would give. */
  readonly series: number;
  /** Of those, series whose newest sample is no stale marker. */
  readonly present: number;
  readonly samplesRead: number;
  readonly warnings: readonly string[];
}

export interface Querier extends Disposable {
  /** @throws UserError `too-many-series` past the store's own limit. */
  select(matchers: readonly Matcher[], hints: SelectHints): Promise<SeriesSet>;
  /**
   * Counts the series that `select` would give, without their order and their labels; undefined when that is no quicker
   * than to look at each. A store may go without.
   */
  tally?(matchers: readonly Matcher[], hints: SelectHints): Promise<Tally | undefined>;
  /** Sorted by UTF-8 bytes. */
  labelNames(matchers: readonly Matcher[]): Promise<readonly string[]>;
  labelValues(name: string, matchers: readonly Matcher[]): Promise<readonly string[]>;
}

export interface Queryable {
  /** Both ends included, unix ms. Dispose the querier when done with its columns. */
  querier(minT: Timestamp, maxT: Timestamp): Querier;
}

/** Metric descriptions, for `/api/v1/metadata` and completion. */
export interface MetadataReader {
  metadata(family?: string): ReadonlyMap<string, readonly Metadata[]>;
}
