/**
 * What one running query shares between its nodes: limits, deadline, cancelling, annotations, explain data, and the
 * access to stored series. A long evaluation lets other work of the process run every few milliseconds, so that a
 * scrape beside it is not late.
 */
import type { Clock } from "../base/clock.ts";
import { UserError } from "../base/errors.ts";
import { leftOfTurn, nextTurn } from "../base/turns.ts";
import type { Labels } from "../model/labels.ts";
import type { Querier } from "../storage/storage.ts";
import type { Expr, Span } from "./ast.ts";
import type { Annotations } from "./annotations.ts";
import type { Block, Grid, QueryGrid, VectorBlock } from "./block.ts";
import { BlockBuilder } from "./block.ts";
import type { Explain } from "./explain.ts";
import { areDistinct, withoutNames } from "./label-sets.ts";
import type { SeriesCache } from "./select.ts";

interface QueryLimits {
  readonly maxSamples: number;
  readonly maxSeries: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

export interface ContextOptions {
  readonly clock: Clock;
  readonly limits: QueryLimits;
  readonly lookbackMs: number;
  readonly subqueryStepMs: number;
  readonly delayedNames: boolean;
  /** The whole query's times: what `@ start()` and `@ end()` name. */
  readonly query: QueryGrid;
  readonly querier: Querier;
  readonly series: SeriesCache;
  readonly annotations: Annotations;
  readonly explain: Explain;
  readonly evaluate: (expr: Expr, grid: Grid, ctx: EvalContext) => Promise<Block>;
}

export class EvalContext {
  readonly lookbackMs: number;
  readonly subqueryStepMs: number;
  /** Metric names are removed at the end instead of at once. */
  readonly delayedNames: boolean;
  readonly query: QueryGrid;
  readonly querier: Querier;
  readonly series: SeriesCache;
  readonly annotations: Annotations;
  readonly explain: Explain;
  readonly #options: ContextOptions;
  readonly #clock: Clock;
  readonly #deadline: number;
  #sliceEnd: number;
  #live = 0;
  #since = 0;

  constructor(options: ContextOptions) {
    this.#options = options;
    this.lookbackMs = options.lookbackMs;
    this.subqueryStepMs = options.subqueryStepMs;
    this.delayedNames = options.delayedNames;
    this.query = options.query;
    this.querier = options.querier;
    this.series = options.series;
    this.annotations = options.annotations;
    this.explain = options.explain;
    this.#clock = options.clock;
    const now = options.clock.monotonic();
    this.#deadline = now + options.limits.timeoutMs;
    this.#sliceEnd = now + leftOfTurn();
  }

  evaluate(expr: Expr, grid: Grid): Promise<Block> {
    return this.#options.evaluate(expr, grid, this);
  }

  async vector(expr: Expr, grid: Grid): Promise<VectorBlock> {
    return (await this.evaluate(expr, grid)) as VectorBlock;
  }

  async scalar(expr: Expr, grid: Grid): Promise<Float64Array> {
    const block = await this.evaluate(expr, grid);
    return block.kind === "scalar" ? block.values : new Float64Array(grid.steps).fill(Number.NaN);
  }

  async text(expr: Expr, grid: Grid): Promise<string> {
    const block = await this.evaluate(expr, grid);
    return block.kind === "string" ? block.value : "";
  }

  /** True when it is time to call {@link pause}; cheap enough for inner loops. */
  due(work = 1): boolean {
    this.#since += work;
    if (this.#since < 64) return false;
    this.#since = 0;
    return this.#clock.monotonic() >= this.#sliceEnd;
  }

  /** Lets other work run, then goes on. @throws UserError `promql-timeout`, `promql-canceled`. */
  async pause(): Promise<void> {
    await nextTurn();
    this.checkAlive();
    this.#sliceEnd = this.#clock.monotonic() + leftOfTurn();
  }

  checkAlive(): void {
    if (this.#options.limits.signal?.aborted === true) {
      throw new UserError("promql-canceled", "query was canceled in expression evaluation", { exit: 5 });
    }
    if (this.#clock.monotonic() > this.#deadline) {
      // What was left on the way here has many digits.
      const seconds = Number((this.#options.limits.timeoutMs / 1000).toPrecision(3));
      throw new UserError("promql-timeout", `query timed out in expression evaluation after ${seconds} s`, {
        exit: 5,
        hint: "ask for a shorter range, a larger step or fewer series",
      });
    }
  }

  /** Cells and samples now held. */
  get live(): number {
    return this.#live;
  }
  set live(cells: number) {
    this.#live = cells;
  }

  /** Counts values about to be held. @throws UserError `promql-limit`. */
  hold(cells: number): void {
    this.#live += cells;
    if (this.#live > this.#options.limits.maxSamples) {
      throw new UserError(
        "promql-limit",
        `query processing would load too many samples into memory in expression evaluation: more than ${this.#options.limits.maxSamples}`,
        { exit: 5, hint: "ask for a shorter range, a larger step or fewer series" },
      );
    }
  }

  /** @throws UserError `promql-limit` when a node would return this many series. */
  checkSeries(count: number): void {
    if (count > this.#options.limits.maxSeries) {
      throw new UserError(
        "promql-limit",
        `query would touch ${count} series, more than the ${this.#options.limits.maxSeries} allowed`,
        { exit: 5, hint: "narrow the selector" },
      );
    }
  }

  builder(steps: number): BlockBuilder {
    return new BlockBuilder(steps, (cells) => this.hold(cells));
  }

  /** Two columns for so many rows. */
  columns(rows: number, steps: number): { readonly values: Float64Array; readonly present: Uint8Array } {
    this.checkSeries(rows);
    this.hold(rows * steps);
    return { values: new Float64Array(rows * steps), present: new Uint8Array(rows * steps) };
  }

  warn(message: string, span: Span): void {
    this.annotations.add("warning", message, span);
  }
  info(message: string, span: Span): void {
    this.annotations.add("info", message, span);
  }

  /**
   * Makes a result whose elements lose their metric names, at once or marked for the end.
   *
   * @throws UserError `promql-execution` when two elements would then be the same at one time.
   */
  nameless(block: VectorBlock): VectorBlock {
    if (this.delayedNames) {
      return { ...block, dropName: new Uint8Array(block.labels.length).fill(1) };
    }
    return this.distinct({ ...block, labels: withoutNames(block.labels), dropName: undefined });
  }

  /** Merges rows of equal labels that never meet in time. @throws UserError `promql-execution` when they do. */
  distinct(block: VectorBlock): VectorBlock {
    if (areDistinct(block.labels)) return block;
    const builder = this.builder(block.steps);
    block.labels.forEach((labels, from) => {
      const row = builder.row(labels, block.dropName?.[from] === 1);
      for (let step = 0; step < block.steps; step++) {
        const cell = from * block.steps + step;
        if (block.present[cell] === 1 && !builder.set(row, step, block.values[cell] as number)) {
          throw sameLabels(labels);
        }
      }
    });
    return builder.finish();
  }
}

function sameLabels(labels: Labels): UserError {
  return new UserError("promql-execution", "vector cannot contain metrics with the same labelset", {
    hint: `two elements would both be ${labels.size === 0 ? "{}" : labels.toString()}`,
  });
}

/** An error of the running query: the data broke a rule of the language. */
export function executionError(message: string, hint?: string): UserError {
  return new UserError("promql-execution", message, { hint });
}
