/**
 * What a caller may ask of the engine, and the limits it keeps. Feature names are Prometheus' own; those which
 * change nothing for expressions that do not use them are on unless a set is given.
 */
import type { Clock } from "../base/clock.ts";
import type { Queryable } from "../storage/storage.ts";
import type { Turnstile } from "./turnstile.ts";
import type { QueryResult } from "./value.ts";

type PromqlFeature =
  | "promql-experimental-functions"
  | "promql-duration-expr"
  | "promql-delayed-name-removal"
  | "promql-extended-range-selectors"
  | "promql-binop-fill-modifiers";

/** On unless `features` is given: pure additions to the language. */
export const DEFAULT_FEATURES: ReadonlySet<string> = new Set<PromqlFeature>([
  "promql-experimental-functions",
  "promql-duration-expr",
  "promql-extended-range-selectors",
  "promql-binop-fill-modifiers",
]);

/** Prometheus' `--query.lookback-delta`. */
export const LOOKBACK_MS_DEFAULT = 300_000;
/** Prometheus' `--query.max-samples`: about 450 MB of columns. */
export const SAMPLES_MAX_DEFAULT = 50_000_000;
/** Prometheus' `--query.timeout`. */
export const TIMEOUT_MS_DEFAULT = 120_000;
/** Prometheus' `--query.max-concurrency`. */
export const CONCURRENCY_DEFAULT = 20;
/** Queries waiting for a turn; more would only wait longer than their client does. */
export const WAITING_MAX = 1_000;
/** Points per series of a range query: Prometheus' API refuses more (60 s resolution for a week). */
export const POINTS_PER_SERIES_MAX = 11_000;
/** Step of a sub-query that names none: Prometheus' global evaluation interval. */
export const SUBQUERY_STEP_MS_DEFAULT = 60_000;
/** Longest expression read: a generated dashboard query stays far below. */
export const EXPRESSION_LENGTH_MAX = 262_144;
/** Deepest nesting read: keeps recursion within a small part of the stack. */
export const NESTING_DEPTH_MAX = 512;
/** Series one node may hold: bounds label memory as samples bound value memory. */
export const SERIES_MAX_DEFAULT = 1_000_000;
/** Longest label value a query may make, UTF-16 units: one that doubles at each level would take all memory in 30. */
export const MADE_LABEL_LENGTH_MAX = 1_048_576;
/** Warnings, and infos, returned with a result, as the HTTP API of Prometheus does. */
export const ANNOTATIONS_MAX = 10;

export interface EngineOptions {
  readonly queryable: Queryable;
  readonly clock: Clock;
  /** {@link LOOKBACK_MS_DEFAULT} unless told. */
  readonly lookbackMs?: number;
  /** {@link DEFAULT_FEATURES} unless told. */
  readonly features?: ReadonlySet<string>;
  readonly maxSamples?: number;
  readonly maxSeries?: number;
  readonly timeoutMs?: number;
  readonly maxConcurrency?: number;
  /** Shared with other engines, instead of one of its own with `maxConcurrency` places. */
  readonly turnstile?: Turnstile;
  readonly subqueryStepMs?: number;
}

/** Wishes of one query; each overrides the engine's. */
export interface QueryOptions {
  readonly lookbackMs?: number;
  readonly timeoutMs?: number;
  readonly maxSamples?: number;
  /** Aborting ends the query with `promql-canceled`. */
  readonly signal?: AbortSignal;
  /** Collect {@link ExplainNode}s. */
  readonly explain?: boolean;
}

/** One node of the evaluated tree, for `opsmon query --explain`. */
export interface ExplainNode {
  /** The node as PromQL, shortened by the reader if long. */
  readonly expr: string;
  readonly kind: string;
  /** Series the node returned; 0 for scalars and strings. */
  readonly series: number;
  /** Values the node returned. */
  readonly samples: number;
  /** Samples the node itself read from the store; a function reads for the range selector in it. */
  readonly read: number;
  /** Time of this node without its children. */
  readonly selfMs: number;
  readonly totalMs: number;
  /** `once` for a node whose value is the same at every step and was evaluated once. */
  readonly note: string;
  readonly children: readonly ExplainNode[];
}

export interface EngineResult extends QueryResult {
  /** Only when asked for. */
  readonly explain: ExplainNode | undefined;
  /** The same question gets the same answer until the past is written anew. */
  readonly lasting?: boolean;
}
