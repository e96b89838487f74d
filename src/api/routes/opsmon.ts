/** `/api/opsmon/v1/*`: journal, status and control for opsmon's own clients. */
import { assert } from "../../base/assert.ts";
import { UserError } from "../../base/errors.ts";
import type { JournalKind } from "../../journal/record.ts";
import { alertToWire, ruleToWire, targetToWire } from "../codec.ts";
import { bodyJson, type Request, type Route, success } from "../http.ts";
import { TIME_MS_MAX } from "../params.ts";
import type { EngineServices } from "../services.ts";
import type { Command } from "../source.ts";

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

function attach(services: EngineServices, { raw }: Request): void {
  assert(raw !== undefined, "an attached screen has a connection");
  const { response } = raw;
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
