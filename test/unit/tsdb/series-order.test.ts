/** The index puts series into the very order in which their label sets compare. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareLabels, Labels } from "../../../src/model/labels.ts";
import { SeriesIndex } from "../../../src/tsdb/series-index.ts";

async function orderOf(sets: readonly Labels[]): Promise<readonly Labels[]> {
  const index = new SeriesIndex();
  const refs = Uint32Array.from(new Set(sets.map((set) => index.find(set) || index.add(set))));
  return Array.from(await index.ordered(refs), (ref) => index.labels(ref));
}

function sorted(sets: readonly Labels[]): readonly Labels[] {
  return [...new Map(sets.map((set) => [set.key, set])).values()].sort(compareLabels);
}

const text = fc.oneof(
  fc.constantFrom("a", "b", "ab", "__name__", "\u{1f600}", "\ue000", "\uffff", "\u0000", " "),
  fc.string({ unit: "grapheme", maxLength: 4 }),
);

describe("the order of series", () => {
  test("is that of their label sets, whatever they are called and however many they have", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.dictionary(text, text, { maxKeys: 5 }), { maxLength: 60 }), async (records) => {
        const sets = records.map((one) => Labels.from(Object.entries(one))).filter(({ size }) => size > 0);
        expect((await orderOf(sets)).map(String)).toEqual(sorted(sets).map(String));
      }),
    );
  });

  const many = (last: string, count: number): Labels =>
    Labels.from(Array.from({ length: count }, (_, i) => [`l${i}`, i === count - 1 ? last : "same"] as const));

  test.each([
    { why: "a set that begins like another one and ends sooner comes first", sets: [many("z", 3), many("z", 2)] },
    { why: "more labels than are dealt", sets: [many("b", 80), many("a", 80), many("a", 70), many("x", 1)] },
    { why: "one series", sets: [many("a", 1)] },
    { why: "none", sets: [] },
  ])("$why", async ({ sets }) => {
    expect((await orderOf(sets)).map(String)).toEqual(sorted(sets).map(String));
  });
});
