/**
 * Strings of the language, both ways. `"\xff"` may name bytes that are not UTF-8; JavaScript strings cannot hold
 * those, so each such byte becomes the lone surrogate U+DC00 + byte, which no valid text contains, and is printed
 * as `\xNN` again.
 */
import { quoteLabelValue } from "../model/labels.ts";

const SIMPLE: Readonly<Record<string, string>> = {
  a: "\u0007",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  "'": "'",
  '"': '"',
};
const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([^]))/g;

/** Content of a string token whose escapes the lexer has already found to be well formed. */
export function unquote(token: string): string {
  const body = token.slice(1, -1);
  if (token.startsWith("`") || !body.includes("\\")) return body;
  let bytes = false;
  const text = body.replace(ESCAPE, (_, hex, octal, short, long, simple) => {
    if (hex !== undefined || octal !== undefined) {
      const byte = Number.parseInt(hex ?? octal, hex === undefined ? 8 : 16);
      if (byte < 0x80) return String.fromCharCode(byte);
      bytes = true;
      return String.fromCharCode(0xdc00 + byte);
    }
    if (short !== undefined || long !== undefined) return String.fromCodePoint(Number.parseInt(short ?? long, 16));
    return SIMPLE[simple] ?? simple;
  });
  return bytes ? joinBytes(text) : text;
}

/** Turns runs of byte escapes that together are valid UTF-8 into the characters they spell. */
function joinBytes(text: string): string {
  return text.replace(/[\udc80-\udcff]+/g, (run, offset: number) => {
    const before = text.charCodeAt(offset - 1);
    if (before >= 0xd800 && before < 0xdc00) return run; // the second half of a real character
    const bytes = Buffer.from(Array.from(run, (ch) => ch.charCodeAt(0) - 0xdc00));
    let out = "";
    for (let i = 0; i < bytes.length; ) {
      const lead = bytes[i] as number;
      const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
      const decoded = bytes.subarray(i, i + length).toString("utf8");
      if (lead >= 0xc2 && !decoded.includes("\ufffd")) {
        out += decoded;
        i += length;
      } else {
        out += String.fromCharCode(0xdc00 + lead);
        i++;
      }
    }
    return out;
  });
}

/** A double-quoted literal that reads back to the same text. */
export function quote(text: string): string {
  if (text.isWellFormed()) return quoteLabelValue(text);
  let out = "";
  for (const ch of text) {
    const code = ch.codePointAt(0) as number;
    out += code >= 0xdc80 && code <= 0xdcff ? `\\x${(code - 0xdc00).toString(16)}` : quoteLabelValue(ch).slice(1, -1);
  }
  return `"${out}"`;
}
