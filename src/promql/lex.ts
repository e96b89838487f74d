/**
 * Expression text to tokens, all at once. A token's kind is its own text for punctuation and keywords (`"("`,
 * `"sum"`, `">="`), so the parser reads like the grammar; a lexical mistake becomes an `error` token, reported only
 * if the parser gets there.
 *
 * Braces and brackets change what letters mean: inside `{}` keywords are plain names, inside `[]` a colon separates.
 */

/** `eof`, `error`, `identifier`, `metric identifier`, `string`, `number`, `duration`, or the token's own text. */
export type TokenKind = string;

export interface Token {
  readonly kind: TokenKind;
  /** Source text; for an error token its message. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

export const AGGREGATE_KEYWORDS: ReadonlySet<string> = new Set([
  "sum",
  "avg",
  "count",
  "min",
  "max",
  "group",
  "stddev",
  "stdvar",
  "topk",
  "bottomk",
  "count_values",
  "quantile",
  "limitk",
  "limit_ratio",
]);
const OPERATOR_KEYWORDS: ReadonlySet<string> = new Set(["and", "or", "unless", "atan2"]);
const PLAIN_KEYWORDS: ReadonlySet<string> = new Set([
  "offset",
  "by",
  "without",
  "on",
  "ignoring",
  "group_left",
  "group_right",
  "bool",
  "start",
  "end",
  "step",
  "range",
  "fill",
  "fill_left",
  "fill_right",
  "anchored",
  "smoothed",
]);

export function isKeyword(kind: TokenKind): boolean {
  return AGGREGATE_KEYWORDS.has(kind) || OPERATOR_KEYWORDS.has(kind) || PLAIN_KEYWORDS.has(kind);
}

const SPACE = /[ \t\r\n]+/y;
const COMMENT = /#[^\r\n]*/y;
const IDENTIFIER = /[a-zA-Z_][a-zA-Z0-9_]*/y;
const METRIC = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const NUMBER =
  /0[xX](?:[0-9a-fA-F](?:_?[0-9a-fA-F])*)?|(?:\d(?:_?\d)*(?:\.(?:\d(?:_?\d)*)?)?|\.\d(?:_?\d)*)(?:[eE][+-]?\d(?:_?\d)*)?/y;
const DURATION = /(?:\d+(?:ms|[smhdwy]))+/y;
const OPERATOR = /==|!=|>=|<=|=~|!~|[-+*/%^=<>@,()[\]{}]/y;
const BAD_ESCAPE = /\\(?!x[0-9a-fA-F]{2}|[0-3][0-7]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[abfnrtv\\])/g;
const WORD = /[a-zA-Z0-9_]/;

/** Tokens of an expression; the last one is `eof` or `error`. */
export function lex(text: string): readonly Token[] {
  return new Lexer(text).run();
}

class Lexer {
  readonly #text: string;
  readonly #tokens: Token[] = [];
  #at = 0;
  #parens = 0;
  #brace = false;
  #bracket = false;

  constructor(text: string) {
    this.#text = text;
  }

  run(): readonly Token[] {
    while (this.#next()) {
      // each turn adds a token or passes over space
    }
    return this.#tokens;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#text)?.[0];
  }

  #push(kind: TokenKind, text: string): true {
    this.#tokens.push({ kind, text, start: this.#at, end: this.#at + text.length });
    this.#at += text.length;
    return true;
  }

