/**
/**
 * Samples that others push: `/api/v1/write` (remote write 1.0 and 2.0) and `/api/v1/metrics/write` (a page of the text
 * format, or JSON). What is wrong with a request is told with a 4xx, which senders do not repeat; only a store that takes
 * nothing for a while answers 5xx.
 * @see https://prometheus.io/docs/specs/prw/remote_write_spec/
 */
import { UserError } from "../../base/errors.ts";
import { appendWriteRequest, decodeWriteRequest, decodeWriteRequest2 } from "../../remote/codec.ts";
import type { AppendResult } from "../../storage/storage.ts";
import { type Answer, errorTypeOf, type Request, type Route, text } from "../http.ts";
import { appendJson } from "../push-json.ts";
import type { EngineServices } from "../services.ts";

const PROTOBUF = "application/x-protobuf";
const MESSAGE_V1 = "prometheus.WriteRequest";
const MESSAGE_V2 = "io.prometheus.write.v2.Request";

function protoOf({ headers }: Request): string {
  const parameters = (headers["content-type"] ?? "").split(";").map((part) => part.trim());
  return parameters.find((part) => part.startsWith("proto="))?.slice("proto=".length) ?? MESSAGE_V1;
}

/** @returns why the request is none we read, in the words senders know. */
function unsupported(request: Request): string | undefined {
  const { headers } = request;
  const [media] = (headers["content-type"] ?? PROTOBUF).split(";").map((part) => part.trim());
  if (media?.toLowerCase() !== PROTOBUF) {
    return `expected ${PROTOBUF} as the first (media) part, got ${String(media)} content-type`;
  }
  const proto = protoOf(request);
  if (proto !== MESSAGE_V1 && proto !== MESSAGE_V2)
    return `${proto} protobuf message is not accepted by this server; accepted ${MESSAGE_V1}, ${MESSAGE_V2}`;
  const encoding = headers["content-encoding"] ?? "snappy";
  if (encoding === "snappy") return undefined;
  return `${encoding} encoding (compression) is not accepted by this server; only snappy is acceptable`;
}

/** What a sender is told of samples that were not taken; undefined when all were. */
function refusal(result: AppendResult, more: readonly string[]): string | undefined {
  const parts = [
    result.duplicate > 0 ? `${result.duplicate} duplicate sample for timestamp` : "",
    result.outOfBounds > 0 ? `${result.outOfBounds} out of bounds (older than the retention, or in the future)` : "",
    result.limited > 0 ? `${result.limited} over the series limit` : "",
    ...more,
  ].filter((part) => part !== "");
  return parts.length === 0 ? undefined : `${parts.join(", ")}; ${result.accepted} samples were taken\n`;
}

/** How much of a request of version 2 was written. */
function written(samples: number): Readonly<Record<string, string>> {
  return {
    "x-prometheus-remote-write-samples-written": String(samples),
    "x-prometheus-remote-write-histograms-written": "0",
    "x-prometheus-remote-write-exemplars-written": "0",
  };
}

async function write(services: EngineServices, request: Request): Promise<Answer> {
  const isV2 = protoOf(request) === MESSAGE_V2;
  const message = isV2 ? decodeWriteRequest2(request.body) : decodeWriteRequest(request.body);
  const appender = services.storage.appender();
  const refused = appendWriteRequest(message, appender);
  const committed = await appender.commit();
  const result = { ...committed, limited: Math.max(refused, committed.limited) };
  if (message.histograms > 0) services.nativeHistograms(message.histogramMetrics, message.histograms);
  const invalid =
    message.invalid > 0 ? `${message.invalid} series with unusable labels (${message.reasons.join("; ")})` : "";
  // Version 2 wants to hear of everything that was not written; senders of version 1 have no such contract.
  const histograms =
    isV2 && message.histograms > 0 ? `${message.histograms} native histograms, which are not stored` : "";
  // 400 tells the sender not to try again: what could be kept has been kept.
  const problem = refusal(result, [invalid, histograms]);
  const answer = problem === undefined ? text("", 204) : text(problem, 400);
  return isV2 ? { ...answer, headers: written(result.accepted) } : answer;
}

async function push(services: EngineServices, request: Request): Promise<Answer> {
  const type = request.headers["content-type"];
  const first = request.body.subarray(0, 64).toString("latin1").trimStart();
  // curl -d says form; what the body is can be seen.
  const isJson = /\bjson\b/i.test(type ?? "") || (/^[{[]/.test(first) && !/openmetrics|text\/plain/i.test(type ?? ""));
  const result = isJson ? await appendJson(services, request.body) : await services.takePage(request.body, type);
  const problem = refusal(result, []);
  return problem === undefined ? text("", 204) : text(problem, 400);
}

/** Errors of these paths are plain text: their readers are programs' logs. */
function plainly(take: (services: EngineServices, request: Request) => Promise<Answer>) {
  return async (services: EngineServices, request: Request): Promise<Answer> => {
    if (!services.acceptsWrites) return text("this engine is read-only\n", 503);
    try {
      return await take(services, request);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      const type = errorTypeOf(error);
      return text(`${error.message}\n`, type === "unavailable" ? 503 : type === "bad_data" ? 400 : 500);
    }
  };
}

export function writeRoutes(services: EngineServices): readonly Route[] {
  const wrote = plainly(write);
  const pushed = plainly(push);
  return [
    {
      methods: ["POST"],
      path: "/api/v1/write",
      async handle(request) {
        const why = unsupported(request);
        return why === undefined ? wrote(services, request) : text(`${why}\n`, 415);
      },
    },
    { methods: ["POST"], path: "/api/v1/metrics/write", handle: (request) => pushed(services, request) },
  ];
}
