import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { UserError } from "../../../src/base/errors.ts";
import { type ScrapeJob, Secret } from "../../../src/model/job.ts";
import type { Appendable, AppendResult } from "../../../src/storage/storage.ts";
import { memoryStore } from "../../support/memory-store.ts";
import { startExporter } from "../../support/exporter.ts";
import { dumpStore, SCRAPE_START, scrapeJob, scrapeRig } from "../../support/scrape.ts";
import { rule } from "../../support/relabel.ts";

describe("staleness", () => {
  test("a series that leaves the page gets a marker at the time of that scrape", async () => {
    await using exporter = await startExporter("page");
    await using rig = scrapeRig();
    exporter.page = "a 1\nb 2\n";
    await rig.manager.apply([scrapeJob("j", [exporter.address])]);
    await rig.next(0);
    exporter.page = "a 3\n";
    const second = (await rig.next(10_000)).lastScrapeAt;
    const stored = Object.entries(await dumpStore(rig.store, "a|b"));
    expect(stored.map(([, values]) => values.map(([, v]) => v))).toEqual([
      [1, 3],
      [2, "stale"],
    ]);
    expect(stored[1]?.[1].at(-1)?.[0]).toBe(second - SCRAPE_START);
  });

  test("a sample with a time of its own is not tracked unless the job says so", async () => {
    for (const [track, expected] of [
      [false, [[-1_000, 1]]],
      [
        true,
        [
          [-1_000, 1],
          [expect.any(Number), "stale"],
        ],
      ],
    ] as const) {
      await using exporter = await startExporter("page");
      await using rig = scrapeRig();
      exporter.page = "a 1 1699999999000\n";
      await rig.manager.apply([scrapeJob("j", [exporter.address], { trackTimestampsStaleness: track })]);
      await rig.next(0);
      exporter.page = "";
      await rig.next(10_000);
      expect(Object.values(await dumpStore(rig.store, "a"))).toEqual([expected]);
    }
  });

  test("honor_timestamps: false stores the scrape's time", async () => {
    await using exporter = await startExporter("page");
    await using rig = scrapeRig();
    exporter.page = "a 1 1699999999000\n";
    await rig.manager.apply([scrapeJob("j", [exporter.address], { honorTimestamps: false })]);
    const { lastScrapeAt } = await rig.next(0);
    expect(Object.values(await dumpStore(rig.store, "a"))).toEqual([[[lastScrapeAt - SCRAPE_START, 1]]]);
  });

  test("a removed job goes stale, up included; closing the engine writes nothing", async () => {
    await using exporter = await startExporter("ok");
    const rig = scrapeRig();
    const job = scrapeJob("a", [exporter.address]);
    await rig.manager.apply([job, { ...job, name: "b" }]);
    await rig.clock.advance(10);
    await rig.ended(2);
    await rig.manager.apply([{ ...job, name: "b" }]);
    await rig.manager.close();
    const stored = await dumpStore(rig.store, "up|fault_up");
    const lasts = Object.entries(stored).map(([series, values]) => [/job="(.)"/.exec(series)?.[1], values.at(-1)?.[1]]);
    expect(lasts.sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1))).toEqual([
      ["a", "stale"],
      ["a", "stale"],
      ["b", 1],
      ["b", 1],
    ]);
  });
});

