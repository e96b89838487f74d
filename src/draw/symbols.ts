/** The three sets of characters charts are made of. braille needs a font, block a UTF-8 locale, ascii nothing at all. */

export type SymbolSet = "braille" | "block" | "ascii";

export interface Symbols {
  readonly set: SymbolSet;
  /** Dots a cell holds across and down. */
  readonly dotsX: 1 | 2;
  readonly dotsY: 2 | 3 | 4;
  /** A bit for each dot, `[row][column]`. */
  readonly bits: readonly (readonly number[])[];
  /** Code point for a combination of bits. */
  readonly glyph: (bits: number) => number;
  /** Eight heights of a sparkline, lowest first. */
  readonly levels: readonly string[];
  readonly barFull: string;
  readonly barEmpty: string;
  readonly axisY: string;
  readonly axisX: string;
  readonly axisCorner: string;
  readonly bullet: string;
  readonly ellipsis: string;
}

const ASCII_GLYPHS = " '-|.:||";
const BLOCK_GLYPHS = " ▀▄█";

const BRAILLE: Symbols = {
  set: "braille",
  dotsX: 2,
  dotsY: 4,
  bits: [
    [0x01, 0x08],
    [0x02, 0x10],
    [0x04, 0x20],
    [0x40, 0x80],
  ],
  glyph: (bits) => (bits === 0 ? 0x20 : 0x2800 + bits),
  levels: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
  barFull: "█",
  barEmpty: "░",
  axisY: "┤",
  axisX: "─",
  axisCorner: "└",
  bullet: "●",
  ellipsis: "…",
};

const BLOCK: Symbols = {
  ...BRAILLE,
  set: "block",
  dotsX: 1,
  dotsY: 2,
  bits: [[1], [2]],
  glyph: (bits) => BLOCK_GLYPHS.codePointAt(bits) ?? 0x20,
};

const ASCII: Symbols = {
  set: "ascii",
  dotsX: 1,
  dotsY: 3,
  bits: [[1], [2], [4]],
  glyph: (bits) => ASCII_GLYPHS.codePointAt(bits) ?? 0x20,
  levels: ["_", ".", "-", "~", "=", "+", "*", "#"],
  barFull: "#",
  barEmpty: ".",
  axisY: "|",
  axisX: "-",
  axisCorner: "+",
  bullet: "*",
  ellipsis: "~",
};

export function symbolsOf(set: SymbolSet): Symbols {
  return set === "ascii" ? ASCII : set === "block" ? BLOCK : BRAILLE;
}

/**
 * What this terminal can show: ascii on the console and on dumb terminals or without a UTF-8 locale.
 *
 * @see POSIX locale order LC_ALL, LC_CTYPE, LANG
 */
export function detectSymbols(env: Readonly<Record<string, string | undefined>>): SymbolSet {
  const { LC_ALL, LC_CTYPE, LANG, TERM } = env;
  const locale = [LC_ALL, LC_CTYPE, LANG].find((v) => v !== undefined && v !== "") ?? "";
  if (!/utf-?8/i.test(locale)) return "ascii";
  return /^(?:linux|dumb|vt\d+.*)$/.test(TERM ?? "") ? "ascii" : "braille";
}
