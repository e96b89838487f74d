/**
 * What any screen or one-shot may ask, wherever the answer comes from: the running engine's socket, a stopped
 * data directory, a bundle, or a foreign Prometheus-compatible server. Live, review and one-shot differ in the
 * Source and the Clock only.
 */
import type { Alert } from "../model/alert.ts";
import type { JournalKind, JournalRecord } from "../journal/record.ts";
import type { Labels } from "../model/labels.ts";
import type { Metadata } from "../model/metadata.ts";
import type { RuleStatus } from "../model/rule-status.ts";
import type { Timestamp } from "../model/sample.ts";
import type { ExplainNode } from "../promql/options.ts";
import type { QueryResult, QueryStats } from "../promql/value.ts";

export type { RuleStatus } from "../model/rule-status.ts";

/** What this source can answer; what it cannot is said on the screen, not left blank. */
export interface Capabilities {
  readonly kind: "engine" | "directory" | "bundle" | "foreign";
  /** For the status line: socket path, URL or file. */
  readonly place: string;
  readonly targets: boolean;
  readonly rules: boolean;
  /** Alert history, deliveries, marks. */
  readonly journal: boolean;
  /** Marks, silences, acknowledgements, adding targets. */
  readonly control: boolean;
}

export interface TargetStatus {
  readonly job: string;
  readonly url: string;
  readonly labels: Labels;
  /** Labels before relabelling; absent where a server does not tell. */
  readonly discovered?: Labels;
  readonly health: "up" | "down" | "unknown";
  /** A sentence that names the cause; "" when up. */
  readonly lastError: string;
  readonly lastScrapeAt: Timestamp;
  readonly lastDurationMs: number;
  readonly samples: number;
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/** An exporter found on a well-known port that nobody scrapes yet. */
export interface DiscoveredTarget {
  readonly scraper: string;
  readonly url: string;
  readonly doc: string;
}

/** One number or sentence of `opsmon status`, worst first. */
export interface StatusItem {
  readonly name: string;
  readonly state: "ok" | "warn" | "crit";
  readonly text: string;
}

/** Stretches in which samples are missing that were once in memory. */
export interface MissingSamples {
  readonly gaps: readonly {
    readonly from: Timestamp;
    readonly to: Timestamp;
    readonly reason: string;
    readonly lost: boolean;
  }[];
  readonly losses: readonly {
    readonly from: Timestamp;
    readonly to: Timestamp;
    readonly series: number;
    /** In the append log. */
    readonly log?: boolean;
  }[];
}

export interface EngineStatus {
  readonly version: string;
  readonly pid: number;
  readonly startedAt: Timestamp;
  readonly dataDir: string;
  readonly configFile: string;
  readonly embedded: boolean;
  readonly items: readonly StatusItem[];
  /** Places of the store that cannot be read. */
  readonly damaged?: number;
  /** What the store knows to lack for good. */
  readonly missing?: MissingSamples;
}

/** One panel query of a batch: all of a frame's expressions go over the wire together. */
export interface BatchQuery {
  readonly id: string;
  readonly expr: string;
  readonly start: Timestamp;
  readonly end: Timestamp;
  /** 0 asks for an instant query at `end`. */
  readonly stepMs: number;
}
export type BatchAnswer = { readonly id: string } & (
  | { readonly ok: true; readonly result: QueryResult }
  | { readonly ok: false; readonly error: string }
);

export interface QueryOptions {
  readonly timeoutMs?: number;
  readonly lookbackMs?: number;
  readonly limit?: number;
  readonly signal?: AbortSignal;
}

export interface SilenceRequest {
  readonly matchers: readonly {
    readonly name: string;
    readonly op: "=" | "!=" | "=~" | "!~";
    readonly value: string;
  }[];
  readonly startsAt: Timestamp;
  readonly endsAt: Timestamp;
  readonly createdBy: string;
  readonly comment: string;
}

/** Everything the screen or a command may change. Only sources with `control` take them. */
export type Command =
  | { readonly kind: "mark"; readonly text: string; readonly author: string; readonly at?: Timestamp }
  | { readonly kind: "silence"; readonly silence: SilenceRequest }
  | { readonly kind: "expire-silence"; readonly id: string }
  | { readonly kind: "ack"; readonly fingerprint: string; readonly author: string; readonly comment: string }
  | { readonly kind: "add-target"; readonly scraper: string; readonly url: string }
  | { readonly kind: "notify-test"; readonly receiver: string }
  | { readonly kind: "reload" };

/** A silence, or an acknowledgement, which is one that ends with what it covers. */
export interface SilenceStatus {
  readonly id: string;
  readonly state: "pending" | "active" | "expired";
  readonly matchers: SilenceRequest["matchers"];
  readonly startsAt: Timestamp;
  readonly endsAt: Timestamp;
  readonly createdBy: string;
  readonly comment: string;
  /** It is prolonged while what it covers fires, at most until then. */
  readonly ack?: { readonly fingerprints: readonly string[]; readonly until: Timestamp };
}

export interface CommandResult {
  /** One line for the person who asked. */
  readonly text: string;
  readonly id?: string;
}

export interface Source extends AsyncDisposable {
  capabilities(): Promise<Capabilities>;
  query(expr: string, at: Timestamp, options?: QueryOptions): Promise<QueryResult>;
  queryRange(
    expr: string,
    start: Timestamp,
    end: Timestamp,
    stepMs: number,
    options?: QueryOptions,
  ): Promise<QueryResult>;
  batch(queries: readonly BatchQuery[], options?: QueryOptions): Promise<readonly BatchAnswer[]>;
  labelNames(match: readonly string[]): Promise<readonly string[]>;
  labelValues(name: string, match: readonly string[]): Promise<readonly string[]>;
  series(match: readonly string[], start: Timestamp, end: Timestamp): Promise<readonly Labels[]>;
  metadata(metric?: string): Promise<ReadonlyMap<string, readonly Metadata[]>>;
  /** As of `at`: live state now, journal state in the past. */
  alerts(at: Timestamp | "now"): Promise<readonly Alert[]>;
  rules(): Promise<readonly RuleStatus[]>;
  targets(): Promise<readonly TargetStatus[]>;
  discovered(): Promise<readonly DiscoveredTarget[]>;
  /** Ascending in time; at most `limit` (default 1,000), the newest ones. */
  journal(
    kinds: readonly JournalKind[],
    start: Timestamp,
    end: Timestamp,
    limit?: number,
  ): Promise<readonly JournalRecord[]>;
  status(): Promise<EngineStatus>;
  /** @throws UserError `not-supported` where capabilities say no. */
  command(command: Command): Promise<CommandResult>;
}

/** How an expression was evaluated: only where the evaluation is our own. */
export interface Explanation {
  readonly tree: ExplainNode | undefined;
  readonly stats: QueryStats;
}

export interface Explainer {
  /** `stepMs` of 0 asks for one moment, `end`. */
  explain(expr: string, start: Timestamp, end: Timestamp, stepMs: number): Promise<Explanation>;
}
