/**
 * Tokens to trees, as Go's text/template/parse does: control structures, pipelines, operands. Variables and
 * functions are checked here, so a template that compiles can only fail on its data.
 */
import type { Branch, Command, List, Node, Operand, Pipe, Tree } from "./ast.ts";
import { TemplateError, lineOf } from "./error.ts";
import { type Token, type TokenKind, lex } from "./lex.ts";

export type Definitions = Map<string, Tree>;

export interface ParseOptions {
  readonly name: string;
  readonly isFunction: (name: string) => boolean;
}

/** Actions inside actions; keeps the recursion far from the end of the stack. */
const DEPTH_MAX = 200;

const KEYWORDS: ReadonlySet<string> = new Set([
  "if",
  "with",
  "range",
  "else",
  "end",
  "define",
  "template",
  "block",
  "break",
  "continue",
]);

/** @throws TemplateError with Go's wording. */
export function parseTemplate(
  text: string,
  options: ParseOptions,
): { readonly root: Tree; readonly definitions: Definitions } {
  return new Parser(text, options).parse();
}

type Ending = "eof" | "end" | "else";
interface Body {
  readonly list: List;
  readonly ending: Ending;
}

class Parser {
  readonly #text: string;
  readonly #options: ParseOptions;
  readonly #tokens: readonly Token[];
  readonly #definitions: Definitions = new Map();
  #next = 0;
  #variables: string[] = ["$"];
  #loops = 0;
  #depth = 0;

  constructor(text: string, options: ParseOptions) {
    this.#text = text;
    this.#options = options;
    this.#tokens = lex(text, options.name);
  }

  parse(): { readonly root: Tree; readonly definitions: Definitions } {
    const { list, ending } = this.#body("");
    if (ending !== "eof") this.#fail(`unexpected {{${ending}}}`);
    return { root: this.#tree(this.#options.name, list), definitions: this.#definitions };
  }

  #tree(name: string, list: List): Tree {
    return { name, text: this.#text, list };
  }

  #fail(message: string, at: Token = this.#tokens[Math.max(0, this.#next - 1)] as Token): never {
    throw new TemplateError(`template: ${this.#options.name}:${lineOf(this.#text, at.pos)}: ${message}`, at.pos);
  }

