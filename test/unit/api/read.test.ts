/** `/api/v1/read` of a server with external labels: they are asked for and answered as Prometheus does. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { Labels } from "../../../src/model/labels.ts";
import type { MatchOp } from "../../../src/model/matcher.ts";
import { decodeReadResponse, encodeReadRequest, REMOTE_HEADERS } from "../../../src/remote/codec.ts";
import { type ApiFixture, fill, serveApi } from "../../support/api.ts";

const NOW = 1_800_000_000_000;
let api: ApiFixture;

beforeAll(async () => {
  api = await serveApi(NOW, { externalLabels: () => Labels.from({ region: "eu" }) });
  await fill(api.services, { __name__: "up", job: "a" }, [[NOW, 1]]);
  await fill(api.services, { __name__: "up", job: "b", region: "us" }, [[NOW, 0]]);
});
afterAll(() => api[Symbol.asyncDispose]());

async function read(name: string, op: MatchOp, value: string): Promise<readonly string[]> {
  const matchers = [
    { name: "__name__", op: "=" as const, value: "up" },
    { name, op, value },
  ];
  const query = { start: NOW - 1_000, end: NOW, matchers, stepMs: 0, rangeMs: 0, func: "" };
  const body = encodeReadRequest({ queries: [query] });
  const reply = await api.call("POST", "/api/v1/read", { body, headers: { ...REMOTE_HEADERS } });
  expect(reply.status).toBe(200);
  return (decodeReadResponse(reply.bytes).results[0] ?? []).map(({ labels }) => String(labels));
}

const OURS = 'up{job="a", region="eu"}';
const THEIRS = 'up{job="b", region="us"}';

const cases: readonly (readonly [name: string, op: MatchOp, value: string, series: readonly string[], why: string])[] =
  [
    ["job", "=~", ".*", [OURS, THEIRS], "a series keeps a label of its own"],
    ["region", "=", "eu", [OURS, THEIRS], "who asks has the same external labels, so it says nothing"],
    ["region", "=", "us", [THEIRS], "what a series says itself"],
    ["region", "=", "", [OURS], "which inside has none"],
    ["region", "=", "asia", [], "somebody else's"],
  ];
it.each(cases)("%s%s%j reads %j: %s", async (name, op, value, series) => {
  expect(await read(name, op, value)).toEqual(series);
});
