import { gunzipSync } from "node:zlib";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { engineSource } from "../../../src/api/client/engine.ts";
import { isLoopback } from "../../../src/api/listener.ts";
import { createApiServer } from "../../../src/api/server.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { type ApiFixture, fill, serveApi } from "../../support/api.ts";

const NOW = 1_800_000_000_000;
let api: ApiFixture;

beforeAll(async () => {
  api = await serveApi(NOW);
  const points = Array.from({ length: 20 }, (_, i) => [NOW - 300_000 + i * 15_000 + 15_000, i] as const);
  await fill(api.services, { __name__: "up", job: "redis" }, points);
  await fill(api.services, { __name__: "up", job: "node" }, [[NOW - 1_000, 1e-7]]);
});
afterAll(() => api[Symbol.asyncDispose]());

describe("the Prometheus API", () => {
  it("answers an instant query with times in seconds and numbers as text", async () => {
    const reply = await api.call("GET", `/api/v1/query?query=up&time=${NOW / 1_000}`);
    expect(reply.json()).toEqual({
      status: "success",
      data: {
        resultType: "vector",
        result: [
          { metric: { __name__: "up", job: "node" }, value: [NOW / 1_000, "1e-07"] },
          { metric: { __name__: "up", job: "redis" }, value: [NOW / 1_000, "19"] },
        ],
      },
    });
  });

  it("takes a form body as well as a query string", async () => {
    const body = new URLSearchParams({ query: "1+1", time: "7.25" }).toString();
    const reply = await api.call("POST", "/api/v1/query", {
      body,
      headers: { "content-type": "application/x-www-form-urlencoded" },
    });
    expect(reply.json()).toEqual({ status: "success", data: { resultType: "scalar", result: [7.25, "2"] } });
  });

  it("answers a range", async () => {
    const reply = await api.call(
      "GET",
      `/api/v1/query_range?query=up{job="redis"}&start=${NOW / 1_000 - 30}&end=${NOW / 1_000}&step=15s`,
    );
    expect((reply.json() as { data: { result: { values: unknown }[] } }).data.result[0]?.values).toEqual([
      [NOW / 1_000 - 30, "17"],
      [NOW / 1_000 - 15, "18"],
      [NOW / 1_000, "19"],
    ]);
  });

  it.each([
    ["/api/v1/query", 400, "bad_data", /invalid parameter "query"/, "no expression"],
    ["/api/v1/query?query=sum(", 400, "bad_data", /parse error/, "a syntax error"],
    ["/api/v1/query?query=up&time=x", 400, "bad_data", /invalid parameter "time"/, "a bad time"],
    [
      "/api/v1/query_range?query=up&start=1&end=0&step=1",
      400,
      "bad_data",
      /end timestamp must not be before start time/,
      "end before start",
    ],
    [
      "/api/v1/query_range?query=up&start=0&end=1&step=0",
      400,
      "bad_data",
      /zero or negative query resolution/,
      "a step of 0",
    ],
    [
      "/api/v1/query_range?query=up&start=0&end=11001&step=1",
      400,
      "bad_data",
      /exceeded maximum resolution of 11,000 points/,
      "too many points",
    ],
    [
      "/api/v1/query?query=up*on(x)up",
      422,
      "execution",
      /many-to-many|found duplicate series/,
      "a mistake only the data shows",
    ],
    ["/api/v1/series", 400, "bad_data", /no match\[\] parameter provided/, "series without a selector"],
    ["/api/v1/series?match[]=rate(up[5m])", 400, "bad_data", /match\[\]/, "a selector that is none"],
    ["/api/v1/nowhere", 404, "not_found", /there is no/, "an unknown path"],
  ])("%s is %d %s (%s: %s)", async (target, status, errorType, message) => {
    const reply = await api.call(
      "GET",
      target.includes("?") && target.includes("on(x)") ? `${target}&time=${NOW / 1_000}` : target,
    );
    expect(reply.status).toBe(status);
    expect(reply.json()).toMatchObject({ status: "error", errorType, error: expect.stringMatching(message) as string });
  });

  it("refuses a method with the ones it takes", async () => {
    const reply = await api.call("DELETE", "/api/v1/query");
    expect([reply.status, reply.text]).toEqual([405, expect.stringContaining("GET, POST")]);
  });

  it("lists labels, values and series, with limits and truncation said", async () => {
    expect((await api.call("GET", "/api/v1/labels")).json()).toEqual({ status: "success", data: ["__name__", "job"] });
    expect((await api.call("GET", "/api/v1/label/job/values")).json()).toEqual({
      status: "success",
      data: ["node", "redis"],
    });
    expect((await api.call("GET", "/api/v1/label/job/values?limit=1")).json()).toEqual({
      status: "success",
      data: ["node"],
      warnings: ["results truncated due to limit"],
    });
    expect((await api.call("GET", '/api/v1/series?match[]=up{job=~"r.*"}')).json()).toEqual({
      status: "success",
      data: [{ __name__: "up", job: "redis" }],
    });
  });

  it("compresses long answers for those who can read it", async () => {
    const form = (length: number, by: Readonly<Record<string, string>>) => ({
      body: new URLSearchParams({ query: `up{x="${"a".repeat(length)}"}` }).toString(),
      headers: { "accept-encoding": "gzip", "content-type": "application/x-www-form-urlencoded", ...by },
    });
    const long = await api.call("POST", "/api/v1/format_query", form(100_000, { "x-forwarded-for": "192.0.2.1" }));
    expect(long.headers["content-encoding"]).toBe("gzip");
    expect(JSON.parse(gunzipSync(long.bytes).toString("utf8"))).toMatchObject({ status: "success" });
    // A packet is a packet; and on one machine the processor is dearer than the wire.
    const short = await api.call("POST", "/api/v1/format_query", form(1_000, { via: "1.1 proxy" }));
    expect(short.headers["content-encoding"]).toBeUndefined();
    const near = await api.call("POST", "/api/v1/format_query", form(100_000, {}));
    expect(near.headers["content-encoding"]).toBeUndefined();
  });

  it("sends a large range in pieces that make one JSON text", async () => {
    const target = `/api/v1/query_range?query=vector(1)%2Btime()&start=0&end=10999&step=1&stats=all`;
    for (const encoding of ["identity", "gzip"]) {
      const reply = await api.call("GET", target, { headers: { "accept-encoding": encoding, via: "1.1 proxy" } });
      const text = encoding === "gzip" ? gunzipSync(reply.bytes).toString("utf8") : reply.text;
      const { data } = JSON.parse(text) as { data: { result: { values: unknown[] }[]; stats: object } };
      expect(data.result[0]?.values).toHaveLength(11_000);
      expect(data.result[0]?.values[10_999]).toEqual([10_999, "11000"]);
      expect(data.stats).toBeDefined();
    }
  });

  it("formats and parses queries as tools expect", async () => {
    expect((await api.call("GET", "/api/v1/format_query?query=sum(up)by(job)")).json()).toEqual({
      status: "success",
      data: "sum by (job) (up)",
    });
    expect((await api.call("GET", "/api/v1/parse_query?query=rate(up[5m])")).json()).toMatchObject({
      data: { type: "call", func: { name: "rate" }, args: [{ type: "matrixSelector", range: 300_000, name: "up" }] },
    });
    expect((await api.call("GET", "/api/v1/parse_query?query=1e-7")).json()).toMatchObject({
      data: { type: "numberLiteral", val: "0.0000001" },
    });
  });

  it("federates the newest samples in the text format", async () => {
    const reply = await api.call("GET", '/federate?match[]=up{job="redis"}');
    expect(reply.text).toBe(`# TYPE up untyped\nup{job="redis",instance=""} 19 ${NOW}\n`);
  });

  it("federates label values with the escapes of the text format alone", async () => {
    await fill(api.services, { __name__: "odd", instance: "i", note: 'a\tb\u001b\n"c\\' }, [[NOW, 1]]);
    const reply = await api.call("GET", "/federate?match[]=odd");
    expect(reply.text).toBe(`# TYPE odd untyped\nodd{instance="i",note="a\tb\u001b\\n\\"c\\\\"} 1 ${NOW}\n`);
  });
});

