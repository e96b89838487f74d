/** The token stream as the parser reads it: look ahead, take, and say what was unexpected. */
import type { UserError } from "../base/errors.ts";
import { children, type Expr, type Span } from "./ast.ts";
import { AGGREGATE_KEYWORDS, isKeyword, lex, type Token, type TokenKind } from "./lex.ts";
import { NESTING_DEPTH_MAX } from "./options.ts";
import { quote } from "./quote.ts";
import { parseError } from "./syntax.ts";

const OPERATORS: ReadonlySet<string> = new Set("== != > < >= <= =~ !~ + - * / % ^ @ and or unless atan2".split(" "));
/** Longer token texts are cut in messages. */
const TEXT_SHOWN_MAX = 200;

export class TokenReader {
  readonly text: string;
  readonly features: ReadonlySet<string>;
  readonly #tokens: readonly Token[];
  readonly #depths = new WeakMap<Expr, number>();
  #next = 0;
  /** Aggregations whose arguments are being read; a surprise inside one is told as one of it. */
  aggregations = 0;
  /** Where the last token taken ended. */
  lastEnd = 0;

  constructor(text: string, features: ReadonlySet<string>) {
    this.text = text;
    this.features = features;
    this.#tokens = lex(text);
  }

  /** The token `ahead` places on; the last one repeats. */
  peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#next + ahead, this.#tokens.length - 1)] as Token;
  }

  take(): Token {
    const token = this.peek();
    this.#next++;
    this.lastEnd = token.end;
    return token;
  }

  takeIf(kind: TokenKind): Token | undefined {
    return this.peek().kind === kind ? this.take() : undefined;
  }

  expect(kind: TokenKind, context: string, expected: string): Token {
    if (this.peek().kind !== kind) throw this.unexpected(context, expected);
    return this.take();
  }

  /**
   * Notes how deep a new node reaches; later passes recurse that far.
   *
   * @throws UserError `promql-parse` beyond {@link NESTING_DEPTH_MAX}.
   */
  node<T extends Expr>(expr: T): T {
    let depth = 1;
    for (const child of children(expr)) depth = Math.max(depth, 1 + (this.#depths.get(child) ?? 1));
    if (depth > NESTING_DEPTH_MAX) {
      throw this.fail(expr.span, `expression is nested deeper than ${NESTING_DEPTH_MAX} levels`);
    }
    this.#depths.set(expr, depth);
    return expr;
  }

  fail(at: Pick<Span, "start">, message: string, hint?: string): UserError {
    return parseError(this.text, at, message, hint);
  }

  badNumber(token: Token): UserError {
    const tooLarge = Number(token.text.replaceAll("_", "")) === Number.POSITIVE_INFINITY;
    const why = tooLarge ? "value out of range" : "invalid syntax";
    return this.fail(token, `error parsing number: strconv.ParseFloat: parsing ${quote(token.text)}: ${why}`);
  }

  /** The error for the next token: its own message when it is a lexical mistake. */
  unexpected(context: string, expected: string): UserError {
    const token = this.peek();
    if (token.kind === "error") return this.fail(token, token.text);
    let message = `unexpected ${describe(token)}`;
    const place = context === "" && this.aggregations > 0 ? "aggregation" : context;
    if (place !== "") message += ` in ${place}`;
    if (expected !== "") message += `, expected ${expected}`;
    return this.fail(token, message);
  }
}

function describe(token: Token): string {
  switch (token.kind) {
    case "eof":
      return "end of input";
    case "identifier":
    case "metric identifier":
    case "string":
    case "number":
    case "duration":
      return `${token.kind} ${shown(token.text)}`;
    case "start":
    case "end":
      return quote(token.text);
    case "step":
    case "range":
    case "fill":
    case "fill_left":
    case "fill_right":
    case "anchored":
    case "smoothed":
      return `identifier ${shown(token.text)}`;
    default:
      if (AGGREGATE_KEYWORDS.has(token.kind)) return `<aggr:${token.text}>`;
      if (OPERATORS.has(token.kind)) return `<op:${token.text}>`;
      return isKeyword(token.kind) ? `<${token.text}>` : quote(token.text);
  }
}

function shown(text: string): string {
  return text.length > TEXT_SHOWN_MAX ? `${quote(text.slice(0, TEXT_SHOWN_MAX))}...` : quote(text);
}
