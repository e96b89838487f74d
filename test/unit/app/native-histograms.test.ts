import { describe, expect, it } from "vitest";
import { refusing, watchNativeHistograms } from "../../../src/app/native-histograms.ts";
import type { EngineResult } from "../../../src/promql/options.ts";
import { parseExpr } from "../../../src/promql/parse.ts";

describe("native histograms that were sent and not stored", () => {
  const histograms = watchNativeHistograms();
  const check = (text: string): readonly string[] => histograms.check(() => parseExpr(text));

  it("mean nothing while there are none", () => {
    expect(check("latency")).toEqual([]);
    expect(histograms.items()).toEqual([]);
  });

  it.each([
    ["latency", "the metric itself"],
    ["histogram_quantile(0.9, sum(rate(latency{job='x'}[5m])))", "inside functions"],
    ["1 + max_over_time(latency[1h:1m])", "inside a sub-query"],
    ['{__name__="latency"}', "by its label"],
  ])("%s is refused: an empty answer would lie (%s)", (text) => {
    histograms.note(["latency"], 3);
    expect(() => check(text)).toThrow(/native histogram, which opsmon does not store/);
  });

  it.each([
    ["latency_bucket", "its classic buckets are another metric"],
    ["up", "another metric"],
    ['{job="x"}', "labels alone find what there is"],
    ['{__name__="latency", __name__!="latency"}', "nothing matches both"],
  ])("%s is answered (%s)", (text) => {
    expect(check(text)).toEqual([]);
  });

  it("among others they are said to be missing", () => {
    expect(check('{__name__=~"lat.*"}')).toEqual([expect.stringContaining("missing here: latency")]);
  });

  it("fail a rule over them, and no other", async () => {
    const result = { value: { kind: "scalar", t: 0, v: 1 } } as unknown as EngineResult;
    const rules = refusing({ parse: (text) => parseExpr(text), instant: async () => result }, histograms);
    await expect(rules.instant("sum(latency) > 1", 0)).rejects.toMatchObject({ code: "native-histogram" });
    expect(await rules.instant("sum(latency_bucket) > 1", 0)).toBe(result);
  });

  it("are named in the status", () => {
    histograms.note(["size", "age"], 1);
    expect(histograms.items()).toEqual([
      {
        name: "native histograms",
        state: "warn",
        text: expect.stringMatching(/^13 samples .* of latency, size, age$/),
      },
    ]);
  });
});
