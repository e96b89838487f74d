/** A whole engine in this process: what it leaves behind when it cannot start, and what it says of itself. */
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { hostname } from "node:os";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { engineSource } from "../../../src/api/client/engine.ts";
import type { StatusItem } from "../../../src/api/source.ts";
import { directorySource } from "../../../src/app/directory.ts";
import { type RunningEngine, startEngine } from "../../../src/app/engine.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { eventually, tempDir } from "../../support/process.ts";
import { QUIET_ENGINE } from "../../support/engine-options.ts";

interface Wishes {
  readonly config?: string;
  readonly listen?: readonly string[];
  readonly socket?: string;
}

function start(
  home: string,
  { config = "", listen = [], socket = path.join(home, "opsmon.sock") }: Wishes = {},
): Promise<RunningEngine> {
  const configFile = path.join(home, "opsmon.yml");
  writeFileSync(configFile, config);
  return startEngine({
    ...QUIET_ENGINE,
    dataDir: path.join(home, "data"),
    socketPath: socket,
    configFile,
    listen,
  });
}

/** Serves a page that its caller may change: "" is a failure, undefined no answer at all. */
async function pageServer(page: () => string | undefined): Promise<{ readonly port: number } & AsyncDisposable> {
  const server: Server = createServer((_, response) => {
    const text = page();
    if (text === undefined) return;
    response.writeHead(text === "" ? 503 : 200, { "content-type": "text/plain; version=0.0.4" });
    response.end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { port: (server.address() as AddressInfo).port, [Symbol.asyncDispose]: close };
}

function fetchOn(socketPath: string, target: string): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path: target }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => (text += part));
      response.once("end", () => resolve({ status: response.statusCode ?? 0, text }));
    })
      .once("error", reject)
      .end();
  });
}

const QUIET = "opsmon: {host_collector: {enabled: false}, discover: {enabled: false}}\n";

describe("an engine that cannot start", () => {
  test("because its port is taken has stored nothing", async () => {
    using home = tempDir();
    await using busy = await pageServer(() => "x 1\n");
    await expect(start(home.path, { listen: [`127.0.0.1:${busy.port}`] })).rejects.toMatchObject({
      code: "listen-failed",
      message: `cannot listen on 127.0.0.1:${busy.port}: address already in use`,
      exit: 4,
    });
    await using left = await directorySource(path.join(home.path, "data"), systemClock);
    expect(await left.labelNames([])).toEqual([]);
  });

  test("because no socket can have its path says which one is too long", async () => {
    using home = tempDir();
    const long = path.join(home.path, "x".repeat(120));
    await expect(start(home.path, { socket: long })).rejects.toMatchObject({ code: "socket-path", exit: 3 });
    expect(() => engineSource(long)).toThrow("is too long for a socket");
  });

  test("because a rule file is wrong has stored nothing", async () => {
    using home = tempDir();
    writeFileSync(path.join(home.path, "rules.yml"), "groups: [{name: g, rules: [{alert: A, expr: 'up ='}]}]\n");
    await expect(start(home.path, { config: "rule_files: [rules.yml]\n" })).rejects.toMatchObject({
      code: "config-invalid",
    });
    await using left = await directorySource(path.join(home.path, "data"), systemClock);
    expect(await left.labelNames([])).toEqual([]);
  });
});

describe("own metrics", () => {
  test("CPU seconds count from the start of the process, not from the first scrape", async () => {
    using home = tempDir();
    const engine = await start(home.path, { config: QUIET });
    const before = process.cpuUsage();
    const { status, text } = await fetchOn(path.join(home.path, "opsmon.sock"), "/metrics");
    const seconds = Number(/^process_cpu_seconds_total (\S+)$/m.exec(text)?.[1]);
    expect([status, seconds >= (before.user + before.system) / 1e6]).toEqual([200, true]);
    await engine.stop("the test is over");
  });
});

describe("status", () => {
  test("a summary stands no better than what it sums up, and what was never scraped is not up", async () => {
    using home = tempDir();
    await using page = await pageServer(() => "x 1\n");
    await using silent = await pageServer(() => undefined);
    const config = `global: {scrape_interval: 1s, evaluation_interval: 1s}
scrape_configs:
- {job_name: good, static_configs: [{targets: ["127.0.0.1:${page.port}"]}]}
- {job_name: bad, static_configs: [{targets: ["127.0.0.1:1"]}]}
- {job_name: later, scrape_interval: 1h, scrape_timeout: 1h, static_configs: [{targets: ["127.0.0.1:${silent.port}"]}]}
rule_files: [rules.yml]
${QUIET}`;
    const rules = "groups: [{name: g, rules: [{alert: A, expr: vector(1)}]}]\n";
    writeFileSync(path.join(home.path, "rules.yml"), rules);
    const engine = await start(home.path, { config });
    await using source = engineSource(path.join(home.path, "opsmon.sock"));
    const items = async (): Promise<readonly StatusItem[]> => (await source.status()).items;
    await eventually("the states", async () => {
      const found = await items();
      expect(found).toContainEqual({ name: "targets", state: "crit", text: "1 of 3 up, 1 down, 1 not scraped yet" });
      expect(found).toContainEqual({ name: "alerts", state: "warn", text: "1 firing" });
      return true;
    });
    expect((await items())[0]?.state).toBe("crit");
    await engine.stop("the test is over");
  });
});

describe("the host collector", () => {
  test("pauses while an exporter of this machine is scraped, and says so; without it, it goes on", async () => {
    using home = tempDir();
    let text = "";
    await using page = await pageServer(() => text);
    const config = `global: {scrape_interval: 1s}
scrape_configs: [{job_name: node, static_configs: [{targets: ["127.0.0.1:${page.port}"]}]}]
opsmon: {discover: {enabled: false}, host_collector: {interval: 1s}}
`;
    const engine = await start(home.path, { config });
    await using source = engineSource(path.join(home.path, "opsmon.sock"));
    const loads = async (): Promise<readonly string[]> => {
      const { value } = await source.query("node_load1", Date.now());
      return value.kind === "vector" ? value.samples.map(({ labels }) => labels.get("instance")).sort() : [];
    };
    expect(await loads()).toEqual([hostname()]);
    text = `node_uname_info{nodename="${hostname()}"} 1\nnode_load1 0.5\n`;
    await eventually("the pause", async () => {
      expect(await loads()).toEqual([`127.0.0.1:${page.port}`]);
      return true;
    });
    const paused = (await source.status()).items.find(({ name }) => name === "host");
    expect(paused).toMatchObject({ state: "ok", text: expect.stringContaining(`127.0.0.1:${page.port}`) });
    text = "";
    await eventually("the own readings", async () => {
      expect(await loads()).toEqual([hostname()]);
      return true;
    });
    await engine.stop("the test is over");
  });
});
