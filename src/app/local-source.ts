/** A Source answered inside this process, over a store nobody else holds: a stopped data directory now, bundles later. */
import type {
  BatchAnswer,
  BatchQuery,
  Capabilities,
  Command,
  CommandResult,
  DiscoveredTarget,
  EngineStatus,
  Explainer,
  Explanation,
  QueryOptions,
  RuleStatus,
  Source,
  TargetStatus,
} from "../api/source.ts";
import { parseSelectors } from "../api/selectors.ts";
import type { Clock } from "../base/clock.ts";
import { EXIT, UserError, errorText } from "../base/errors.ts";
import type { Journal } from "../journal/journal.ts";
import type { JournalKind, JournalRecord } from "../journal/record.ts";
import type { Alert } from "../model/alert.ts";
import { compareLabels, compareUtf8, type Labels } from "../model/labels.ts";
import type { Metadata } from "../model/metadata.ts";
import type { Timestamp } from "../model/sample.ts";
import type { Engine } from "../promql/engine.ts";
import type { QueryOptions as EngineQueryOptions } from "../promql/options.ts";
import type { QueryResult } from "../promql/value.ts";
import type { MetadataReader, Queryable } from "../storage/storage.ts";
import type { TsdbStats } from "../tsdb/options.ts";
import { alertsAt } from "./alerts-at.ts";
import { lastTargets, stoppedStatus } from "./stopped.ts";

export interface LocalParts {
  readonly kind: "directory" | "bundle";
  readonly place: string;
  readonly store: Queryable & MetadataReader;
  readonly engine: Engine;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly version: string;
  /** An engine that listens elsewhere is writing there. */
  readonly held: boolean;
  stats(): TsdbStats;
  close(): Promise<void>;
}

function wishes(options: QueryOptions = {}): EngineQueryOptions {
  const { timeoutMs, lookbackMs, signal } = options;
  return {
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(lookbackMs === undefined ? {} : { lookbackMs }),
    ...(signal === undefined ? {} : { signal }),
  };
}

const ALWAYS = [-8.64e15, 8.64e15] as const;

export class LocalSource implements Source, Explainer {
  readonly #parts: LocalParts;
  constructor(parts: LocalParts) {
    this.#parts = parts;
  }

  async capabilities(): Promise<Capabilities> {
    return {
      kind: this.#parts.kind,
      place: this.#parts.place,
      targets: true,
      rules: false,
      journal: true,
      control: false,
    };
  }
  query(expr: string, at: Timestamp, options?: QueryOptions): Promise<QueryResult> {
    return this.#parts.engine.instant(expr, at, wishes(options));
  }
  queryRange(
    expr: string,
    start: Timestamp,
    end: Timestamp,
    stepMs: number,
    options?: QueryOptions,
  ): Promise<QueryResult> {
    return this.#parts.engine.range(expr, start, end, stepMs, wishes(options));
  }
  async explain(expr: string, start: Timestamp, end: Timestamp, stepMs: number): Promise<Explanation> {
    const { engine } = this.#parts;
    const options = { explain: true };
    const { explain, stats } = await (stepMs > 0
      ? engine.range(expr, start, end, stepMs, options)
      : engine.instant(expr, end, options));
    return { tree: explain, stats };
  }
  async batch(queries: readonly BatchQuery[], options?: QueryOptions): Promise<readonly BatchAnswer[]> {
    const answers: BatchAnswer[] = [];
    for (const { id, expr, start, end, stepMs } of queries) {
      try {
        const result =
          stepMs > 0 ? await this.queryRange(expr, start, end, stepMs, options) : await this.query(expr, end, options);
        answers.push({ id, ok: true, result });
      } catch (error) {
        answers.push({ id, ok: false, error: errorText(error) });
      }
    }
    return answers;
  }
  async labelNames(match: readonly string[]): Promise<readonly string[]> {
    using querier = this.#parts.store.querier(...ALWAYS);
    if (match.length === 0) return querier.labelNames([]);
    const lists = await Promise.all(parseSelectors(match).map((matchers) => querier.labelNames(matchers)));
    return [...new Set(lists.flat())].sort(compareUtf8);
  }
  async labelValues(name: string, match: readonly string[]): Promise<readonly string[]> {
    using querier = this.#parts.store.querier(...ALWAYS);
    if (match.length === 0) return querier.labelValues(name, []);
    const lists = await Promise.all(parseSelectors(match).map((matchers) => querier.labelValues(name, matchers)));
    return [...new Set(lists.flat())].sort(compareUtf8);
  }
  async series(match: readonly string[], start: Timestamp, end: Timestamp): Promise<readonly Labels[]> {
    using querier = this.#parts.store.querier(start, end);
    const found = new Map<string, Labels>();
    for (const matchers of parseSelectors(match)) {
      const set = await querier.select(matchers, {
        start,
        end,
        stepMs: 0,
        rangeMs: 0,
        func: "series",
        labelsOnly: true,
      });
      for (const one of set.series) found.set(one.labels.key, one.labels);
    }
    return [...found.values()].sort(compareLabels);
  }
  async metadata(metric?: string): Promise<ReadonlyMap<string, readonly Metadata[]>> {
    return this.#parts.store.metadata(metric);
  }
  alerts(at: Timestamp | "now"): Promise<readonly Alert[]> {
    return alertsAt(this.#parts.journal, at === "now" ? this.#parts.clock.now() : at);
  }
  async rules(): Promise<readonly RuleStatus[]> {
    return [];
  }
  /** The moment the data ends. */
  #end(): Timestamp {
    return this.#parts.stats().maxT ?? this.#parts.clock.now();
  }
  targets(): Promise<readonly TargetStatus[]> {
    return lastTargets(this.#parts.store, this.#end());
  }
  async discovered(): Promise<readonly DiscoveredTarget[]> {
    return [];
  }
  journal(
    kinds: readonly JournalKind[],
    start: Timestamp,
    end: Timestamp,
    limit?: number,
  ): Promise<readonly JournalRecord[]> {
    return this.#parts.journal.scan(kinds, start, end, limit);
  }
  async status(): Promise<EngineStatus> {
    const { place, version, journal } = this.#parts;
    const at = this.#end();
    const targets = await this.targets();
    const firing = (await alertsAt(journal, at)).filter((alert) => alert.state === "firing").length;
    const stats = this.#parts.stats();
    return stoppedStatus({ place, version, held: this.#parts.held, journal, at, targets, firing, stats });
  }
  async command(command: Command): Promise<CommandResult> {
    throw new UserError(
      "not-supported",
      `"${command.kind}" needs a running engine; ${this.#parts.place} is only read`,
      {
        hint: 'start one with "opsmon serve"',
        exit: EXIT.unreachable,
      },
    );
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.#parts.close();
  }
}