describe("applying a configuration again", () => {
  test("unchanged targets keep their phase; a changed rule drops what it drops and keeps the rest", async () => {
    await using exporter = await startExporter("page");
    await using rig = scrapeRig();
    exporter.page = "keep_me 1\ndrop_me 2\n";
    const job = scrapeJob("j", [exporter.address]);
    await rig.manager.apply([job]);
    await rig.next(0);
    const first = (await rig.next(10_000)).lastScrapeAt;
    await rig.manager.apply([{ ...job }]);
    const drop = rule({ action: "drop", sourceLabels: ["__name__"], regex: "drop_.*" });
    await rig.manager.apply([scrapeJob("j", [exporter.address], { metricRelabel: [drop] })]);
    expect(rig.manager.targets()).toMatchObject([{ health: "up", lastScrapeAt: first }]);
    const second = (await rig.next(10_000)).lastScrapeAt;
    expect(second - first).toBe(10_000);
    const stored = await dumpStore(rig.store, "keep_me|drop_me");
    expect(Object.values(stored).map((values) => values.map(([, v]) => v))).toEqual([
      [1, 1, 1],
      [2, 2, "stale"],
    ]);
  });

  test("a broken rule changes nothing that runs", async () => {
    await using exporter = await startExporter("ok");
    await using rig = scrapeRig();
    await rig.manager.apply([scrapeJob("j", [exporter.address])]);
    const broken = scrapeJob("j", [exporter.address], { relabel: [rule({ regex: "(" })] });
    await expect(rig.manager.apply([broken])).rejects.toMatchObject({ code: "bad-regexp" });
    expect(rig.manager.targets()).toHaveLength(1);
  });
});

describe("targets", () => {
  test("labels, parameters and the URL are Prometheus'", async () => {
    await using exporter = await startExporter("ok");
    await using rig = scrapeRig();
    const relabel = [
      rule({ sourceLabels: ["__address__"], targetLabel: "__param_target" }),
      rule({ sourceLabels: ["__param_target"], targetLabel: "instance" }),
      rule({ targetLabel: "__address__", replacement: exporter.address }),
    ];
    const job = scrapeJob("probe", ["https://example.test/x"], {
      metricsPath: "/probe",
      params: { module: ["http_2xx"] },
      relabel,
    });
    await rig.manager.apply([job]);
    await rig.next(0);
    expect(exporter.path).toBe("/probe?module=http_2xx&target=https%3A%2F%2Fexample.test%2Fx");
    expect(rig.scraped[0]?.labels.toString()).toBe('{instance="https://example.test/x", job="probe"}');
  });

  test("dropped targets are listed, addresses that are none are not scraped", async () => {
    await using rig = scrapeRig();
    const keep = rule({ action: "keep", sourceLabels: ["__address__"], regex: "web.*" });
    await rig.manager.apply([scrapeJob("j", ["db:1", "web/metrics", "web:80"], { relabel: [keep] })]);
    expect(rig.manager.targets().map(({ url }) => url)).toEqual(["http://web/metrics"]);
    expect(rig.manager.dropped().map(({ discovered }) => discovered.get("__address__"))).toEqual(["db:1"]);
  });

  test("target_limit refuses all targets of the job with the numbers", async () => {
    await using rig = scrapeRig();
    await rig.manager.apply([scrapeJob("j", ["127.0.0.1:1", "127.0.0.1:2"], { targetLimit: 1 })]);
    const status = await rig.next(0);
    expect(status.lastError).toBe("the job has 2 targets, target_limit is 1: none is scraped");
  });

  test("credentials go along, and are read anew for each scrape", async () => {
    await using exporter = await startExporter("auth");
    await using rig = scrapeRig();
    let password = "wrong";
    const http = { followRedirects: true, basicAuth: { username: "user", password: new Secret(() => password) } };
    await rig.manager.apply([scrapeJob("j", [exporter.address], { http })]);
    expect((await rig.next(0)).lastError).toBe("server answered 401 Unauthorized");
    password = "secret";
    expect((await rig.next(10_000)).health).toBe("up");
    expect(exporter.headers["x-prometheus-scrape-timeout-seconds"]).toBe("5");
  });

  test("honor_labels: the page's labels win, an empty one removes the target's", async () => {
    await using exporter = await startExporter("page");
    exporter.page = 'a{job="push",instance=""} 1\n';
    for (const [honorLabels, series] of [
      [true, 'a{job="push"}'],
      [false, `a{exported_job="push", instance="${exporter.address}", job="j"}`],
    ] as const) {
      await using rig = scrapeRig();
      await rig.manager.apply([scrapeJob("j", [exporter.address], { honorLabels })]);
      await rig.next(0);
      expect(Object.keys(await dumpStore(rig.store, "a"))).toEqual([series]);
    }
  });
});

