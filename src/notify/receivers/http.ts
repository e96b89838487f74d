/**
 * One HTTP request for a receiver: proxy, TLS and headers of its configuration, bounded answer, and an error that
 * knows whether the request may have arrived. No retries: those are the outbox's. undici is loaded with the first
 * request, so a program without receivers does not pay for it at start.
 */
import { readFileSync } from "node:fs";
import type { Dispatcher } from "undici";
import { errorText } from "../../base/errors.ts";
import type { HttpClientConfig } from "../../model/job.ts";

/** Longest answer read; Telegram's largest answer to us (100 updates) has about 200 kB. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;
const CONNECT_TIMEOUT_MS = 10_000;

interface HttpAnswer {
  readonly status: number;
  header(name: string): string;
  readonly text: string;
}

/** The request failed without an answer. */
export class HttpFailure extends Error {
  override readonly name = "HttpFailure";
  /** False when the connection was never made. */
  readonly maybeDelivered: boolean;
  constructor(message: string, maybeDelivered: boolean, cause: unknown) {
    super(message, { cause });
    this.maybeDelivered = maybeDelivered;
  }
}

/** Failures before a byte of the request left this machine. */
const NOT_SENT = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EADDRNOTAVAIL",
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_PRX_TLS",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "CERT_HAS_EXPIRED",
  "ERR_TLS_CERT_ALTNAME_INVALID",
]);

export interface HttpClient {
  /** @throws HttpFailure; its message holds no URL, as URLs may hold secrets. */
  send(options: {
    readonly url: string;
    readonly method: "GET" | "POST";
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string | Uint8Array | AsyncIterable<Uint8Array> | undefined;
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
  }): Promise<HttpAnswer>;
  close(): Promise<void>;
}

export function createHttpClient(config: HttpClientConfig): HttpClient {
  let dispatcher: Dispatcher | undefined;
  return {
    async send({ url, method, headers, body, timeoutMs, signal }) {
      try {
        // Files of TLS are read at the first request, so a missing one is a failed delivery with its reason.
        const undici = await import("undici");
        dispatcher ??= createDispatcher(config, undici);
        const answer = await undici.request(url, {
          method,
          headers: { ...config.headers, ...authorization(config), ...headers },
          body: (body ?? null) as string | Uint8Array | null,
          dispatcher,
          headersTimeout: timeoutMs,
          bodyTimeout: timeoutMs,
          signal,
        });
        const text = await readBounded(answer.body);
        return {
          status: answer.statusCode,
          header: (name) => String(answer.headers[name] ?? ""),
          text,
        };
      } catch (error) {
        throw new HttpFailure(failureText(error), !NOT_SENT.has(codeOf(error)), error);
      }
    },
    async close() {
      await dispatcher?.destroy();
    },
  };
}

function createDispatcher(config: HttpClientConfig, undici: typeof import("undici")): Dispatcher {
  const tls = config.tls;
  const connect = {
    timeout: CONNECT_TIMEOUT_MS,
    ...(tls === undefined
      ? {}
      : {
          rejectUnauthorized: !tls.insecureSkipVerify,
          ...(tls.caFile === undefined ? {} : { ca: readFileSync(tls.caFile, "utf8") }),
          ...(tls.certFile === undefined ? {} : { cert: readFileSync(tls.certFile, "utf8") }),
          ...(tls.keyFile === undefined ? {} : { key: readFileSync(tls.keyFile, "utf8") }),
          ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
        }),
  };
  if (config.proxyUrl?.startsWith("socks5:") === true) {
    if (tls !== undefined) throw new Error("tls_config does not work with a socks5 proxy; use an http proxy");
    return new undici.Socks5ProxyAgent(config.proxyUrl);
  }
  if (config.proxyUrl !== undefined && config.proxyUrl !== "") {
    return new undici.ProxyAgent({ uri: config.proxyUrl, requestTls: connect, proxyTunnel: true });
  }
  return new undici.Agent({ connect });
}

function authorization(config: HttpClientConfig): Record<string, string> {
  if (config.authorization !== undefined) {
    return { authorization: `${config.authorization.type} ${config.authorization.credentials.reveal()}` };
  }
  if (config.basicAuth === undefined) return {};
  const pair = `${config.basicAuth.username}:${config.basicAuth.password.reveal()}`;
  return { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
}

async function readBounded(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > ANSWER_BYTES_MAX) throw new Error(`the answer has more than ${ANSWER_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function codeOf(error: unknown): string {
  const { code, cause } = (error ?? {}) as { readonly code?: unknown; readonly cause?: unknown };
  if (typeof code === "string") return code;
  return cause === undefined ? "" : codeOf(cause);
}

function failureText(error: unknown): string {
  const code = codeOf(error);
  switch (code) {
    case "ECONNREFUSED":
      return "connection refused";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "the host name does not resolve";
    case "UND_ERR_CONNECT_TIMEOUT":
      return "no connection in time";
    case "UND_ERR_HEADERS_TIMEOUT":
    case "UND_ERR_BODY_TIMEOUT":
      return "no answer in time";
    case "ECONNRESET":
    case "UND_ERR_SOCKET":
      return "the connection was closed before an answer came";
    default:
      return (code === "" ? errorText(error) : `${code}: ${errorText(error)}`).replace(/https?:\/\/\S+/g, "<url>");
  }
}
