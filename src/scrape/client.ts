/**
 * HTTP for targets and discovery endpoints: connections kept open, credentials read anew for each request, redirects
 * followed by hand so that credentials never leave the host they belong to.
 *
 * undici is loaded with the first request: an engine without targets starts without it.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Dispatcher } from "undici";
import type { Clock } from "../base/clock.ts";
import type { HttpClientConfig, TlsConfig } from "../model/job.ts";
import type { BodyBudget } from "./body.ts";
import { UserError } from "../base/errors.ts";
import { escapeControl } from "../base/log.ts";
import { formatDuration } from "../model/duration.ts";
import { readBody } from "./body.ts";
import { ownedPage, type PageBuffers, type PageBytes } from "./page-buffers.ts";
import { PlainClient, type PlainRequest } from "./plain.ts";

/** As many hops as Prometheus takes. */
const REDIRECTS_MAX = 10;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** A connection that is not made by then never will be; scrapes usually give up earlier by themselves. */
const CONNECT_MS_MAX = 10_000;
/** Connections nobody uses are closed after this; longer than the usual scrape interval, so they are reused. */
const KEEP_ALIVE_MS = 90_000;

export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string | undefined;
  /** Empty when the status is not 200: such a body is not read. Whoever is done with it releases it. */
  readonly page: PageBytes;
}

export interface HttpRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** From the first byte asked to the last one read, whichever way. */
  readonly timeoutMs: number;
  readonly bodyBytesMax: number;
  /** Aborts the request with its reason. */
  readonly signal?: AbortSignal;
  /** Whoever asks reads the page before it waits for anything, or keeps it. */
  readonly borrows?: boolean;
}

export interface HttpClient {
  /**
   * GET. @throws UserError `http-timeout`, `http-redirect`, `body-limit`, `body-encoding`, `tls-files`; errors of the
   * connection as they are, see `causeSentence`.
   */
  get(request: HttpRequest): Promise<HttpAnswer>;
  close(): Promise<void>;
}

export interface HttpClientOptions {
  readonly config: HttpClientConfig;
  readonly clock: Clock;
  readonly budget: BodyBudget;
  /** Lends memory for bodies. */
  readonly buffers: PageBuffers;
  /** Relative file names are seen from here. */
  readonly baseDir: string;
}

export function createHttpClient(options: HttpClientOptions): HttpClient {
  const { config } = options;
  let dispatcher: Promise<Dispatcher> | undefined;
  const plain = config.proxyUrl === undefined ? new PlainClient(options) : undefined;
  const prepared: PreparedRequests = new WeakMap();
  const longWay = async (request: HttpRequest, spentMs: number): Promise<HttpAnswer> => {
    dispatcher ??= openDispatcher(config, options.baseDir);
    try {
      return await withTimeout(options, request, await dispatcher, spentMs);
    } catch (error) {
      // Certificate files may be repaired while we run: a dispatcher that could not be made is tried again.
      if (error instanceof UserError && error.code === "tls-files") dispatcher = undefined;
      throw error;
    }
  };
  return {
    get(request) {
      if (plain === undefined) return longWay(request, 0);
      const short = preparedFor(prepared, config, request);
      if (short === undefined || plain.leaves(short.place)) return longWay(request, 0);
      const began = options.clock.monotonic();
      const otherwise = (): Promise<HttpAnswer> => longWay(request, options.clock.monotonic() - began);
      return plain.get(short, otherwise) as Promise<HttpAnswer>;
    },
    async close() {
      plain?.close();
      const open = dispatcher;
      dispatcher = undefined;
      await (await open?.catch(() => undefined))?.destroy();
    },
  };
}

/** What the short way asks: plain HTTP without a proxy; undefined for what it does not know. */
function preparedFor(
  known: PreparedRequests,
  config: HttpClientConfig,
  request: HttpRequest,
): PlainRequest | undefined {
  const own = credentials(config)["authorization"];
  let prepared = known.get(request);
  // A target asks with the same request each time; what goes over the wire is put together once.
  if (prepared === undefined || prepared.own !== own) {
    prepared = { own, plain: prepare(config, request) };
    known.set(request, prepared);
  }
  return prepared.plain;
}

/** By the request itself, which is the same each time a target is asked. */
type PreparedRequests = WeakMap<
  HttpRequest,
  { readonly own: string | undefined; readonly plain: PlainRequest | undefined }
>;

function prepare(config: HttpClientConfig, request: HttpRequest): PlainRequest | undefined {
  const url = new URL(request.url);
  if (url.protocol !== "http:") return undefined;
  const headers = Object.entries({ ...config.headers, ...credentials(config), ...request.headers });
  // What may not stand in a header is for the other client to refuse.
  if (headers.some(([name, value]) => /[^!-~]/.test(name) || /[^\t -~]/.test(value) || OWN_HEADERS.test(name)))
    return undefined;
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = Number(url.port === "" ? 80 : url.port);
  const head = `GET ${url.pathname}${url.search} HTTP/1.1\r\nhost: ${url.host}\r\n${lines}\r\n`;
  const { timeoutMs, bodyBytesMax, signal, borrows } = request;
  return { host, port, place: `${host}:${port}`, head, timeoutMs, bodyBytesMax, signal, borrows };
}

/** Headers of the connection itself; a configuration that sets them wants something special. */
const OWN_HEADERS = /^(?:host|connection|content-length|transfer-encoding|expect|upgrade)$/i;

