/**
 * What Grafana's Prometheus data source sends: saving the data source, its query editor, variables, dashboards,
 * annotations and alert lists. Parameters are the ones it uses, values are of our own test data.
 */
import type { ApiRequest } from "./api-requests.ts";

const HEADERS = { "user-agent": "Grafana/12.1.0", accept: "application/json, text/plain, */*" };

export function grafanaRequests(start: number): readonly ApiRequest[] {
  const from = start / 1_000;
  const to = from + 600;
  const post = (
    target: string,
    form: Record<string, string | readonly string[]>,
    how: ApiRequest["how"] = "same",
  ): ApiRequest => {
    const all = new URLSearchParams();
    for (const [name, value] of Object.entries(form)) for (const one of [value].flat()) all.append(name, one);
    return { target, method: "POST", form: all.toString(), headers: HEADERS, how };
  };
  const get = (target: string, how: ApiRequest["how"] = "same"): ApiRequest => ({ target, headers: HEADERS, how });
  const q = encodeURIComponent;
  return [
    // "Save & test": who is there, and does it count.
    get("/api/v1/status/buildinfo", "shape"),
    post("/api/v1/query", { query: "1+1", time: `${from}` }),
    get("/api/v1/rules", "steady"),
    get("/api/v1/status/config", "shape"),
    // A panel: whole seconds for the range, the step as a number, fractional times from "now".
    post("/api/v1/query_range", {
      query: 'sum by (job) (rate(m_total{host=~"a|b"}[1m0s]))',
      start: `${from}`,
      end: `${to}`,
      step: "15",
    }),
    post("/api/v1/query_range", { query: "m_total", start: `${from}.123`, end: `${to}.456`, step: "60" }),
    post("/api/v1/query_range", {
      query: 'ALERTS{alertstate="firing"}',
      start: `${from}`,
      end: `${from + 60}`,
      step: "15",
    }),
    post("/api/v1/query", { query: "topk(5, m_total)", time: `${to}.789` }),
    post("/api/v1/query", { query: "histogram_quantile(0.95, sum by (le) (rate(h_bucket[5m])))", time: `${to}` }),
    get(`/api/v1/query?query=${q("m_total[2m]")}&time=${to}`),
    // The editor's answer to a mistake.
    post("/api/v1/query_range", { query: "rate(m_total)", start: `${from}`, end: `${to}`, step: "15" }, "refusal"),
    // The query builder, metric browser and variables: label_names(), label_values(), query_result().
    post("/api/v1/labels", { start: `${from}`, end: `${to}` }, "shape"),
    post("/api/v1/labels", { start: `${from}`, end: `${to}`, "match[]": 'm_total{job="x"}' }),
    get(`/api/v1/labels?start=${from}&end=${to}&limit=40000&match[]=${q('{__name__="m_total"}')}`),
    get(`/api/v1/label/__name__/values?match[]=${q('{host="a"}')}&limit=40000`),
    get(`/api/v1/label/host/values?start=${from}&end=${to}&match[]=${q('{__name__="m_total",job=~"x|y"}')}`),
    get(`/api/v1/label/job/values?start=${from}&end=${to}&match[]=m_total`),
    get(`/api/v1/label/U__a_2e_b/values?match[]=${q('{"my.metric"}')}`),
    post("/api/v1/series", {
      "match[]": ["m_total", 'special{of="nan"}'],
      start: `${from}`,
      end: `${to}`,
      limit: "40000",
    }),
    get(`/api/v1/series?start=${from}&end=${to}&match[]=${q('{__name__=~"m_.*"}')}`),
    get("/api/v1/metadata?limit_per_metric=1&metric=shop_queue"),
    post("/api/v1/query_exemplars", { query: "rate(h_bucket[1m])", start: `${from}`, end: `${to}` }),
    get("/api/v1/format_query?query=sum%28rate%28m_total%5B5m%5D%29%29"),
    // Alert lists, with and without paging.
    get("/api/v1/alerts", "steady"),
    get("/api/v1/rules?type=alert&limit_alerts=16&group_limit=40", "steady"),
    get("/api/v1/targets?state=active", "steady"),
  ];
}
