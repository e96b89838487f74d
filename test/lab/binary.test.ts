/**
 * The single binary alone: in a chroot that holds it and the C++ library it links, with an empty environment, no Node,
 * no /proc, no terminfo. It scrapes an exporter outside, keeps the samples through kill -9, answers and draws.
 */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually, getOverSocket, type Page, root, startPage, type TempDir, tempDir } from "../support/process.ts";

const BINARY = path.join(root, "dist/opsmon");

function makeJail(dir: string): void {
  for (const folder of ["tmp", "data"]) mkdirSync(path.join(dir, folder), { recursive: true });
  copyFileSync(BINARY, path.join(dir, "opsmon"));
  const linked = execFileSync("ldd", [BINARY], { encoding: "utf8" });
  for (const [library] of linked.matchAll(/\/[^\s)]+/g)) {
    mkdirSync(path.join(dir, path.dirname(library)), { recursive: true });
    copyFileSync(library, path.join(dir, library));
  }
}

const jailed = (dir: string, argv: readonly string[]): [string, string[]] => [
  "/usr/sbin/chroot",
  [dir, "/opsmon", ...argv],
];

function once(dir: string, argv: readonly string[]): string {
  const [command, args] = jailed(dir, argv);
  return execFileSync(command, args, { env: {}, encoding: "utf8", timeout: 20_000, stdio: ["ignore", "pipe", "pipe"] });
}

describe("the single binary in an empty chroot", () => {
  let jail: TempDir;
  let page: Page;
  let engine: ChildProcess | undefined;
  const socket = (): string => path.join(jail.path, "data/opsmon.sock");
  const start = async (): Promise<void> => {
    const [command, args] = jailed(jail.path, ["serve", "--data", "/data", "--config", "/prometheus.yml"]);
    const child = spawn(command, args, { env: {}, stdio: ["ignore", "ignore", "pipe"] });
    engine = child;
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
    await eventually(`the engine`, async () => {
      if (child.exitCode !== null) throw new Error(said);
      return (await getOverSocket(socket(), "/-/ready")).status === 200;
    });
  };
  const stop = (signal: NodeJS.Signals): Promise<unknown> => {
    const ended = new Promise((resolve) => engine?.once("close", resolve));
    engine?.kill(signal);
    return ended;
  };

  beforeAll(async () => {
    if (!existsSync(BINARY)) throw new Error("dist/opsmon is missing: npm run package");
    jail = tempDir();
    makeJail(jail.path);
    page = await startPage("# TYPE outside_total counter\noutside_total 42\n");
    const job = `{job_name: outside, static_configs: [{targets: ["127.0.0.1:${page.port}"]}]}`;
    writeFileSync(path.join(jail.path, "prometheus.yml"), `global: {scrape_interval: 1s}\nscrape_configs: [${job}]\n`);
  });
  afterAll(async () => {
    if (engine?.exitCode === null && engine.signalCode === null) await stop("SIGKILL");
    await page[Symbol.asyncDispose]();
    jail[Symbol.dispose]();
  });

  test("scrapes, is killed, restarts, answers and draws", async () => {
    await start();
    const query = (expr: string): string => once(jail.path, ["query", expr, "--data", "/data", "-o", "value"]).trim();
    await eventually("two samples", () => Number(query("sum(count_over_time(outside_total[1h]))")) >= 2, 20_000);
    expect(query("outside_total")).toBe("42");
    const kept = Number(query("sum(count_over_time(outside_total[1h]))"));
    await stop("SIGKILL");
    await start();
    expect(Number(query("sum(count_over_time(outside_total[1h]))"))).toBeGreaterThanOrEqual(kept);
    // Heavy enough for the query thread, whose code lies inside the binary as well.
    expect(query("count(stddev_over_time(stddev_over_time(vector(1)[3h:1s])[2h:1s]))")).toBe("1");
    const { body } = await getOverSocket(socket(), "/metrics");
    expect(body).toMatch(/^opsmon_query_thread_asked_total [1-9]/m);
    const frame = once(jail.path, ["top", "--once", "--data", "/data"]);
    expect(frame.split("\n").length).toBeGreaterThan(10);
    expect(frame).not.toContain("\u001b");
    await stop("SIGTERM");
    expect(engine?.exitCode).toBe(0);
  });

  test("leaves nothing of itself behind but its data", () => {
    const left = execFileSync("find", [path.join(jail.path, "tmp")], { encoding: "utf8" })
      .trim()
      .split("\n");
    expect(left).toEqual([path.join(jail.path, "tmp")]);
  });

  test("ignores NODE_OPTIONS and stays a reasonable size", () => {
    const [command, args] = jailed(jail.path, ["--version"]);
    const said = execFileSync(command, args, { env: { NODE_OPTIONS: "--require=/nonexistent.js" }, encoding: "utf8" });
    expect(said).toMatch(/^opsmon \d+\.\d+\.\d+/);
    expect(statSync(BINARY).size).toBeLessThan(140e6);
  });
});
