/**
 * Text from data before it may reach a terminal. Exporters write label values, and a label value may hold escape
 * sequences, bidirectional overrides, zero-width and combining characters without end. Controls become visible
 * escapes (`\x1b`), invisible formatting is dropped, a base character keeps at most one combining mark, and
 * the width in columns is counted as the terminal will.
 */
import stringWidth from "string-width";

/** Characters looked at: a longer value is cut before anything else is done with it. */
const TEXT_CHARS_MAX = 4_096;
const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;
/** Bidi controls, joiners, zero-width spaces, tags, variation selectors, fillers, skin tones: nothing that prints by itself. */
const INVISIBLE = /[\p{Cf}\p{Default_Ignorable_Code_Point}\p{Emoji_Modifier}]/u;
const MARK = /\p{M}/u;
const CONTROL = /[\p{Cc}\u2028\u2029]/u;
/** Lone surrogates, unassigned, private use, and jamo that would join the syllable before them. */
const BROKEN = /[\p{Cs}\p{Cn}\p{Co}\u1161-\u11ff\ud7b0-\ud7ff]/u;
/** Two of these make a flag on some terminals and two letters on others: letters everywhere. */
const FLAG_LETTER_FIRST = 0x1f1e6;
const FLAG_LETTER_LAST = 0x1f1ff;

/** One line of text that cannot drive a terminal. Idempotent; at most one combining mark a character. */
export function sanitise(text: string): string {
  const bounded = text.length > TEXT_CHARS_MAX ? `${text.slice(0, TEXT_CHARS_MAX)}…` : text;
  if (PRINTABLE_ASCII.test(bounded)) return bounded;
  let out = "";
  // A mark at the very start would join whatever is printed before it.
  let marks = 1;
  for (const ch of bounded.normalize("NFC")) {
    if (CONTROL.test(ch)) out += escapeControl(ch);
    else if (INVISIBLE.test(ch)) continue;
    else if (MARK.test(ch)) {
      if (marks > 0) continue;
      marks += 1;
      out += ch;
      continue;
    } else out += BROKEN.test(ch) ? "\ufffd" : flagLetter(ch);
    marks = 0;
  }
  return out;
}

function flagLetter(ch: string): string {
  const code = ch.codePointAt(0) as number;
  return code >= FLAG_LETTER_FIRST && code <= FLAG_LETTER_LAST
    ? String.fromCharCode(65 + code - FLAG_LETTER_FIRST)
    : ch;
}

function escapeControl(ch: string): string {
  if (ch === "\n") return "\\n";
  if (ch === "\t") return "\\t";
  if (ch === "\r") return "\\r";
  const code = ch.codePointAt(0) as number;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
}

/** Columns a sanitised text takes. */
export function textWidth(text: string): number {
  return PRINTABLE_ASCII.test(text) ? text.length : clusters(text).reduce((sum, cluster) => sum + cluster.width, 0);
}

export interface Cluster {
  /** One base character with its mark. */
  readonly text: string;
  readonly width: 0 | 1 | 2;
}

/**
 * What shares a cell, character by character. Emoji sequences are already broken up by `sanitise` (no joiners), so a
 * character and its mark are all there is, and a width is 1 or 2.
 */
export function clusters(text: string): readonly Cluster[] {
  const out: { text: string; width: 0 | 1 | 2 }[] = [];
  for (const ch of text) {
    const last = out[out.length - 1];
    if (last !== undefined && MARK.test(ch)) last.text += ch;
    else out.push({ text: ch, width: charWidth(ch) });
  }
  return out;
}

function charWidth(ch: string): 0 | 1 | 2 {
  const code = ch.codePointAt(0) as number;
  for (const [first, last] of ONE_COLUMN) if (code <= last) return code >= first ? 1 : tableWidth(ch);
  return tableWidth(ch);
}

/** Unicode's tables cost 30 ms when they are first asked, so what screens are made of is answered without them. */
const ONE_COLUMN: readonly (readonly [first: number, last: number])[] = [
  [0x20, 0xac], // Latin around the soft hyphen
  [0xae, 0x2ff],
  [0x370, 0x482], // Greek, Cyrillic up to its combining marks
  [0x48a, 0x52f],
  [0x2010, 0x2027], // dashes, quotes, ellipsis
  [0x2190, 0x21ff], // arrows
  [0x2500, 0x25fc], // boxes, blocks, shapes; what follows has emoji among it
  [0x2800, 0x28ff], // braille
];

function tableWidth(ch: string): 0 | 1 | 2 {
  const width = stringWidth(ch);
  return width >= 2 ? 2 : width === 1 ? 1 : 0;
}

/** Sanitised and cut to `width` columns, with `…` (or `~` in ASCII) where something was cut. */
export function fit(text: string, width: number, options: { readonly ascii?: boolean } = {}): string {
  const clean = options.ascii === true ? toAscii(sanitise(text)) : sanitise(text);
  if (width <= 0) return "";
  if (textWidth(clean) <= width) return clean;
  const end = options.ascii === true ? "~" : "…";
  let out = "";
  let used = 0;
  for (const cluster of clusters(clean)) {
    if (used + cluster.width > width - 1) break;
    out += cluster.text;
    used += cluster.width;
  }
  return out + end;
}

/** `fit` and padded with spaces to exactly `width` columns. */
export function fitPad(
  text: string,
  width: number,
  options: { readonly ascii?: boolean; readonly align?: "left" | "right" } = {},
): string {
  const cut = fit(text, width, options);
  const pad = " ".repeat(Math.max(0, width - textWidth(cut)));
  return options.align === "right" ? pad + cut : cut + pad;
}

/** For terminals without UTF-8: every character beyond ASCII becomes `?`, common punctuation its ASCII cousin. */
export function toAscii(text: string): string {
  if (PRINTABLE_ASCII.test(text)) return text;
  let out = "";
  // Taken apart first, so that é leaves its e.
  for (const ch of text.normalize("NFD")) {
    if (MARK.test(ch)) continue;
    const width = charWidth(ch);
    out += ch <= "~" ? ch : (ASCII_COUSINS[ch] ?? "?".repeat(width));
  }
  return out;
}

const ASCII_COUSINS: Readonly<Record<string, string>> = {
  "…": "~",
  "–": "-",
  "—": "-",
  "·": ".",
  "●": "*",
  "▲": "!",
  "✖": "X",
  "×": "x",
  "→": ">",
  "←": "<",
  "’": "'",
  "“": '"',
  "”": '"',
  µ: "u",
  "°": "o",
};
