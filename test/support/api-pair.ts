/**
 * Prometheus 3.5 and opsmon side by side, with the same targets, rules and written samples: whatever one answers, the
 * other is expected to answer.
 */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { Labels } from "../../src/model/labels.ts";
import { encodeWriteRequest, REMOTE_HEADERS, type RemoteSeries } from "../../src/remote/codec.ts";
import { eventually, freePort, startEngine, startPage, tempDir } from "./process.ts";
import { startPrometheus } from "./prometheus.ts";
import { RULE_PACKS } from "../../rules/index.ts";

const PAGE = `# HELP shop_requests_total Requests served.
# TYPE shop_requests_total counter
shop_requests_total{code="200",path="/"} 1027
shop_requests_total{code="500",path="/"} 3
# HELP shop_queue Items waiting.
# TYPE shop_queue gauge
shop_queue 12
# HELP shop_seconds Latency.
# TYPE shop_seconds histogram
shop_seconds_bucket{le="0.1"} 20
shop_seconds_bucket{le="+Inf"} 25
shop_seconds_sum 3.5
shop_seconds_count 25
# HELP shop_size Sizes.
# TYPE shop_size summary
shop_size{quantile="0.5"} 17
shop_size_sum 100
shop_size_count 9
shop_untyped 5e-07
`;

const RULES = `groups:
  - name: first
    interval: 1s
    limit: 10
    rules:
      - record: shop:requests:sum
        expr: sum(shop_requests_total)
        labels: {team: shop}
      - alert: Always
        expr: shop_queue > 3
        labels: {severity: page}
        annotations: {summary: "{{ $value }} on {{ $labels.instance }}"}
      - alert: Patient
        expr: shop_queue > 3
        for: 1h
        keep_firing_for: 2m
  - name: second
    interval: 1s
    rules:
      - alert: Never
        expr: shop_queue > 300
      - record: broken
        expr: shop_queue * on () shop_requests_total
`;

function config(live: number, dead: number): string {
  return `global:
  scrape_interval: 1s
  scrape_timeout: 900ms
  evaluation_interval: 1s
  external_labels: {site: lab}
rule_files: [rules.yml]
storage:
  tsdb: {out_of_order_time_window: 6h}
scrape_configs:
  - job_name: shop
    static_configs:
      - targets: ["127.0.0.1:${live}", "127.0.0.1:${dead}", "127.0.0.1:1"]
        labels: {zone: a}
    relabel_configs:
      - {source_labels: [__address__], regex: "127.0.0.1:1", action: drop}
  - job_name: other
    metrics_path: /more
    params: {module: [a, b]}
    static_configs:
      - targets: ["127.0.0.1:${live}"]
    relabel_configs:
      - {target_label: role, replacement: copy}
`;
}

/** Written into both: straight lines, a gap, special values, and names that need quoting. */
export function writtenSeries(start: number): readonly RemoteSeries[] {
  const series = (labels: Record<string, string>, values: readonly number[], stepMs = 15_000): RemoteSeries => ({
    labels: Labels.from(labels),
    t: Float64Array.from(values, (_, i) => start + i * stepMs),
    v: Float64Array.from(values),
    stale: undefined,
  });
  const line = (slope: number, from = 0): readonly number[] => Array.from({ length: 41 }, (_, i) => from + slope * i);
  return [
    series({ __name__: "m_total", host: "a", job: "x" }, line(3)),
    series({ __name__: "m_total", host: "b", job: "x" }, line(7, 0.1)),
    series({ __name__: "m_total", host: "c", job: "y" }, line(0.25, 1e21)),
    series(
      { __name__: "special", of: "nan" },
      line(0).map(() => Number.NaN),
    ),
    series(
      { __name__: "special", of: "inf" },
      line(0).map(() => Number.POSITIVE_INFINITY),
    ),
    series(
      { __name__: "special", of: "-inf" },
      line(0).map(() => Number.NEGATIVE_INFINITY),
    ),
    series({ __name__: "special", of: "small" }, line(5e-7)),
    series(
      { __name__: "special", of: "-0" },
      line(0).map(() => -0),
    ),
    series({ __name__: "h_bucket", le: "0.5" }, line(1)),
    series({ __name__: "h_bucket", le: "1" }, line(3)),
    series({ __name__: "h_bucket", le: "+Inf" }, line(4)),
    series({ __name__: "my.metric", "a.b": "x/y", "label with space": 'ä\n"q"' }, line(2)),
    series({ __name__: "ends", host: "a" }, line(1).slice(0, 10)),
  ];
}

