/** Every codec of the store gives back exactly what it took, and never crashes on bytes it did not write. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Labels } from "../../src/model/labels.ts";
import { ByteReader, ByteWriter, DamagedError } from "../../src/tsdb/bytes.ts";
import { CELL_ABSENT, CELL_STALE, CELL_VALUE } from "../../src/tsdb/column.ts";
import { encodeInts, INT_MAX } from "../../src/tsdb/ints.ts";
import { decodeInts, skipInts } from "../../src/tsdb/ints-read.ts";
import { chunkKey, parseChunkKey } from "../../src/tsdb/keys.ts";
import { decodeLayout, encodeLayout } from "../../src/tsdb/layout.ts";
import { type LogSink, newChain, type ReadChain, readRecord, writeCells, writeRow } from "../../src/tsdb/log-format.ts";
import type { LoggedRow } from "../../src/tsdb/logged-rows.ts";
import { ChangingRows } from "../../src/tsdb/row-changes.ts";
import { encodeSegment, openRecord, Segment, sealRecord } from "../../src/tsdb/segment.ts";
import { decodeXor, encodeXor } from "../../src/tsdb/xor.ts";

const key = new Uint8Array([1, 2, 3]);

/** Doubles by their bits, so that NaN payloads, denormals and both zeros occur. */
const bits = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const decimal = fc
  .tuple(fc.integer({ min: -1_000_000_000, max: 1_000_000_000 }), fc.integer({ min: 0, max: 6 }))
  .map(([n, e]) => n / 10 ** e);
const special = fc.constantFrom(
  0,
  -0,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  5e-324,
  -5e-324,
  Number.MAX_VALUE,
  2 ** 53,
  2 ** 53 + 2,
  0.1 + 0.2,
);
const toBits = (v: number): bigint => new BigUint64Array(Float64Array.of(v).buffer)[0] as bigint;
const anyBits = fc.oneof(bits, decimal.map(toBits), special.map(toBits));

const columns = fc.oneof(
  fc.array(anyBits, { minLength: 1, maxLength: 150 }),
  // A counter, a gauge with two decimals, a constant: what exporters really send.
  fc
    .tuple(
      fc.integer({ min: 0, max: 1e9 }),
      fc.array(fc.integer({ min: 0, max: 5_000 }), { minLength: 1, maxLength: 150 }),
    )
    .map(([first, steps]) => {
      let sum = first;
      return steps.map((step) => toBits((sum += step)));
    }),
  fc.array(
    fc.integer({ min: -10_000, max: 10_000 }).map((n) => toBits(n / 100)),
    { minLength: 1, maxLength: 150 },
  ),
  fc.tuple(anyBits, fc.integer({ min: 1, max: 150 })).map(([one, n]) => Array.from({ length: n }, () => one)),
  // Decimals that were multiplied, divided twice, or added up: off by some units in the last place.
  fc
    .tuple(
      fc.array(fc.oneof(fc.integer({ min: -1e9, max: 1e9 }), fc.nat(2)), { minLength: 1, maxLength: 150 }),
      fc.constantFrom(
        (n: number) => n * 0.001,
        (n: number) => n / 1000 / 1000,
        (n: number) => n * 0.043,
        (n: number) => (n === 0 ? -0 : n * 0.001),
      ),
    )
    .map(([list, off]) => list.map((n) => toBits(off(n)))),
);

function floats(column: readonly bigint[]): Float64Array {
  return new Float64Array(BigUint64Array.from(column).buffer);
}
function bitsOf(column: Float64Array): bigint[] {
  return [...new BigUint64Array(column.buffer, column.byteOffset, column.length)];
}

