/**
 * The query engine: text or tree in, value out. See `evaluate.ts` for how.
 *
 * Errors are UserErrors: `promql-parse` (bad expression), `promql-execution` (a rule of the language was broken by
 * the data), `promql-limit` (too many samples or series), `promql-timeout`, `promql-canceled`, `promql-busy`.
 */
import { EXIT, UserError } from "../base/errors.ts";
import { Annotations } from "./annotations.ts";
import type { Expr } from "./ast.ts";
import type { Grid, QueryGrid } from "./block.ts";
import { timeBounds } from "./bounds.ts";
import { exprType } from "./check.ts";
import { EvalContext } from "./context.ts";
import { checkDurations } from "./durations.ts";
import { evaluate } from "./evaluate.ts";
import { Explain } from "./explain.ts";
import {
  CONCURRENCY_DEFAULT,
  DEFAULT_FEATURES,
  type EngineOptions,
  type EngineResult,
  LOOKBACK_MS_DEFAULT,
  type QueryOptions,
  SAMPLES_MAX_DEFAULT,
  SERIES_MAX_DEFAULT,
  SUBQUERY_STEP_MS_DEFAULT,
  TIMEOUT_MS_DEFAULT,
} from "./options.ts";
import { parseExpr, sourceOf } from "./parse.ts";
import { instantValue, rangeValue } from "./result.ts";
import { SeriesCache } from "./select.ts";
import { Turnstile } from "./turnstile.ts";
import type { Value } from "./value.ts";

export interface Engine {
  /** Evaluates at one time, unix ms. */
  instant(expr: string | Expr, atMs: number, options?: QueryOptions): Promise<EngineResult>;
  /** Evaluates at `startMs`, `startMs + stepMs` … up to `endMs`, both included. */
  range(
    expr: string | Expr,
    startMs: number,
    endMs: number,
    stepMs: number,
    options?: QueryOptions,
  ): Promise<EngineResult>;
  /** Parses with the engine's features; repeated texts are read once. @throws UserError `promql-parse`. */
  parse(text: string): Expr;
}

/** Parsed texts kept: dashboards and rules ask the same few again and again. */
const PARSED_MAX = 2_000;

export function createEngine(options: EngineOptions): Engine {
  return new QueryEngine(options);
}

class QueryEngine implements Engine {
  readonly #options: EngineOptions;
  readonly #turnstile: Turnstile;
  readonly #features: ReadonlySet<string>;
  readonly #parsed = new Map<string, Expr>();

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#features = options.features ?? DEFAULT_FEATURES;
    this.#turnstile = options.turnstile ?? new Turnstile(options.maxConcurrency ?? CONCURRENCY_DEFAULT, options.clock);
  }

  parse(text: string): Expr {
    let expr = this.#parsed.get(text);
    if (expr === undefined) {
      expr = parseExpr(text, { features: this.#features });
      if (this.#parsed.size >= PARSED_MAX) this.#parsed.clear();
      this.#parsed.set(text, expr);
    }
    return expr;
  }

  async instant(input: string | Expr, atMs: number, wishes: QueryOptions = {}): Promise<EngineResult> {
    const expr = typeof input === "string" ? this.parse(input) : input;
    return this.#run(expr, { startMs: atMs, stepMs: 0, steps: 1, endMs: atMs }, wishes, (ctx, grid) =>
      instantValue(expr, grid, ctx),
    );
  }

  async range(
    input: string | Expr,
    startMs: number,
    endMs: number,
    stepMs: number,
    wishes: QueryOptions = {},
  ): Promise<EngineResult> {
    const expr = typeof input === "string" ? this.parse(input) : input;
    const type = exprType(expr);
    if (type !== "scalar" && type !== "instant vector") {
      throw new UserError(
        "promql-parse",
        `invalid expression type "${type}" for range query, must be Scalar or instant Vector`,
        { exit: EXIT.usage },
      );
    }
    if (!(stepMs > 0) || !(endMs >= startMs)) {
      throw new UserError(
        "promql-parse",
        `a range query goes forward in steps, not ${stepMs} ms from ${startMs} to ${endMs}`,
        {
          exit: EXIT.usage,
        },
      );
    }
    const steps = Math.floor((endMs - startMs) / stepMs) + 1;
    return this.#run(expr, { startMs, stepMs, steps, endMs }, wishes, (ctx, grid) => rangeValue(expr, grid, ctx));
  }

  async #run(
    expr: Expr,
    grid: QueryGrid,
    wishes: QueryOptions,
    evaluateValue: (ctx: EvalContext, grid: Grid) => Promise<Value>,
  ): Promise<EngineResult> {
    const { clock, queryable } = this.#options;
    checkDurations(expr, grid, sourceOf(expr));
    const started = clock.monotonic();
    const timeoutMs = wishes.timeoutMs ?? this.#options.timeoutMs ?? TIMEOUT_MS_DEFAULT;
    using _turn = await this.#turnstile.enter(timeoutMs, wishes.signal);
    const lookbackMs = wishes.lookbackMs ?? this.#options.lookbackMs ?? LOOKBACK_MS_DEFAULT;
    const bounds = timeBounds(expr, grid, lookbackMs);
    using querier = queryable.querier(bounds.minMs, bounds.maxMs);
    const annotations = new Annotations();
    const series = new SeriesCache(querier, (message) => annotations.add("warning", message, undefined));
    const ctx = new EvalContext({
      clock,
      limits: {
        maxSamples: wishes.maxSamples ?? this.#options.maxSamples ?? SAMPLES_MAX_DEFAULT,
        maxSeries: this.#options.maxSeries ?? SERIES_MAX_DEFAULT,
        timeoutMs: Math.max(0, timeoutMs - (clock.monotonic() - started)),
        signal: wishes.signal,
      },
      lookbackMs,
      subqueryStepMs: this.#options.subqueryStepMs ?? SUBQUERY_STEP_MS_DEFAULT,
      delayedNames: this.#features.has("promql-delayed-name-removal"),
      query: grid,
      querier,
      series,
      annotations,
      explain: new Explain(wishes.explain === true ? clock : undefined, series.stats),
      evaluate,
    });
    ctx.checkAlive();
    const value = await evaluateValue(ctx, grid);
    const source = sourceOf(expr);
    return {
      value,
      warnings: annotations.texts("warning", source),
      infos: annotations.texts("info", source),
      stats: { ...series.stats, elapsedMs: clock.monotonic() - started },
      explain: ctx.explain.root,
    };
  }
}