  #fail(message: string, start = this.#at): false {
    this.#tokens.push({ kind: "error", text: message, start, end: start + 1 });
    return false;
  }

  /** @returns false when there is nothing more to read. */
  #next(): boolean {
    const ch = this.#text[this.#at];
    if (ch === undefined) return this.#end();
    if (ch === " " || ch === "\n" || ch === "\t" || ch === "\r" || ch === "#") {
      this.#at += (this.#match(ch === "#" ? COMMENT : SPACE) as string).length;
      return true;
    }
    if (ch === '"' || ch === "'" || ch === "`") return this.#string(ch);
    if (this.#brace) return this.#insideBraces(ch);
    if (isDigit(ch) || (ch === "." && isDigit(this.#text[this.#at + 1] ?? ""))) return this.#number();
    if ((ch >= "a" && ch <= "z") || (ch >= "A" && ch <= "Z") || ch === "_" || ch === ":") return this.#word(ch);
    return this.#punctuation(ch);
  }

  #end(): false {
    if (this.#brace) return this.#fail("unexpected end of input inside braces");
    if (this.#parens > 0) return this.#fail("unclosed left parenthesis");
    if (this.#bracket) return this.#fail("unclosed left bracket");
    this.#tokens.push({ kind: "eof", text: "", start: this.#at, end: this.#at });
    return false;
  }

  #insideBraces(ch: string): boolean {
    const name = this.#match(IDENTIFIER);
    if (name !== undefined) return this.#push("identifier", name);
    const op = this.#match(OPERATOR);
    if (op === "}") this.#brace = false;
    if (op === "}" || op === ",") return this.#push(op, op);
    if (op === "=" || op === "!=" || op === "=~" || op === "!~") return this.#push(op, op);
    // "==" is "=" twice here: the parser then misses the string.
    if (op === "==") return this.#push("=", "=");
    if (ch === "{") return this.#fail("unexpected left brace '{'");
    if (ch === "!") {
      return this.#fail(`unexpected character after '!' inside braces: ${quoteChar(this.#text, this.#at + 1)}`);
    }
    return this.#fail(`unexpected character inside braces: ${quoteChar(this.#text, this.#at)}`);
  }

  #punctuation(ch: string): boolean {
    const op = this.#match(OPERATOR);
    switch (op) {
      case undefined:
        if (ch === "!") return this.#fail(`unexpected character after '!': ${quoteChar(this.#text, this.#at + 1)}`);
        return this.#fail(`unexpected character: ${quoteChar(this.#text, this.#at)}`);
      case "!~":
        return this.#fail("unexpected character after '!': '~'");
      case "=~":
        return this.#fail("unexpected character after '=': '~'");
      case "}":
        return this.#fail("unexpected character: '}'");
      case "(":
        this.#parens++;
        break;
      case ")":
        if (--this.#parens < 0) return this.#fail("unexpected right parenthesis ')'", this.#at + 1);
        break;
      case "{":
        this.#brace = true;
        break;
      case "[":
        if (this.#bracket) return this.#fail("unexpected left bracket '['");
        this.#bracket = true;
        break;
      case "]":
        if (!this.#bracket) return this.#fail("unexpected right bracket ']'");
        this.#bracket = false;
        break;
      default:
        break;
    }
    return this.#push(op, op);
  }

  #number(): boolean {
    const number = this.#match(NUMBER) ?? "";
    const duration = this.#match(DURATION) ?? "";
    const longest = duration.length > number.length ? duration : number;
    const after = this.#text[this.#at + longest.length] ?? "";
    if (longest !== "" && !WORD.test(after)) return this.#push(longest === duration ? "duration" : "number", longest);
    const end = this.#at + longest.length + 1;
    return this.#fail(`bad number or duration syntax: ${JSON.stringify(this.#text.slice(this.#at, end))}`);
  }

  #word(ch: string): boolean {
    if (this.#bracket && ch === ":") return this.#push(":", ":");
    const word = this.#match(this.#bracket ? IDENTIFIER : METRIC) as string;
    if (word.includes(":")) return this.#push("metric identifier", word);
    const lower = word.toLowerCase();
    if (lower === "inf" || lower === "nan") return this.#push("number", word);
    return this.#push(isKeyword(lower) ? lower : "identifier", word);
  }

  #string(quote: string): boolean {
    const start = this.#at;
    let end = start + 1;
    for (; this.#text[end] !== quote; end++) {
      const ch = this.#text[end];
      if (ch === undefined || (quote !== "`" && ch === "\n")) {
        return this.#fail(quote === "`" ? "unterminated raw string" : "unterminated quoted string");
      }
      if (ch === "\\" && quote !== "`") end++;
    }
    const token = this.#text.slice(start, end + 1);
    if (quote !== "`" && token.includes("\\")) {
      const problem = badEscape(token, quote);
      if (problem !== undefined) return this.#fail(problem);
    }
    return this.#push("string", token);
  }
}

function isDigit(ch: string): boolean {
  return ch >= "0" && ch <= "9";
}

function badEscape(token: string, quote: string): string | undefined {
  // Escaped backslashes come off first, so that each backslash left starts an escape.
  const body = token.slice(1, -1).replaceAll("\\\\", "");
  for (const match of body.matchAll(BAD_ESCAPE)) {
    const next = body[match.index + 1];
    if (next !== quote) return `unknown escape sequence ${describeRune(next)}`;
  }
  for (const [, code] of body.matchAll(/\\[uU]([0-9a-fA-F]{8}|[0-9a-fA-F]{4})/g)) {
    const point = Number.parseInt(code as string, 16);
    if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) {
      return "escape sequence is an invalid Unicode code point";
    }
  }
  return undefined;
}

function describeRune(ch: string | undefined): string {
  if (ch === undefined) return "at the end";
  const point = ch.codePointAt(0) as number;
  return `U+${point.toString(16).toUpperCase().padStart(4, "0")} '${ch}'`;
}

function quoteChar(text: string, at: number): string {
  const point = text.codePointAt(at);
  if (point === undefined) return "'\ufffd'";
  return `'${point < 0x20 ? JSON.stringify(String.fromCodePoint(point)).slice(1, -1) : String.fromCodePoint(point)}'`;
}
