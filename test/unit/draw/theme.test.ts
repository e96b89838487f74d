import { describe, expect, it } from "vitest";
import { detectSymbols } from "../../../src/draw/symbols.ts";
import { sparkText } from "../../../src/draw/spark.ts";
import { symbolsOf } from "../../../src/draw/symbols.ts";
import { columnWidths } from "../../../src/draw/table.ts";
import { sgr, STYLE, THEMES, themeNamed } from "../../../src/draw/theme.ts";

describe("sgr", () => {
  it.each([
    { theme: "default", style: "default", depth: 256, codes: "", why: "the terminal's own" },
    { theme: "default", style: "crit", depth: 16, codes: "1;31", why: "the palette follows the reader's scheme" },
    { theme: "default", style: "series7", depth: 16, codes: "96", why: "bright entries" },
    { theme: "dark", style: "crit", depth: 256, codes: "1;38;5;203", why: "a fixed entry" },
    { theme: "dark", style: "crit", depth: 16, codes: "1;91", why: "the nearest of sixteen" },
    { theme: "dark", style: "dim", depth: 16, codes: "90", why: "greys have neighbours too" },
    { theme: "dark", style: "crit", depth: 0, codes: "1", why: "NO_COLOR keeps bold" },
    { theme: "dark", style: "selected", depth: 0, codes: "7", why: "a background becomes inverse" },
    { theme: "light", style: "alert", depth: 256, codes: "1;38;5;231;48;5;160", why: "both colours" },
  ] as const)("$theme $style at $depth is '$codes': $why", ({ theme, style, depth, codes }) => {
    expect(sgr(THEMES[theme], STYLE[style], depth)).toBe(codes);
  });

  it.each(Object.values(THEMES))("$name tells the four states apart at 256 and 16 colours and in bold", (theme) => {
    for (const depth of [16, 256] as const) {
      const codes = (["ok", "warn", "crit", "unknown"] as const).map((state) => sgr(theme, STYLE[state], depth));
      expect(new Set(codes).size).toBe(4);
    }
    expect(sgr(theme, STYLE.crit, 0)).toBe("1");
  });
  it("an unknown theme is the default one", () => {
    expect(themeNamed("neon")).toBe(THEMES.default);
  });
});

describe("detectSymbols", () => {
  it.each([
    { env: { LANG: "en_US.UTF-8", TERM: "xterm-256color" }, set: "braille", why: "usual" },
    { env: { LANG: "C.utf8", TERM: "tmux-256color" }, set: "braille", why: "spelled otherwise" },
    { env: { LANG: "en_US.UTF-8", LC_ALL: "C", TERM: "xterm" }, set: "ascii", why: "LC_ALL wins" },
    { env: { LANG: "en_US.UTF-8", LC_ALL: "", TERM: "xterm" }, set: "braille", why: "empty is not set" },
    { env: { TERM: "xterm" }, set: "ascii", why: "no locale, as over many SSH links" },
    { env: { LANG: "en_US.UTF-8", TERM: "linux" }, set: "ascii", why: "the kernel's font has no braille" },
    { env: { LANG: "en_US.UTF-8", TERM: "vt220" }, set: "ascii", why: "a real terminal" },
  ])("$env is $set: $why", ({ env, set }) => {
    expect(detectSymbols(env)).toBe(set);
  });
});

describe("sparkText", () => {
  const scale = { symbols: symbolsOf("braille"), min: 0, max: 8 };
  it.each([
    { v: [0, 1, 2, 3, 4, 5, 6, 7, 8], width: 9, text: "▁▁▂▃▄▅▆▇█", why: "zero still shows" },
    { v: [8], width: 4, text: "   █", why: "the newest is last" },
    { v: [1, Number.NaN, 8], width: 3, text: "▁ █", why: "a gap is a space" },
    { v: [1, 8, 1, 1], width: 2, text: "█▁", why: "a spike survives" },
    { v: [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY], width: 2, text: "█▁", why: "beyond the scale" },
    { v: [], width: 2, text: "  ", why: "nothing" },
    { v: [1], width: 0, text: "", why: "no room" },
  ])("$v is '$text': $why", ({ v, width, text }) => {
    expect(sparkText(v, width, scale)).toBe(text);
  });
});

describe("columnWidths", () => {
  const columns = [
    { title: "name", min: 6, priority: 1 },
    { title: "value", min: 5, priority: 2, align: "right" as const },
    { title: "why", min: 8, priority: 3 },
  ];
  const rows = [[{ text: "a very long name" }, { text: "12" }, { text: "because" }]];
  it.each([
    { width: 60, widths: [16, 5, 8], why: "everybody gets what it wants" },
    { width: 22, widths: [7, 5, 8], why: "the first grows with what is left" },
    { width: 15, widths: [9, 5, 0], why: "the least important goes" },
    { width: 6, widths: [6, 0, 0], why: "the most important stays" },
    { width: 3, widths: [3, 0, 0], why: "and shrinks at last" },
  ])("in $width columns: $why", ({ width, widths }) => {
    expect(columnWidths(columns, rows, width)).toEqual(widths);
  });
});
