/**
 * One HTTP exchange with an engine's unix socket or with a URL, bounded in time and size. `node:http` rather than a
 * fetch library: a one-shot must start in milliseconds.
 */
import { type IncomingMessage, request as httpRequest, type RequestOptions } from "node:http";
import { createGunzip } from "node:zlib";
import { EXIT, UserError, errorText } from "../../base/errors.ts";

/** Largest answer read, bytes after inflating: a range query at the engine's own sample limit is below it. */
const ANSWER_BYTES_MAX = 512 * 1024 * 1024;
/** How long an answer may take unless the caller says otherwise, ms. */
const TIMEOUT_MS = 120_000;

export type Endpoint =
  | { readonly kind: "socket"; readonly path: string }
  | {
      readonly kind: "url";
      readonly url: URL;
      readonly headers: Readonly<Record<string, string>>;
      /** Certificates in PEM trusted beside the usual ones. */
      readonly ca?: string;
    };

export interface Exchange {
  readonly method: "GET" | "POST";
  /** Path below the endpoint, with query string. */
  readonly path: string;
  readonly body?: string | Uint8Array;
  readonly contentType?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface RawAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: Buffer;
}

export function placeOf(endpoint: Endpoint): string {
  return endpoint.kind === "socket" ? endpoint.path : endpoint.url.href.replace(/\/$/, "");
}

export function requestOptions(endpoint: Endpoint, exchange: Exchange): RequestOptions {
  const headers: Record<string, string> = { accept: "application/json" };
  if (exchange.body !== undefined)
    headers["content-type"] = exchange.contentType ?? "application/x-www-form-urlencoded";
  if (endpoint.kind === "socket") {
    return {
      socketPath: endpoint.path,
      method: exchange.method,
      path: exchange.path,
      headers: { ...headers, host: "opsmon" },
    };
  }
  const { url } = endpoint;
  return {
    protocol: url.protocol,
    hostname: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port,
    method: exchange.method,
    path: url.pathname.replace(/\/$/, "") + exchange.path,
    headers: { ...headers, "accept-encoding": "gzip", ...endpoint.headers },
    ...(url.username === "" ? {} : { auth: `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}` }),
  };
}

/** @throws UserError `unreachable` (exit 4), `timeout` (exit 5), `answer-too-large` (exit 5). */
export async function exchange(endpoint: Endpoint, what: Exchange): Promise<RawAnswer> {
  const place = placeOf(endpoint);
  const timeoutMs = what.timeoutMs ?? TIMEOUT_MS;
  // TLS is loaded for those who need it: it costs a one-shot on the socket as much as its answer.
  const https = endpoint.kind === "url" && endpoint.url.protocol === "https:";
  const start = https ? (await import("node:https")).request : httpRequest;
  const trust = https && endpoint.ca !== undefined ? { ca: await trusted(endpoint.ca) } : {};
  return new Promise((resolve, reject) => {
    const request = start({
      ...requestOptions(endpoint, what),
      ...trust,
      ...(what.signal === undefined ? {} : { signal: what.signal }),
    });
    const timer = setTimeout(() => {
      request.destroy(
        new UserError("timeout", `no answer from ${place} within ${timeoutMs / 1_000} s`, { exit: EXIT.limit }),
      );
    }, timeoutMs);
    const fail = (error: unknown): void => {
      clearTimeout(timer);
      reject(error instanceof UserError ? error : unreachable(place, error, endpoint));
    };
    request.once("error", fail);
    request.once("response", (response) => {
      readAll(response, place).then((body) => {
        clearTimeout(timer);
        resolve({ status: response.statusCode ?? 0, type: response.headers["content-type"] ?? "", body });
      }, fail);
    });
    request.end(what.body);
  });
}

/** POSTs and hands over the lines of the answer as they come. @throws UserError `unreachable`, `refused`. */
export async function* streamLines(endpoint: Endpoint, path: string): AsyncGenerator<string> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = httpRequest(requestOptions(endpoint, { method: "POST", path }), resolve);
    request.once("error", (error) => reject(unreachable(placeOf(endpoint), error, endpoint)));
    request.end();
  });
  let rest = "";
  for await (const chunk of response.setEncoding("utf8") as AsyncIterable<string>) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    if (response.statusCode === 200) yield* lines;
  }
  if (response.statusCode === 200) return;
  const { error = rest } = (rest.startsWith("{") ? JSON.parse(rest) : {}) as { error?: string };
  throw new UserError("refused", `${placeOf(endpoint)}: ${error}`);
}

async function trusted(ca: string): Promise<string[]> {
  const { rootCertificates } = await import("node:tls");
  return [...rootCertificates, ca];
}

async function readAll(response: IncomingMessage, place: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  const stream = response.headers["content-encoding"] === "gzip" ? response.pipe(createGunzip()) : response;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > ANSWER_BYTES_MAX) {
      response.destroy();
      throw new UserError("answer-too-large", `the answer of ${place} is larger than ${ANSWER_BYTES_MAX} bytes`, {
        hint: "ask for fewer series or a larger step",
        exit: EXIT.limit,
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** A certificate nobody here vouches for, by Node's code. */
const UNTRUSTED = /^(?:DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_(?:GET_ISSUER|VERIFY)\w*)$/;

function unreachable(place: string, cause: unknown, endpoint: Endpoint): UserError {
  const code = (cause as { code?: string } | undefined)?.code ?? "";
  if (code === "ABORT_ERR") return new UserError("canceled", "canceled", { exit: EXIT.limit, cause });
  const why =
    code === "ENOENT"
      ? "no engine has opened it"
      : code === "ECONNREFUSED"
        ? "nothing listens there"
        : code === "EACCES"
          ? "permission denied"
          : UNTRUSTED.test(code)
            ? "nobody vouches for its certificate"
            : errorText(cause);
  return new UserError("unreachable", `cannot reach ${place}: ${why}`, {
    hint:
      endpoint.kind === "socket"
        ? 'start an engine with "opsmon serve" or "opsmon top"'
        : UNTRUSTED.test(code)
          ? "name the certificate of its authority in --ca-file"
          : "check the address and that the server runs",
    exit: EXIT.unreachable,
    cause,
  });
}
