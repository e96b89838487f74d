/** What a hostile client asks: each line is one request, and what may come back. */

export interface Question {
  readonly what: string;
  readonly path: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** Statuses that are right answers. */
  readonly statuses: readonly number[];
  /** The client leaves after so long, ms. */
  readonly leavesAfterMs?: number;
}

/** Longest evaluation the questions ask for, s. */
export const TIMEOUT_S = 10;
const HOUR_S = 3_600;

const ENDS = [200, 422, 503];
const chain = (term: string, count: number): string => Array.from({ length: count }, () => term).join("+");

export function questions(nowS: number): readonly Question[] {
  const instant = (what: string, query: string, statuses: readonly number[] = ENDS): Question => ({
    what,
    path: "/api/v1/query",
    parameters: { query, time: String(nowS), timeout: `${TIMEOUT_S}s` },
    statuses,
  });
  const range = (what: string, query: string, step: number, statuses: readonly number[] = ENDS): Question => ({
    what,
    path: "/api/v1/query_range",
    parameters: {
      query,
      start: String(nowS - HOUR_S),
      end: String(nowS),
      step: String(step),
      timeout: `${TIMEOUT_S}s`,
    },
    statuses,
  });
  return [
    instant("a sum of 40 rates", chain("rate(big[1h])", 40)),
    range("a sum of 40 rates over time", chain("rate(big[5m])", 40), 15),
    range("a rate over six hours", "rate(big[6h])", 15),
    range("quantiles of windows", "quantile_over_time(0.9, temperature[30m])", 30),
    instant("one expensive expression", "(a+)+b", [200, 400]),
    instant("a regular expression that explodes", 'count({path=~"/(a+)+b"})'),
    instant("one that matches everything", 'count({job=~".+", path=~"(.*.*.*.*)*"})'),
    range("10 million points", '{__name__=~".+"}', 4),
    range("nested sub-queries", "max_over_time(sum_over_time(rate(big[1m])[10m:5s])[30m:10s])", 60),
    range("deeper ones", "avg_over_time(avg_over_time(avg_over_time(temperature[5m:1s])[5m:1s])[5m:1s])", 60),
    instant("1 MB of text", `vector(1)+"${"x".repeat(1_000_000)}"`, [400, 413, 431]),
    instant("a long sum", chain("1", 100_000), [200, 400, 422]),
    instant("a long sum of selectors", chain("big", 2_000), [200, 400, 422, 503]),
    instant("deep parentheses", `${"(".repeat(100_000)}1${")".repeat(100_000)}`, [400]),
    instant("a matching of everything", "count(big * on(path, job) group_left temperature or big unless lat_bucket)"),
    instant("label_replace of everything", 'count(label_replace({__name__=~".+"}, "x", "$1", "path", "(/a+)+/(.*)"))'),
    range("count_values", 'count_values("v", big)', 60),
    range("sorted and cut", "topk(100, rate(big[5m]))", 15),
    { what: "label values", path: "/api/v1/label/path/values", parameters: {}, statuses: [200] },
    { what: "label names", path: "/api/v1/labels", parameters: {}, statuses: [200] },
    { what: "all series", path: "/api/v1/series", parameters: { "match[]": '{__name__=~".+"}' }, statuses: [200] },
    { what: "federation", path: "/federate", parameters: { "match[]": '{__name__=~".+"}' }, statuses: [200] },
    {
      what: "the tree of a long sum",
      path: "/api/v1/parse_query",
      parameters: { query: chain("a", 20_000) },
      statuses: [200, 400],
    },
    { ...range("10 million points nobody waits for", '{__name__=~".+"}', 4), leavesAfterMs: 300 },
    { ...instant("rates nobody waits for", chain("rate(big[30m])", 30)), leavesAfterMs: 200 },
  ];
}