export interface Pair extends AsyncDisposable {
  /** "" when opsmon stands alone. */
  readonly prometheus: string;
  /** Directory of the configuration and rules. */
  readonly home: string;
  readonly opsmon: string;
  readonly socket: string;
  /** First written sample, ms: a whole minute. */
  readonly start: number;
  readonly live: number;
  readonly dead: number;
}

/** opsmon alone, where answers of Prometheus were written down before. */
export function startAlone(env: Readonly<Record<string, string>> = {}): Promise<Pair> {
  return begin(false, env);
}

/** Both are up, have scraped at least three times and have evaluated their rules. */
export function startPair(): Promise<Pair> {
  return begin(true, {});
}

async function begin(both: boolean, env: Readonly<Record<string, string>>): Promise<Pair> {
  const stack = new AsyncDisposableStack();
  try {
    const home = stack.use(tempDir());
    const page = stack.use(await startPage(PAGE));
    const dead = await freePort();
    writeFileSync(path.join(home.path, "rules.yml"), RULES);
    const text = config(page.port, dead);
    const own = path.join(home.path, "opsmon.yml");
    const packs = RULE_PACKS.map(({ name }) => `{name: ${name}, enabled: false}`).join(", ");
    const settings = `opsmon: {host_collector: {enabled: false}, discover: {enabled: false}, rule_packs: [${packs}]}\n`;
    writeFileSync(own, text + settings);
    const port = await freePort();
    const engine = stack.use(
      await startEngine({ home: home.path, config: own, argv: ["--listen", `127.0.0.1:${port}`], env }),
    );
    const theirs = path.join(home.path, "prometheus");
    const theirText = text.replace("rules.yml", path.join("..", "rules.yml"));
    const prometheus = both ? stack.use(await startPrometheus(theirs, theirText)).url : "";
    const opsmon = `http://127.0.0.1:${port}`;
    const start = Math.floor(Date.now() / 60_000) * 60_000 - 900_000;
    for (const url of both ? [prometheus, opsmon] : [opsmon]) {
      await write(url, encodeWriteRequest(writtenSeries(start)));
      await eventually(`rules and scrapes of ${url}`, () => settled(url), 30_000);
    }
    const own_ = stack.move();
    return {
      prometheus,
      home: home.path,
      opsmon,
      socket: engine.socket,
      start,
      live: page.port,
      dead,
      [Symbol.asyncDispose]: () => own_.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function write(url: string, body: Uint8Array): Promise<void> {
  const answer = await fetch(`${url}/api/v1/write`, {
    method: "POST",
    body: Buffer.from(body),
    headers: REMOTE_HEADERS,
  });
  if (!answer.ok) throw new Error(`${url} refused the samples: ${answer.status} ${await answer.text()}`);
}

async function settled(url: string): Promise<boolean> {
  const ask = async (expr: string): Promise<number> => {
    const answer = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(expr)}`);
    const { data } = (await answer.json()) as { data: { result: readonly { value: readonly [number, string] }[] } };
    return Number(data.result[0]?.value[1] ?? 0);
  };
  return (
    (await ask("min(count_over_time(up[1m]))")) >= 3 &&
    (await ask("count(ALERTS)")) >= 3 &&
    (await ask("count(up)")) === 3
  );
}
