/**
 * Every endpoint beside a real Prometheus 3.5: the same requests, right and wrong, to both. What differs on purpose is
 * not among them: times that no clock has are refused rather than taken for the end of time, label values of a time
 * range are those of the range, paths with a slash too many are unknown, and there is no web page under `/`.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { differences, type Reply, send } from "../support/api-compare.ts";
import { writeGolden } from "../support/api-golden.ts";
import { type Pair, startPair } from "../support/api-pair.ts";
import { type ApiRequest, apiRequests } from "../support/api-requests.ts";
import { grafanaRequests } from "../support/grafana-requests.ts";

describe("the HTTP API beside Prometheus", () => {
  let pair: Pair;
  beforeAll(async () => {
    pair = await startPair();
  });
  afterAll(() => pair?.[Symbol.asyncDispose]());

  test("every answer has the same status, keys, types and, where nothing moves, values", async () => {
    const found: string[] = [];
    const requests = [...apiRequests(pair.start), ...grafanaRequests(pair.start)];
    const replies: (readonly [ApiRequest, Reply])[] = [];
    for (const request of requests) {
      const [theirs, ours] = [await send(pair.prometheus, request), await send(pair.opsmon, request)];
      replies.push([request, theirs]);
      for (const one of differences(request, theirs, ours)) {
        found.push(`${request.method ?? "GET"} ${request.target} ${request.form ?? ""}: ${one}`);
      }
    }
    // OPSMON_WRITE_GOLDEN=1 renews what test/unit/api/golden.test.ts compares with.
    if (process.env["OPSMON_WRITE_GOLDEN"] !== undefined) writeGolden(pair, replies);
    expect(requests.length).toBeGreaterThan(250);
    expect(found).toEqual([]);
  });
});
