/**
 * `/api/v1/read`: raw samples for those who evaluate elsewhere, as one compressed answer.
 * @see https://prometheus.io/docs/prometheus/latest/querying/remote_read_api/
 */
import { EXIT, UserError } from "../../base/errors.ts";
import { nextTurn, overdue } from "../../base/turns.ts";
import { compareLabels, Labels } from "../../model/labels.ts";
import { createMatcher, type Matcher } from "../../model/matcher.ts";
import { decodeReadRequest, encodeReadResponse, REMOTE_HEADERS } from "../../remote/codec.ts";
import type { ReadQuery, RemoteSeries } from "../../remote/message.ts";
import { type Answer, errorTypeOf, type Request, type Route, text } from "../http.ts";
import type { QuestionServices } from "../services.ts";

/** Samples of one answer: Prometheus' `--storage.remote.read-sample-limit`. */
const SAMPLES_MAX = 50_000_000;

/** Whoever reads here asks with our external labels, as the series have them outside; inside none has. */
function matchersOf(query: ReadQuery, external: Labels): readonly Matcher[] {
  return query.matchers
    .filter(({ name, op, value }) => op !== "=" || value === "" || external.get(name) !== value)
    .map(({ name, op, value }) => createMatcher(name, op, value));
}

/** External labels where the series has none of that name. */
function abroad(labels: Labels, external: Labels): Labels {
  if (external.size === 0) return labels;
  return Labels.from(Object.fromEntries([...external, ...labels]));
}

async function readOne(
  services: QuestionServices,
  query: ReadQuery,
  room: { samples: number },
): Promise<RemoteSeries[]> {
  using querier = services.storage.querier(query.start, query.end);
  const external = services.externalLabels();
  const matchers = matchersOf(query, external);
  const { start, end, stepMs, rangeMs, func } = query;
  const { series } = await querier.select(matchers, { start, end, stepMs, rangeMs, func });
  const out: RemoteSeries[] = [];
  for (const one of series.toSorted((a, b) => compareLabels(a.labels, b.labels))) {
    if (overdue()) await nextTurn();
    const { t, v, from, to, stale } = one.samples();
    if (from === to) continue;
    room.samples -= to - from;
    if (room.samples < 0) {
      throw new UserError("read-limit", `the answer would hold more than ${SAMPLES_MAX} samples`, {
        hint: "ask for a shorter time or fewer series",
        exit: EXIT.limit,
      });
    }
    out.push({
      labels: abroad(one.labels, external),
      t: t.slice(from, to),
      v: v.slice(from, to),
      stale: stale?.slice(from, to),
    });
  }
  return out;
}

async function read(services: QuestionServices, request: Request): Promise<Answer> {
  const message = decodeReadRequest(request.body);
  const room = { samples: SAMPLES_MAX };
  const results: (readonly RemoteSeries[])[] = [];
  for (const query of message.queries) results.push(await readOne(services, query, room));
  const body = Buffer.from(encodeReadResponse({ results }));
  return { status: 200, type: REMOTE_HEADERS["Content-Type"] ?? "", body, encoding: "snappy" };
}

export function readRoutes(services: QuestionServices): readonly Route[] {
  return [
    {
      methods: ["POST"],
      path: "/api/v1/read",
      async handle(request) {
        try {
          return await read(services, request);
        } catch (error) {
          if (!(error instanceof UserError)) throw error;
          const type = errorTypeOf(error);
          return text(`${error.message}\n`, type === "unavailable" ? 503 : type === "execution" ? 500 : 400);
        }
      },
    },
  ];
}
