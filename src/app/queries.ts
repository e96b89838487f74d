/**
 * Everything that evaluates for clients and rules: the engine of this thread with its remembered ranges, the query
 * thread beside it, and the one turnstile before both.
 */
import type { EngineServices } from "../api/services.ts";
import type { Labels } from "../model/labels.ts";
import { createEngine, type Engine } from "../promql/engine.ts";
import { CONCURRENCY_DEFAULT, DEFAULT_FEATURES, TIMEOUT_MS_DEFAULT } from "../promql/options.ts";
import { cacheRanges, type CachingEngine } from "../promql/range-cache.ts";
import { Turnstile } from "../promql/turnstile.ts";
import type { Tsdb } from "../tsdb/tsdb.ts";
import type { NativeHistograms } from "./native-histograms.ts";
import type { EngineOptions } from "./options.ts";
import { asideMode, createAside } from "./query-worker/aside.ts";
import { threadCode } from "./query-worker/code.ts";
import { createQueryThread, type QueryThread } from "./query-worker/thread.ts";
import type { Settings } from "./settings.ts";

export interface Queries {
  /** For rules: places of its own, so that no crowd of clients delays an alert. */
  readonly ruleEngine: Engine;
  /** Clearing it clears what the thread remembers as well. */
  readonly evaluator: CachingEngine;
  readonly thread: QueryThread;
  aside(circumstances: AsideCircumstances): NonNullable<EngineServices["aside"]>;
}

interface AsideCircumstances {
  /** Resolves when questions may be answered. */
  readonly started: Promise<void>;
  readonly external: () => Labels;
  readonly histograms: NativeHistograms;
}

/** For tests and for finding faults: `always` or `never` instead of by weight. */
const MODE_VARIABLE = "OPSMON_QUERY_THREAD";
/** Megabytes of JavaScript objects the thread may hold, instead of the usual. */
const HEAP_VARIABLE = "OPSMON_QUERY_THREAD_HEAP_MB";

export function openQueries(options: EngineOptions, settings: Settings, tsdb: Tsdb): Queries {
  const { clock, env } = options;
  const { limits } = settings.config.own;
  const turnstile = new Turnstile(limits.queryConcurrency ?? CONCURRENCY_DEFAULT, clock);
  const timeoutMs = options.queryTimeoutMs ?? limits.queryTimeoutMs ?? TIMEOUT_MS_DEFAULT;
  const features = new Set([...DEFAULT_FEATURES, ...(options.features ?? [])]);
  const maxSamples = limits.querySamplesMax;
  const lookbackMs = options.queryLookbackMs;
  const shared = {
    queryable: tsdb,
    clock,
    features,
    timeoutMs,
    ...(lookbackMs === undefined ? {} : { lookbackMs }),
    ...(maxSamples === undefined ? {} : { maxSamples }),
  };
  const heapMb = Number(env[HEAP_VARIABLE]) || undefined;
  const thread = createQueryThread({
    code: threadCode(),
    store: tsdb,
    clock,
    log: options.log.with({ room: "query" }),
    engine: { features: [...features], timeoutMs, maxSamples, lookbackMs },
    ...(heapMb === undefined ? {} : { heapMb }),
  });
  const evaluator = bothForget(cacheRanges(createEngine({ ...shared, turnstile }), { clock }), thread);
  return {
    ruleEngine: createEngine(shared),
    evaluator,
    thread,
    aside: ({ started, external, histograms }) =>
      createAside({
        mode: asideMode(env[MODE_VARIABLE]),
        thread,
        turnstile,
        clock,
        timeoutMs,
        started,
        external,
        nativeHistograms: () => histograms.metrics(),
        scales: {
          weigh: (matchers, start, end) => tsdb.weigh(matchers, start, end),
          parse: (text) => evaluator.parse(text),
          now: () => clock.now(),
        },
      }),
  };
}

function bothForget(engine: CachingEngine, thread: QueryThread): CachingEngine {
  return {
    parse: (text) => engine.parse(text),
    instant: (expr, at, wishes) => engine.instant(expr, at, wishes),
    range: (expr, start, end, stepMs, wishes) => engine.range(expr, start, end, stepMs, wishes),
    get generation() {
      return engine.generation;
    },
    stats: () => engine.stats(),
    clear() {
      engine.clear();
      thread.forget();
    },
  };
}
