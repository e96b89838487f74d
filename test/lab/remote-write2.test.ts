/**
 * A real Prometheus sends to opsmon by remote write 2.0: what it scraped is what opsmon has, it hears how much was
 * written, and its native histograms are refused and named.
 */
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Engine,
  eventually,
  freePort,
  startEngine,
  startPage,
  type Page,
  type TempDir,
  tempDir,
} from "../support/process.ts";
import { samplesOf } from "../support/lab.ts";
import { type Prometheus, startPrometheus } from "../support/prometheus.ts";

const PAGE = (n: number): string => `# HELP jobs_total Jobs done.
# TYPE jobs_total counter
jobs_total{queue="a b",odd="\\"q\\""} ${n}
# TYPE room_celsius gauge
room_celsius NaN
room_kelvin{room="x"} 2.7e-05
`;

describe("remote write 2.0 from Prometheus 3.5", () => {
  let home: TempDir;
  let page: Page;
  let engine: Engine;
  let prometheus: Prometheus;
  const metric = async (name: string): Promise<number> => {
    const answer = await fetch(`${prometheus.url}/api/v1/query?query=sum(${name})`);
    return samplesOf(await answer.json())[0]?.value ?? 0;
  };

  beforeAll(async () => {
    home = tempDir();
    page = await startPage(PAGE(1));
    const port = await freePort();
    engine = await startEngine({ home: path.join(home.path, "e"), argv: ["--listen", `127.0.0.1:${port}`] });
    const own = await freePort();
    prometheus = await startPrometheus(
      path.join(home.path, "p"),
      `global: {scrape_interval: 500ms}
scrape_configs:
  - job_name: page
    static_configs: [{targets: ["127.0.0.1:${page.port}"]}]
  - job_name: self
    static_configs: [{targets: ["127.0.0.1:${own}"]}]
remote_write:
  - url: http://127.0.0.1:${port}/api/v1/write
    protobuf_message: io.prometheus.write.v2.Request
    send_native_histograms: true
    queue_config: {batch_send_deadline: 500ms}
`,
      ["--enable-feature=native-histograms,metadata-wal-records", `--web.listen-address=127.0.0.1:${own}`],
    );
  });
  afterAll(async () => {
    await prometheus[Symbol.asyncDispose]();
    await engine[Symbol.asyncDispose]();
    await page[Symbol.asyncDispose]();
    home[Symbol.dispose]();
  });

  test("samples, metadata and stale markers arrive", async () => {
    const ask = async (expr: string) => samplesOf(await engine.get(`/api/v1/query?query=${encodeURIComponent(expr)}`));
    await eventually("jobs_total", async () => (await ask('jobs_total{queue="a b",odd="\\"q\\""}'))[0]?.value === 1);
    expect((await ask("room_celsius"))[0]?.value).toBeNaN();
    expect((await ask("room_kelvin"))[0]?.value).toBe(2.7e-5);
    await eventually("its description", async () => {
      const { data } = (await engine.get("/api/v1/metadata?metric=jobs_total")) as {
        data: Record<string, readonly { type: string; help: string }[]>;
      };
      return data["jobs_total"]?.[0]?.type === "counter" && data["jobs_total"][0].help === "Jobs done.";
    });
    page.set("jobs_total 2\n");
    await eventually("the end of a series", async () => (await ask("room_kelvin")).length === 0, 20_000);
  });

  test("every raw sample is the same on both sides", async () => {
    const expr = encodeURIComponent('{job="page",__name__=~"jobs_total|up|scrape_samples_scraped"}[1m]');
    const range = async (body: unknown): Promise<Map<string, string>> => {
      const { data } = body as { data: { result: readonly { metric: object; values: readonly [number, string][] }[] } };
      return new Map(data.result.map(({ metric: labels, values }) => [JSON.stringify(labels), JSON.stringify(values)]));
    };
    await eventually("equal ranges", async () => {
      const at = Date.now() / 1000 - 3;
      const theirs = await range(await (await fetch(`${prometheus.url}/api/v1/query?query=${expr}&time=${at}`)).json());
      const ours = await range(await engine.get(`/api/v1/query?query=${expr}&time=${at}`));
      expect(theirs.size).toBeGreaterThan(3);
      for (const [labels, values] of theirs) expect(ours.get(labels)).toBe(values);
      return true;
    });
  });

  test("the sender hears what was written; native histograms are counted as failed and named", async () => {
    await eventually("sent samples", async () => (await metric("prometheus_remote_storage_samples_total")) > 50);
    const [samples, failed] = [
      await metric("prometheus_remote_storage_samples_total"),
      await metric("prometheus_remote_storage_samples_failed_total"),
    ];
    expect(failed).toBeLessThan(samples / 10);
    const status = await eventually("native histograms in status", async () => {
      const text = JSON.stringify(await engine.get("/api/opsmon/v1/status"));
      return text.includes("prometheus_http_request_duration_seconds") ? text : undefined;
    });
    expect(status).toContain("histogram");
  });
});