function readTls(tls: TlsConfig | undefined, baseDir: string): Record<string, unknown> {
  if (tls === undefined) return {};
  const file = (name: string | undefined): string | undefined => {
    if (name === undefined) return undefined;
    try {
      return readFileSync(resolve(baseDir, name), "utf8");
    } catch (cause) {
      throw new UserError("tls-files", `tls_config: "${name}" cannot be read: ${(cause as Error).message}`, { cause });
    }
  };
  const out: Record<string, unknown> = { rejectUnauthorized: !tls.insecureSkipVerify };
  const parts = { ca: file(tls.caFile), cert: file(tls.certFile), key: file(tls.keyFile), servername: tls.serverName };
  for (const [name, value] of Object.entries(parts)) if (value !== undefined) out[name] = value;
  return out;
}

async function openDispatcher(config: HttpClientConfig, baseDir: string): Promise<Dispatcher> {
  const { Agent, ProxyAgent } = await import("undici");
  const tls = readTls(config.tls, baseDir);
  // Time limits are ours: one for the whole request, from the clock that tests move.
  const common = { keepAliveTimeout: KEEP_ALIVE_MS, headersTimeout: 0, bodyTimeout: 0, pipelining: 1 };
  if (config.proxyUrl !== undefined) {
    return new ProxyAgent({ ...common, uri: config.proxyUrl, requestTls: tls, proxyTls: tls });
  }
  return new Agent({ ...common, connect: { ...tls, timeout: CONNECT_MS_MAX } });
}

/** Runs the request under one deadline; the error says how far the answer had come. */
async function withTimeout(
  options: HttpClientOptions,
  request: HttpRequest,
  dispatcher: Dispatcher,
  spentMs: number,
): Promise<HttpAnswer> {
  const abort = new AbortController();
  let received = -1;
  const onAbort = (): void => abort.abort(request.signal?.reason);
  request.signal?.addEventListener("abort", onAbort, { once: true });
  if (request.signal?.aborted === true) onAbort();
  using _deadline = options.clock.after(Math.max(0, request.timeoutMs - spentMs), () => {
    const within = formatDuration(request.timeoutMs);
    const text =
      received < 0
        ? `no answer within ${within}`
        : `the body was not complete within ${within} (${received} bytes so far)`;
    abort.abort(new UserError("http-timeout", text));
  });
  const progress = (bytes: number): void => {
    received = bytes;
  };
  try {
    return await follow(options, request, dispatcher, abort.signal, progress);
  } catch (error) {
    if (abort.signal.aborted) throw abort.signal.reason;
    throw error;
  } finally {
    request.signal?.removeEventListener("abort", onAbort);
  }
}

const NO_CREDENTIALS: Record<string, string> = {};

function credentials(config: HttpClientConfig): Record<string, string> {
  if (config.basicAuth !== undefined) {
    const { username, password } = config.basicAuth;
    return { authorization: `Basic ${Buffer.from(`${username}:${password.reveal()}`).toString("base64")}` };
  }
  if (config.authorization === undefined) return NO_CREDENTIALS;
  return { authorization: `${config.authorization.type} ${config.authorization.credentials.reveal().trim()}` };
}

/** What a connection says that was closed by the other side while it was idle. */
const CLOSED: ReadonlySet<unknown> = new Set(["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"]);

/**
 * One request; a second try when the connection was closed before a header came. A kept connection may be closed by
 * the server at the very moment it is used again, and a GET may be asked twice, as Go's client does.
 */
async function requestOnce(
  dispatcher: Dispatcher,
  url: URL,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Dispatcher.ResponseData> {
  const options = { origin: url.origin, path: `${url.pathname}${url.search}`, method: "GET", headers, signal } as const;
  try {
    return await dispatcher.request(options);
  } catch (error) {
    const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
    if (signal.aborted || !CLOSED.has(code)) throw error;
    return await dispatcher.request(options);
  }
}

async function follow(
  options: HttpClientOptions,
  request: HttpRequest,
  dispatcher: Dispatcher,
  signal: AbortSignal,
  progress: (bytes: number) => void,
): Promise<HttpAnswer> {
  const first = new URL(request.url);
  let url = first;
  for (let hop = 0; ; hop++) {
    const own = url.origin === first.origin ? { ...options.config.headers, ...credentials(options.config) } : {};
    const answer = await requestOnce(dispatcher, url, { ...own, ...request.headers }, signal);
    // A stream that is given up reports its abort as an error event; without a listener that would be a crash.
    answer.body.on("error", () => undefined);
    const header = (name: string): string | undefined => [answer.headers[name]].flat()[0];
    const location = header("location");
    if (REDIRECTS.has(answer.statusCode) && location !== undefined && options.config.followRedirects) {
      answer.body.destroy();
      if (hop >= REDIRECTS_MAX) throw new UserError("http-redirect", `stopped after ${REDIRECTS_MAX} redirects`);
      url = redirected(location, url);
      continue;
    }
    if (answer.statusCode !== 200) {
      answer.body.destroy();
      return { status: answer.statusCode, contentType: header("content-type"), page: ownedPage(Buffer.alloc(0)) };
    }
    progress(0);
    const body = await readBody(
      answer.body,
      header("content-encoding"),
      request.bodyBytesMax,
      options.budget,
      progress,
    );
    return { status: 200, contentType: header("content-type"), page: ownedPage(body) };
  }
}

function redirected(location: string, from: URL): URL {
  const shown = escapeControl(location.slice(0, 100));
  const url = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new UserError("http-redirect", `redirected to "${shown}", which is not an HTTP address`);
  }
  return url;
}
