import * as fc from "fast-check";
import stringWidth from "string-width";
import { describe, expect, it } from "vitest";
import { blit, createGrid, putText } from "../../../src/draw/grid.ts";
import { fit, fitPad, sanitise, textWidth, toAscii } from "../../../src/draw/sanitise.ts";
import { gridToRows } from "../../../src/draw/text.ts";

describe("sanitise", () => {
  it.each([
    { text: "plain", clean: "plain", why: "nothing to do" },
    { text: "\u001b[31mred", clean: "\\x1b[31mred", why: "an escape sequence becomes text" },
    { text: "\u009b2J", clean: "\\x9b2J", why: "C1 has a CSI of its own" },
    { text: "a\nb\tc\rd", clean: "a\\nb\\tc\\rd", why: "one row stays one row" },
    { text: "\u0000\u007f\u0008", clean: "\\x00\\x7f\\x08", why: "delete and backspace too" },
    { text: "abc\u202edef", clean: "abcdef", why: "no right-to-left override" },
    { text: "a\u2066b\u2069", clean: "ab", why: "no isolates" },
    { text: "a\u200b\u200d\ufeffb", clean: "ab", why: "no zero-width characters" },
    { text: "a\u2028b", clean: "a\\u2028b", why: "a line separator is a line break somewhere" },
    { text: "\u0301a", clean: "a", why: "a leading mark would join the cell before" },
    { text: "q\u0301\u0302\u0303", clean: "q\u0301", why: "one mark a character" },
    { text: "e\u0301", clean: "é", why: "composed where a character exists" },
    { text: "👩\u200d👩\u200d👧", clean: "👩👩👧", why: "a family comes apart: terminals disagree on its width" },
    { text: "👍🏽", clean: "👍", why: "skin tones join on some terminals only" },
    { text: "🇩🇪", clean: "DE", why: "flags are one or two cells, letters are not" },
    { text: "\ud800x", clean: "\ufffdx", why: "a lone surrogate" },
    { text: "日本", clean: "日本", why: "wide text stays" },
  ])("$clean: $why", ({ text, clean }) => {
    expect(sanitise(text)).toBe(clean);
    expect(sanitise(clean)).toBe(clean);
  });

  it("leaves nothing that drives a terminal, is idempotent and bounded", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
        const clean = sanitise(text);
        expect(clean).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
        expect(sanitise(clean)).toBe(clean);
      }),
      { numRuns: 200 },
    );
    expect(sanitise("\u001b".repeat(10_000_000)).length).toBeLessThan(20_000);
  });
});

describe("width", () => {
  it.each([
    { text: "abc", width: 3 },
    { text: "é", width: 1 },
    { text: "日本", width: 4 },
    { text: "▁█⣿┤", width: 4 },
    { text: "👍", width: 2 },
  ])("$text takes $width columns", ({ text, width }) => {
    expect(textWidth(text)).toBe(width);
    expect(textWidth(text)).toBe(stringWidth(text));
  });

  it.each([
    { text: "hello", width: 5, cut: "hello", why: "fits" },
    { text: "hello!", width: 5, cut: "hell…", why: "says that it was cut" },
    { text: "日本語", width: 4, cut: "日…", why: "half a character is not drawn" },
    { text: "日本語", width: 1, cut: "…", why: "no room at all" },
    { text: "x", width: 0, cut: "", why: "nothing" },
  ])("$text in $width is $cut: $why", ({ text, width, cut }) => {
    expect(fit(text, width)).toBe(cut);
  });

  it("fitPad is exactly as wide as asked, in ASCII too", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary", maxLength: 40 }),
        fc.integer({ min: 0, max: 30 }),
        fc.boolean(),
        (text, width, ascii) => {
          const cut = fitPad(text, width, { ascii });
          expect(textWidth(cut)).toBe(width);
          expect(!ascii || /^[\x20-\x7e]*$/.test(cut)).toBe(true);
        },
      ),
    );
  });
  it("toAscii keeps the letter under a mark", () => {
    expect(toAscii("é…日→")).toBe("e~??>");
  });
});

it("rows keep their width, whatever is written and copied over what", () => {
  const place = fc.tuple(
    fc.oneof(fc.string({ unit: "binary", maxLength: 25 }), fc.constantFrom("日本語日本語", "ab", "日a本b")),
    fc.integer({ min: -5, max: 25 }),
    fc.integer({ min: -2, max: 4 }),
  );
  fc.assert(
    fc.property(fc.array(place, { maxLength: 6 }), fc.integer({ min: -9, max: 19 }), (places, at) => {
      const grid = createGrid({ width: 20, height: 3 });
      for (const [text, x, y] of places) putText(grid, x, y, text, 1);
      const target = createGrid({ width: 20, height: 3 });
      putText(target, 0, 0, "日本語日本語日本語日", 1);
      blit(target, grid, at, 0);
      for (const row of [...gridToRows(grid), ...gridToRows(target)]) expect(textWidth(row)).toBe(20);
    }),
    { numRuns: 200 },
  );
});
