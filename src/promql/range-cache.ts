/**
 * Range results kept for panels that slide: a query that was asked a moment ago is evaluated only where its window
 * is new. An engine around an engine: same questions, same answers.
 *
 * Each step of a range query is its own evaluation, so steps that have settled can be kept, unless the expression
 * asks about the query's own window (`@ end()`), looks ahead, or is pinned by `@`. Samples may still arrive late
 * for a minute, so the last minute is never kept, and an entry starts afresh after some minutes.
 */
import type { Clock } from "../base/clock.ts";
import { compareUtf8 } from "../model/labels.ts";
import type { Expr } from "./ast.ts";
import { isCacheable } from "./cacheable.ts";
import type { Engine } from "./engine.ts";
import type { EngineResult, QueryOptions } from "./options.ts";
import { firstAfter } from "./select.ts";
import { SharedRuns } from "./shared-runs.ts";
import type { MatrixSeries } from "./value.ts";

/** Youngest result kept: scrapes and remote writes of a minute ago have arrived. */
export const SETTLED_MS = 60_000;
/** Longest life of an entry: what arrived later than that minute, or was deleted, shows after this. */
const ENTRY_LIFE_MS = 300_000;
/** All results kept together. */
const CACHE_BYTES_DEFAULT: number = 64 * 1024 * 1024;
/** A series' labels, arrays' heads and map entry beside its points. */
const SERIES_BYTES = 200;

export interface RangeCacheOptions {
  readonly clock: Clock;
  readonly maxBytes?: number;
}

export interface CachingEngine extends Engine {
  /** Forgets everything: after a deletion or an import. */
  clear(): void;
  /** Raised by `clear`: what was answered before may no longer hold. */
  readonly generation: number;
  stats(): { readonly entries: number; readonly bytes: number; readonly hits: number; readonly misses: number };
}

interface Entry {
  readonly startMs: number;
  /** Last settled step, included. */
  readonly endMs: number;
  readonly series: readonly MatrixSeries[];
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
  readonly resolutionMs: number;
  readonly bornMs: number;
  readonly bytes: number;
}

export function cacheRanges(engine: Engine, options: RangeCacheOptions): CachingEngine {
  return new RangeCache(engine, options);
}

class RangeCache implements CachingEngine {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #maxBytes: number;
  readonly #shared = new SharedRuns<EngineResult>();
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;
  #generation = 0;
  #hits = 0;
  #misses = 0;

  constructor(engine: Engine, options: RangeCacheOptions) {
    this.#engine = engine;
    this.#clock = options.clock;
    this.#maxBytes = options.maxBytes ?? CACHE_BYTES_DEFAULT;
  }

  parse(text: string): Expr {
    return this.#engine.parse(text);
  }

  instant(expr: string | Expr, atMs: number, options?: QueryOptions): Promise<EngineResult> {
    return this.#engine.instant(expr, atMs, options);
  }

  async range(
    input: string | Expr,
    startMs: number,
    endMs: number,
    stepMs: number,
    options: QueryOptions = {},
  ): Promise<EngineResult> {
    const plain = typeof input !== "string" || options.explain === true || !(stepMs > 0) || !(endMs >= startMs);
    if (plain || !isCacheable(this.#engine.parse(input))) {
      return this.#engine.range(input, startMs, endMs, stepMs, options);
    }
    const { signal, ...limits } = options;
    // Grids of one step that start at different phases share no point in time.
    const phase = ((startMs % stepMs) + stepMs) % stepMs;
    const key = JSON.stringify([input, stepMs, phase, limits]);
    const lastMs = startMs + Math.floor((endMs - startMs) / stepMs) * stepMs;
    return this.#shared.run(`${key} ${startMs} ${lastMs}`, signal, (shared) =>
      this.#answer(key, input, { startMs, lastMs, stepMs }, { ...limits, signal: shared }),
    );
  }

  get generation(): number {
    return this.#generation;
  }

  clear(): void {
    this.#generation++;
    this.#entries.clear();
    this.#bytes = 0;
  }

