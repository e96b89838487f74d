/** The open chunk against a plain table: whatever is written in whatever order, every view reads as it was taken. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CELL_ABSENT, CELL_STALE, CELL_VALUE } from "../../../src/tsdb/column.ts";
import { Rows } from "../../../src/tsdb/rows.ts";
import { narrow, readColumn, type RowsView } from "../../../src/tsdb/rows-view.ts";

interface Cell {
  readonly kind: number;
  readonly value: number;
}

/** By time, then by column. */
type Table = Map<number, Map<number, Cell>>;

function copyOf(table: Table): Table {
  return new Map([...table].map(([t, row]) => [t, new Map(row)]));
}

function read(view: RowsView): Table {
  const table: Table = new Map(Array.from(view.t.subarray(0, view.rows), (t) => [t, new Map<number, Cell>()]));
  const out = new Float64Array(view.rows + 3).fill(-7);
  for (let column = 0; column < view.columns; column++) {
    const cells = readColumn(view, column, out);
    for (let r = 0; r < view.rows; r++) {
      const kind = cells === undefined ? CELL_VALUE : (cells[r] as number);
      if (kind === CELL_ABSENT) continue;
      table.get(view.t[r] as number)?.set(column, { kind, value: kind === CELL_STALE ? 0 : (out[r] as number) });
    }
  }
  return table;
}

function sorted(table: Table): unknown {
  return [...table].sort(([a], [b]) => a - b).map(([t, row]) => [t, [...row].sort(([a], [b]) => a - b)]);
}

const VALUE = fc.oneof(
  fc.integer({ min: 0, max: 50 }),
  fc.double(),
  fc.constantFrom(0, -0, Number.NaN, Number.POSITIVE_INFINITY, 0.1, 1e300),
);

const OP = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ op: fc.constant("row" as const), seed: fc.array(VALUE, { minLength: 1, maxLength: 9 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant("cells" as const),
      columns: fc.array(fc.nat(200), { maxLength: 12 }),
      value: VALUE,
      stale: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant("past" as const), back: fc.nat(60), column: fc.nat(200), value: VALUE }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("widen" as const), by: fc.integer({ min: 1, max: 40 }) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant("view" as const) }) },
);

/**
 * Plays the writes on both, the first `later` of them as a restart does, which nobody looks at meanwhile.
 * @returns every view that was taken, with what it has to show.
 */
function play(columns: number, ops: readonly (typeof OP extends fc.Arbitrary<infer T> ? T : never)[], later = 0) {
  const rows = new Rows(columns);
  const table: Table = new Map();
  const views: (readonly [RowsView, Table])[] = [];
  let t = 0;
  const set = (time: number, column: number, value: number, stale: boolean): void => {
    rows.set(rows.row(time), column, value, stale);
    const row = table.get(time) ?? new Map<number, Cell>();
    table.set(time, row);
    if (!row.has(column)) row.set(column, stale ? { kind: CELL_STALE, value: 0 } : { kind: CELL_VALUE, value });
  };
  for (const [i, one] of ops.entries()) {
    rows.packsLater = i < later;
    if (one.op === "row") {
      t += 2;
      const values = Float64Array.from({ length: rows.columns }, (_, c) => one.seed[c % one.seed.length] as number);
      rows.fill(rows.row(t), values, rows.columns);
      table.set(t, new Map(Array.from(values, (value, c) => [c, { kind: CELL_VALUE, value }])));
    } else if (one.op === "cells") {
      t += 2;
      for (const column of one.columns) set(t, column % rows.columns, one.value, one.stale);
      if (one.columns.length === 0) t -= 2;
    } else if (one.op === "past") {
      set(Math.max(1, t - one.back), one.column % rows.columns, one.value, false);
    } else if (one.op === "widen") {
      rows.widen(rows.columns + one.by);
    } else if (rows.rows > 0 && !rows.packsLater) {
      views.push([rows.view(), copyOf(table)]);
    }
  }
  if (rows.rows > 0) views.push([rows.finish(), table]);
  return { rows, views };
}

describe("the open chunk", () => {
  test.each([
    [1, "a lonely series: never packed"],
    [40, "one segment"],
    [130, "three segments, the last one short"],
  ])("of %i columns at first shows in every view what was written until then (%s)", (columns) => {
    fc.assert(
      fc.property(fc.array(OP, { minLength: 1, maxLength: 160 }), fc.nat(80), (ops, later) => {
        for (const [view, table] of play(columns, ops, later).views) expect(sorted(read(view))).toEqual(sorted(table));
      }),
      { numRuns: 60 },
    );
  });

  test("a narrowed view shows all that lies in its range, and nothing that is not in the whole", () => {
    fc.assert(
      fc.property(
        fc.array(OP, { minLength: 1, maxLength: 160 }),
        fc.integer({ min: -5, max: 260 }),
        fc.nat(80),
        (ops, start, span) => {
          const [view, table] = play(40, ops).views.at(-1) ?? [];
          if (view === undefined || table === undefined) return;
          const part = read(narrow(view, start, start + span));
          const within = [...table].filter(([t]) => t >= start && t <= start + span);
          for (const [t, row] of within)
            expect(sorted(new Map([[t, part.get(t) ?? new Map()]]))).toEqual(sorted(new Map([[t, row]])));
          for (const t of part.keys()) expect(table.has(t)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("the memory of a finished chunk serves the next one without showing in it", () => {
    const values = Float64Array.from({ length: 40 }, (_, c) => c + 0.5);
    const first = new Rows(40);
    for (let t = 1; t <= 16; t++) first.fill(first.row(t), values, 40);
    const view = first.finish();
    const spare = first.takeSpare();
    expect(spare).toBeDefined();
    const second = new Rows(40, spare);
    second.set(second.row(17), 3, -1, false);
    const shown = new Map([[17, new Map([[3, { kind: CELL_VALUE, value: -1 }]])]]);
    expect(sorted(read(second.view()))).toEqual(sorted(shown));
    expect(read(view).get(16)?.get(39)).toEqual({ kind: CELL_VALUE, value: 39.5 });
  });

  test("memory that a query still reads is not used again", () => {
    const rows = new Rows(40);
    rows.fill(rows.row(1), new Float64Array(40).fill(1), 40);
    const view = rows.view();
    for (let t = 2; t <= 40; t++) rows.fill(rows.row(t), new Float64Array(40).fill(t), 40);
    expect(read(view).get(1)?.get(0)).toEqual({ kind: CELL_VALUE, value: 1 });
    rows.finish();
    expect(read(view).get(1)?.get(0)).toEqual({ kind: CELL_VALUE, value: 1 });
  });

  test("a chunk that began narrow, or with holes, keeps changes again as soon as rows are whole", () => {
    const rows = new Rows(5);
    const table: Table = new Map();
    const put = (t: number, columns: number): void => {
      const values = Float64Array.from({ length: columns }, (_, c) => (c % 3 === 0 ? t : c));
      rows.widen(columns);
      rows.fill(rows.row(t), values, columns);
      table.set(t, new Map(Array.from(values, (value, c) => [c, { kind: CELL_VALUE, value }])));
    };
    put(1, 5);
    for (let t = 2; t <= 20; t++) put(t, 50);
    rows.set(rows.row(21), 7, 1, true);
    table.set(21, new Map([[7, { kind: CELL_STALE, value: 0 }]]));
    for (let t = 22; t <= 60; t++) put(t, 50);
    expect(sorted(read(rows.view()))).toEqual(sorted(table));
    rows.finish();
    expect(rows.takeSpare()?.columns).toBe(50);
  });
});
