/** Programs that talk to a Prometheus today, pointed at opsmon: promtool, Grafana's requests, a reading Prometheus. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { differences, send } from "../support/api-compare.ts";
import { type Pair, startPair } from "../support/api-pair.ts";
import { grafanaRequests } from "../support/grafana-requests.ts";
import { eventually, tempDir } from "../support/process.ts";
import { oracle, startPrometheus } from "../support/prometheus.ts";

let pair: Pair;
beforeAll(async () => {
  pair = await startPair();
});
afterAll(() => pair?.[Symbol.asyncDispose]());

/** Output and exit code; lines sorted, because a vector has no order. */
async function promtool(argv: readonly string[]): Promise<string> {
  const run = promisify(execFile)(oracle("promtool"), [...argv], { timeout: 20_000 });
  const { stdout, stderr, code } = await run.then(
    (done) => ({ ...done, code: 0 }),
    (error: { stdout: string; stderr: string; code: number }) => error,
  );
  return `${code}\n${`${stdout}${stderr}`.split("\n").sort().join("\n")}`;
}

describe("promtool", () => {
  const at = (seconds: number): string => `${pair.start / 1_000 + seconds}`;
  test.each([
    ["instant", (url: string) => ["query", "instant", url, "sum by (job) (m_total)", `--time=${at(300)}`]],
    [
      "instant as JSON",
      (url: string) => ["query", "instant", "-o", "json", url, "m_total{host='a'}", `--time=${at(300)}`],
    ],
    ["a scalar", (url: string) => ["query", "instant", url, "1 + 1", `--time=${at(300)}`]],
    ["a mistake", (url: string) => ["query", "instant", url, "sum(", `--time=${at(300)}`]],
    [
      "range",
      (url: string) => [
        "query",
        "range",
        url,
        "rate(m_total[1m])",
        `--start=${at(0)}`,
        `--end=${at(600)}`,
        "--step=60s",
      ],
    ],
    [
      "series",
      (url: string) => [
        "query",
        "series",
        url,
        "--match=m_total",
        "--match=ends",
        `--start=${at(0)}`,
        `--end=${at(600)}`,
      ],
    ],
    ["labels", (url: string) => ["query", "labels", url, "host"]],
    ["labels of some", (url: string) => ["query", "labels", "-o", "json", url, "job", "--match=m_total"]],
    [
      "analyze",
      (url: string) => [
        "query",
        "analyze",
        `--server=${url}`,
        "--type=histogram",
        "--match=h_bucket",
        `--time=${at(600)}`,
        "--duration=5m",
      ],
    ],
    ["health", (url: string) => ["check", "healthy", `--url=${url}`]],
    ["readiness", (url: string) => ["check", "ready", `--url=${url}`]],
  ])("query %s prints what it prints for Prometheus", async (_name, argv) => {
    const [theirs, ours] = [await promtool(argv(pair.prometheus)), await promtool(argv(pair.opsmon))];
    // The program's own name is the only word that may differ.
    expect(ours).toBe(theirs.replace("Prometheus Server", "opsmon"));
  });
});

test("Grafana's data source gets Prometheus' answers", async () => {
  const found: string[] = [];
  for (const request of grafanaRequests(pair.start)) {
    const [theirs, ours] = [await send(pair.prometheus, request), await send(pair.opsmon, request)];
    for (const one of differences(request, theirs, ours)) found.push(`${request.target} ${request.form ?? ""}: ${one}`);
  }
  expect(found).toEqual([]);
});

test("a Prometheus reads opsmon's series as its own", async () => {
  using home = tempDir();
  // a reader of the same site: what comes with that label is its own
  const config = `global: {scrape_interval: 1h, external_labels: {site: lab}}
remote_read: [{url: "${pair.opsmon}/api/v1/read", read_recent: true}]
`;
  await using reader = await startPrometheus(home.path, config);
  const ask = async (url: string, expr: string): Promise<unknown> => {
    const answer = await fetch(
      `${url}/api/v1/query?query=${encodeURIComponent(expr)}&time=${pair.start / 1_000 + 300}`,
    );
    return ((await answer.json()) as { data: { result: unknown } }).data.result;
  };
  for (const expr of ["sum by (job) (rate(m_total[2m]))", 'special{of="small"}', '{"my.metric"}', "count(h_bucket)"]) {
    const wanted = await ask(pair.opsmon, expr);
    await eventually(expr, async () => JSON.stringify(await ask(reader.url, expr)).length > 2);
    expect(await ask(reader.url, expr), expr).toEqual(wanted);
  }
});

test("a Prometheus federates from opsmon", async () => {
  using home = tempDir();
  const config = `global: {scrape_interval: 1s}
scrape_configs:
- job_name: federate
  honor_labels: true
  metrics_path: /federate
  params: {"match[]": ['{job="shop"}', 'shop:requests:sum']}
  static_configs: [{targets: ["${pair.opsmon.slice("http://".length)}"]}]
`;
  await using reader = await startPrometheus(home.path, config);
  const got = await eventually("the federated series", async () => {
    const answer = await fetch(`${reader.url}/api/v1/query?query=shop_queue`);
    const { data } = (await answer.json()) as { data: { result: readonly { metric: object; value: unknown[] }[] } };
    return data.result[0];
  });
  expect(got.metric).toEqual({
    __name__: "shop_queue",
    instance: `127.0.0.1:${pair.live}`,
    job: "shop",
    zone: "a",
    site: "lab",
  });
  expect(got.value[1]).toBe("12");
});

test("a Prometheus writes to opsmon, and its native histograms are refused by name", async () => {
  using home = tempDir();
  const config = `global: {scrape_interval: 1s}
remote_write: [{url: "${pair.opsmon}/api/v1/write", send_native_histograms: true}]
scrape_configs:
- {job_name: written, static_configs: [{targets: ["${pair.prometheus.slice("http://".length)}"]}]}
`;
  await using writer = await startPrometheus(home.path, config, ["--enable-feature=native-histograms"]);
  expect(writer.pid).toBeGreaterThan(0);
  const ask = async (expr: string): Promise<{ status: number; text: string }> => {
    const answer = await fetch(`${pair.opsmon}/api/v1/query?query=${encodeURIComponent(expr)}`);
    return { status: answer.status, text: await answer.text() };
  };
  await eventually("a written series", async () => /"value":\[[^,]+,"1"\]/.test((await ask('up{job="written"}')).text));
  const native = "prometheus_http_request_duration_seconds";
  const refused = await eventually("the refusal", async () => {
    const answer = await ask(`histogram_quantile(0.9, rate(${native}[1m]))`);
    return answer.status === 422 ? answer : undefined;
  });
  expect(refused.text).toMatch(/native histogram, which opsmon does not store/);
  const status = await fetch(`${pair.opsmon}/api/opsmon/v1/status`);
  expect(await status.text()).toContain(native);
});
