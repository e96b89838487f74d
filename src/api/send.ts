/**
 * Answers on their way out: compressed for those who read gzip, whole when they are short, piece by piece when they are
 * long. Writing 10 million points takes seconds of processor; between pieces scrapes and other clients get their turn,
 * and a reader who does not read stops the writing.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { promisify } from "node:util";
import { createGzip, gzip, type Gzip, type ZlibOptions, constants as zlibConstants } from "node:zlib";
import { nextTurn, overdue } from "../base/turns.ts";
import type { Answer, Pieces } from "./http.ts";
import { joinPieces, returnPiece } from "./pieces.ts";

/** Answers shorter than this are not worth a gzip call, bytes: a packet over a network. */
const GZIP_BYTES_MIN = 1_400;
/** Answers up to here are sent whole, with their length. */
const WHOLE_BYTES_MAX = 256 * 1024;

const deflate: (body: Buffer, options: ZlibOptions) => Promise<Buffer> = promisify(gzip);
const FAST: ZlibOptions = { level: zlibConstants.Z_BEST_SPEED };

/** What a browser wants to hear before it lets a page of another origin read us, as Prometheus says it. */
function crossOrigin(request: IncomingMessage): Record<string, string> {
  const { origin } = request.headers;
  if (origin === undefined) return {};
  return {
    "access-control-allow-origin": origin,
    "access-control-allow-methods": "GET, POST, OPTIONS",
    "access-control-allow-headers": "Accept, Authorization, Content-Type, Origin",
    "access-control-expose-headers": "Date",
    vary: "Origin",
  };
}

export async function send(request: IncomingMessage, response: ServerResponse, answer: Answer): Promise<void> {
  const headers: Record<string, string | number> = {
    ...(answer.type === "" ? {} : { "content-type": answer.type }),
    ...crossOrigin(request),
    "x-content-type-options": "nosniff",
    ...answer.headers,
  };
  if (answer.encoding !== undefined) headers["content-encoding"] = answer.encoding;
  const compress = answer.encoding === undefined && wantsGzip(request);
  const { body } = answer;
  if (typeof body === "string" || Buffer.isBuffer(body)) {
    return sendWhole(request, response, answer.status, headers, body, compress);
  }
  const pieces = takeTurns(body);
  const first: Buffer[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await pieces.next();
    if (done === true) return sendWhole(request, response, answer.status, headers, joinPieces(first), compress);
    first.push(typeof value === "string" ? Buffer.from(value) : value);
    length += value.length;
    if (length > WHOLE_BYTES_MAX) break;
  }
  if (compress) headers["content-encoding"] = "gzip";
  response.writeHead(answer.status, headers);
  const out = compress ? createGzip(FAST) : response;
  if (out !== response) (out as Gzip).pipe(response);
  try {
    // Small pieces in one write; a copy of an answer that came as one piece would hold the loop while it is made.
    const opening = length <= 2 * WHOLE_BYTES_MAX ? [joinPieces(first)] : first;
    for (const piece of opening) await writeInTurns(out, response, piece);
    for await (const piece of pieces) await writeInTurns(out, response, piece);
  } catch (error) {
    // The status is out: a cut connection is the only way left to say that this is not all.
    response.destroy();
    throw error;
  }
  out.end();
}

/**
 * On one machine the processor is dearer than the wire: packing eight megabytes costs twice what computing them did.
 * Who asks for somebody else says so, and may be far from that somebody.
 */
function wantsGzip({ headers, socket }: IncomingMessage): boolean {
  if (!/\bgzip\b/.test(String(headers["accept-encoding"] ?? ""))) return false;
  const local = /^(?:::ffff:)?127\.|^::1$|^$/.test(socket.remoteAddress ?? "");
  return !local || ["x-forwarded-for", "forwarded", "via"].some((name) => headers[name] !== undefined);
}

async function sendWhole(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  headers: Record<string, string | number>,
  answer: string | Buffer,
  compress: boolean,
): Promise<void> {
  let body = typeof answer === "string" ? Buffer.from(answer) : answer;
  if (compress && body.length >= GZIP_BYTES_MIN) {
    body = await deflate(body, FAST);
    headers["content-encoding"] = "gzip";
    headers["vary"] = headers["vary"] === undefined ? "Accept-Encoding" : `${headers["vary"]}, Accept-Encoding`;
  }
  if (status !== 204) headers["content-length"] = body.length;
  response.writeHead(status, headers);
  response.end(request.method === "HEAD" ? undefined : body);
}

async function* takeTurns(pieces: Pieces): AsyncGenerator<string | Buffer, undefined> {
  let length = 0;
  for await (const piece of pieces) {
    yield piece;
    // A short answer goes out in the turn it was made in.
    if ((length += piece.length) > WHOLE_BYTES_MAX && overdue()) await nextTurn();
  }
}

/** A long piece goes part by part: what the kernel takes at once it takes while nobody else is served. */
async function writeInTurns(
  out: ServerResponse | Gzip,
  response: ServerResponse,
  piece: string | Buffer,
): Promise<void> {
  if (piece.length <= WHOLE_BYTES_MAX) return write(out, response, piece);
  const bytes = typeof piece === "string" ? Buffer.from(piece) : piece;
  for (let at = 0; at < bytes.length; at += WHOLE_BYTES_MAX) {
    if (overdue()) await nextTurn();
    await write(out, response, bytes.subarray(at, at + WHOLE_BYTES_MAX));
  }
}

/** Waits while the reader is behind. @throws Error when it has gone. */
async function write(out: ServerResponse | Gzip, response: ServerResponse, piece: string | Buffer): Promise<void> {
  if (response.destroyed) throw new Error("the client went away");
  if (out.write(piece, () => returnPiece(piece))) return;
  await new Promise<void>((resolve) => {
    const go = (): void => {
      out.off("drain", go);
      response.off("close", go);
      resolve();
    };
    out.once("drain", go);
    response.once("close", go);
  });
}