describe("the cardinality breaker", () => {
  test("keeps existing series, quarantines new ones, names metric and label, and up stays 1", async () => {
    await using exporter = await startExporter("page");
    await using rig = scrapeRig({ seriesPerTargetMax: 4 });
    const page = (users: number): string =>
      `ok 1\n${Array.from({ length: users }, (_, i) => `req{path="/",user="u${i}"} ${i}\n`).join("")}`;
    exporter.page = page(2);
    await rig.manager.apply([scrapeJob("j", [exporter.address])]);
    expect((await rig.next(0)).quarantine).toBeUndefined();
    exporter.page = page(10);
    const full = await rig.next(10_000);
    expect(full).toMatchObject({ health: "up", quarantine: { series: 7, metric: "req", label: "user", limit: 4 } });
    expect(full.warnings).toEqual([
      '7 new series quarantined: the target has more than 4; "req" grows most by its label "user"',
    ]);
    expect(Object.keys(await dumpStore(rig.store, "req"))).toHaveLength(3);
    const told = await dumpStore(rig.store, "opsmon_series_quarantined");
    const name = `opsmon_series_quarantined{instance="${exporter.address}", job="j", label="user", limit="target", metric="req"}`;
    expect(Object.keys(told)).toEqual([name]);
    exporter.page = page(3);
    expect((await rig.next(10_000)).quarantine).toBeUndefined();
    const after = (await dumpStore(rig.store, "opsmon_series_quarantined"))[name]?.map(([, value]) => value);
    expect(after).toEqual([7, "stale"]);
  });

  test("targets of one job share its budget, and a target that leaves gives its part back", async () => {
    await using a = await startExporter("page");
    await using b = await startExporter("page");
    await using rig = scrapeRig({ seriesPerJobMax: 6 });
    const page = (n: number): string => Array.from({ length: n }, (_, i) => `req{user="u${i}"} ${i}\n`).join("");
    a.page = page(4);
    b.page = page(1);
    await rig.manager.apply([scrapeJob("j", [a.address, b.address])]);
    await rig.next(0);
    b.page = page(5);
    await rig.next(10_000);
    const status = rig.manager.targets().find(({ url }) => url.includes(b.address));
    expect(status).toMatchObject({ health: "up", quarantine: { series: 3, limit: 6, of: "job", label: "user" } });
    expect(rig.manager.targets().filter(({ quarantine }) => quarantine !== undefined)).toHaveLength(1);
  });
});

