/** `/api/opsmon/v1/*`: batched panels, journal, status and control for opsmon's own clients. */
import { UserError, errorText } from "../../base/errors.ts";
import type { JournalKind } from "../../journal/record.ts";
import { POINTS_PER_SERIES_MAX } from "../../promql/options.ts";
import { encodePieces } from "../encode.ts";
import { alertToWire, ruleToWire, targetToWire } from "../codec.ts";
import { type Request, type Route, success, successPieces } from "../http.ts";
import { TIME_MS_MAX } from "../params.ts";
import type { EngineServices } from "../services.ts";
import type { BatchQuery, Command } from "../source.ts";

/** Queries one batch may carry: every panel of every view is under 400. */
const BATCH_MAX = 1_000;
const JOURNAL_LIMIT = 1_000;
const JOURNAL_LIMIT_MAX = 100_000;
/** How often an attached screen hears from the engine, ms. */
const HEARTBEAT_MS = 5_000;
const JOURNAL_KINDS: readonly JournalKind[] = ["transition", "evaluation", "delivery", "rule-version", "mark", "note"];
const COMMANDS: readonly Command["kind"][] = [
  "mark",
  "silence",
  "expire-silence",
  "ack",
  "add-target",
  "notify-test",
  "reload",
];

function bodyJson(request: Request): unknown {
  try {
    return JSON.parse(request.body.toString("utf8"));
  } catch (cause) {
    throw new UserError("bad-body", "request body is not JSON", { cause });
  }
}

function batchOf(request: Request): readonly BatchQuery[] {
  const queries = (bodyJson(request) as { queries?: unknown } | null)?.queries;
  if (!Array.isArray(queries) || queries.length > BATCH_MAX) {
    throw new UserError("bad-body", `body must hold "queries", a list of at most ${BATCH_MAX}`);
  }
  return queries.map((one: Partial<BatchQuery> | null) => {
    const { id, expr, start, end, stepMs } = one ?? {};
    const whole = [start, end, stepMs].every((n) => Number.isSafeInteger(n));
    if (typeof id !== "string" || typeof expr !== "string" || !whole) {
      throw new UserError("bad-body", "every query needs id, expr, start, end and stepMs (whole milliseconds)");
    }
    return one as BatchQuery;
  });
}

async function* answerOne(
  services: EngineServices,
  query: BatchQuery,
  request: Request,
): AsyncGenerator<string | Buffer> {
  const id = JSON.stringify(query.id);
  try {
    if (query.stepMs > 0 && (query.end - query.start) / query.stepMs > POINTS_PER_SERIES_MAX) {
      throw new UserError("bad-parameter", `more than ${POINTS_PER_SERIES_MAX} points per series`);
    }
    const options = { signal: request.signal };
    const result =
      query.stepMs > 0
        ? await services.evaluator.range(query.expr, query.start, query.end, query.stepMs, options)
        : await services.evaluator.instant(query.expr, query.end, options);
    const notes = `"warnings":${JSON.stringify(result.warnings)},"infos":${JSON.stringify(result.infos)}`;
    yield `{"id":${id},"ok":true,${notes},"stats":${JSON.stringify(result.stats)},"data":`;
    yield* encodePieces(result.value).pieces;
    yield "}";
  } catch (error) {
    yield `{"id":${id},"ok":false,"error":${JSON.stringify(errorText(error))}}`;
  }
}

async function* batch(
  services: EngineServices,
  queries: readonly BatchQuery[],
  request: Request,
): AsyncGenerator<string | Buffer> {
  yield "[";
  // One after the other: panels of one screen must not crowd out another client's query.
  let separator = "";
  for (const query of queries) {
    yield separator;
    yield* answerOne(services, query, request);
    separator = ",";
  }
  yield "]";
}

function attach(services: EngineServices, request: Request): void {
  const { response } = request.raw;
  response.writeHead(200, { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" });
  response.write("attached\n");
  services.attached(1);
  const heartbeat = setInterval(() => response.write("\n"), HEARTBEAT_MS);
  response.once("close", () => {
    clearInterval(heartbeat);
    services.attached(-1);
  });
}

export function opsmonRoutes(services: EngineServices): readonly Route[] {
  const get = (path: string, data: (request: Request) => Promise<unknown>): Route => ({
    methods: ["GET"],
    path: `/api/opsmon/v1/${path}`,
    handle: async (request) => success(await data(request)),
  });
  return [
    get("status", () => services.status()),
    get("targets", async () => services.targets().map(targetToWire)),
    get("discovered", () => services.discovered()),
    get("rules", async () => services.rules().map(ruleToWire)),
    get("alerts", async (request) => {
      const at = request.parameters.text("at") === undefined ? "now" : request.parameters.requiredTime("at");
      return (await services.alerts(at)).map(alertToWire);
    }),
    get("silences", async () => services.silences()),
    get("cardinality", (request) => services.cardinality(request.parameters.limit() || 20)),
    get("journal", async (request) => {
      const asked = request.parameters.list("kind");
      const kinds = JOURNAL_KINDS.filter((kind) => asked.length === 0 || asked.includes(kind));
      const limit = Math.min(request.parameters.limit() || JOURNAL_LIMIT, JOURNAL_LIMIT_MAX);
      const start = request.parameters.time("start", -TIME_MS_MAX);
      return services.journal(kinds, start, request.parameters.time("end", TIME_MS_MAX), limit);
    }),
    get("explain", async (request) => {
      const { parameters, signal } = request;
      const end = parameters.time("end", services.now());
      const start = parameters.time("start", end);
      const stepMs = parameters.duration("step") ?? 0;
      const expr = parameters.text("query") ?? "";
      const options = { signal, explain: true };
      const { evaluator } = services;
      const result =
        stepMs > 0
          ? await evaluator.range(expr, start, end, stepMs, options)
          : await evaluator.instant(expr, end, options);
      return { tree: result.explain, stats: result.stats };
    }),
    {
      methods: ["POST"],
      path: "/api/opsmon/v1/batch",
      handle: async (request) => successPieces(batch(services, batchOf(request), request), { warnings: [], infos: [] }),
    },
    {
      methods: ["POST"],
      path: "/api/opsmon/v1/command",
      async handle(request) {
        const command = bodyJson(request) as Command | null;
        if (command === null || !COMMANDS.includes(command.kind)) {
          throw new UserError("bad-body", `body must be a command: one of ${COMMANDS.join(", ")}`);
        }
        return success(await services.command(command));
      },
    },
    {
      methods: ["GET"],
      path: "/api/opsmon/v1/attach",
      async handle(request) {
        await services.ready();
        if (!request.signal.aborted) attach(services, request);
        return undefined;
      },
    },
  ];
}
