/** What a screen asks first: whether the engine has run long enough for rates is known before the first rate is asked. */
import { expect, test } from "vitest";
import { emptyMemory, fetchSnapshot } from "../../../src/ui/snapshot.ts";
import { fixedSource, NOON } from "../../support/fixed-source.ts";
import { spec } from "../panel/frames.ts";

const EXPR = "rate(node_cpu_seconds_total[$rate])";
const chart = spec({ queries: [{ legend: "", exprs: [EXPR] }] });
const window = { at: NOON + 1_000, spanMs: 900_000, columns: 60, rateMs: 60_000 };

test.each([
  { ageMs: 400, moment: "irate", why: "a window of a minute holds two samples 250 ms apart" },
  { ageMs: 3_600_000, moment: "rate", why: "the window is full" },
])("an engine of $ageMs ms is asked for $moment(): $why", async ({ ageMs, moment }) => {
  const source = fixedSource();
  const status = { ...(await source.status()), startedAt: window.at - ageMs };
  const known = {
    ...source,
    status: () => Promise.resolve(status),
    labelValues: () => Promise.reject(new Error("no")),
  };
  await fetchSnapshot(known, { panels: [{ spec: chart, ranged: true }], window, live: true }, emptyMemory(), 0);
  expect(source.batches.flat().map(({ expr, stepMs }) => [expr, stepMs > 0])).toEqual([
    ["rate(node_cpu_seconds_total[1m])", true],
    [`${moment}(node_cpu_seconds_total[1m])`, false],
  ]);
});
