/** Answers beside those of a real Prometheus 3.5 to the same requests over the same data, as the lab wrote them down. */
import { expect, test } from "vitest";
import { differences, send } from "../../support/api-compare.ts";
import { readGolden } from "../../support/api-golden.ts";
import { startAlone } from "../../support/api-pair.ts";
import { apiRequests } from "../../support/api-requests.ts";
import { grafanaRequests } from "../../support/grafana-requests.ts";

test.each([
  { env: {}, by: "by weight" },
  { env: { OPSMON_QUERY_THREAD: "always" }, by: "all from the query thread" },
])("opsmon answers as Prometheus did, $by", async ({ env }) => {
  await using alone = await startAlone(env);
  const golden = readGolden(alone);
  const found: string[] = [];
  let compared = 0;
  for (const request of [...apiRequests(alone.start), ...grafanaRequests(alone.start)]) {
    const theirs = golden(request);
    if (theirs === undefined) continue;
    compared++;
    for (const one of differences(request, theirs, await send(alone.opsmon, request))) {
      found.push(`${request.method ?? "GET"} ${request.target} ${request.form ?? ""}: ${one}`);
    }
  }
  expect(compared).toBeGreaterThan(250);
  expect(found).toEqual([]);
});
