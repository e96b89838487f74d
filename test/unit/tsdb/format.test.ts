/** What FORMAT.md says of columns, byte for byte, and what older formats left on disk. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { ByteReader, ByteWriter } from "../../../src/tsdb/bytes.ts";
import { decodeColumn, encodeColumn } from "../../../src/tsdb/column.ts";
import { openRecord, Segment } from "../../../src/tsdb/segment.ts";

const page = readFileSync(path.join(import.meta.dirname, "../../../src/tsdb/FORMAT.md"), "utf8");
const rows = (count: number, value: (row: number) => number): Float64Array =>
  Float64Array.from({ length: count }, (_, i) => value(i));
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
/** Bytes as the page writes them, in groups. */
const grouped = (bytes: Uint8Array): RegExp => new RegExp(hex(bytes).replace(/../g, "$& ?").replace(/ \?$/, ""));

describe("the page's examples", () => {
  const examples = [
    { why: "packed differences", values: Float64Array.of(1.5, 1.75, 2, 2.5), head: "030215ac023200", body: "0064" },
    { why: "a patch", values: rows(32, (i) => (i < 20 ? i : i + 1000)), head: "0300030100020303", body: "13fa01" },
  ];
  test.each(examples)("$why", ({ values, head, body }) => {
    const [heads, bits] = [new ByteWriter(), new ByteWriter()];
    encodeColumn(heads, bits, values, values.length, undefined);
    expect([hex(heads.view()), hex(bits.view())]).toEqual([head, body]);
    expect(page).toMatch(grouped(heads.view()));
    expect(page).toMatch(grouped(bits.view()));
    const out = new Float64Array(values.length);
    decodeColumn(new ByteReader(heads.copy()), new ByteReader(bits.copy()), out, values.length);
    expect(out).toEqual(values);
  });

  test("bytes that are whole differences and no patch stay what format 1 made of them", () => {
    const record = Buffer.from(FORMAT_1, "hex");
    const segment = new Segment(openRecord(Uint8Array.of(1, 2, 3), record), 40);
    const out = new Float64Array(40);
    const columns: readonly (readonly [why: string, values: Float64Array])[] = [
      ["one whole number", rows(40, () => 7)],
      ["zeros", rows(40, () => 0)],
      ["zeros below zero", rows(40, () => -0)],
      ["cents with a burst", rows(40, (i) => Math.round((100 + i * 0.25 + (i > 20 ? 1000 : 0)) * 100) / 100)],
      ["multiples of 4096", rows(40, (i) => 4096 * (1000 + ((i * 7919) % 13)))],
      ["differences of differences", rows(40, (i) => i * i * 3)],
      ["xor", rows(40, (i) => i / 3)],
    ];
    columns.forEach(([why, values], i) => {
      expect([why, segment.read(i, out)]).toEqual([why, undefined]);
      expect([why, hex(new Uint8Array(out.buffer))]).toEqual([why, hex(new Uint8Array(values.buffer))]);
    });
    const cells = segment.read(columns.length, out);
    expect(cells).toEqual(Uint8Array.from({ length: 40 }, (_, i) => (i % 5 === 0 ? 0 : i === 39 ? 2 : 1)));
    expect([...out].filter((_, i) => cells?.[i] === 1)).toEqual(
      Array.from({ length: 40 }, (_, i) => i).filter((i) => i % 5 !== 0 && i !== 39),
    );
  });
});

describe("which mode a column takes", () => {
  const [DECIMAL, XOR, NEAR] = [3, 4, 5];
  const cases: readonly (readonly [why: string, mode: number, value: (row: number) => number])[] = [
    ["milliseconds divided are decimals", DECIMAL, (i) => (i * i + 9) / 1000],
    ["milliseconds multiplied are one unit off", NEAR, (i) => (i * i + 9) * 0.001],
    ["microseconds divided twice", NEAR, (i) => (i * 7_919_937) / 1000 / 1000],
    ["below zero the bits grow the other way", NEAR, (i) => (-9 - i * i) * 0.001],
    ["the low half of the bits overflows into the high one", NEAR, (i) => (i % 2 === 0 ? 2 - 2 ** -52 : 2)],
    ["zero beside them has its sign", NEAR, (i) => i * i * 0.001],
    ["a zero below zero is no decimal", XOR, (i) => (i === 3 ? -0 : (i * i + 9) * 0.001)],
    ["nor is NaN", XOR, (i) => (i === 3 ? Number.NaN : (i * i + 9) * 0.001)],
    ["nor infinity", XOR, (i) => (i === 3 ? -Infinity : (i * i + 9) * 0.001)],
    ["thirds are off by more than seven", XOR, (i) => i / 3],
    ["decimals so close that any double is near one", XOR, (i) => 1e5 + Math.sin(i)],
  ];
  test.each(cases)("%s", (_, mode, value) => {
    const values = rows(40, value);
    const [heads, bits] = [new ByteWriter(), new ByteWriter()];
    encodeColumn(heads, bits, values, values.length, undefined);
    expect(heads.view()[0]).toBe(mode);
    const out = new Float64Array(values.length);
    decodeColumn(new ByteReader(heads.copy()), new ByteReader(bits.copy()), out, values.length);
    expect(hex(new Uint8Array(out.buffer))).toBe(hex(new Uint8Array(values.buffer)));
  });

  test("in sixteen rows and more", () => {
    const heads = new ByteWriter();
    encodeColumn(
      heads,
      new ByteWriter(),
      rows(15, (i) => (i * i + 9) * 0.001),
      15,
      undefined,
    );
    expect(heads.view()[0]).toBe(XOR);
  });
});

/** A segment of eight columns as format 1 wrote it, under the key 01 02 03. */
const FORMAT_1 =
  "599f1732010128b52ffd60d700b50700e24a2930706bd218937374af6edcd15e08ad00ab410d1bd7b88a5b2ba4015185a58c" +
  "581dcbee9e3002428d8944d21344bbc9bd53505555fbef41a181d0c83b17cbc3198ab264afa5390e93c8d9c21b0863a6fdf8" +
  "52f0667a4230a518ad3266afe70ec00c6f0bc71989299da22989b9d70daaaada11233262c3ac31cb09fc6016476301610603" +
  "3208e151e4ddb9f764e02e20d1b33ba3571173b33b703e8536514970e99af47900052c20408399ea63e6934c734eba0b6319" +
  "073b9c67e9e76d0332f81dc6ecb83ec4d6cef13737e2847c039b13b70119fb3718db5814a2c36c845f8c32fe8d6d90213760" +
  "23af12b46b81b4c7c5737319";
