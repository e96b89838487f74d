/**
 * A snapshot of a real Prometheus into opsmon: every sample that promtool sees in the blocks is in the store with the
 * same bits, deleted ones are not, stale markers stay markers, and native histograms are counted.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLogger } from "../../src/base/log.ts";
import { systemClock } from "../../src/base/clock.ts";
import { Labels } from "../../src/model/labels.ts";
import { encodeWriteRequest, REMOTE_HEADERS } from "../../src/remote/codec.ts";
import type { RemoteSeries } from "../../src/remote/message.ts";
import { openTsdb } from "../../src/tsdb/tsdb.ts";
import { startEngine, eventually, opsmon, type TempDir, tempDir } from "../support/process.ts";
import { oracle, type Prometheus, startPrometheus } from "../support/prometheus.ts";

const HOUR = 3_600_000;
const ODD = [Number.NaN, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 5e-324, 0.1 + 0.2, 2 ** 60];

function pushed(now: number): RemoteSeries[] {
  const from = now - 5 * HOUR;
  return Array.from({ length: 20 }, (_, k): RemoteSeries => {
    const count = (5 * HOUR) / 15_000;
    const t = Float64Array.from({ length: count }, (_, i) => from + i * 15_000 + (k % 3 === 0 ? (i * 7919) % 13 : 0));
    const v = Float64Array.from({ length: count }, (_, i) =>
      k === 1 ? (ODD[i % ODD.length] as number) : k % 2 === 0 ? Math.floor(i / 3) * k : Math.sin(i / (k + 1)),
    );
    const stale = k === 2 ? Uint8Array.from(t, (_, i) => (i % 100 === 99 ? 1 : 0)) : undefined;
    const labels = Labels.from({ __name__: k % 2 === 0 ? "p_total" : "p_value", k: `${k}`, job: `j${k % 4}` });
    return { labels, t, v, stale };
  });
}

async function push(url: string, series: readonly RemoteSeries[]): Promise<void> {
  const answer = await fetch(`${url}/api/v1/write`, {
    method: "POST",
    headers: { ...REMOTE_HEADERS, "X-Prometheus-Remote-Write-Version": "0.1.0" },
    body: Buffer.from(encodeWriteRequest(series)),
  });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
}

/** `name{…} value time` lines of promtool, times in ms; native histograms left out. */
function dumped(dir: string): Map<string, string> {
  // promtool refuses to look into a directory without one
  mkdirSync(path.join(dir, "wal"), { recursive: true });
  const out = execFileSync(oracle("promtool"), ["tsdb", "dump", dir], { maxBuffer: 1 << 30 }).toString();
  const found = new Map<string, string>();
  for (const line of out.split("\n")) {
    const match = /^\{(.*)\} (\S+) (-?\d+)$/.exec(line);
    if (match !== null) found.set(`${match[1]} @${match[3]}`, match[2] as string);
  }
  return found;
}

/** Everything in a store directory that `wanted` names, in the same words; stale markers apart. */
async function stored(dir: string): Promise<{ values: Map<string, number>; stale: Set<string> }> {
  const store = await openTsdb({ dir, clock: systemClock, log: silentLogger });
  const values = new Map<string, number>();
  const stale = new Set<string>();
  try {
    using querier = store.querier(0, Date.now());
    const { series } = await querier.select([], { start: 0, end: Date.now(), stepMs: 0, rangeMs: 0, func: "" });
    for (const one of series) {
      const name = [...one.labels].map(([label, value]) => `${label}=${JSON.stringify(value)}`).join(", ");
      const column = one.samples();
      for (let i = column.from; i < column.to; i++) {
        const key = `${name} @${column.t[i]}`;
        if (column.stale?.[i] === 1) stale.add(key);
        else values.set(key, column.v[i] as number);
      }
    }
  } finally {
    await store.close();
  }
  return { values, stale };
}

function number(text: string): number {
  return Number(text.replace(/^\+?Inf$/, "Infinity").replace(/^-Inf$/, "-Infinity"));
}