  #take(): Token {
    return this.#tokens[this.#next++] as Token;
  }
  #peek(): Token {
    return this.#tokens[this.#next] as Token;
  }
  #peekSolid(): Token {
    while (this.#peek().kind === "space") this.#next++;
    return this.#peek();
  }
  #takeSolid(): Token {
    this.#peekSolid();
    return this.#take();
  }
  #expect(kind: TokenKind, context: string): Token {
    const token = this.#takeSolid();
    return token.kind === kind ? token : this.#unexpected(token, context);
  }
  #unexpected(token: Token, context: string): never {
    const what = token.kind === "eof" ? "EOF" : `"${token.text}"`;
    return this.#fail(`unexpected ${what} in ${context}`, token);
  }

  /** Nodes up to `{{end}}`, `{{else…}}` (left for the caller, just after the word) or the end of the text. */
  #body(context: string): Body {
    if (++this.#depth > DEPTH_MAX) this.#fail(`nested deeper than ${DEPTH_MAX} actions`);
    const list: Node[] = [];
    for (;;) {
      const token = this.#take();
      if (token.kind === "text") {
        list.push({ kind: "text", text: token.text, pos: token.pos });
        continue;
      }
      if (token.kind === "eof") {
        if (context !== "") this.#fail("unexpected EOF", token);
        this.#depth--;
        return { list, ending: "eof" };
      }
      const word = this.#peekSolid();
      if (word.kind === "identifier" && (word.text === "end" || word.text === "else")) {
        this.#next++;
        if (word.text === "end") this.#expect("close", "end");
        this.#depth--;
        return { list, ending: word.text };
      }
      const node = this.#action(word);
      if (node !== undefined) list.push(node);
    }
  }

  #action(word: Token): Node | undefined {
    if (word.kind === "identifier" && KEYWORDS.has(word.text)) {
      this.#next++;
      switch (word.text) {
        case "if":
        case "with":
        case "range":
          return this.#branch(word.text, word.pos);
        case "define":
          this.#define();
          return undefined;
        case "template":
          return this.#template();
        case "block":
          return this.#block();
        case "break":
        case "continue":
          if (this.#loops === 0) this.#fail(`{{${word.text}}} outside {{range}}`, word);
          this.#expect("close", `{{${word.text}}}`);
          return { kind: word.text, pos: word.pos };
        default:
      }
    }
    const pipe = this.#pipe("command", "close");
    return { kind: "action", pipe, pos: pipe.pos };
  }

  #branch(kind: Branch["kind"], pos: number): Branch {
    const mark = this.#variables.length;
    const pipe = this.#pipe(kind, "close");
    if (kind === "range") this.#loops++;
    const body = this.#body(kind);
    if (kind === "range") this.#loops--;
    let otherwise: List | undefined;
    if (body.ending === "else") {
      const next = this.#peekSolid();
      if (next.kind === "identifier" && kind !== "range" && (next.text === "if" || next.text === "with")) {
        this.#next++;
        otherwise = [this.#branch(next.text, next.pos)];
      } else {
        this.#expect("close", "else");
        const rest = this.#body("else");
        if (rest.ending === "else") this.#fail("expected end; found {{else}}");
        otherwise = rest.list;
      }
    }
    this.#variables.length = mark;
    return { kind, pipe, list: body.list, otherwise, pos };
  }

  #quotedName(context: string): string {
    const token = this.#takeSolid();
    if (token.kind === "string" || token.kind === "raw") return this.#unquote(token);
    return this.#unexpected(token, context);
  }

  #define(): void {
    const name = this.#quotedName("define clause");
    this.#expect("close", "define clause");
    this.#definitions.set(name, this.#tree(name, this.#ownBody()));
  }

  /** The body of a definition: it sees no variables or loops from outside. */
  #ownBody(): List {
    const { [0]: root } = this.#variables;
    const variables = this.#variables;
    const loops = this.#loops;
    this.#variables = [root as string];
    this.#loops = 0;
    const body = this.#body("define clause");
    if (body.ending === "else") this.#fail("unexpected {{else}} in define clause");
    this.#variables = variables;
    this.#loops = loops;
    return body.list;
  }

  #template(): Node {
    const { pos } = this.#peekSolid();
    const name = this.#quotedName("template clause");
    if (this.#peekSolid().kind === "close") {
      this.#next++;
      return { kind: "template", name, pipe: undefined, pos };
    }
    return { kind: "template", name, pipe: this.#pipe("template clause", "close"), pos };
  }

  #block(): Node {
    const { pos } = this.#peekSolid();
    const name = this.#quotedName("block clause");
    const pipe = this.#pipe("block clause", "close");
    this.#definitions.set(name, this.#tree(name, this.#ownBody()));
    return { kind: "template", name, pipe, pos };
  }

  #pipe(context: string, end: "close" | "rparen"): Pipe {
    if (++this.#depth > DEPTH_MAX) this.#fail(`nested deeper than ${DEPTH_MAX} actions`);
    const pos = this.#peekSolid().pos;
    const { declare, assign } = this.#declarations(context);
    const commands: Command[] = [];
    for (;;) {
      const token = this.#peekSolid();
      if (token.kind === end) {
        this.#next++;
        if (commands.length === 0) this.#fail(`missing value for ${context}`, token);
        break;
      }
      commands.push(this.#command(context, end));
      const after = this.#peekSolid();
      if (after.kind === "pipe") {
        this.#next++;
        if (this.#peekSolid().kind === end) this.#fail(`missing value for ${context}`, after);
      } else if (after.kind !== end) this.#unexpected(after, context === "command" ? "operand" : context);
    }
    for (const command of commands.slice(1)) {
      const first = command.args[0] as Operand;
      if (
        first.kind === "bool" ||
        first.kind === "dot" ||
        first.kind === "nil" ||
        first.kind === "number" ||
        first.kind === "string"
      ) {
        this.#fail(`non executable command in pipeline stage ${commands.indexOf(command) + 1}`);
      }
    }
    if (!assign) this.#variables.push(...declare);
    this.#depth--;
    return { kind: "pipe", declare, assign, commands, pos };
  }

  /** `$x :=`, `$x =`, and in range `$i, $x :=`. */
  #declarations(context: string): { readonly declare: readonly string[]; readonly assign: boolean } {
    const start = this.#next;
    const declare: string[] = [];
    for (;;) {
      const token = this.#peekSolid();
      if (token.kind !== "variable") break;
      this.#next++;
      const after = this.#peekSolid();
      declare.push(token.text);
      if (after.kind === "declare" || after.kind === "assign") {
        this.#next++;
        const assign = after.kind === "assign";
        if (assign) for (const name of declare) this.#known(name, token);
        return { declare, assign };
      }
      if (after.kind !== "comma" || context !== "range" || declare.length > 1) break;
      this.#next++;
    }
    if (declare.length > 1) this.#fail(`too many declarations in ${context}`);
    this.#next = start;
    return { declare: [], assign: false };
  }

  #known(name: string, token: Token): void {
    if (!this.#variables.includes(name)) this.#fail(`undefined variable "${name}"`, token);
  }

  #command(context: string, end: "close" | "rparen"): Command {
    const args: Operand[] = [];
    for (;;) {
      const token = this.#peekSolid();
      if (token.kind === end || token.kind === "pipe") break;
      args.push(this.#operand(context));
      const after = this.#peek();
      if (after.kind !== "space" && after.kind !== end && after.kind !== "pipe") this.#unexpected(after, "operand");
    }
    const first = args[0];
    if (first === undefined) this.#fail("empty command");
    return { kind: "command", args, pos: first.pos };
  }

  #operand(context: string): Operand {
    const base = this.#term(context);
    const names: string[] = [];
    // As in Go, a path stands where its first dotted name does.
    const { pos } = this.#peek();
    while (this.#peek().kind === "field") names.push(this.#take().text.slice(1));
    if (names.length === 0) return base;
    switch (base.kind) {
      case "field":
      case "variable":
        return { ...base, names: [...base.names, ...names], pos };
      case "bool":
      case "string":
      case "number":
      case "nil":
      case "dot":
        return this.#fail(`unexpected . after term "${this.#text.slice(base.pos, this.#peek().pos)}"`);
      case "function":
      case "chain":
      case "pipe":
        return { kind: "chain", base, names, pos };
    }
  }

  #term(context: string): Operand {
    const token = this.#takeSolid();
    const { pos, text } = token;
    switch (token.kind) {
      case "identifier":
        if (text === "true" || text === "false") return { kind: "bool", value: text === "true", pos };
        if (text === "nil") return { kind: "nil", pos };
        if (!this.#options.isFunction(text)) this.#fail(`function "${text}" not defined`, token);
        return { kind: "function", name: text, pos };
      case "dot":
        return { kind: "dot", pos };
      case "field":
        return { kind: "field", names: [text.slice(1)], pos };
      case "variable":
        this.#known(text, token);
        return { kind: "variable", name: text, names: [], pos };
      case "number":
        return { kind: "number", text, value: numberOf(text), pos };
      case "char":
        return { kind: "number", text, value: BigInt(this.#unquote(token).codePointAt(0) ?? 0), pos };
      case "string":
      case "raw":
        return { kind: "string", text, value: this.#unquote(token), pos };
      case "lparen":
        return this.#pipe("parenthesized pipeline", "rparen");
      default:
        return this.#unexpected(token, context === "parenthesized pipeline" ? context : context);
    }
  }

  #unquote(token: Token): string {
    const inner = token.text.slice(1, -1);
    if (token.kind === "raw") return inner.replaceAll("\r", "");
    return inner.replace(
      /\\(x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}|[0-7]{3}|[abfnrtv\\"'])|\\(.)/gs,
      (_all, good) => {
        if (good === undefined) return this.#fail("invalid syntax", token);
        return unescape(good as string);
      },
    );
  }
}

function unescape(escape: string): string {
  const simple: Readonly<Record<string, string>> = {
    a: "\u0007",
    b: "\b",
    f: "\f",
    n: "\n",
    r: "\r",
    t: "\t",
    v: "\v",
    "\\": "\\",
    '"': '"',
    "'": "'",
  };
  if (Object.hasOwn(simple, escape)) return simple[escape] as string;
  const code = /^[0-7]/.test(escape) ? Number.parseInt(escape, 8) : Number.parseInt(escape.slice(1), 16);
  return code <= 0x10ffff ? String.fromCodePoint(code) : "\uFFFD";
}

/** Int unless written with a point or an exponent. */
function numberOf(text: string): number | bigint {
  const plain = text.replaceAll("_", "");
  if (/^[-+]?0[xXbBoO]/.test(plain)) {
    const magnitude = BigInt(plain.replace(/^[-+]/, "").toLowerCase());
    return plain.startsWith("-") ? -magnitude : magnitude;
  }
  return /[.eE]/.test(plain) ? Number(plain) : BigInt(plain.replace(/^\+/, ""));
}