describe("codecs", () => {
  test("varints and zigzags up to 2^52", () => {
    fc.assert(
      fc.property(fc.array(fc.maxSafeInteger().map((n) => Math.trunc(n / 2))), (numbers) => {
        const out = new ByteWriter(1);
        for (const n of numbers) {
          out.zigzag(n);
          out.varint(Math.abs(n));
        }
        const reader = new ByteReader(out.view());
        expect(numbers.map(() => [reader.zigzag(), reader.varint()])).toEqual(
          numbers.map((n) => [n === 0 ? 0 : n, Math.abs(n)]),
        );
        expect(reader.left).toBe(0);
      }),
    );
  });

  const whole = fc.oneof(
    fc.integer({ min: -INT_MAX, max: INT_MAX }),
    fc.integer({ min: -1000, max: 1000 }),
    fc.integer({ min: 0, max: 1000 }).map((n) => n * 4096),
  );
  const seldom = (often: fc.Arbitrary<number>): fc.Arbitrary<number> =>
    fc.oneof({ weight: 20, arbitrary: often }, { weight: 1, arbitrary: whole });
  const numbersOfAKind = fc.oneof(
    fc.array(whole, { minLength: 1, maxLength: 300 }),
    fc.array(seldom(fc.constant(0)), { minLength: 1, maxLength: 300 }),
    fc.array(seldom(fc.integer({ min: 4_000, max: 4_063 })), { minLength: 32, maxLength: 300 }),
    fc.array(seldom(fc.integer({ min: 0, max: 63 }).map((n) => n * 4096)), { minLength: 32, maxLength: 300 }),
    fc.array(seldom(fc.integer({ min: 0, max: 9 })), { minLength: 32, maxLength: 300 }).map((steps) => {
      let sum = 0;
      return steps.map((step) => (Math.abs(sum + step) <= INT_MAX ? (sum += step) : sum));
    }),
  );
  test("whole numbers, any width, and the skip agrees with the decoder", () => {
    fc.assert(
      fc.property(numbersOfAKind, (numbers) => {
        const head = new ByteWriter();
        const body = new ByteWriter();
        encodeInts(head, body, Float64Array.from(numbers), numbers.length);
        const out = new Float64Array(numbers.length);
        const reader = new ByteReader(body.copy());
        decodeInts(new ByteReader(head.copy()), reader, out, numbers.length);
        expect([...out]).toEqual(numbers.map((n) => (n === 0 ? 0 : n)));
        expect(reader.left).toBe(0);
        expect(skipInts(new ByteReader(head.copy()), numbers.length)).toBe(body.length);
      }),
      { numRuns: 600 },
    );
  });

  test("xor keeps every bit", () => {
    fc.assert(
      fc.property(columns, (column) => {
        const head = new ByteWriter();
        const body = new ByteWriter();
        encodeXor(head, body, floats(column), column.length);
        const out = new Float64Array(column.length);
        decodeXor(new ByteReader(head.copy()), new ByteReader(body.copy()), out, column.length);
        expect(bitsOf(out)).toEqual(column);
      }),
      { numRuns: 300 },
    );
  });

  test("segments keep every bit, hole and stale marker", () => {
    const cells = fc.infiniteStream(fc.constantFrom(CELL_VALUE, CELL_VALUE, CELL_VALUE, CELL_ABSENT, CELL_STALE));
    const input = fc.tuple(fc.array(fc.tuple(columns, fc.option(cells)), { minLength: 1, maxLength: 8 }));
    fc.assert(
      fc.property(input, ([raw]) => {
        const rows = Math.min(...raw.map(([column]) => column.length));
        const given = raw.map(([column, stream]) => ({
          values: floats(column.slice(0, rows)),
          cells: stream === null ? undefined : Uint8Array.from({ length: rows }, () => stream.next().value as number),
        }));
        const { payload, samples } = encodeSegment(given.length, rows, (i) => given[i] as (typeof given)[number]);
        expect(samples).toBe(
          given.reduce(
            (n, { cells: c }) => n + (c === undefined ? rows : c.filter((cell) => cell !== CELL_ABSENT).length),
            0,
          ),
        );
        const segment = new Segment(openRecord(key, sealRecord(key, payload)), rows);
        given.forEach(({ values, cells: c }, i) => {
          const out = new Float64Array(rows);
          const read = segment.read(i, out) ?? new Uint8Array(rows).fill(CELL_VALUE);
          expect([...read]).toEqual([...(c ?? new Uint8Array(rows).fill(CELL_VALUE))]);
          const want = bitsOf(values);
          expect(bitsOf(out).filter((_, r) => read[r] === CELL_VALUE)).toEqual(
            want.filter((_, r) => read[r] === CELL_VALUE),
          );
        });
      }),
      { numRuns: 200 },
    );
  });

  test("a record with any flipped bit, or under another key, is refused", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(), fc.nat(7), (payload, where, bit) => {
        const record = sealRecord(key, payload);
        expect([...openRecord(key, record)]).toEqual([...payload]);
        expect(() => openRecord(Uint8Array.of(1, 2, 4), record)).toThrow(DamagedError);
        const at = where % record.length;
        record[at] = (record[at] as number) ^ (1 << bit);
        expect(() => openRecord(key, record)).toThrow(DamagedError);
      }),
    );
  });

  test("random bytes never make a decoder do anything but refuse or answer", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 200 }), (bytes, rows) => {
        const attempts = [
          () => new Segment(bytes, rows).read(0, new Float64Array(rows)),
          () => decodeLayout(bytes),
          () => decodeInts(new ByteReader(bytes), new ByteReader(bytes), new Float64Array(rows), rows),
          () => decodeXor(new ByteReader(bytes), new ByteReader(bytes), new Float64Array(rows), rows),
        ];
        const bugs = attempts.filter((attempt) => {
          try {
            attempt();
            return false;
          } catch (error) {
            return !(error instanceof DamagedError);
          }
        });
        expect(bugs).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  });

  test("label sets", () => {
    const text = fc.string({ unit: "binary", maxLength: 12 }).map((s) => s.toWellFormed());
    fc.assert(
      fc.property(fc.array(fc.dictionary(text, text), { maxLength: 20 }), (dictionaries) => {
        const sets = dictionaries.map((d) => Labels.from(d));
        const out = new ByteWriter();
        encodeLayout(out, sets);
        expect(decodeLayout(out.copy()).map((labels) => labels.key)).toEqual(sets.map((labels) => labels.key));
      }),
    );
  });

  test("chunk keys sort by time, negative ones first", () => {
    const t = fc.integer({ min: -(2 ** 51), max: 2 ** 51 });
    fc.assert(
      fc.property(t, t, fc.nat(), (a, b, group) => {
        const left = { tier: 0, start: a, group, seq: 1 };
        const right = { tier: 0, start: b, group: 0, seq: 2 };
        expect(parseChunkKey(chunkKey(left))).toEqual(left);
        expect(Math.sign(Buffer.compare(chunkKey(left), chunkKey({ ...right, group })))).toBe(
          a === b ? -1 : Math.sign(a - b),
        );
      }),
    );
  });
});