describe("opsmon's own API", () => {
  it("answers a batch, each query for itself", async () => {
    await using source = engineSource(api.socket);
    const answers = await source.batch([
      { id: "a", expr: "sum(up)", start: NOW, end: NOW, stepMs: 0 },
      { id: "b", expr: "sum(", start: NOW, end: NOW, stepMs: 0 },
      { id: "c", expr: 'up{job="redis"}', start: NOW - 15_000, end: NOW, stepMs: 15_000 },
    ]);
    expect(answers.map((one) => [one.id, one.ok])).toEqual([
      ["a", true],
      ["b", false],
      ["c", true],
    ]);
    const range = answers[2];
    expect(
      range?.ok === true && range.result.value.kind === "matrix" && Array.from(range.result.value.series[0]?.v ?? []),
    ).toEqual([18, 19]);
  });

  it.each([
    ["not json"],
    ["{}"],
    ['{"queries":[{"id":1}]}'],
    ['{"queries":[{"id":"a","expr":"up","start":0,"end":1.5,"stepMs":0}]}'],
  ])("refuses the batch %s", async (body) => {
    const reply = await api.call("POST", "/api/opsmon/v1/batch", { body });
    expect([reply.status, reply.json()]).toEqual([400, expect.objectContaining({ errorType: "bad_data" })]);
  });

  it("knows how many screens hold on, and notices one that is gone", async () => {
    const source = engineSource(api.socket);
    await source.attach();
    expect(api.attached()).toBe(1);
    await source[Symbol.asyncDispose]();
    await expect.poll(() => api.attached()).toBe(0);
  });

  it("says what cannot be reached, and what to do", async () => {
    await using source = engineSource("/nonexistent/opsmon.sock");
    await expect(source.status()).rejects.toMatchObject({
      code: "unreachable",
      exit: 4,
      hint: expect.stringContaining("opsmon serve") as string,
    });
  });
});

describe("listening", () => {
  it("takes over the socket of a dead engine, but not of a living one", async () => {
    const other = createApiServer(api.services, silentLogger);
    await expect(other.listenSocket(api.socket, 0o600)).rejects.toMatchObject({ code: "socket-in-use" });
    await other.close();
    expect((await api.call("GET", "/-/healthy")).status).toBe(200);
  });

  it("does not listen where strangers could reach it", async () => {
    const other = createApiServer(api.services, silentLogger);
    await expect(other.listenTcp("0.0.0.0", 0)).rejects.toMatchObject({ code: "listen-unsafe" });
    await other.close();
    expect(["127.0.0.1", "::1", "localhost", "127.9.9.9"].map(isLoopback)).toEqual([true, true, true, true]);
    expect(["10.0.0.1", "0.0.0.0", "::", "example.org"].map(isLoopback)).toEqual([false, false, false, false]);
  });

  it("survives a client that sends nonsense", async () => {
    await new Promise<void>((resolve) => {
      const socket = connect(api.socket, () => socket.end("\u0000\u0001 nonsense\r\n\r\n"));
      socket.on("close", () => resolve());
      socket.on("error", () => resolve());
      socket.resume();
    });
    expect((await api.call("GET", "/-/ready")).status).toBe(200);
  });
});
