/**
 * The query engine: text or tree in, value out. See `evaluate.ts` for how.
 *
 * Errors are UserErrors: `promql-parse` (bad expression), `promql-execution` (a rule of the language was broken by
 * the data), `promql-limit` (too many samples or series), `promql-timeout`, `promql-canceled`, `promql-busy`.
 */
import type { Expr } from "./ast.ts";
import type { EngineOptions, EngineResult, QueryOptions } from "./options.ts";

export interface Engine {
  /** Evaluates at one time, unix ms. */
  instant(expr: string | Expr, atMs: number, options?: QueryOptions): Promise<EngineResult>;
  /** Evaluates at `startMs`, `startMs + stepMs` … up to `endMs`, both included. */
  range(expr: string | Expr, startMs: number, endMs: number, stepMs: number, options?: QueryOptions): Promise<EngineResult>;
}

export function createEngine(options: EngineOptions): Engine {
  const refuse = (): Promise<EngineResult> => Promise.reject(new Error(`engine over ${typeof options.queryable}`));
  return { instant: refuse, range: refuse };
}
