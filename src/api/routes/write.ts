/**
 * The ways in and out beside queries: `/api/v1/write` (remote write 1.0), `/api/v1/read`, `/federate`.
 * @see https://prometheus.io/docs/specs/prw/remote_write_spec/
 */
import { UserError } from "../../base/errors.ts";
import { createMatcher } from "../../model/matcher.ts";
import { compareLabels, METRIC_NAME } from "../../model/labels.ts";
import type { MetricType } from "../../model/metadata.ts";
import { formatFloat } from "../../promql/number.ts";
import { LOOKBACK_MS_DEFAULT } from "../../promql/options.ts";
import type { ReadQuery, RemoteSeries } from "../../remote/message.ts";
import {
  appendWriteRequest,
  decodeReadRequest,
  decodeWriteRequest,
  encodeReadResponse,
  REMOTE_HEADERS,
} from "../../remote/codec.ts";
import { type Answer, failure, type Request, type Route, text } from "../http.ts";
import { parseSelectors } from "../selectors.ts";
import type { EngineServices } from "../services.ts";

async function write(services: EngineServices, request: Request): Promise<Answer> {
  if (!services.acceptsWrites) return failure("unavailable", "this engine is read-only");
  const message = decodeWriteRequest(request.body);
  const appender = services.storage.appender();
  appendWriteRequest(message, appender);
  const result = await appender.commit();
  const refused = result.duplicate + result.outOfBounds + result.limited;
  if (refused === 0 && message.invalid === 0) return text("", 204);
  // 400 tells the sender not to try again: what could be kept has been kept.
  const parts = [
    result.duplicate > 0 ? `${result.duplicate} duplicate sample for timestamp` : "",
    result.outOfBounds > 0 ? `${result.outOfBounds} out of bounds` : "",
    result.limited > 0 ? `${result.limited} over the series limit` : "",
    message.invalid > 0 ? `${message.invalid} series with unusable labels (${message.reasons.join("; ")})` : "",
  ].filter((part) => part !== "");
  return text(`${parts.join(", ")}; ${result.accepted} samples were taken\n`, 400);
}

async function readOne(services: EngineServices, query: ReadQuery): Promise<readonly RemoteSeries[]> {
  using querier = services.storage.querier(query.start, query.end);
  const matchers = query.matchers.map(({ name, op, value }) => createMatcher(name, op, value));
  const { start, end, stepMs, rangeMs, func } = query;
  const { series } = await querier.select(matchers, { start, end, stepMs, rangeMs, func });
  return [...series]
    .sort((a, b) => compareLabels(a.labels, b.labels))
    .map((one) => {
      const { t, v, from, to, stale } = one.samples();
      return { labels: one.labels, t: t.slice(from, to), v: v.slice(from, to), stale: stale?.slice(from, to) };
    })
    .filter((one) => one.t.length > 0);
}

async function federate(services: EngineServices, request: Request): Promise<Answer> {
  const selectors = parseSelectors(request.parameters.list("match[]"));
  const end = services.now();
  const start = end - LOOKBACK_MS_DEFAULT + 1;
  using querier = services.storage.querier(start, end);
  const rows = new Map<string, { family: string; line: string }>();
  for (const matchers of selectors) {
    const { series } = await querier.select(matchers, { start, end, stepMs: 0, rangeMs: 0, func: "" });
    for (const one of [...series].sort((a, b) => compareLabels(a.labels, b.labels))) {
      const { t, v, from, to, stale } = one.samples();
      if (to <= from || stale?.[to - 1] === 1) continue;
      const family = one.labels.get(METRIC_NAME);
      rows.set(one.labels.key, {
        family,
        line: `${expositionName(one.labels)} ${formatFloat(v[to - 1] as number)} ${t[to - 1]}\n`,
      });
    }
  }
  const sorted = [...rows.values()].sort((a, b) => (a.family < b.family ? -1 : a.family > b.family ? 1 : 0));
  let body = "";
  let last: string | undefined;
  for (const { family, line } of sorted) {
    if (family !== last)
      body += `# TYPE ${family} ${typeName(services.storage.metadata(family).get(family)?.[0]?.type)}\n`;
    last = family;
    body += line;
  }
  return text(body, 200, "text/plain; version=0.0.4; charset=utf-8");
}

function expositionName(labels: { toString(): string }): string {
  return labels.toString().replaceAll('", ', '",');
}

function typeName(type: MetricType | undefined): string {
  return type === "counter" || type === "gauge" || type === "histogram" || type === "summary" ? type : "untyped";
}

export function writeRoutes(services: EngineServices): readonly Route[] {
  return [
    { methods: ["POST"], path: "/api/v1/write", handle: (request) => write(services, request) },
    {
      methods: ["POST"],
      path: "/api/v1/read",
      async handle(request) {
        const message = decodeReadRequest(request.body);
        const results: (readonly RemoteSeries[])[] = [];
        for (const query of message.queries) results.push(await readOne(services, query));
        const body = Buffer.from(encodeReadResponse({ results }));
        return {
          status: 200,
          type: REMOTE_HEADERS["Content-Type"] ?? "application/x-protobuf",
          body,
          encoding: "snappy",
        };
      },
    },
    {
      methods: ["GET"],
      path: "/federate",
      async handle(request) {
        if (request.parameters.list("match[]").length === 0)
          throw new UserError("bad-parameter", "no match[] parameter provided");
        return federate(services, request);
      },
    },
  ];
}
