/**
 * Template text to tokens: literal text, and inside `{{ }}` the words of an action. Trim markers and comments
 * are resolved here, so the parser sees only what counts. Spaces are tokens: `.A.B` is one field path, `.A .B`
 * two arguments.
 */
import { TemplateError, lineOf } from "./error.ts";

export type TokenKind =
  | "text"
  | "open"
  | "close"
  | "space"
  | "identifier"
  | "field"
  | "variable"
  | "dot"
  | "number"
  | "string"
  | "raw"
  | "char"
  | "declare"
  | "assign"
  | "pipe"
  | "comma"
  | "lparen"
  | "rparen"
  | "eof";

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly pos: number;
}

/** Longest template; a rule's annotation is a few hundred characters, a mail template 20,000. */
const TEMPLATE_LENGTH_MAX = 1024 * 1024;

const LETTERS = "[\\p{L}_][\\p{L}\\p{Nd}_]*";
/** Order matters: the first that matches at a place wins. */
const RULES: readonly (readonly [TokenKind, RegExp])[] = [
  ["space", /[ \t\r\n]+/y],
  ["string", /"(?:[^"\\\n]|\\[^\n])*"/y],
  ["raw", /`[^`]*`/y],
  ["char", /'(?:[^'\\\n]|\\[^\n])+'/y],
  ["declare", /:=/y],
  ["assign", /=/y],
  ["pipe", /\|/y],
  ["comma", /,/y],
  ["lparen", /\(/y],
  ["rparen", /\)/y],
  [
    "number",
    /[-+]?(?:0[xX][\da-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][-+]?\d+)?)(?![\p{L}\d_])/uy,
  ],
  ["field", new RegExp(`\\.${LETTERS}`, "uy")],
  ["dot", /\./y],
  ["variable", new RegExp(`\\$(?:${LETTERS})?`, "uy")],
  ["identifier", new RegExp(LETTERS, "uy")],
];

/** @throws TemplateError with Go's wording. */
export function lex(text: string, name: string): readonly Token[] {
  const fail = (message: string, pos: number): never => {
    throw new TemplateError(`template: ${name}:${lineOf(text, pos)}: ${message}`, pos);
  };
  if (text.length > TEMPLATE_LENGTH_MAX) fail(`longer than ${TEMPLATE_LENGTH_MAX} characters`, 0);
  const tokens: Token[] = [];
  let pos = 0;
  let trimNext = false;
  for (;;) {
    const open = text.indexOf("{{", pos);
    const end = open < 0 ? text.length : open;
    const trimBefore = open >= 0 && /^-[ \t\r\n]/.test(text.slice(open + 2, open + 4));
    let literal = text.slice(pos, end);
    let start = pos;
    if (trimNext) {
      const trimmed = literal.replace(/^[ \t\r\n]+/, "");
      start += literal.length - trimmed.length;
      literal = trimmed;
    }
    if (trimBefore) literal = literal.replace(/[ \t\r\n]+$/, "");
    if (literal !== "") tokens.push({ kind: "text", text: literal, pos: start });
    if (open < 0) break;
    const inside = open + (trimBefore ? 4 : 2);
    if (text.startsWith("/*", inside)) {
      const close = text.indexOf("*/", inside + 2);
      if (close < 0) fail("unclosed comment", open);
      const after = /^(?:[ \t\r\n]-)?\}\}/.exec(text.slice(close + 2, close + 6));
      if (after === null) fail("comment ends before closing delimiter", open);
      trimNext = (after as RegExpExecArray)[0].length > 2;
      pos = close + 2 + (after as RegExpExecArray)[0].length;
      continue;
    }
    tokens.push({ kind: "open", text: "{{", pos: open });
    const closed = lexAction(text, inside, tokens, fail);
    trimNext = closed.trim;
    pos = closed.pos;
  }
  tokens.push({ kind: "eof", text: "", pos: text.length });
  return tokens;
}

function lexAction(
  text: string,
  from: number,
  tokens: Token[],
  fail: (message: string, pos: number) => never,
): { readonly pos: number; readonly trim: boolean } {
  let pos = from;
  let depth = 0;
  for (;;) {
    const close = /^(?:[ \t\r\n]+-)?\}\}/.exec(text.slice(pos, pos + 4 + spaces(text, pos)));
    if (close !== null) {
      if (depth > 0) fail("unclosed left paren", pos);
      tokens.push({ kind: "close", text: close[0], pos });
      return { pos: pos + close[0].length, trim: close[0].length > 2 };
    }
    if (pos >= text.length) fail("unclosed action", from);
    const token = match(text, pos);
    if (token === undefined) {
      const ch = String.fromCodePoint(text.codePointAt(pos) as number);
      if (ch === '"') fail("unterminated quoted string", pos);
      if (ch === "`") fail("unterminated raw quoted string", pos);
      if (ch === "'") fail("unterminated character constant", pos);
      if (/[\d+-]/.test(ch))
        fail(`bad number syntax: ${JSON.stringify(/^[^\s})|]*/.exec(text.slice(pos))?.[0] ?? ch)}`, pos);
      const code = (ch.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, "0");
      fail(`unexpected ${ch === "}" ? '"}" in operand' : `unrecognized character in action: U+${code} '${ch}'`}`, pos);
    }
    const found: Token = token;
    if (found.kind === "lparen") depth++;
    if (found.kind === "rparen" && --depth < 0) fail("unexpected right paren", pos);
    tokens.push(found);
    pos += found.text.length;
  }
}

function spaces(text: string, pos: number): number {
  let n = 0;
  while (/[ \t\r\n]/.test(text[pos + n] ?? "")) n++;
  return n;
}

function match(text: string, pos: number): Token | undefined {
  for (const [kind, rule] of RULES) {
    rule.lastIndex = pos;
    const found = rule.exec(text);
    if (found !== null) return { kind, text: found[0], pos };
  }
  return undefined;
}
