/**
 * `/federate`: the newest samples of chosen series as an exposition page for another Prometheus. Types are left out,
 * as Prometheus does: what a family was is not kept beside each series. Names that the text format cannot hold are
 * written with underscores unless the reader says that it takes UTF-8.
 * @see https://prometheus.io/docs/prometheus/latest/federation/
 */
import { UserError } from "../../base/errors.ts";
import { quotedText } from "../../exposition/write.ts";
import { compareLabels, compareUtf8, type Labels, METRIC_NAME } from "../../model/labels.ts";
import { formatFloat } from "../../promql/number.ts";
import { LOOKBACK_MS_DEFAULT } from "../../promql/options.ts";
import { type Answer, type Request, type Route, text } from "../http.ts";
import { parseSelectors } from "../selectors.ts";
import type { QuestionServices } from "../services.ts";

const METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const ACCEPTS_UTF8 = /escaping=allow-utf-8/;

function underscored(name: string, colons: boolean): string {
  return name.replace(colons ? /[^a-zA-Z0-9_:]/gu : /[^a-zA-Z0-9_]/gu, "_").replace(/^\d/, "_$&");
}

/** Own labels sorted by name, then the external ones it lacks; `instance=""` keeps a reader from adding its own. */
function pairsOf(labels: Labels, external: Labels, utf8: boolean): readonly string[] {
  const pairs: string[] = [];
  const add = (name: string, value: string): void => {
    const written = LABEL.test(name) ? name : utf8 ? quotedText(name) : underscored(name, false);
    pairs.push(`${written}=${quotedText(value)}`);
  };
  for (const [name, value] of labels) if (name !== METRIC_NAME) add(name, value);
  if (labels.get("instance") === "" && external.get("instance") === "") add("instance", "");
  for (const [name, value] of external) if (labels.get(name) === "") add(name, value);
  return pairs;
}

async function newest(
  services: QuestionServices,
  selectors: ReturnType<typeof parseSelectors>,
): Promise<Map<string, Row>> {
  const end = services.now();
  const start = end - LOOKBACK_MS_DEFAULT + 1;
  using querier = services.storage.querier(start, end);
  const rows = new Map<string, Row>();
  for (const matchers of selectors) {
    const { series } = await querier.select(matchers, { start, end, stepMs: 0, rangeMs: 0, func: "" });
    for (const one of series) {
      const { t, v, from, to, stale } = one.samples();
      if (to <= from || stale?.[to - 1] === 1 || one.labels.get(METRIC_NAME) === "") continue;
      rows.set(one.labels.key, { labels: one.labels, t: t[to - 1] as number, v: v[to - 1] as number });
    }
  }
  return rows;
}

interface Row {
  readonly labels: Labels;
  readonly t: number;
  readonly v: number;
}

async function federate(services: QuestionServices, request: Request): Promise<Answer> {
  const utf8 = ACCEPTS_UTF8.test(String(request.headers.accept ?? ""));
  // Nothing asked for, or everything: Prometheus gives an empty page for both, and so does a reader expect it.
  const wanted = request.parameters.list("match[]").filter((one) => !/^\s*\{\s*\}\s*$/.test(one));
  const rows = [...(await newest(services, parseSelectors(wanted))).values()].sort(
    (a, b) => compareUtf8(a.labels.get(METRIC_NAME), b.labels.get(METRIC_NAME)) || compareLabels(a.labels, b.labels),
  );
  const external = services.externalLabels();
  const parts: string[] = [];
  let last: string | undefined;
  for (const { labels, t, v } of rows) {
    const name = labels.get(METRIC_NAME);
    const plain = METRIC.test(name);
    const written = plain ? name : utf8 ? quotedText(name) : underscored(name, true);
    if (name !== last) parts.push(`# TYPE ${written} untyped\n`);
    last = name;
    const pairs = pairsOf(labels, external, utf8);
    const head = !plain && utf8 ? `{${[written, ...pairs].join(",")}}` : `${written}{${pairs.join(",")}}`;
    parts.push(`${head} ${formatFloat(v)} ${t}\n`);
  }
  const escaping = utf8 ? "allow-utf-8" : "underscores";
  return text(parts.join(""), 200, `text/plain; version=0.0.4; charset=utf-8; escaping=${escaping}`);
}

export function federateRoutes(services: QuestionServices): readonly Route[] {
  return [
    {
      methods: ["GET"],
      path: "/federate",
      async handle(request) {
        try {
          return await federate(services, request);
        } catch (error) {
          if (error instanceof UserError && error.code === "bad-parameter") return text(`${error.message}\n`, 400);
          throw error;
        }
      },
    },
  ];
}
