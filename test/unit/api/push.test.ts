/** Samples that others push: remote write, pages, JSON; what is taken, and how the rest is told. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Labels } from "../../../src/model/labels.ts";
import { encodeWriteRequest, REMOTE_HEADERS } from "../../../src/remote/codec.ts";
import { type ApiFixture, serveApi } from "../../support/api.ts";
import { writeRequest2 } from "../../support/write2.ts";

const NOW = 1_800_000_000_000;
let api: ApiFixture;
const noted: (readonly [readonly string[], number])[] = [];
beforeAll(async () => {
  api = await serveApi(NOW, { nativeHistograms: (metrics, samples) => void noted.push([metrics, samples]) });
});
afterAll(() => api[Symbol.asyncDispose]());

const SNAPPY = { ...REMOTE_HEADERS };
const sample = (name: string, t: number, v: number): Uint8Array =>
  encodeWriteRequest([
    { labels: Labels.from({ __name__: name }), t: Float64Array.of(t), v: Float64Array.of(v), stale: undefined },
  ]);

async function value(expr: string): Promise<string | undefined> {
  const reply = await api.call("GET", `/api/v1/query?query=${encodeURIComponent(expr)}&time=${NOW / 1_000}`);
  return (reply.json() as { data: { result: { value: [number, string] }[] } }).data.result[0]?.value[1];
}

describe("remote write", () => {
  it("stores samples", async () => {
    const reply = await api.call("POST", "/api/v1/write", { body: sample("a", NOW, 5), headers: SNAPPY });
    expect([reply.status, reply.text]).toEqual([204, ""]);
    expect(await value("a")).toBe("5");
  });

  it("takes the same again, and older ones, but not another value for the same time", async () => {
    const write = (t: number, v: number) =>
      api.call("POST", "/api/v1/write", { body: sample("b", t, v), headers: SNAPPY });
    expect((await write(NOW, 1)).status).toBe(204);
    expect((await write(NOW, 1)).status).toBe(204);
    expect((await write(NOW - 60_000, 7)).status).toBe(204);
    const again = await write(NOW, 2);
    expect([again.status, again.text]).toEqual([400, expect.stringContaining("duplicate sample for timestamp")]);
    expect(await value("b")).toBe("1");
  });

  const snappyBomb = Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]), Buffer.alloc(16)]);
  it.each([
    [{ "content-type": "text/plain" }, "x", 415, "another content type"],
    [{ "content-type": "application/x-protobuf;proto=io.prometheus.write.v3.Request" }, "x", 415, "a later version"],
    [{ "content-type": "application/x-protobuf;proto=io.prometheus.write.v2.Request" }, "x", 400, "not version 2.0"],
    [{ "content-type": "application/x-protobuf", "content-encoding": "zstd" }, "x", 415, "another compression"],
    [SNAPPY, "not snappy at all", 400, "not snappy"],
    [SNAPPY, snappyBomb, 400, "a header that promises 4 GiB"],
    [SNAPPY, Buffer.from([3, 8, 1, 2, 3]), 400, "snappy around nonsense"],
    [SNAPPY, Buffer.from([0]), 204, "an empty message"],
    [
      { ...SNAPPY, "content-type": "application/x-protobuf; proto=prometheus.WriteRequest" },
      Buffer.from([0]),
      204,
      "1.0 by name",
    ],
    [{}, Buffer.from([0]), 204, "an old sender without headers"],
  ])(
    "with %o answers %s … %i (%s)",
    async (headers: Record<string, string>, body: string | Buffer, status: number, _why: string) => {
      expect((await api.call("POST", "/api/v1/write", { body, headers })).status).toBe(status);
    },
  );

  it("takes version 2.0 and says how much it has written, native histograms not", async () => {
    const headers = { ...SNAPPY, "content-type": "application/x-protobuf;proto=io.prometheus.write.v2.Request" };
    const written = (reply: { headers: Readonly<Record<string, unknown>> }): unknown[] =>
      ["samples", "histograms", "exemplars"].map((kind) => reply.headers[`x-prometheus-remote-write-${kind}-written`]);
    const fine = [
      {
        labels: { __name__: "v2" },
        samples: [
          [NOW - 1, 1],
          [NOW, 2],
        ] as const,
        exemplars: 1,
      },
    ];
    const first = await api.call("POST", "/api/v1/write", { body: writeRequest2(fine), headers });
    expect([first.status, written(first)]).toEqual([204, ["2", "0", "0"]]);
    expect(await value("v2")).toBe("2");
    const mixed = [...fine, { labels: { __name__: "lat2" }, histograms: 2 }];
    const partly = await api.call("POST", "/api/v1/write", { body: writeRequest2(mixed), headers });
    expect([partly.status, written(partly)]).toEqual([400, ["2", "0", "0"]]);
    expect(partly.text).toBe("2 native histograms, which are not stored; 2 samples were taken\n");
    expect(noted.pop()).toEqual([["lat2"], 2]);
  });

  it("tells the engine about native histograms by name", async () => {
    // One series {__name__="lat"} with one empty histogram message: fields 1.1 and 1.4 of the protocol, as literals.
    const label = Buffer.from([0x0a, 0x0f, 0x0a, 0x08, ...Buffer.from("__name__"), 0x12, 0x03, ...Buffer.from("lat")]);
    const series = Buffer.concat([label, Buffer.from([0x22, 0x00])]);
    const message = Buffer.concat([Buffer.from([0x0a, series.length]), series]);
    const body = Buffer.concat([Buffer.from([message.length, (message.length - 1) << 2]), message]);
    expect((await api.call("POST", "/api/v1/write", { body, headers: SNAPPY })).status).toBe(204);
    expect(noted).toEqual([[["lat"], 1]]);
  });
});

describe("POST /api/v1/metrics/write", () => {
  const push = (body: string, type?: string) =>
    api.call("POST", "/api/v1/metrics/write", { body, headers: type === undefined ? {} : { "content-type": type } });

  it("takes the text format with times and without", async () => {
    const page = `# TYPE jobs_total counter\njobs_total{kind="mail"} 3 ${NOW - 1_000}\njobs_running 2\n`;
    expect((await push(page, "text/plain")).status).toBe(204);
    expect(await value("jobs_total")).toBe("3");
    expect(await value("jobs_running")).toBe("2");
    expect(api.services.storage.metadata("jobs_total").get("jobs_total")?.[0]?.type).toBe("counter");
  });

  it("takes JSON, whatever curl calls it", async () => {
    const json = { metrics: [{ name: "cpu", labels: { host: "a", core: "0" }, value: 0.75, timestamp: NOW - 5_000 }] };
    expect((await push(JSON.stringify(json), "application/x-www-form-urlencoded")).status).toBe(204);
    expect(await value('cpu{host="a"}')).toBe("0.75");
    expect((await push('{"metrics": [{"name": "gone", "value": "NaN"}]}', "application/json")).status).toBe(204);
    expect(await value("gone")).toBe("NaN");
  });

  it.each([
    ["a{ 1", "text/plain", /line 1/, "a page with a mistake"],
    ["{", "application/json", /not JSON/, "half a text"],
    ["{}", "application/json", /metrics: must be a list/, "no list"],
    ['{"metrics":[{"value":1}]}', "application/json", /metrics\[0\]\.name/, "no name"],
    ['{"metrics":[{"name":"a","value":1},{"name":"b"}]}', "application/json", /metrics\[1\]\.value/, "no value"],
    ['{"metrics":[{"name":"a","value":1,"timestamp":1.5}]}', "application/json", /timestamp/, "half a millisecond"],
    [
      '{"metrics":[{"name":"a","labels":{"x":1},"value":1}]}',
      "application/json",
      /labels\.x/,
      "a label that is a number",
    ],
    ['{"metrics":[{"name":"a","labels":{"__name__":"b"},"value":1}]}', "application/json", /label name/, "two names"],
    ['{"metrics":[{"name":"a","labels":[],"value":1}]}', "application/json", /labels/, "labels as a list"],
  ])("refuses %s as %s (%s: %s)", async (body, type, message) => {
    const reply = await push(body, type);
    expect([reply.status, reply.text]).toEqual([400, expect.stringMatching(message)]);
  });

  it("stores nothing of a body with a mistake", async () => {
    await push('{"metrics":[{"name":"half","value":1},{"name":"other"}]}', "application/json");
    expect(await value("half")).toBeUndefined();
  });
});

describe("a read-only engine", () => {
  it("says so with a status that makes senders wait", async () => {
    await using readOnly = await serveApi(NOW, { acceptsWrites: false });
    for (const target of ["/api/v1/write", "/api/v1/metrics/write"]) {
      expect((await readOnly.call("POST", target, { body: Buffer.from([0]) })).status).toBe(503);
    }
  });
});
