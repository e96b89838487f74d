/** Series that a start brings in, record by record: each is one series however often it is told, and is found afterwards. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Labels } from "../../../src/model/labels.ts";
import { ByteWriter } from "../../../src/tsdb/bytes.ts";
import { encodeLayout } from "../../../src/tsdb/layout.ts";
import { LayoutReader } from "../../../src/tsdb/layout-read.ts";
import { SeriesIndex } from "../../../src/tsdb/series-index.ts";

function bytesOf(sets: readonly Labels[]): Uint8Array {
  const out = new ByteWriter();
  encodeLayout(out, sets);
  return out.copy();
}

const name = fc.constantFrom("__name__", "instance", "job", "le", "ключ");
const value = fc.oneof(
  fc.constantFrom("", "a", "b", "0.5", "host-1", "host-10", "\u{fffd}", "\u{feff}b", "é"),
  fc.string({ maxLength: 200 }),
);
const sets = fc
  .array(fc.dictionary(name, value), { maxLength: 30 })
  .map((list) => [...new Map(list.map((one) => [Labels.from(one).key, one])).values()]);
type Sets = readonly Readonly<Record<string, string>>[];

/** A page, and pages like it: some of its values are others there. */
const alike = fc
  .tuple(sets, fc.array(fc.dictionary(value, value, { maxKeys: 3 }), { maxLength: 4 }))
  .map(([page, changes]): Sets[] => [
    page,
    ...changes.map((change) => {
      const changed = page.map((one) =>
        Object.fromEntries(
          Object.entries(one).map(([key, text]) => [
            key,
            Object.hasOwn(change, text) ? (change[text] as string) : text,
          ]),
        ),
      );
      return [...new Map(changed.map((one) => [Labels.from(one).key, one])).values()];
    }),
  ]);
const records = fc
  .array(alike, { maxLength: 3 })
  .map((list) => list.flat().map((page) => page.map((one) => Labels.from(one))));

describe("records of label sets", () => {
  test("read the same whatever was read before", () => {
    fc.assert(
      fc.property(records, (list) => {
        const reader = new LayoutReader();
        for (const record of list) {
          const { shape, names, values } = reader.read(bytesOf(record));
          const got = Array.from({ length: shape.count }, (_, set) =>
            Array.from(shape.pairs.subarray(shape.starts[set], shape.starts[set + 1]), (pair) => [
              names[(shape.pairNames[pair] as number) - 1],
              values[(shape.pairValues[pair] as number) - 1],
            ]),
          );
          expect(got).toEqual(record.map((labels) => [...labels]));
        }
      }),
      { numRuns: 300 },
    );
  });

  test("of alike targets share what is not text", () => {
    const page = (host: string, text = "x"): Labels[] =>
      Array.from({ length: 40 }, (_, i) => Labels.from({ __name__: "m", instance: host, le: String(i), z: text }));
    const reader = new LayoutReader();
    const first = reader.read(bytesOf(page("a:1")));
    expect(reader.read(bytesOf(page("another:1"))).shape, "one text is longer").toBe(first.shape);
    expect(reader.read(bytesOf(page("b:1", "y".repeat(300)))).shape, "two texts, one very long").toBe(first.shape);
    expect(reader.read(bytesOf(page("a:1").slice(1))).shape, "a set less").not.toBe(first.shape);
  });

  test("become series that are found by their labels, each once", () => {
    fc.assert(
      fc.property(records, fc.array(fc.dictionary(name, value, { minKeys: 1 }), { maxLength: 5 }), (list, others) => {
        const index = new SeriesIndex();
        const reader = new LayoutReader();
        const known = new Map<string, number>();
        for (const [i, record] of list.entries()) {
          const other = others[i] === undefined ? undefined : Labels.from(others[i]);
          if (other !== undefined && !known.has(other.key) && index.find(other) === 0)
            known.set(other.key, index.add(other));
          const refs = index.ensureAll(reader.read(bytesOf(record)));
          for (const [k, labels] of record.entries()) {
            const ref = refs[k] as number;
            expect(ref === 0).toBe(labels.size === 0);
            if (ref === 0) continue;
            expect(ref).toBe(known.get(labels.key) ?? ref);
            known.set(labels.key, ref);
            expect([...index.makeLabels(ref)]).toEqual([...labels]);
          }
        }
        index.settle();
        expect(index.size).toBe(known.size);
        expect(new Set(known.values()).size).toBe(known.size);
        for (const record of list)
          for (const labels of record) if (labels.size > 0) expect(index.find(labels)).toBe(known.get(labels.key));
      }),
      { numRuns: 300 },
    );
  });
});
