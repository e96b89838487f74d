import * as fc from "fast-check";
import { expect, test } from "vitest";
import { ByteWriter } from "../../../src/tsdb/bytes.ts";
import { newChain, writeRow } from "../../../src/tsdb/log-format.ts";
import { NewestRows } from "../../../src/tsdb/newest-rows.ts";
import { BLOCK_ROWS } from "../../../src/tsdb/rows-view.ts";

const value = fc.oneof(
  fc.constantFrom(0, -0, 1, 4096, 2 ** 53, 0.1, Number.NaN, Number.POSITIVE_INFINITY, 5e-324),
  fc.double(),
  fc.integer(),
);
/** Some columns of a row that change. */
const changes = fc.array(fc.tuple(fc.nat(299), value), { maxLength: 40 });
const bitsOf = (rows: Float64Array, from: number, to: number): string =>
  Buffer.from(rows.buffer, rows.byteOffset + 8 * from, 8 * (to - from)).toString("hex");

test("rows read back bit for bit, from any row on, however often they are looked at in between", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 300 }),
      fc.array(fc.tuple(changes, fc.boolean()), { minLength: 1, maxLength: 20 }),
      (columns, steps) => {
        const newest = new NewestRows(columns);
        const values = new Float64Array(columns + 3);
        let pushed: Float64Array[] = [];
        for (const [changed, look] of steps) {
          if (pushed.length === 8) {
            newest.clear();
            pushed = [];
          }
          for (const [column, to] of changed) if (column < columns) values[column] = to;
          newest.push(values);
          pushed.push(values.slice(0, columns));
          if (look) {
            const plain = newest.plain(columns);
            for (const [r, row] of pushed.entries())
              expect(bitsOf(plain, r * columns, (r + 1) * columns)).toBe(bitsOf(row, 0, columns));
          }
        }
        expect(bitsOf(newest.last(), 0, columns)).toBe(bitsOf(pushed.at(-1) as Float64Array, 0, columns));
        for (let from = 0; from < pushed.length; from++) {
          const stride = columns + 2;
          const out = new Float64Array(8 * stride).fill(7);
          newest.read(out, stride, from);
          for (const [r, row] of pushed.entries())
            expect(bitsOf(out, r * stride, r * stride + columns)).toBe(
              bitsOf(r < from ? new Float64Array(columns).fill(7) : row, 0, columns),
            );
        }
      },
    ),
    { numRuns: 200 },
  );
});

/** What the log does with a row before it is pushed. */
const logging = fc.constantFrom(
  "writes it",
  "is full",
  "begins anew",
  "has a row of holes before it",
  "has another file",
);

test("rows read back bit for bit where they are taken from the log, whatever happened to it in between", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 200 }),
      fc.array(fc.tuple(changes, logging), { minLength: 1, maxLength: 90 }),
      (columns, steps) => {
        const newest = new NewestRows(columns);
        const values = new Float64Array(columns);
        let chain = newChain();
        let pushed: Float64Array[] = [];
        steps.forEach(([changed, what], t) => {
          if (pushed.length === BLOCK_ROWS) {
            newest.clear();
            pushed = [];
          }
          const out = new ByteWriter(64);
          const log = (row: Float64Array, cells?: Uint8Array): ReturnType<typeof writeRow> =>
            writeRow(out, chain, { group: 1, late: false, t }, row, cells, columns);
          if (what === "begins anew") chain.next = 0;
          if (what === "has another file") chain = newChain();
          if (what === "has a row of holes before it")
            log(new Float64Array(columns).fill(t), new Uint8Array(columns).fill(1, 0, columns >> 1));
          for (const [column, to] of changed) if (column < columns) values[column] = to;
          newest.push(values, what === "is full" ? undefined : log(values));
          pushed.push(values.slice());
        });
        const out = new Float64Array(BLOCK_ROWS * columns);
        newest.read(out, columns);
        for (const [r, row] of pushed.entries())
          expect(bitsOf(out, r * columns, (r + 1) * columns)).toBe(bitsOf(row, 0, columns));
      },
    ),
    { numRuns: 200 },
  );
});

test("what a query looks at stays as it was when rows are forgotten and memory is used again", () => {
  const newest = new NewestRows(40);
  newest.push(new Float64Array(40).fill(1));
  const seen = newest.plain(40);
  for (let r = 2; r <= 8; r++) newest.push(new Float64Array(40).fill(r));
  newest.clear();
  newest.push(new Float64Array(40).fill(9));
  newest.plain(40);
  expect([...seen.subarray(0, 40)]).toEqual([...new Float64Array(40).fill(1)]);
});
