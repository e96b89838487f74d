/** Pages replayed by the kernel and by its twin in TypeScript: the same numbers to the last bit, the same refusals. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { UserError } from "../../src/base/errors.ts";
import { createPageParser, type PageParser } from "../../src/exposition/parse.ts";
import { CompareKernel, compareKernel } from "../../src/exposition/compare-kernel.ts";

/** Texts as exporters print them, and as none does. */
const text = fc.oneof(
  fc.integer().map(String),
  fc.double().map(String),
  fc
    .tuple(fc.integer({ min: -99_999, max: 99_999 }), fc.nat(9))
    .map(([n, digits]) => (n / 10 ** digits).toFixed(digits)),
  fc.tuple(fc.double({ noNaN: true }), fc.nat(16)).map(([v, digits]) => v.toExponential(digits)),
  fc.tuple(fc.nat(99), fc.nat(99)).map(([a, e]) => `${a}e-${String(e).padStart(2, "0")}`),
  fc.stringMatching(/^[-+.0-9eE]{1,24}$/),
  fc.stringMatching(/^0{0,20}[0-9]{1,20}\.?[0-9]{0,25}$/),
  fc.constantFrom(
    "0",
    "-0",
    "0.0",
    "-0.000",
    ".5",
    "5.",
    ".",
    "-",
    "+1",
    "1e5",
    "1e+05",
    "1e+5",
    "1e-22",
    "1e+23",
    "NaN",
  ),
  fc.constantFrom(
    "+Inf",
    "-Inf",
    "0x10",
    "1_000",
    "9007199254740993",
    "999999999999999",
    "1234567890123456",
    "1e",
    "e5",
  ),
);
const gap = fc.oneof(fc.constantFrom("a", "b_total", "up"), fc.stringMatching(/^[a-z]{1,70}$/));
const label = fc.oneof(
  fc.constant(""),
  fc.stringMatching(/^[ -!#-Z^-~]{0,60}$/).map((value) => `{l="${value}"}`),
);
const line = fc.tuple(
  gap,
  label,
  fc.array(text, { minLength: 4, maxLength: 4 }),
  fc.constantFrom("", "", "", " 1700000000000"),
);
const pages = fc
  .record({
    lines: fc.array(line, { minLength: 1, maxLength: 60 }),
    turns: fc.array(fc.array(fc.nat(3), { minLength: 1, maxLength: 8 }), { minLength: 2, maxLength: 6 }),
    end: fc.constantFrom("\n", "\n", "", "\n# TYPE x gauge\n", "\nmore 1\n"),
    cut: fc.option(fc.nat(40), { nil: 0, freq: 6 }),
  })
  .map(({ lines, turns, end, cut }) =>
    turns.map((turn, t) => {
      const all = lines.map(
        ([name, labels, texts, time], i) => `${name}${i}${labels} ${texts[turn[i % turn.length] as number]}${time}`,
      );
      const page = all.join("\n") + end;
      return Buffer.from(t > 1 && cut > 0 ? page.slice(0, -cut) : page);
    }),
  );

/** Bits of the values, or the refusal; and how the page was read. */
function outcome(parser: PageParser, page: Uint8Array): unknown {
  try {
    const { values, count, layout, timestamps } = parser.parse(page, "text");
    const bits = [...new BigUint64Array(Float64Array.from(values.subarray(0, count)).buffer)];
    return { bits, layout, replayed: parser.replayed, times: timestamps && [...timestamps] };
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

describe("the kernel and its twin", () => {
  test("there is a kernel here: the rest compares two things", () => {
    expect(compareKernel()).toBeInstanceOf(CompareKernel);
  });

  test("read the same, whatever the pages", () => {
    fc.assert(
      fc.property(pages, (list) => {
        const kernel = createPageParser();
        const twin = createPageParser("none");
        for (const page of list) expect(outcome(kernel, page)).toEqual(outcome(twin, page));
      }),
      { numRuns: 1_000 },
    );
  });

  test("one changed byte anywhere is met in the same way", () => {
    const page = Buffer.from(
      Array.from({ length: 40 }, (_, i) => `metric_${i % 7}{a="${"x".repeat(i)}"} ${i * 1.25}e-0${i % 10}`).join("\n") +
        "\n",
    );
    fc.assert(
      fc.property(fc.nat(page.length - 1), fc.nat(255), (at, byte) => {
        const changed = Buffer.from(page);
        changed[at] = byte;
        const kernel = createPageParser();
        const twin = createPageParser("none");
        for (const next of [page, changed, page]) expect(outcome(kernel, next)).toEqual(outcome(twin, next));
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("its memory", () => {
  const pageOf = (target: number, turn: number): Buffer =>
    Buffer.from(
      Array.from({ length: 900 }, (_, i) => `m${i}{of="${target}",pad="${"p".repeat(50)}"} ${i + turn}`).join("\n") +
        "\n",
    );

  test("more kinds of pages than it has room for take turns in it", () => {
    const kernel = new CompareKernel();
    const parsers = Array.from({ length: 90 }, () => createPageParser(kernel));
    for (let turn = 0; turn < 3; turn++) {
      for (const [target, parser] of parsers.entries()) {
        const { values, count } = parser.parse(pageOf(target, turn), "text");
        expect(count).toBe(900);
        expect(values[0]).toBe(turn);
        expect(values[899]).toBe(899 + turn);
        expect(parser.replayed).toBe(turn);
      }
    }
  });

  test("a page read in turns finds its place again after others were read", async () => {
    const long = (turn: number): Buffer =>
      Buffer.from(Array.from({ length: 6_000 }, (_, i) => `long${i}{x="y"} ${i * turn}`).join("\n") + "\n");
    const parser = createPageParser();
    const other = createPageParser();
    await parser.parseInTurns(long(1), "text", () => undefined);
    let others = 0;
    const page = await parser.parseInTurns(long(3), "text", () => {
      expect(other.parse(pageOf(1, ++others), "text").values[5]).toBe(5 + others);
      return Promise.resolve();
    });
    expect(others).toBeGreaterThan(0);
    expect(parser.replayed).toBe(1);
    expect([...page.values.subarray(0, 6_000)]).toEqual(Array.from({ length: 6_000 }, (_, i) => i * 3));
  });

  test("a page too long for it is read without", () => {
    const huge = (turn: number): Buffer =>
      Buffer.from(
        Array.from({ length: 20_000 }, (_, i) => `h${i}{z="${"w".repeat(10)}"} ${i + turn}`).join("\n") + "\n",
      );
    const parser = createPageParser();
    for (const turn of [0, 1, 2]) expect(parser.parse(huge(turn), "text").values[19_999]).toBe(19_999 + turn);
    expect(parser.replayed).toBe(2);
  });
});
