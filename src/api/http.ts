/**
 * The server's small change: requests with parsed parameters and bounded bodies, routes, the Prometheus envelope
 * and its error codes.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { promisify } from "node:util";
import { gunzip, type ZlibOptions } from "node:zlib";
import { UserError } from "../base/errors.ts";
import { Parameters } from "./params.ts";
import { joinPieces } from "./pieces.ts";

/** Largest body taken, bytes after inflating: a remote write of 10,000 wide series is near 10 MiB. */
export const BODY_BYTES_MAX: number = 64 * 1024 * 1024;
const inflate: (body: Buffer, options: ZlibOptions) => Promise<Buffer> = promisify(gunzip);

export type ErrorType =
  | "bad_data"
  | "execution"
  | "timeout"
  | "canceled"
  | "internal"
  | "unavailable"
  | "not_found"
  | "not_acceptable";
const STATUS: Readonly<Record<ErrorType, number>> = {
  bad_data: 400,
  execution: 422,
  timeout: 503,
  canceled: 499,
  internal: 500,
  unavailable: 503,
  not_found: 404,
  not_acceptable: 406,
};

/** How UserError codes are told to Prometheus clients; what is not named is `execution`. */
const TYPE_OF_CODE: Readonly<Record<string, ErrorType>> = {
  "bad-parameter": "bad_data",
  "bad-body": "bad_data",
  "bad-regexp": "bad_data",
  "bad-duration": "bad_data",
  "bad-label-name": "bad_data",
  "bad-snappy": "bad_data",
  "bad-protobuf": "bad_data",
  "body-limit": "bad_data",
  "bad-exposition": "bad_data",
  "bad-samples": "bad_data",
  "promql-parse": "bad_data",
  "not-found": "not_found",
  "not-supported": "not_found",
  "promql-timeout": "timeout",
  "promql-canceled": "canceled",
  "promql-busy": "unavailable",
  "query-thread-lost": "unavailable",
  "store-read-only": "unavailable",
};

export function errorTypeOf(error: unknown): ErrorType {
  return error instanceof UserError ? (TYPE_OF_CODE[error.code] ?? "execution") : "internal";
}

/** A long body, made while it is sent. */
export type Pieces = Iterable<string | Buffer> | AsyncIterable<string | Buffer>;

export interface Answer {
  readonly status: number;
  readonly type: string;
  /** Pieces are sent as they are made, with turns for others in between. */
  readonly body: string | Buffer | Pieces;
  /** Content-Encoding the body already has. */
  readonly encoding?: string;
  /** What else the protocol of the route says in headers, in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly parameters: Parameters;
  readonly headers: IncomingMessage["headers"];
  /** Empty unless the route asked for the body. */
  readonly body: Buffer;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
  /** For the routes that answer themselves or want to know the connection; never there for a question. */
  readonly raw: { readonly request: IncomingMessage; readonly response: ServerResponse } | undefined;
}

export interface Route {
  readonly methods: readonly ("GET" | "HEAD" | "POST" | "DELETE" | "PUT")[];
  /** `:name` holes match one segment. */
  readonly path: string;
  /** undefined: the route answered through `raw` itself. */
  handle(request: Request, holes: Readonly<Record<string, string>>): Promise<Answer | undefined>;
}

export function json(value: unknown, status = 200): Answer {
  return { status, type: "application/json", body: JSON.stringify(value) };
}

export function success(
  data: unknown,
  notes: { warnings?: readonly string[]; infos?: readonly string[] } = {},
): Answer {
  return json({
    status: "success",
    data,
    ...(notes.warnings !== undefined && notes.warnings.length > 0 ? { warnings: notes.warnings } : {}),
    ...(notes.infos !== undefined && notes.infos.length > 0 ? { infos: notes.infos } : {}),
  });
}

/** Like `success` for data that is JSON text already, in pieces. */
export function successPieces(data: Pieces, notes: { warnings: readonly string[]; infos: readonly string[] }): Answer {
  const { warnings, infos } = notes;
  async function* body(): AsyncGenerator<string | Buffer> {
    yield '{"status":"success","data":';
    yield* data;
    if (warnings.length > 0) yield `,"warnings":${JSON.stringify(warnings)}`;
    if (infos.length > 0) yield `,"infos":${JSON.stringify(infos)}`;
    yield "}";
  }
  return { status: 200, type: "application/json", body: body() };
}

