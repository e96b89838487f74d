import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Postings, PostingLists, union } from "../../../src/tsdb/postings.ts";

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

test("lists that lie between each other are put in order", () => {
  expect([...union([listOf([5, 9]), 7, listOf([1, 8]), 0])]).toEqual([1, 5, 7, 8, 9]);
});

/** More than are looked for one by one, and a start's worth of series. */
const PAIRS = 40;
const HALVES = 400;

test("a list holds every series of its pair, whenever it is asked for", () => {
  const pairOf = (ref: number, place: number): number => 1 + ((ref * (place + 3) + (ref >> 3)) % PAIRS);
  fc.assert(
    fc.property(
      fc.array(fc.record({ more: fc.constantFrom(0, 1, 5, HALVES), pair: fc.integer({ min: 1, max: PAIRS }) }), {
        minLength: 1,
        maxLength: 40,
      }),
      (steps) => {
        const lists = new PostingLists();
        while (lists.count <= PAIRS) lists.add();
        const starts = new Uint32Array(1 + steps.length * HALVES + 2);
        const slab = new Uint32Array(starts.length * 2 + 8);
        const wanted: number[][] = Array.from({ length: PAIRS + 1 }, () => []);
        let count = 0;
        let end = 0;
        for (const { more, pair } of steps) {
          for (let i = 0; i < more; i++) {
            count++;
            for (const own of new Set([pairOf(count, 0), pairOf(count, 1)])) {
              slab[end++] = own;
              wanted[own]?.push(count);
            }
            starts[count + 1] = end;
          }
          expect([...union([lists.list(pair, { count, slab, starts })])]).toEqual(wanted[pair]);
        }
        lists.settle({ count, slab, starts });
        for (let pair = 1; pair <= PAIRS; pair++)
          expect([...union([lists.list(pair, { count, slab, starts })])]).toEqual(wanted[pair]);
      },
    ),
  );
});