  stats(): { readonly entries: number; readonly bytes: number; readonly hits: number; readonly misses: number } {
    return { entries: this.#entries.size, bytes: this.#bytes, hits: this.#hits, misses: this.#misses };
  }

  async #answer(
    key: string,
    text: string,
    window: { readonly startMs: number; readonly lastMs: number; readonly stepMs: number },
    options: QueryOptions,
  ): Promise<EngineResult> {
    const started = this.#clock.monotonic();
    const { startMs, lastMs, stepMs } = window;
    const generation = this.#generation;
    // As seen when the evaluation begins: what arrives while it runs is not in its answer.
    const settledMs = this.#clock.now() - SETTLED_MS;
    const lasting = lastMs <= settledMs;
    const kept = this.#usable(key, startMs);
    if (kept === undefined) {
      this.#misses++;
      const result = await this.#engine.range(text, startMs, lastMs, stepMs, options);
      if (generation === this.#generation)
        this.#keep(key, window, result, { bornMs: this.#clock.monotonic(), settledMs });
      return { ...result, lasting };
    }
    this.#hits++;
    const old = kept.series.flatMap((series) => slice(series, startMs, Math.min(kept.endMs, lastMs)));
    const base = { warnings: kept.warnings, infos: kept.infos, explain: undefined, lasting };
    if (kept.endMs >= lastMs) {
      const stats = { seriesRead: 0, samplesRead: 0, resolutionMs: kept.resolutionMs };
      const elapsedMs = this.#clock.monotonic() - started;
      return { ...base, value: { kind: "matrix", series: old }, stats: { ...stats, elapsedMs } };
    }
    const fresh = await this.#engine.range(text, kept.endMs + stepMs, lastMs, stepMs, options);
    const result: EngineResult = {
      value: { kind: "matrix", series: join(old, matrixOf(fresh)) },
      warnings: union(kept.warnings, fresh.warnings),
      infos: union(kept.infos, fresh.infos),
      stats: { ...fresh.stats, elapsedMs: this.#clock.monotonic() - started },
      explain: undefined,
      lasting,
    };
    if (generation === this.#generation) this.#keep(key, window, result, { bornMs: kept.bornMs, settledMs });
    return result;
  }

  #usable(key: string, startMs: number): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    const covers = entry.startMs <= startMs && entry.endMs >= startMs;
    return covers && this.#clock.monotonic() - entry.bornMs < ENTRY_LIFE_MS ? entry : undefined;
  }

  #keep(
    key: string,
    { startMs, lastMs, stepMs }: { readonly startMs: number; readonly lastMs: number; readonly stepMs: number },
    result: EngineResult,
    { bornMs, settledMs }: { readonly bornMs: number; readonly settledMs: number },
  ): void {
    this.#drop(key);
    const settled = Math.min(lastMs, settledMs);
    const endMs = startMs + Math.floor((settled - startMs) / stepMs) * stepMs;
    if (endMs < startMs) return;
    const series = matrixOf(result).flatMap((one) => slice(one, startMs, endMs));
    const bytes = series.reduce((sum, { t }) => sum + t.length * 16 + SERIES_BYTES, key.length);
    if (bytes > this.#maxBytes / 4) return;
    const { warnings, infos } = result;
    const { resolutionMs } = result.stats;
    this.#entries.set(key, { startMs, endMs, series, warnings, infos, resolutionMs, bornMs, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    this.#bytes -= this.#entries.get(key)?.bytes ?? 0;
    this.#entries.delete(key);
  }
}

function matrixOf(result: EngineResult): readonly MatrixSeries[] {
  return result.value.kind === "matrix" ? result.value.series : [];
}

/** Points from `startMs` to `endMs`, both included; nothing when there are none. */
function slice(series: MatrixSeries, startMs: number, endMs: number): readonly MatrixSeries[] {
  const from = firstAfter(series.t, 0, series.t.length, startMs - 1);
  const to = firstAfter(series.t, from, series.t.length, endMs);
  if (from === to) return [];
  if (from === 0 && to === series.t.length) return [series];
  return [{ labels: series.labels, t: series.t.subarray(from, to), v: series.v.subarray(from, to) }];
}

/** Series of two stretches, the second after the first, sorted by labels. */
function join(old: readonly MatrixSeries[], fresh: readonly MatrixSeries[]): readonly MatrixSeries[] {
  const byKey = new Map(old.map((series) => [series.labels.key, series]));
  for (const series of fresh) {
    const before = byKey.get(series.labels.key);
    byKey.set(series.labels.key, before === undefined ? series : append(before, series));
  }
  return [...byKey.values()].sort((a, b) => compareUtf8(a.labels.key, b.labels.key));
}

function append(a: MatrixSeries, b: MatrixSeries): MatrixSeries {
  const t = new Float64Array(a.t.length + b.t.length);
  const v = new Float64Array(t.length);
  t.set(a.t);
  t.set(b.t, a.t.length);
  v.set(a.v);
  v.set(b.v, a.v.length);
  return { labels: a.labels, t, v };
}

function union(a: readonly string[], b: readonly string[]): readonly string[] {
  return b.length === 0 ? a : [...new Set([...a, ...b])];
}
