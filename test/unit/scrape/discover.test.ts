import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { discoverExporters, type ExporterFingerprint } from "../../../src/scrape/discover.ts";
import { startExporter } from "../../support/exporter.ts";

const spec = (name: string, ports: readonly number[], ...fingerprints: readonly string[]): ExporterFingerprint => ({
  name,
  doc: `${name} exporter`,
  ports,
  metricsPath: "/metrics",
  fingerprints,
});
const portOf = (address: string): number => Number(address.split(":")[1]);

describe("discovery by fingerprint", () => {
  test("an exporter is named by a metric of its page, found on any of its ports", async () => {
    await using redis = await startExporter("page");
    await using other = await startExporter("page");
    redis.page = "# TYPE redis_up gauge\nredis_up 1\n";
    other.page = "other_metric 1\n";
    const ports = [portOf(other.address), portOf(redis.address)];
    const found = await discoverExporters([spec("postgres", ports, "pg_up"), spec("redis", ports, "redis_up")]);
    expect(found).toEqual([{ scraper: "redis", url: redis.url, doc: "redis exporter" }]);
    expect([redis.scrapes, other.scrapes]).toEqual([1, 1]);
  });

  test("what hangs, refuses, answers HTML or 401 is passed over in bounded time", async () => {
    await using hang = await startExporter("hang");
    await using html = await startExporter("html");
    await using locked = await startExporter("401");
    const gone = await startExporter();
    await gone.close();
    const ports = [hang, html, locked, gone].map(({ address }) => portOf(address));
    expect(await discoverExporters([spec("any", ports, "fault_up")], { timeoutMs: 100 })).toEqual([]);
  });

  test("an endless page is recognised by its beginning, a name deep in it is not looked for", async () => {
    const server = createServer((request, response) => {
      response.writeHead(200);
      response.write("first_metric 1\n");
      const more = (): void => {
        while (!response.destroyed && response.write("filler_metric 1\n".repeat(1_000)));
      };
      response.on("drain", more);
      more();
      request.on("close", () => response.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    try {
      const found = await discoverExporters([spec("deep", [port], "never"), spec("first", [port], "first_")]);
      expect(found.map(({ scraper }) => scraper)).toEqual(["first"]);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