describe("discovery", () => {
  test("file_sd follows its files, and a broken file changes nothing", async () => {
    await using exporter = await startExporter("ok");
    const dir = mkdtempSync(join(tmpdir(), "opsmon-sd-"));
    try {
      const write = (text: string): void => {
        writeFileSync(join(dir, "part"), text);
        renameSync(join(dir, "part"), join(dir, "targets.json"));
      };
      write(JSON.stringify([{ targets: [exporter.address], labels: { env: "test" } }], null, "\t"));
      writeFileSync(join(dir, "more.yml"), "- targets: [127.0.0.1:9]\n");
      await using rig = scrapeRig({ baseDir: dir, eager: false });
      const discovery = [{ kind: "file", files: ["*.json", "more.yml"], refreshMs: 30_000 }] as const;
      await rig.manager.apply([scrapeJob("j", [], { discovery })]);
      const envs = (): string[] => rig.manager.targets().map(({ labels }) => labels.get("env"));
      expect(envs()).toEqual(["test", ""]);
      expect(rig.manager.targets()[0]?.discovered.get("__meta_filepath")).toBe(join(dir, "targets.json"));
      write("[{");
      await rig.clock.advance(30_000);
      await vi.waitUntil(() => envs().length === 2);
      write(JSON.stringify([{ targets: [exporter.address], labels: { env: "live" } }]));
      await vi.waitUntil(async () => {
        await rig.clock.advance(100);
        return envs()[0] === "live";
      });
      expect(envs()).toEqual(["live", ""]);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  test("http_sd takes targets over and keeps them while the endpoint fails", async () => {
    let status = 200;
    let asked = 0;
    const server = createServer((_, response) => {
      asked++;
      response.writeHead(status, { "Content-Type": "application/json" });
      response.end(JSON.stringify([{ targets: ["127.0.0.1:1", "127.0.0.1:2"] }]));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/sd`;
    try {
      await using rig = scrapeRig({ eager: false });
      const discovery = [{ kind: "http", url, refreshMs: 60_000, http: { followRedirects: true } }] as const;
      await rig.manager.apply([scrapeJob("j", [], { discovery })]);
      await vi.waitUntil(() => rig.manager.targets().length === 2);
      status = 503;
      await rig.clock.advance(60_000);
      await vi.waitUntil(() => asked === 2);
      expect(rig.manager.targets()).toHaveLength(2);
      expect(rig.manager.targets()[0]?.discovered.get("__meta_url")).toBe(url);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

describe("a store that cannot save", () => {
  test("is a warning on targets that stay up, not a fleet that is down", async () => {
    await using exporter = await startExporter("ok");
    const inner = memoryStore();
    let full = false;
    const appendable: Appendable = {
      appender() {
        const appender = inner.appender();
        const commit = async (): Promise<AppendResult> => {
          const result = await appender.commit();
          if (full) throw new UserError("store-read-only", "samples are held in memory only: no space left");
          return result;
        };
        return { ...appender, commit };
      },
    };
    await using rig = scrapeRig({ appendable });
    await rig.manager.apply([scrapeJob("j", [exporter.address])]);
    await rig.next(0);
    full = true;
    expect(await rig.next(10_000)).toMatchObject({
      health: "up",
      lastError: "",
      warnings: ["not saved: samples are held in memory only: no space left"],
    });
    full = false;
    expect((await rig.next(10_000)).warnings).toEqual([]);
    const values = Object.values(await dumpStore(inner, "up|fault_up")).map((rows) => rows.map(([, v]) => v));
    expect(values).toEqual([
      [1, 1, 1],
      [1, 1, 1],
    ]);
  });
});

describe("a job that changes while its endpoint does not answer", () => {
  test("keeps its old targets running until the endpoint has answered, then lets go of what it does not name", async () => {
    await using exporter = await startExporter("ok");
    let targets = [exporter.address, "127.0.0.1:1"];
    let silent = false;
    const server = createServer((_, response) => {
      if (!silent) response.end(JSON.stringify([{ targets }]));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/sd`;
    const job = (sampleLimit: number): ScrapeJob =>
      scrapeJob("j", [], {
        sampleLimit,
        discovery: [{ kind: "http", url, refreshMs: 60_000, http: { followRedirects: true } }],
      });
    try {
      await using rig = scrapeRig({ eager: false });
      await rig.manager.apply([job(0)]);
      await vi.waitUntil(() => rig.manager.targets().length === 2);
      silent = true;
      await rig.manager.apply([job(100)]);
      expect(rig.manager.targets()).toHaveLength(2);
      await rig.clock.advance(10_000);
      await rig.ended(2);
      silent = false;
      targets = [exporter.address];
      await rig.clock.advance(90_000);
      await vi.waitUntil(() => rig.manager.targets().length === 1);
      await rig.manager.close();
      const [gone] = Object.entries(await dumpStore(rig.store, "up")).filter(([name]) => name.includes('127.0.0.1:1"'));
      expect(gone?.[1].at(-1)?.[1]).toBe("stale");
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
