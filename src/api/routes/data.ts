/**
 * Whole stores in and out: `backup` writes a directory on this machine, `import` takes a piece of an OpenMetrics file,
 * or series as remote write packs them, which keep their stale markers.
 * A backup names a path, so it is taken only on the unix socket, whose users could write there themselves.
 */
import { UserError, errorText } from "../../base/errors.ts";
import { decodeWriteRequest, REMOTE_HEADERS } from "../../remote/codec.ts";
import { type Answer, type Request, type Route, success } from "../http.ts";
import type { BackupStep, EngineServices } from "../services.ts";

function targetOf(request: Request): string {
  if (request.raw?.request.socket.remoteAddress !== undefined) {
    throw new UserError("not-supported", "a backup is asked for on the engine's unix socket", {
      hint: "run opsmon backup on the machine of the engine",
    });
  }
  const target = request.parameters.text("target") ?? "";
  if (!target.startsWith("/")) throw new UserError("bad-parameter", `"${target}" is not an absolute path`);
  return target;
}

/** One JSON object a line; the last one has `done` or `error`. */
async function* lines(steps: AsyncIterable<BackupStep>): AsyncGenerator<string> {
  try {
    for await (const step of steps) yield `${JSON.stringify(step)}\n`;
  } catch (error) {
    const { code, hint, exit } =
      error instanceof UserError ? error : { code: "backup-failed", hint: undefined, exit: 3 };
    yield `${JSON.stringify({ error: errorText(error), code, hint, exit })}\n`;
  }
}

export function dataRoutes(services: EngineServices): readonly Route[] {
  return [
    {
      methods: ["POST"],
      path: "/api/opsmon/v1/backup",
      handle: async (request): Promise<Answer> => ({
        status: 200,
        type: "application/jsonl",
        body: lines(services.backup(targetOf(request))),
      }),
    },
    {
      methods: ["POST"],
      path: "/api/opsmon/v1/import",
      handle: async ({ headers, body }) =>
        success(
          headers["content-type"] === REMOTE_HEADERS["Content-Type"]
            ? await services.importSeries(decodeWriteRequest(body))
            : await services.importText(body.toString("utf8")),
        ),
    },
  ];
}
