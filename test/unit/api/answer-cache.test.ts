/** Whole answers kept: the same bytes again for the same question, until the past or the question changes. */
import { afterEach, describe, expect, it } from "vitest";
import { Labels } from "../../../src/model/labels.ts";
import type { EngineResult } from "../../../src/promql/options.ts";
import { type ApiFixture, serveApi } from "../../support/api.ts";

const NOW = 1_800_000_000_000;
const WINDOW = "start=1000&end=2000&step=10";
let api: ApiFixture;

afterEach(() => api[Symbol.asyncDispose]());

/** An evaluator whose answers differ each time, so that a kept one shows. */
async function counting(lasting: boolean, series = 1): Promise<{ generation: number; asked: number }> {
  const state = { generation: 0, asked: 0 };
  const t = Float64Array.of(1, 2);
  const answer = async (): Promise<EngineResult> => {
    const v = Float64Array.of(++state.asked, 0.5);
    const all = Array.from({ length: series }, (_, i) => ({ labels: Labels.from({ i: String(i) }), t, v }));
    const stats = { seriesRead: 0, samplesRead: 0, elapsedMs: 0, resolutionMs: 0 };
    return { value: { kind: "matrix", series: all }, warnings: ["w"], infos: [], stats, explain: undefined, lasting };
  };
  api = await serveApi(NOW, {
    evaluator: { instant: answer, range: answer, generation: () => state.generation },
  });
  return state;
}

const get = async (query: string): Promise<string> => (await api.call("GET", `/api/v1/query_range?${query}`)).text;

describe("a lasting answer", () => {
  it.each([
    [`query=up&${WINDOW}`, `query=up&${WINDOW}`, true, "the same question"],
    [`query=up&${WINDOW}`, `query=up&start=1970-01-01T00:16:40Z&end=2000.000&step=10s`, true, "in other words"],
    [`query=up&${WINDOW}`, `query=up&${WINDOW}&timeout=3s`, true, "with another patience"],
    [`query=up&${WINDOW}`, `query=up&${WINDOW}&lookback_delta=0`, true, "with nought for the usual look back"],
    [`query=up&${WINDOW}`, `query=up&${WINDOW}&limit=1`, false, "cut off"],
    [`query=up&${WINDOW}`, `query=up&${WINDOW}&lookback_delta=1m`, false, "looking back less"],
    [`query=up&${WINDOW}`, `query=up%20&${WINDOW}`, false, "another text"],
    [`query=up&${WINDOW}`, `query=up&start=1000&end=2010&step=10`, false, "another window"],
    [`query=up&${WINDOW}&stats=all`, `query=up&${WINDOW}&stats=all`, false, "timings are never the same"],
  ])("%s, then %s: kept %s, %s", async (first, second, kept) => {
    const state = await counting(true);
    const before = await get(first);
    const after = await get(second);
    expect(state.asked).toBe(kept ? 1 : 2);
    if (kept) expect(after).toBe(before);
    expect(JSON.parse(after)).toMatchObject({ status: "success", warnings: ["w"] });
  });

  it("does not excuse a parameter that makes no sense", async () => {
    await counting(true);
    await get(`query=up&${WINDOW}`);
    expect((await api.call("GET", `/api/v1/query_range?query=up&${WINDOW}&timeout=soon`)).status).toBe(400);
  });

  it("ends with the past it was made of", async () => {
    const state = await counting(true);
    await get(`query=up&${WINDOW}`);
    state.generation++;
    await get(`query=up&${WINDOW}`);
    await get(`query=up&${WINDOW}`);
    expect(state.asked).toBe(2);
  });

  it("is not kept when it is large", async () => {
    const state = await counting(true, 40_000);
    await get(`query=up&${WINDOW}`);
    await get(`query=up&${WINDOW}`);
    expect(state.asked).toBe(2);
  });
});

it("an answer of the present is made each time", async () => {
  const state = await counting(false);
  await get(`query=up&${WINDOW}`);
  await get(`query=up&${WINDOW}`);
  expect(state.asked).toBe(2);
});
