import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Postings, union } from "../../../src/tsdb/postings.ts";

const step = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.constantFrom(127, 128, 16_383, 16_384, 2 ** 21, 2 ** 28));
const ascending = fc.array(step, { maxLength: 60 }).map((steps) => {
  let ref = 0;
  return steps.map((by) => (ref += by)).filter((one) => one < 2 ** 30);
});

function listOf(refs: readonly number[]): Postings {
  const list = new Postings();
  for (const ref of refs) list.push(ref);
  return list;
}

test("a list reads back what was put in, whole and from its start", () => {
  fc.assert(
    fc.property(ascending, fc.nat(70), (refs, most) => {
      const list = listOf(refs);
      const out = new Uint32Array(refs.length + 2);
      list.read(out, 1);
      expect([list.length, ...out]).toEqual([refs.length, 0, ...refs, 0]);
      expect([...list.first(most)]).toEqual(refs.slice(0, most));
      const made = Postings.of(Uint32Array.from(refs));
      made.push(2 ** 31 - 1);
      expect([...made.first(100)]).toEqual([...refs, 2 ** 31 - 1]);
    }),
  );
});

test("a union is every number once, ascending; a bare number is a list of one, 0 is nobody", () => {
  fc.assert(
    fc.property(ascending, fc.nat(4), (refs, parts) => {
      const lists = Array.from({ length: parts + 1 }, (_, part) =>
        listOf(refs.filter((_ref, i) => i % (parts + 1) === part)),
      );
      const last = (refs.at(-1) ?? 0) + 1;
      expect([...union([...lists, last, 0])]).toEqual([...refs, last]);
    }),
  );
});
