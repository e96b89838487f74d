/** Rows that stay as the log has them are the rows they would have become at once, whatever is asked and written next. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ByteReader, ByteWriter } from "../../../src/tsdb/bytes.ts";
import { CELL_ABSENT, CELL_STALE, CELL_VALUE } from "../../../src/tsdb/column.ts";
import { type LogSink, newChain, type ReadChain, readRecord, writeRow } from "../../../src/tsdb/log-format.ts";
import type { LoggedRow } from "../../../src/tsdb/logged-rows.ts";
import { ChangingRows } from "../../../src/tsdb/row-changes.ts";
import { Rows } from "../../../src/tsdb/rows.ts";
import { readColumn } from "../../../src/tsdb/rows-view.ts";

const bits = (values: Float64Array): readonly bigint[] => [...new BigUint64Array(values.slice().buffer)];

/** Bits of values, or what else a cell is, row after row; through a view. */
function shown(rows: Rows): readonly unknown[] {
  const view = rows.view();
  const out = new Float64Array(view.rows);
  return Array.from({ length: view.columns }, (_, column) => {
    const cells = readColumn(view, column, out);
    return bits(out).map((bit, r) => [view.t[r], (cells?.[r] ?? CELL_VALUE) === CELL_VALUE ? bit : cells?.[r]]);
  });
}

interface Found {
  readonly row: LoggedRow;
  /** What it says of every column, the absent ones too. */
  readonly values: Float64Array;
}

/** A log, written and read. */
function logOf(): (t: number, values: Float64Array, cells?: Uint8Array) => Found {
  const writing = newChain();
  const changing = new ChangingRows();
  const reading: ReadChain = { row: changing.make(0), next: 0 };
  return (t, values, cells) => {
    const out = new ByteWriter();
    writeRow(out, writing, { group: 1, late: false, t }, values, cells, values.length);
    let found: Found | undefined;
    const sink: LogSink = {
      changing,
      chain: () => reading,
      row: (_place, all, _cells, logged) => void (found = { row: logged, values: all.slice() }),
      define: () => undefined,
      broken: () => undefined,
      cell: () => undefined,
      describe: () => undefined,
    };
    readRecord(new ByteReader(out.copy()), sink);
    return found as Found;
  };
}

const value = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.double(), fc.constantFrom(0, -0, Number.NaN, 0.1));
const row = fc.record({
  values: fc.array(value, { minLength: 1, maxLength: 6 }),
  holes: fc.option(fc.array(fc.constantFrom(CELL_ABSENT, CELL_VALUE, CELL_VALUE, CELL_STALE), { minLength: 1 })),
  /** Fewer columns than the group has by now. */
  fewer: fc.constantFrom(0, 0, 0, 3),
  /** Not of this matrix: the next one does not follow. */
  elsewhere: fc.constantFrom(false, false, false, false, true),
  wider: fc.constantFrom(0, 0, 0, 0, 0, 7),
});
const after = fc.constantFrom("append", "past", "widen", "newest");

/** Into a matrix by the log's bytes, and into one as plain values. */
function restart(columns: number, rows: readonly (typeof row extends fc.Arbitrary<infer T> ? T : never)[]) {
  const logged = new Rows(columns);
  const plain = new Rows(columns);
  const log = logOf();
  let follows = false;
  for (const [i, one] of rows.entries()) {
    const t = 10 * i;
    for (const matrix of [logged, plain]) matrix.widen(matrix.columns + one.wider);
    const width = Math.max(1, plain.columns - one.fewer);
    const values = Float64Array.from({ length: width }, (_, c) => one.values[c % one.values.length] as number);
    const { holes } = one;
    const cells = holes && Uint8Array.from(values, (_, c) => holes[c % holes.length] as number);
    const written = log(t, values, cells ?? undefined);
    if (one.elsewhere) {
      follows = false;
      continue;
    }
    logged.packsLater = true;
    plain.packsLater = true;
    expect(logged.loggedFor(t)).toBeDefined();
    logged.log(t, follows || written.row.whole ? written.row : written.values, cells ?? undefined, width);
    follows = true;
    const at = plain.row(t);
    for (let c = 0; c < width; c++) {
      const cell = cells?.[c] ?? CELL_VALUE;
      if (cell !== CELL_ABSENT) plain.set(at, c, values[c] as number, cell === CELL_STALE);
    }
  }
  logged.packsLater = false;
  plain.packsLater = false;
  return [logged, plain] as const;
}

describe("logged rows", () => {
  test.each([
    [3, "never packed"],
    [40, "packed when they are finished"],
  ])("of %i columns are what they would have been as plain ones (%s)", (columns) => {
    fc.assert(
      fc.property(
        fc.array(row, { maxLength: 90 }),
        fc.array(after, { maxLength: 4 }),
        fc.boolean(),
        (rows, steps, full) => {
          const [logged, plain] = restart(columns, rows);
          expect([logged.rows, logged.samples]).toEqual([plain.rows, plain.samples]);
          let t = 10 * rows.length;
          for (const step of steps) {
            t += 10;
            const results = [logged, plain].map((matrix) => {
              if (step === "append")
                matrix.fill(matrix.row(t), new Float64Array(matrix.columns).fill(t), matrix.columns);
              else if (step === "past") return matrix.set(matrix.row(t - 25), 1, 77, false);
              else if (step === "widen") matrix.widen(matrix.columns + 5);
              const newest = matrix.wholeRow(t - 20);
              return newest && [newest.t, bits(newest.values)];
            });
            expect(results[0]).toEqual(results[1]);
          }
          if (full) for (const matrix of [logged, plain]) matrix.finish();
          expect(shown(logged)).toEqual(shown(plain));
          expect(logged.samples).toBe(plain.samples);
        },
      ),
      { numRuns: 120 },
    );
  });

  test("of which the newest is known need not be read for it", () => {
    const rows = new Rows(2);
    const log = logOf();
    for (const [t, value] of [5, 6, 7].entries())
      rows.log(t, (rows.loggedFor(t), log(t, Float64Array.of(value, 1)).row), undefined, 2);
    rows.loggedFor(3)?.know(Float64Array.of(9, 9, 9));
    expect(rows.wholeRow(10)).toEqual({ t: 2, values: Float64Array.of(9, 9) });
    rows.log(3, log(3, Float64Array.of(8, 2)).row, undefined, 2);
    expect(rows.wholeRow(10)).toEqual({ t: 3, values: Float64Array.of(8, 2) });
    expect(rows.wholeRow(1)).toEqual({ t: 1, values: Float64Array.of(6, 1) });
  });
});
