/**
 * What the HTTP server needs from the rest of the program, as interfaces it owns: `app` plugs the rooms in, so the
 * server never imports scrape, rules, notify or the store.
 */
import type { IncomingHttpHeaders } from "node:http";
import type { JournalKind, JournalRecord } from "../journal/record.ts";
import type { Labels } from "../model/labels.ts";
import type { Alert } from "../model/alert.ts";
import type { Timestamp } from "../model/sample.ts";
import type { Answer } from "./http.ts";
import type { EngineResult } from "../promql/options.ts";
import type { WriteRequest } from "../remote/message.ts";
import type { Appendable, AppendResult, MetadataReader, Queryable } from "../storage/storage.ts";
import type {
  Command,
  CommandResult,
  DiscoveredTarget,
  EngineStatus,
  RuleStatus,
  SilenceStatus,
  TargetStatus,
} from "./source.ts";

export interface EvaluateOptions {
  readonly timeoutMs?: number;
  readonly lookbackMs?: number;
  readonly signal?: AbortSignal;
  readonly explain?: boolean;
}

export interface Evaluator {
  /** Raised when the past is written anew: answers called lasting before no longer are. */
  generation(): number;
  instant(expr: string, at: Timestamp, options?: EvaluateOptions): Promise<EngineResult>;
  range(
    expr: string,
    start: Timestamp,
    end: Timestamp,
    stepMs: number,
    options?: EvaluateOptions,
  ): Promise<EngineResult>;
}

export interface CardinalityRow {
  readonly name: string;
  readonly count: number;
}
export interface CardinalityReport {
  readonly series: number;
  readonly metrics: readonly CardinalityRow[];
  readonly labels: readonly CardinalityRow[];
  readonly pairs: readonly CardinalityRow[];
  readonly jobs: readonly CardinalityRow[];
}

/** A target that relabelling dropped. */
export interface DroppedTargetStatus {
  readonly job: string;
  readonly discovered: Labels;
}

export interface StoreSummary {
  readonly labelPairs: number;
  readonly chunks: number;
  /** Undefined while the store is empty. */
  readonly minTime: Timestamp | undefined;
  readonly maxTime: Timestamp | undefined;
  /** Bytes of the values of each label, counted once a series, the largest first. */
  readonly labelBytes: readonly CardinalityRow[];
}

/** How far a backup is. */
export interface BackupStep {
  readonly bytes: number;
  /** Bytes expected. */
  readonly total: number;
  readonly records: number;
  readonly done: boolean;
}

export interface ImportAnswer {
  readonly lines: number;
  readonly samples: number;
  readonly duplicate: number;
  readonly outOfBounds: number;
  readonly limited: number;
  /** Samples older than raw ones are kept, by tier that keeps them. */
  readonly tiers: readonly { readonly resolutionMs: number; readonly samples: number }[];
  readonly broken: number;
  /** The first broken lines. */
  readonly problems: readonly { readonly line: number; readonly text: string }[];
}

/** What routes that only read samples need. */
export interface QuestionServices {
  readonly storage: Queryable & MetadataReader;
  readonly evaluator: Evaluator;
  now(): Timestamp;
  externalLabels(): Labels;
}

/** A request before anything of it was read but its body. */
export interface Ask {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly signal: AbortSignal;
}

export interface EngineServices extends QuestionServices {
  readonly storage: Appendable & Queryable & MetadataReader;
  /**
   * Answers heavy questions beside this thread.
   *
   * @returns undefined when the request is light, or none of those: it is answered here.
   */
  aside?(ask: Ask): Promise<Answer> | undefined;
  targets(): readonly TargetStatus[];
  dropped(): readonly DroppedTargetStatus[];
  /** Names of all scrape jobs, those without targets as well; sorted. */
  scrapePools(): readonly string[];
  discovered(): Promise<readonly DiscoveredTarget[]>;
  rules(): readonly RuleStatus[];
  alerts(at: Timestamp | "now"): Promise<readonly Alert[]>;
  /** All that are remembered, ended ones as well. */
  silences(): readonly SilenceStatus[];
  journal(
    kinds: readonly JournalKind[],
    start: Timestamp,
    end: Timestamp,
    limit: number,
  ): Promise<readonly JournalRecord[]>;
  status(): Promise<EngineStatus>;
  cardinality(limit: number): Promise<CardinalityReport>;
  storeSummary(limit: number): StoreSummary;
  /** Takes a page of the text format, or of OpenMetrics by its type. @throws UserError `bad-exposition`. */
  takePage(page: Uint8Array, type: string | undefined): Promise<AppendResult>;
  /** So many native histogram samples of these metrics were sent and not stored. */
  nativeHistograms(metrics: readonly string[], samples: number): void;
  /** Copies everything into a new directory while serving. @throws UserError `target-not-empty`, `backup-failed`. */
  backup(target: string): AsyncIterable<BackupStep>;
  /** Takes lines of OpenMetrics with times of any age; broken ones are told, not thrown. */
  importText(text: string): Promise<ImportAnswer>;
  /** Takes series of any age, stale markers included. */
  importSeries(request: WriteRequest): Promise<ImportAnswer>;
  command(command: Command): Promise<CommandResult>;
  /** The configuration in force as YAML, secrets masked. */
  configText(): string;
  flags(): Readonly<Record<string, string>>;
  /** Own metrics in the text format. */
  metricsText(): Promise<string>;
  /** Resolves when everything is started and the first pair of samples is in: a screen that asks then shows numbers. */
  ready(): Promise<void>;
  /** Number of screens attached; the embedded engine leaves with its last one. */
  attached(change: 1 | -1): void;
  /** True when new samples may come in by remote write. */
  readonly acceptsWrites: boolean;
  /** Ends the process in good order, as `/-/quit` asks. */
  quit(): void;
}
