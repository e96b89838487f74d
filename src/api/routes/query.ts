/** `/api/v1/query`, `query_range`, `query_exemplars`, `format_query`, `parse_query`. */
import { UserError } from "../../base/errors.ts";
import { AnswerCache } from "../answer-cache.ts";
import { astJson } from "../ast-json.ts";
import { encodePieces } from "../encode.ts";
import { type Answer, type Request, type Route, success, successPieces, successWhole } from "../http.ts";
import { prettyExpr } from "../../promql/pretty.ts";
import { POINTS_PER_SERIES_MAX } from "../../promql/options.ts";
import { parseExpr } from "../../promql/parse.ts";
import type { QueryResult, Value } from "../../promql/value.ts";
import { TIME_MS_MAX } from "../params.ts";
import type { QuestionServices, EvaluateOptions } from "../services.ts";

/** Longest evaluation a client may ask for, ms. */
const TIMEOUT_MS_MAX = 120_000;
/** Answers of so many points are written at once: half a millisecond. */
const WHOLE_POINTS_MAX = 8_192;
/** What the text of a label set weighs against a point's. */
const LABELS_AS_POINTS = 4;

/** Nought is the usual one, as for Prometheus. */
function lookbackOf(request: Request): number | undefined {
  return request.parameters.duration("lookback_delta") || undefined;
}

function optionsOf(request: Request): EvaluateOptions {
  const timeoutMs = request.parameters.duration("timeout");
  const lookbackMs = lookbackOf(request);
  return {
    signal: request.signal,
    ...(timeoutMs === undefined ? {} : { timeoutMs: Math.min(timeoutMs, TIMEOUT_MS_MAX) }),
    ...(lookbackMs === undefined ? {} : { lookbackMs }),
  };
}

function expression(request: Request): string {
  const expr = request.parameters.text("query");
  if (expr === undefined) {
    throw new UserError(
      "bad-parameter",
      'invalid parameter "query": unknown position: parse error: no expression found in input',
    );
  }
  return expr;
}

/** Prometheus says which parameter holds the mistake. */
function naming<T>(evaluation: Promise<T>): Promise<T> {
  return evaluation.catch((error: unknown) => {
    if (error instanceof UserError && error.code === "promql-parse") {
      throw new UserError(error.code, `invalid parameter "query": ${error.message}`, {
        hint: error.hint,
        cause: error,
      });
    }
    throw error;
  });
}

/** What Prometheus counts of an evaluation; its phases are one to us. */
function statsText({ stats }: QueryResult): string {
  const seconds = stats.elapsedMs / 1_000;
  return JSON.stringify({
    timings: {
      evalTotalTime: seconds,
      resultSortTime: 0,
      queryPreparationTime: 0,
      innerEvalTime: seconds,
      execQueueTime: 0,
      execTotalTime: seconds,
    },
    samples: { totalQueryableSamples: stats.samplesRead, peakSamples: stats.samplesRead },
  });
}

/** Puts the statistics before the last brace. */
function* withStats(pieces: Iterable<string | Buffer>, stats: string): Generator<string | Buffer> {
  let before: string | Buffer | undefined;
  for (const piece of pieces) {
    if (before !== undefined) yield before;
    before = piece;
  }
  yield `${String(before).slice(0, -1)},"stats":${stats}}`;
}

function answer(request: Request, result: QueryResult, limit: number): Answer {
  const { pieces, truncated } = encodePieces(result.value, limit);
  const wanted = request.parameters.text("stats") !== undefined;
  const data = wanted ? withStats(pieces, statsText(result)) : pieces;
  const warnings = truncated ? [...result.warnings, "results truncated due to limit"] : result.warnings;
  const notes = { warnings, infos: result.infos };
  return pointsOf(result.value) <= WHOLE_POINTS_MAX ? successWhole(data, notes) : successPieces(data, notes);
}

function pointsOf(value: Value): number {
  if (value.kind === "matrix") return value.series.reduce((sum, { t }) => sum + t.length + LABELS_AS_POINTS, 0);
  return value.kind === "vector" ? value.samples.length * LABELS_AS_POINTS : 1;
}

/** Names a range query by what its answer depends on; undefined when that is more than data: timings. */
function rangeKey(request: Request, window: readonly number[]): string | undefined {
  if (request.parameters.text("stats") !== undefined) return undefined;
  return `${window.join(" ")} ${lookbackOf(request) ?? ""} ${expression(request)}`;
}

export function queryRoutes(services: QuestionServices): readonly Route[] {
  const answers = new AnswerCache(() => services.now());
  return [
    {
      methods: ["GET", "POST"],
      path: "/api/v1/query",
      async handle(request) {
        const limit = request.parameters.limit();
        const at = request.parameters.time("time", services.now());
        const expr = expression(request);
        return answer(request, await naming(services.evaluator.instant(expr, at, optionsOf(request))), limit);
      },
    },
    {
      methods: ["GET", "POST"],
      path: "/api/v1/query_range",
      async handle(request) {
        const limit = request.parameters.limit();
        const start = request.parameters.requiredTime("start");
        const end = request.parameters.requiredTime("end");
        if (end < start)
          throw new UserError("bad-parameter", 'invalid parameter "end": end timestamp must not be before start time');
        const stepMs = request.parameters.requiredDuration("step");
        if (stepMs <= 0) {
          throw new UserError(
            "bad-parameter",
            'invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer',
          );
        }
        if ((end - start) / stepMs > POINTS_PER_SERIES_MAX) {
          throw new UserError(
            "bad-parameter",
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
          );
        }
        const { evaluator } = services;
        const options = optionsOf(request);
        const key = rangeKey(request, [start, end, stepMs, limit]);
        const generation = evaluator.generation();
        const known = key === undefined ? undefined : answers.get(key, generation);
        if (known !== undefined) return known;
        const result = await naming(evaluator.range(expression(request), start, end, stepMs, options));
        const made = answer(request, result, limit);
        return key === undefined || result.lasting !== true ? made : answers.keeping(key, generation, made);
      },
    },
    {
      methods: ["GET", "POST"],
      path: "/api/v1/query_exemplars",
      handle: async (request) => {
        const start = request.parameters.time("start", -TIME_MS_MAX);
        const end = request.parameters.time("end", TIME_MS_MAX);
        if (end < start) throw new UserError("bad-parameter", "end timestamp must not be before start timestamp");
        parseNamed(expression(request));
        return success([]);
      },
    },
    {
      methods: ["GET", "POST"],
      path: "/api/v1/format_query",
      handle: async (request) => success(prettyExpr(parseNamed(expression(request)))),
    },
    {
      methods: ["GET", "POST"],
      path: "/api/v1/parse_query",
      handle: async (request) => success(astJson(parseNamed(expression(request)))),
    },
  ];
}

function parseNamed(text: string): ReturnType<typeof parseExpr> {
  try {
    return parseExpr(text);
  } catch (error) {
    if (error instanceof UserError)
      throw new UserError(error.code, `invalid parameter "query": ${error.message}`, { cause: error });
    throw error;
  }
}