describe("a snapshot of Prometheus 3.5", () => {
  let home: TempDir;
  let prometheus: Prometheus;
  let snapshot: string;
  let deletedFrom = 0;

  beforeAll(async () => {
    home = tempDir();
    const dir = path.join(home.path, "prometheus");
    const config = `global: {scrape_interval: 500ms}
scrape_configs:
  - job_name: self
    static_configs: [{targets: ["TARGET"]}]
`;
    prometheus = await startPrometheus(dir, config, [
      "--web.enable-admin-api",
      "--enable-feature=native-histograms",
      "--storage.tsdb.min-block-duration=1h",
      "--storage.tsdb.max-block-duration=1h",
    ]);
    // the server's own page, with its native histograms
    writeFileSync(path.join(dir, "prometheus.yml"), config.replace("TARGET", new URL(prometheus.url).host));
    const now = Date.now();
    const all = pushed(now);
    for (const from of [0, 300, 600, 900]) {
      await push(
        prometheus.url,
        all.map(({ labels, t, v, stale }) => ({
          labels,
          t: t.slice(from, from + 300),
          v: v.slice(from, from + 300),
          stale: stale?.slice(from, from + 300),
        })),
      );
    }
    await fetch(`${prometheus.url}/-/reload`, { method: "POST" });
    await eventually("native histograms", async () => {
      const answer = await fetch(
        `${prometheus.url}/api/v1/query?query=histogram_count(prometheus_http_request_duration_seconds)`,
      );
      return ((await answer.json()) as { data: { result: unknown[] } }).data.result.length > 0;
    });
    const admin = async (target: string): Promise<unknown> => {
      const answer = await fetch(`${prometheus.url}/api/v1/admin/tsdb/${target}`, { method: "POST" });
      if (!answer.ok) throw new Error(`${target}: ${answer.status} ${await answer.text()}`);
      return answer.status === 204 ? undefined : answer.json();
    };
    deletedFrom = Math.floor((now - 2 * HOUR) / 1000);
    await admin(`delete_series?match[]=p_total{k="4"}&start=${deletedFrom}&end=${deletedFrom + 600}`);
    const { data } = (await admin("snapshot")) as { data: { name: string } };
    snapshot = path.join(dir, "data/snapshots", data.name);
  });
  afterAll(async () => {
    await prometheus[Symbol.asyncDispose]();
    home[Symbol.dispose]();
  });

  async function compare(data: string): Promise<void> {
    const theirs = dumped(snapshot);
    const { values, stale } = await stored(data);
    expect(theirs.size).toBeGreaterThan(24_000);
    const wrong: string[] = [];
    for (const [key, text] of theirs) {
      const want = number(text);
      if (!values.has(key) ? !(Number.isNaN(want) && stale.has(key)) : !Object.is(values.get(key), want))
        wrong.push(`${key}: ${text} and ${values.get(key)}`);
    }
    expect(wrong.slice(0, 10)).toEqual([]);
    expect([...values.keys()].filter((key) => !theirs.has(key)).slice(0, 10)).toEqual([]);
    expect([...stale].filter((key) => key.includes('k="2"'))).toHaveLength(12);
  }

  test("comes into an empty directory with every bit, and a second time changes nothing", async () => {
    const data = path.join(home.path, "data1");
    const first = await opsmon(["import", snapshot, "--data", data], { home: home.path, timeoutMs: 120_000 });
    expect(first.stderr).toMatch(/skipped: \d+ samples? of native histograms, which are not stored: prometheus_/);
    expect(first.stderr).toMatch(/\d+ samples taken, from \d+ blocks?/);
    expect(first.code).toBe(0);
    await compare(data);
    const again = await opsmon(["import", snapshot, "--data", data], { home: home.path, timeoutMs: 120_000 });
    expect(again).toMatchObject({ code: 0, stderr: expect.not.stringContaining("another value") });
    await compare(data);
  });

  test("comes into a running engine that scrapes meanwhile", async () => {
    const engineHome = path.join(home.path, "e");
    const engine = await startEngine({ home: engineHome, argv: ["--retention", "10d"] });
    try {
      const ran = await opsmon(["import", snapshot, "--socket", engine.socket], {
        home: engineHome,
        timeoutMs: 120_000,
      });
      expect(ran).toMatchObject({ code: 0 });
    } finally {
      await engine.stop();
    }
    const { values } = await stored(engine.data);
    const missing = [...dumped(snapshot)].filter(
      ([key, text]) => text !== "NaN" && !Object.is(values.get(key), number(text)),
    );
    expect(missing.slice(0, 10)).toEqual([]);
  });

  test("the data directory of a server that was killed: blocks and the log of what is in none yet", async () => {
    const now = Math.floor(Date.now() / 1000) * 1000;
    // the newest samples are in the log alone
    const labels = Labels.from({ __name__: "p_late", job: "j0" });
    const late = { labels, t: Float64Array.of(now - 2_000, now - 1_000), v: Float64Array.of(1, -0), stale: undefined };
    await push(prometheus.url, [late]);
    const copy = path.join(home.path, "copy");
    const data = path.join(home.path, "data2");
    const theirs = async (): Promise<Map<string, string>> => {
      const found = dumped(copy);
      return new Map([...found].filter(([key]) => !key.includes('job="self"')));
    };
    cpSync(path.join(home.path, "prometheus/data"), copy, { recursive: true });
    const ran = await opsmon(["import", copy, "--data", data], { home: home.path, timeoutMs: 120_000 });
    expect(ran.stderr).toMatch(/samples? taken, from \d+ blocks? and the log of what is in none yet/);
    expect(ran.code).toBe(0);
    const { values, stale } = await stored(data);
    const expected = await theirs();
    expect(expected.size).toBeGreaterThan(23_000);
    const missing = [...expected].filter(
      ([key, text]) => !(text === "NaN" && stale.has(key)) && !Object.is(values.get(key), number(text)),
    );
    expect(missing.slice(0, 10)).toEqual([]);
    const surplus = [...values.keys()].filter((key) => !key.includes('job="self"') && !expected.has(key));
    expect(surplus.slice(0, 10)).toEqual([]);
    rmSync(copy, { recursive: true });
  });
});
