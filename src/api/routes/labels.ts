/** `/api/v1/labels`, `label/<name>/values`, `series`, `metadata`. */
import { UserError } from "../../base/errors.ts";
import { compareLabels, compareUtf8, type Labels } from "../../model/labels.ts";
import type { Matcher } from "../../model/matcher.ts";
import type { Querier } from "../../storage/storage.ts";
import { type Request, type Route, success } from "../http.ts";
import { TIME_MS_MAX } from "../params.ts";
import { parseSelectors } from "../selectors.ts";
import type { QuestionServices } from "../services.ts";

/** Names written `U__…` carry other characters as `_hex_`, since a path cannot hold every label name. */
export function unescapeLabelName(name: string): string {
  if (!name.startsWith("U__")) return name;
  return name.slice(3).replace(/__|_([0-9a-fA-F]{1,6})_/g, (whole, hex: string | undefined) => {
    if (hex === undefined) return "_";
    const code = Number.parseInt(hex, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

async function union(
  request: Request,
  services: QuestionServices,
  ask: (querier: Querier, matchers: readonly Matcher[]) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  const selectors = parseSelectors(request.parameters.list("match[]"));
  using querier = services.storage.querier(
    request.parameters.time("start", -TIME_MS_MAX),
    request.parameters.time("end", TIME_MS_MAX),
  );
  if (selectors.length === 0) return ask(querier, []);
  const all = new Set<string>();
  for (const matchers of selectors) for (const text of await ask(querier, matchers)) all.add(text);
  return [...all].sort(compareUtf8);
}

function cut<T>(request: Request, all: readonly T[]): ReturnType<typeof success> {
  const limit = request.parameters.limit();
  if (limit === 0 || all.length <= limit) return success(all);
  return success(all.slice(0, limit), { warnings: ["results truncated due to limit"] });
}

async function series(request: Request, services: QuestionServices): Promise<readonly Labels[]> {
  const selectors = parseSelectors(request.parameters.list("match[]"));
  if (selectors.length === 0) throw new UserError("bad-parameter", "no match[] parameter provided");
  const start = request.parameters.time("start", -TIME_MS_MAX);
  const end = request.parameters.time("end", TIME_MS_MAX);
  using querier = services.storage.querier(start, end);
  const found = new Map<string, Labels>();
  for (const matchers of selectors) {
    const set = await querier.select(matchers, { start, end, stepMs: 0, rangeMs: 0, func: "series", labelsOnly: true });
    for (const one of set.series) found.set(one.labels.key, one.labels);
  }
  return [...found.values()].sort(compareLabels);
}

export function labelRoutes(services: QuestionServices): readonly Route[] {
  return [
    {
      methods: ["GET", "POST"],
      path: "/api/v1/labels",
      handle: async (request) =>
        cut(request, await union(request, services, (querier, matchers) => querier.labelNames(matchers))),
    },
    {
      methods: ["GET"],
      path: "/api/v1/label/:name/values",
      async handle(request, holes) {
        const name = unescapeLabelName(holes["name"] ?? "");
        if (name === "") throw new UserError("bad-label-name", 'invalid label name: ""');
        return cut(request, await union(request, services, (querier, matchers) => querier.labelValues(name, matchers)));
      },
    },
    {
      methods: ["GET", "POST"],
      path: "/api/v1/series",
      handle: async (request) => cut(request, await series(request, services)),
    },
    {
      methods: ["GET"],
      path: "/api/v1/metadata",
      async handle(request) {
        const limit = request.parameters.integer("limit", -1);
        const perMetric = request.parameters.integer("limit_per_metric", -1);
        const out: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
        let count = 0;
        for (const [family, all] of services.storage.metadata(request.parameters.text("metric"))) {
          if (limit >= 0 && count++ >= limit) break;
          out[family] = perMetric > 0 ? all.slice(0, perMetric) : all;
        }
        return success(out);
      },
    },
  ];
}
