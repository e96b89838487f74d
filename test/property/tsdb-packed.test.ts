/** Packed blocks of the open chunk: merged ones read, bit by bit, as the blocks they were made of did. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { CELL_ABSENT, CELL_STALE, CELL_VALUE, encodeColumn } from "../../src/tsdb/column.ts";
import { buildChunk } from "../../src/tsdb/chunk.ts";
import { mergePacked, PackedBlock, PackedReader } from "../../src/tsdb/packed.ts";
import { Rows } from "../../src/tsdb/rows.ts";
import { makeBlocks, setCell } from "../../src/tsdb/rows-view.ts";
import { SEGMENT_COLUMNS } from "../../src/tsdb/segment.ts";
import { random } from "../support/random.ts";

const ROWS = 8;

interface Column {
  readonly values: Float64Array;
  readonly cells: Uint8Array | undefined;
}

const number = fc.oneof(fc.integer({ min: -9, max: 9 }), fc.double(), fc.constantFrom(0, -0, Number.NaN, 1.5, 2 ** 51));
const shape = fc.oneof(
  { weight: 4, arbitrary: number.map((v) => Float64Array.from({ length: ROWS }, () => v)) },
  // Of one slope: its header says all, and still it must not be taken for a constant.
  fc.integer({ min: -3, max: 3 }).map((slope) => Float64Array.from({ length: ROWS }, (_, r) => r * slope)),
  fc.array(number, { minLength: ROWS, maxLength: ROWS }).map((list) => Float64Array.from(list)),
);
const holes = fc.oneof(
  { weight: 5, arbitrary: fc.constant(undefined) },
  fc.constantFrom(CELL_ABSENT, CELL_STALE).map((cell) => new Uint8Array(ROWS).fill(cell)),
  fc
    .array(fc.constantFrom(CELL_VALUE, CELL_ABSENT, CELL_STALE), { minLength: ROWS, maxLength: ROWS })
    .map((cells) => Uint8Array.from(cells)),
);
const column: fc.Arbitrary<Column> = fc.record({ values: shape, cells: holes });
/** Columns as a page has them: a few patterns, each of them in many places. */
const patterns = fc.array(column, { minLength: 1, maxLength: 4 });
const block = fc.record({ patterns, more: fc.integer({ min: 0, max: SEGMENT_COLUMNS + 2 }) });
/** Most of the time the same patterns in all blocks, else each its own. */
const blocks = fc.oneof(
  fc
    .tuple(patterns, fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 2, maxLength: 4 }))
    .map(([own, mores]) => mores.map((more) => ({ patterns: own, more }))),
  fc.array(block, { minLength: 2, maxLength: 4 }),
);

function show(block: PackedBlock, rows: number, width: number): unknown[] {
  const reader = new PackedReader(block);
  return Array.from({ length: width }, (_, c) => {
    const out = new Float64Array(rows);
    const cells = reader.read(c, out);
    return Array.from({ length: rows }, (_row, r) => {
      const cell = cells === undefined ? CELL_VALUE : cells[r];
      return cell === CELL_VALUE ? new BigUint64Array(out.buffer)[r] : `cell ${cell}`;
    });
  });
}

test("a merged block reads as its parts, and is what packing all rows at once gives", () => {
  fc.assert(
    fc.property(blocks, fc.boolean(), (parts, lasting) => {
      let width = 1;
      const packed = parts.map((part) => {
        width += part.more;
        return new PackedBlock(ROWS, width, (head, body, c) => {
          const { values, cells } = part.patterns[c % part.patterns.length] as Column;
          encodeColumn(head, body, values, ROWS, cells);
        });
      });
      const counts = new Uint32Array(width);
      const merged = mergePacked(packed, lasting, counts);
      const rows = ROWS * parts.length;
      const apart = packed.map((one) => show(one, ROWS, width) as unknown[][]);
      const wanted = Array.from({ length: width }, (_, c) => apart.flatMap((one) => one[c] as unknown[]));
      expect(merged.rows).toBe(rows);
      expect(show(merged, rows, width)).toEqual(wanted);
      const held = wanted.map((cells) => cells.filter((cell) => cell !== `cell ${CELL_ABSENT}`).length);
      expect([...counts]).toEqual(held);
      const reader = new PackedReader(merged);
      const again = new PackedBlock(rows, width, (head, body, c) => {
        const values = new Float64Array(rows);
        encodeColumn(head, body, values, rows, reader.read(c, values), lasting);
      });
      expect(merged.payload(0)).toEqual(again.payload(0));
    }),
    { numRuns: 300 },
  );
});

test("a chunk of packed rows is, byte by byte, the chunk of the same rows left plain", () => {
  const page = fc.record({
    columns: fc.constantFrom(33, 64, 65, 130),
    rows: fc.integer({ min: 1, max: 120 }),
    seed: fc.nat(),
    gaps: fc.boolean(),
  });
  fc.assert(
    fc.property(page, ({ columns, rows, seed, gaps }) => {
      const open = new Rows(columns);
      const plain = makeBlocks(rows, columns);
      const partial: (Uint8Array | undefined)[] = [];
      const next = random(seed);
      for (let r = 0; r < rows; r++) {
        const row = open.row(r * 1_000);
        const values = Float64Array.from({ length: columns }, (_, c) =>
          c % 3 === 0 ? c : c % 3 === 1 ? Math.floor(r * c * next()) : next(),
        );
        const cells = new Uint8Array(columns);
        for (let c = 0; c < columns; c++) {
          cells[c] = gaps && next() < 0.1 ? (next() < 0.5 ? CELL_ABSENT : CELL_STALE) : CELL_VALUE;
          setCell(plain, columns, r, c, values[c] as number);
        }
        const whole = !cells.includes(CELL_ABSENT) && !cells.includes(CELL_STALE);
        partial.push(whole ? undefined : cells);
        if (whole) open.fill(row, values, columns);
        else
          for (let c = 0; c < columns; c++)
            if (cells[c] !== CELL_ABSENT) open.set(row, c, values[c] as number, cells[c] === CELL_STALE);
      }
      const like = { tier: 0, group: 1, seq: 1, ordinal: 0, late: false };
      const packed = open.finish();
      const view = { t: packed.t, blocks: plain, partial, rows, columns, stride: columns };
      expect(buildChunk({ ...like, view: packed })).toEqual(buildChunk({ ...like, view }));
    }),
    { numRuns: 60 },
  );
});