interface Cell {
  readonly t: number;
  readonly column: number;
  readonly bits: bigint | "stale";
}

function collector(kernel = true): LogSink & { readonly cells: Cell[]; broken: () => void; breaks: number } {
  const chains = new Map<number, ReadChain>();
  const changing = new ChangingRows(kernel);
  const cells: Cell[] = [];
  const sink = {
    cells,
    changing,
    breaks: 0,
    define: () => undefined,
    describe: () => undefined,
    broken() {
      sink.breaks++;
    },
    chain(group: number) {
      const chain = chains.get(group) ?? { row: changing.make(0), next: 0 };
      chains.set(group, chain);
      return chain;
    },
    row(place: { t: number }, values: Float64Array, marks: Uint8Array | undefined, { columns: count }: LoggedRow) {
      const raw = bitsOf(values.subarray(0, count));
      for (let c = 0; c < count; c++) {
        const mark = marks?.[c] ?? CELL_VALUE;
        if (mark !== CELL_ABSENT)
          cells.push({ t: place.t, column: c, bits: mark === CELL_STALE ? "stale" : (raw[c] as bigint) });
      }
    },
    cell(place: { t: number }, column: number, value: number, stale: boolean) {
      cells.push({ t: place.t, column, bits: stale ? "stale" : toBits(value) });
    },
  };
  return sink;
}

