/**
 * The HTTP server: one handler for the unix socket and for TCP. It knows routes and limits, not rooms; `app` gives
 * it the services. No request can throw into the process.
 */
import { chmodSync, existsSync, unlinkSync } from "node:fs";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Server as TlsServer } from "node:tls";
import { EXIT, UserError, errorText } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { crowded, nextTurn } from "../base/turns.ts";
import { failure, failureOf, matchRoute, parametersOf, readBody, type Route } from "./http.ts";
import {
  assertSafe,
  createListener,
  freeSocketPath,
  isLoopback,
  listenAt,
  listening,
  listenOnPath,
} from "./listener.ts";
import { questionRoutes } from "./questions.ts";
import { alertRoutes } from "./routes/alerts.ts";
import { dataRoutes } from "./routes/data.ts";
import { lifecycleRoutes } from "./routes/lifecycle.ts";
import { opsmonRoutes } from "./routes/opsmon.ts";
import { statusRoutes } from "./routes/status.ts";
import { targetRoutes } from "./routes/targets.ts";
import { writeRoutes } from "./routes/write.ts";
import { send } from "./send.ts";
import { Gate, type ListenSecurity } from "./security.ts";
import type { EngineServices } from "./services.ts";

export interface ApiServer {
  listenSocket(path: string, mode: number): Promise<void>;
  /**
   * Plain and open to everybody on this machine without `security`; other addresses need TLS and authentication.
   *
   * @returns the port, for port 0. @throws UserError `listen-failed`, `listen-unsafe`.
   */
  listenTcp(host: string, port: number, security?: ListenSecurity): Promise<number>;
  /**
   * New certificates, users, tokens and headers for the TCP listeners: all of them or none.
   *
   * @throws UserError `listen-unsafe`, `listen-changed`.
   */
  secure(security: ListenSecurity): void;
  close(): Promise<void>;
}

/** One TCP listener, to be given other keys while it is open. */
interface Door {
  readonly host: string;
  readonly tls: boolean;
  readonly lock: (security: ListenSecurity) => void;
}

export function createApiServer(services: EngineServices, log: Logger): ApiServer {
  const routes: readonly Route[] = [
    ...questionRoutes(services),
    ...alertRoutes(services),
    ...targetRoutes(services),
    ...statusRoutes(services),
    ...writeRoutes(services),
    ...lifecycleRoutes(services),
    ...opsmonRoutes(services),
    ...dataRoutes(services),
  ];
  const servers: Server[] = [];
  const doors: Door[] = [];
  const paths: string[] = [];

  const make = (security?: ListenSecurity): Made => {
    const made = makeServer({ routes, services }, log, security);
    servers.push(made.server);
    return made;
  };

  return {
    async listenSocket(path, mode) {
      await freeSocketPath(path);
      const { server } = make();
      const before = process.umask(0o777 & ~mode);
      try {
        await listening(server, () => listenOnPath(server, path), path);
      } finally {
        process.umask(before);
      }
      chmodSync(path, mode);
      paths.push(path);
    },
    async listenTcp(host, port, security) {
      if (!isLoopback(host)) assertSafe(host, security);
      const { server, lock } = make(security);
      await listening(server, () => listenAt(server, host, port), `${host}:${port}`);
      const address = server.address();
      doors.push({ host, tls: security?.tls !== undefined, lock });
      return typeof address === "object" && address !== null ? address.port : port;
    },
    secure: (security) => lockAll(doors, security),
    async close() {
      await Promise.all(
        servers.map(
          (server) =>
            new Promise<void>((resolve) => {
              server.close(() => resolve());
              server.closeAllConnections();
            }),
        ),
      );
      for (const path of paths) if (existsSync(path)) unlinkSync(path);
    },
  };
}

interface Made {
  readonly server: Server;
  readonly lock: Door["lock"];
}

/** What answers requests. */
interface House {
  readonly routes: readonly Route[];
  readonly services: EngineServices;
}

function makeServer({ routes, services }: House, log: Logger, security: ListenSecurity | undefined): Made {
  let current = security;
  let gate = security === undefined ? undefined : new Gate(security);
  const server = createListener(security, (request, response) => {
    for (const [name, value] of Object.entries(current?.headers ?? {})) response.setHeader(name, value);
    enter(gate, { routes, services }, request, response).catch((error: unknown) => {
      log.error("request failed", { path: request.url, error: errorText(error) });
      response.destroy();
    });
  });
  return {
    server,
    lock(next) {
      current = next;
      gate = new Gate(next);
      if (next.tls !== undefined && "setSecureContext" in server) {
        (server as unknown as TlsServer).setSecureContext(next.tls);
      }
    },
  };
}

function lockAll(doors: readonly Door[], security: ListenSecurity): void {
  for (const { host, tls } of doors) {
    if (!isLoopback(host)) assertSafe(host, security);
    if (tls !== (security.tls !== undefined)) {
      throw new UserError("listen-changed", `TLS was ${tls ? "taken away from" : "given to"} a listener that runs`, {
        hint: "restart the engine for that; certificates and users alone need no restart",
        exit: EXIT.invalid,
      });
    }
  }
  for (const { lock } of doors) lock(security);
}

/** Nothing is answered, not even what does not exist, before the gate has let the client in. */
async function enter(
  gate: Gate | undefined,
  house: House,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const verdict = gate === undefined ? "ok" : await gate.admit(request);
  if (verdict === "ok") return handle(house, request, response);
  request.resume();
  if (verdict === "unauthorized") response.setHeader("www-authenticate", "Basic");
  return send(request, response, {
    status: verdict === "busy" ? 503 : 401,
    type: "text/plain; charset=utf-8",
    body: verdict === "busy" ? "Too many logins at once\n" : "Unauthorized\n",
  });
}

async function handle({ routes, services }: House, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const method = request.method ?? "GET";
  const gone = new AbortController();
  response.on("close", () => {
    if (!response.writableFinished) gone.abort(new UserError("promql-canceled", "the client went away"));
  });
  try {
    const url = new URL(request.url ?? "/", "http://opsmon.invalid");
    if (method === "OPTIONS")
      return await send(request, response, {
        status: url.pathname.startsWith("/api/") ? 204 : 200,
        type: "",
        body: "",
      });
    const found = matchRoute(routes, method, url.pathname);
    if ("allowed" in found) {
      request.resume();
      return await send(request, response, refusal(found.allowed, method, url.pathname));
    }
    const body = method === "GET" || method === "HEAD" ? Buffer.alloc(0) : await readBody(request);
    if (crowded()) await nextTurn();
    const { headers } = request;
    const { signal } = gone;
    const answer =
      (await services.aside?.({ method, url, headers, body, signal })) ??
      (await found.route.handle(
        {
          method,
          path: url.pathname,
          parameters: parametersOf(url, headers, body),
          headers,
          body,
          signal,
          raw: { request, response },
        },
        found.holes,
      ));
    if (answer !== undefined) await send(request, response, answer);
  } catch (error) {
    if (!response.headersSent && !response.destroyed) await send(request, response, failureOf(error));
  }
}

function refusal(allowed: readonly string[], method: string, path: string): ReturnType<typeof failure> {
  if (allowed.length === 0) return failure("not_found", `there is no ${path} here`);
  return { ...failure("bad_data", `${path} does not take ${method}, only ${allowed.join(", ")}`), status: 405 };
}
