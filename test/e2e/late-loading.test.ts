/** What the bundle loads only when it is needed: source and tests may import what a script in a bundle cannot. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { opsmon, startEngine, tempDir } from "../support/process.ts";

describe("commands that load something late", () => {
  test.each([
    ["gz", gzipSync],
    ["zst", zstdCompressSync],
  ])("a compressed file is imported (%s)", async (suffix, pack) => {
    using home = tempDir();
    const file = path.join(home.path, `in.om.${suffix}`);
    writeFileSync(file, pack("a 1 1700000000\n# EOF\n"));
    const ran = await opsmon(["import", file, "--data", path.join(home.path, "d")], { home: home.path });
    expect(ran).toMatchObject({ code: 0, stderr: `${file}: 1 sample taken\n` });
  });

  test("an expression in a file, and one that is not there", async () => {
    using home = tempDir();
    const file = path.join(home.path, "q");
    writeFileSync(file, "1 + 1\n");
    const data = path.join(home.path, "d");
    writeFileSync(path.join(home.path, "e.om"), "a 1 1700000000\n");
    await opsmon(["import", path.join(home.path, "e.om"), "--data", data], { home: home.path });
    const found = await opsmon(["query", "-f", file, "-o", "value", "--data", data], { home: home.path });
    expect(found).toMatchObject({ code: 0, stdout: "2\n" });
    const missing = await opsmon(["query", "-f", `${file}x`, "--data", data], { home: home.path });
    expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining("no such file") });
  });

  test("TLS: a server that is not there cannot be reached", async () => {
    using home = tempDir();
    const ran = await opsmon(["query", "up", "--url", "https://127.0.0.1:1"], { home: home.path });
    expect(ran).toMatchObject({ code: 4, stderr: expect.stringContaining("cannot reach https://127.0.0.1:1") });
  });

  test("a scrape through a proxy, for which the engine opens a file of its own", async () => {
    using home = tempDir();
    const config = path.join(home.path, "prometheus.yml");
    const job =
      "{job_name: p, scrape_interval: 1s, proxy_url: 'http://127.0.0.1:1', static_configs: [{targets: ['127.0.0.1:9']}]}";
    writeFileSync(config, `opsmon: {host_collector: {enabled: false}}\nscrape_configs: [${job}]\n`);
    await using engine = await startEngine({ home: home.path, config });
    const told = async (): Promise<string> =>
      (await opsmon(["targets", "--socket", engine.socket], { home: home.path })).stdout;
    await expect.poll(told, { timeout: 15_000 }).toContain("connection refused at 127.0.0.1:1");
  });
});