/** The same in one piece, for data known to be small: nothing waits and nothing is copied twice. */
export function successWhole(
  data: Iterable<string | Buffer>,
  { warnings, infos }: { readonly warnings: readonly string[]; readonly infos: readonly string[] },
): Answer {
  const all: Buffer[] = [Buffer.from('{"status":"success","data":')];
  for (const piece of data) all.push(typeof piece === "string" ? Buffer.from(piece) : piece);
  if (warnings.length > 0) all.push(Buffer.from(`,"warnings":${JSON.stringify(warnings)}`));
  if (infos.length > 0) all.push(Buffer.from(`,"infos":${JSON.stringify(infos)}`));
  all.push(Buffer.from("}"));
  return { status: 200, type: "application/json", body: joinPieces(all) };
}

export function failure(type: ErrorType, error: string, hint?: string): Answer {
  return json({ status: "error", errorType: type, error, ...(hint === undefined ? {} : { hint }) }, STATUS[type]);
}

export function failureOf(error: unknown): Answer {
  const type = errorTypeOf(error);
  if (error instanceof UserError) return failure(type, error.message, error.hint);
  return failure(type, `a bug in opsmon: ${error instanceof Error ? error.message : String(error)}`);
}

export function text(body: string, status = 200, type = "text/plain; charset=utf-8"): Answer {
  return { status, type, body };
}

/**
 * Reads a bounded body and undoes gzip; snappy is the route's own business.
 *
 * @throws UserError `bad-body`.
 */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_BYTES_MAX) {
      throw new UserError("bad-body", `request body is larger than ${BODY_BYTES_MAX} bytes`, {
        hint: "send it in parts",
      });
    }
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  if (request.headers["content-encoding"] !== "gzip") return body;
  try {
    return await inflate(body, { maxOutputLength: BODY_BYTES_MAX });
  } catch (cause) {
    throw new UserError("bad-body", `request body is not gzip of at most ${BODY_BYTES_MAX} bytes`, { cause });
  }
}

/** @throws UserError `bad-body`. */
export function bodyJson({ body }: Pick<Request, "body">): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch (cause) {
    throw new UserError("bad-body", "request body is not JSON", { cause });
  }
}

/** A longer form holds no question: expressions end at a quarter of a megabyte. */
const FORM_BYTES_MAX = 4 * 1024 * 1024;

/**
 * Query string and, for form posts, body parameters; the body's come first, as Go's `FormValue` has them.
 * `timeoutMs` comes before both: what is left of a deadline.
 */
export function parametersOf(
  url: URL,
  headers: IncomingMessage["headers"],
  body: Buffer,
  timeoutMs?: number,
): Parameters {
  const all = new URLSearchParams();
  if (timeoutMs !== undefined) all.append("timeout", String(timeoutMs / 1_000));
  const isForm = headers["content-type"]?.startsWith("application/x-www-form-urlencoded") === true;
  if (isForm && body.length <= FORM_BYTES_MAX) {
    for (const [name, value] of new URLSearchParams(body.toString("utf8"))) all.append(name, value);
  }
  for (const [name, value] of url.searchParams) all.append(name, value);
  return new Parameters(all);
}

/** Finds the route for a path, or the methods that the path would take. */
export function matchRoute(
  routes: readonly Route[],
  method: string,
  path: string,
): { route: Route; holes: Record<string, string> } | { allowed: readonly string[] } {
  const segments = path.split("/");
  const allowed: string[] = [];
  for (const route of routes) {
    const wanted = route.path.split("/");
    if (wanted.length !== segments.length) continue;
    const holes: Record<string, string> = {};
    const fits = wanted.every((part, i) => {
      if (!part.startsWith(":")) return part === segments[i];
      holes[part.slice(1)] = decodeSegment(segments[i] as string);
      return true;
    });
    if (!fits) continue;
    if (route.methods.some((one) => one === method)) return { route, holes };
    allowed.push(...route.methods);
  }
  return { allowed };
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch (cause) {
    throw new UserError("bad-label-name", `"${segment}" is not UTF-8`, { cause });
  }
}