describe("the append log's operations", () => {
  const row = fc.tuple(
    fc.array(anyBits, { minLength: 1, maxLength: 12 }),
    fc.array(fc.constantFrom(0, 1, 1, 1, 2), { minLength: 12, maxLength: 12 }),
    fc.boolean(),
  );

  test("rows come back with every bit, whatever changed between them", () => {
    fc.assert(
      fc.property(fc.array(row, { maxLength: 150 }), (rows) => {
        const out = new ByteWriter();
        const chain = newChain();
        const want: Cell[] = [];
        rows.forEach(([values, marks, holes], t) => {
          const cells = holes ? Uint8Array.from(marks.slice(0, values.length)) : undefined;
          writeRow(out, chain, { group: 3, late: false, t }, floats(values), cells, values.length);
          values.forEach((bit, column) => {
            const mark = cells?.[column] ?? CELL_VALUE;
            if (mark !== CELL_ABSENT) want.push({ t, column, bits: mark === CELL_STALE ? "stale" : bit });
          });
        });
        for (const sink of [collector(), collector(false)]) {
          readRecord(new ByteReader(out.view()), sink);
          expect(sink.cells).toEqual(want);
          expect(sink.breaks).toBe(0);
        }
      }),
      { numRuns: 150 },
    );
  });

  test("the kernel does what the plain function does, whatever the bytes", () => {
    const change = fc.tuple(
      fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 255 })),
      fc.oneof(fc.constantFrom(0x52, 0x08, 0x71, 0x80, 0x44), fc.integer({ min: 0, max: 255 })),
      fc.uint8Array({ minLength: 0, maxLength: 8 }),
      fc.boolean(),
    );
    const rows = fc.array(fc.array(change, { maxLength: 20 }), { maxLength: 6 });
    interface Side {
      readonly of: ChangingRows;
      readonly row: Float64Array<ArrayBuffer>;
      at: number | "damaged";
    }
    expect(new ChangingRows().make(1).buffer.byteLength, "in the kernel's memory").toBeGreaterThan(8);
    fc.assert(
      fc.property(rows, fc.uint8Array({ maxLength: 40 }), fc.integer({ min: 1, max: 40 }), (list, rubbish, columns) => {
        const changes = list.flatMap((one) => [
          ...one.flatMap(([gap, control, kept, sound]) => [gap, control, ...kept.slice(0, sound ? control & 15 : 8)]),
          0,
        ]);
        const bytes = Uint8Array.from([...changes, ...rubbish]);
        const both = [true, false].map((kernel) => {
          const of = new ChangingRows(kernel);
          return { of, row: of.make(40), at: 0 };
        }) as [Side, Side];
        for (let left = list.length + 2; left > 0 && both[0].at !== "damaged"; left--) {
          for (const one of both) {
            try {
              one.at = one.of.apply(bytes, one.at as number, one.row, columns);
            } catch (error) {
              if (!(error instanceof DamagedError)) throw error;
              one.at = "damaged";
            }
          }
          const [kernel, plain] = both;
          expect(kernel.at).toBe(plain.at);
          if (plain.at !== "damaged") expect(bitsOf(kernel.row)).toEqual(bitsOf(plain.row));
        }
      }),
      { numRuns: 500 },
    );
  });

  test("a lost row is noticed, and the next whole row joins again", () => {
    const chain = newChain();
    const sink = collector();
    for (let t = 0; t < 130; t++) {
      const out = new ByteWriter();
      writeRow(out, chain, { group: 1, late: false, t }, Float64Array.of(t, 1), undefined, 2);
      if (t !== 10) readRecord(new ByteReader(out.view()), sink);
    }
    expect(sink.breaks).toBe(49);
    expect(new Set(sink.cells.filter(({ column }) => column === 0).map(({ t }) => t))).toEqual(
      new Set(Array.from({ length: 130 }, (_, t) => t).filter((t) => t < 10 || t >= 60)),
    );
    for (const { t, column, bits: got } of sink.cells) expect(got).toBe(toBits(column === 0 ? t : 1));
  });

  test("single cells", () => {
    const cell = fc.record({ column: fc.nat(10_000), value: fc.double(), stale: fc.boolean() });
    fc.assert(
      fc.property(fc.uniqueArray(cell, { selector: (c) => c.column, maxLength: 20 }), fc.integer(), (list, t) => {
        const cells = list.sort((a, b) => a.column - b.column);
        const out = new ByteWriter();
        writeCells(out, { group: 1, late: true, t }, cells.length, (i) => cells[i] as (typeof cells)[number]);
        const sink = collector();
        readRecord(new ByteReader(out.view()), sink);
        expect(sink.cells).toEqual(
          cells.map(({ column, value, stale }) => ({ t, column, bits: stale ? "stale" : toBits(value) })),
        );
      }),
    );
  });
});
