/** The journal: order, bounds, checksums, and numbers JSON does not have. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { manualClock } from "../../../src/base/clock.ts";
import { decodeJson, decodeRecord, encodeJson, encodeRecord, RECORD_LENGTH_MAX } from "../../../src/journal/codec.ts";
import { openJournal } from "../../../src/journal/journal.ts";
import type { JournalRecord, MarkRecord } from "../../../src/journal/record.ts";
import { memoryState } from "../../../src/state/memory.ts";

const mark = (at: number, text: string): MarkRecord => ({ kind: "mark", at, text, author: "me", labels: {} });
const note = (at: number, text: string): JournalRecord => ({ kind: "note", at, topic: "engine", text });
const texts = (records: readonly JournalRecord[]): readonly string[] =>
  records.map((record) => (record.kind === "mark" || record.kind === "note" ? record.text : record.kind));

test("a window gives its records ascending, both ends included, the newest when there are too many", async () => {
  const journal = openJournal(memoryState(), manualClock(0));
  await journal.append([mark(30, "c"), mark(10, "a"), note(20, "b"), mark(20, "b2"), mark(40, "d")]);
  expect(texts(await journal.scan([], 10, 40))).toEqual(["a", "b", "b2", "c", "d"]);
  expect(texts(await journal.scan([], 20, 30))).toEqual(["b", "b2", "c"]);
  expect(texts(await journal.scan(["mark"], 0, 100, 2))).toEqual(["c", "d"]);
  expect(await journal.scan([], 50, 20)).toEqual([]);
  expect(await journal.scan([], 0, Number.POSITIVE_INFINITY, 0)).toEqual([]);
  expect(texts(await journal.scan([], Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, 1))).toEqual(["d"]);
});

test("records of one millisecond keep the order they were given in, over restarts too", async () => {
  const state = memoryState();
  await openJournal(state, manualClock(5)).append(Array.from({ length: 50 }, (_, i) => mark(7, `${i}`)));
  await openJournal(state, manualClock(6)).append([mark(7, "later")]);
  expect(texts(await openJournal(state, manualClock(9)).scan([], 7, 7))).toEqual([
    ...Array.from({ length: 50 }, (_, i) => `${i}`),
    "later",
  ]);
});

test("operations join the caller's batch; nothing is written before it", async () => {
  const state = memoryState();
  const journal = openJournal(state, manualClock(0));
  const ops = journal.ops([mark(1, "x")]);
  expect(await journal.scan([], 0, 10)).toEqual([]);
  await state.batch([...ops, { kind: "put", key: "other", value: "1" }]);
  expect(texts(await journal.scan([], 0, 10))).toEqual(["x"]);
});

test("pruning removes what is older and nothing else", async () => {
  const state = memoryState();
  const journal = openJournal(state, manualClock(0));
  await state.batch([{ kind: "put", key: "journey", value: "not ours" }]);
  await journal.append(Array.from({ length: 2_500 }, (_, i) => mark(i, `${i}`)));
  expect(await journal.prune(2_400)).toBe(2_400);
  expect(await journal.scan([], 0, 1e9)).toHaveLength(100);
  expect(await state.get("journey")).toBe("not ours");
});

test("a damaged record is passed over and counted; the others are read", async () => {
  const state = memoryState();
  const journal = openJournal(state, manualClock(0));
  await journal.append([mark(1, "one"), mark(2, "two"), mark(3, "three")]);
  const keys: string[] = [];
  for await (const [key] of state.scan({ gte: "journal/" })) keys.push(key);
  const value = (await state.get(keys[1] as string)) as string;
  await state.batch([{ kind: "put", key: keys[1] as string, value: value.replace("two", "tow") }]);
  expect(texts(await journal.scan([], 0, 10))).toEqual(["one", "three"]);
  expect(journal.unreadable()).toBe(1);
});

test.each([
  ["a flipped character", (line: string) => line.replace("hello", "hellp"), "journal-damaged"],
  ["no header", (line: string) => line.slice(2), "journal-damaged"],
  ["a later schema", (line: string) => line.replace(/^1 /, "2 "), "journal-newer"],
])("refused: %s", (_why, change, code) => {
  expect(() => decodeRecord(change(encodeRecord(mark(1, "hello"))))).toThrow(expect.objectContaining({ code }));
});

test("a record that is far too long is refused before it is written", () => {
  expect(() => encodeRecord(mark(1, "x".repeat(RECORD_LENGTH_MAX)))).toThrow(
    expect.objectContaining({ code: "journal-record-too-long" }),
  );
});

test("JSON with NaN, infinities and hostile keys comes back as it was", () => {
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      fc.double(),
      fc.constantFrom(Number.NaN, Infinity, -Infinity),
      fc.string(),
      fc.boolean(),
      fc.array(tie("any"), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom("$n", "$o", "a", "b"), tie("any"), { maxKeys: 3 }),
    ),
  })).any;
  fc.assert(
    fc.property(value, (item) => {
      // JSON has one zero.
      const plain = JSON.stringify(item) === undefined ? null : item;
      fc.pre(!containsNegativeZero(plain));
      expect(decodeJson(encodeJson(plain))).toEqual(toPlain(plain));
    }),
  );
});

function containsNegativeZero(value: unknown): boolean {
  if (typeof value === "number") return Object.is(value, -0);
  return typeof value === "object" && value !== null && Object.values(value).some(containsNegativeZero);
}

/** fast-check's dictionaries have no prototype; JSON's objects do. */
function toPlain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toPlain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toPlain(item)]));
}
