/**
 * Sockets and ports: opened with limits that keep slow or hostile clients from holding what others need, and only
 * where nobody unknown can reach them.
 */
import { existsSync, unlinkSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { connect } from "node:net";
import { EXIT, UserError } from "../base/errors.ts";
import { systemReason } from "../base/system-error.ts";
import { checkSocketPath } from "../base/socket-path.ts";
import { authenticates, type ListenSecurity } from "./security.ts";

/** Sockets open at once on one listener; the next one is closed at once, other listeners go on. */
const CONNECTIONS_MAX = 512;
/** A client that does not finish its headers or body in this time is dropped, ms. */
const REQUEST_TIMEOUT_MS = 60_000;
const HEADERS_TIMEOUT_MS = 10_000;
/** How often those two are looked at, ms. */
const CHECK_EVERY_MS = 5_000;
/** A connection on which nothing moves, in a request or in an answer nobody reads, ms: beyond the longest query. */
const IDLE_TIMEOUT_MS = 180_000;
/** Kept open between requests, ms: longer than clients and proxies keep theirs, so that none writes into a closing one. */
const KEEP_ALIVE_MS = 120_000;
/** A GET with a long expression and many selectors; Node's own limit is 16 KiB, Prometheus' 1 MiB. */
const HEADER_BYTES_MAX = 128 * 1024;
/** How long a stranger on our socket path may take to answer before the path counts as dead, ms. */
const PROBE_TIMEOUT_MS = 500;

export function createListener(security: ListenSecurity | undefined, listener: RequestListener): Server {
  const limits = {
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: CHECK_EVERY_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
  };
  const tls = security?.tls;
  const server = tls === undefined ? createServer(limits, listener) : createTlsServer({ ...limits, ...tls }, listener);
  server.maxConnections = CONNECTIONS_MAX;
  server.timeout = IDLE_TIMEOUT_MS;
  return server;
}

/** @throws UserError `listen-unsafe`. */
export function assertSafe(host: string, security: ListenSecurity | undefined): void {
  const open = security === undefined || !authenticates(security);
  const plain = security?.tls === undefined;
  if (!open && !plain) return;
  throw new UserError(
    "listen-unsafe",
    `refusing to listen on "${host}" ${open && plain ? "without TLS and authentication" : plain ? "without TLS" : "without authentication"}: anyone who reaches it could ${open ? "read and change everything" : "read along"}`,
    {
      hint: `listen on 127.0.0.1 and forward it over SSH, or give a --web-config with tls_server_config and basic_auth_users`,
      exit: EXIT.invalid,
    },
  );
}

/** @throws UserError `listen-failed`. */
export function listening(server: Server, start: () => void, place: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("listening", resolve);
    server.once("error", (cause) => {
      reject(
        new UserError("listen-failed", `cannot listen on ${place}: ${systemReason(cause)}`, {
          hint: "another program may use it; choose another with --socket or --listen",
          exit: EXIT.unreachable,
          cause,
        }),
      );
    });
    start();
  });
}

/** Where `listen` ends up; not in the documentation, so a Node without it listens the usual way. */
type ListenNow = (address: string, port: number, family: number) => void;
/** What a path has for a port and a family. */
const OF_A_PATH = -1;
const NUMERIC = /^\d+\.\d+\.\d+\.\d+$/;

function listenNow(server: Server): ListenNow | undefined {
  return (server as { readonly _listen2?: ListenNow })._listen2?.bind(server);
}

/**
 * Node looks up a host before it listens there, even a number, and for that compiles a pattern for 3 ms; then it loads what
 * shares ports between processes, another millisecond that every start would wait for.
 */
export function listenAt(server: Server, host: string, port: number): void {
  const listen = NUMERIC.test(host) ? listenNow(server) : undefined;
  if (listen === undefined) server.listen({ host, port });
  else listen(host, port, 4);
}

export function listenOnPath(server: Server, path: string): void {
  const listen = listenNow(server);
  if (listen === undefined) server.listen(path);
  else listen(path, OF_A_PATH, OF_A_PATH);
}

/** Removes a socket left by a dead engine. @throws UserError `socket-in-use` when someone answers there. */
export async function freeSocketPath(path: string): Promise<void> {
  checkSocketPath(path);
  if (!existsSync(path)) return;
  if (await answers(path)) {
    throw new UserError("socket-in-use", `an engine already answers on ${path}`, {
      hint: 'attach to it with "opsmon top", or give this one its own --socket and --data',
      exit: EXIT.unreachable,
    });
  }
  unlinkSync(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    const end = (result: boolean): void => {
      probe.destroy();
      resolve(result);
    };
    probe.setTimeout(PROBE_TIMEOUT_MS, () => end(true));
    probe.once("connect", () => end(true));
    probe.once("error", () => end(false));
  });
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
