/**
 * YAML with positions: text in, a tree out whose every node knows its line and column, so a mistake found later
 * can be shown where it was written. Scalars stay text: what `on` or `1_000` means is decided by the field that
 * reads it (see shape.ts), because Prometheus' files are read by Go's YAML 1.1 rules and npm's parser speaks 1.2.
 * Hostile input is bounded: size, depth, and the nodes that aliases may multiply into.
 */
import { type Alias, LineCounter, isAlias, isMap, isScalar, isSeq, parseAllDocuments, type Document } from "yaml";
import { PROBLEMS_MAX, type Problem } from "./problem.ts";

export interface Position {
  /** 1-based. */
  readonly line: number;
  readonly column: number;
}

export interface YamlScalar extends Position {
  readonly kind: "scalar";
  /** As written for plain scalars, unquoted and unescaped for the others. */
  readonly text: string;
  readonly style: "plain" | "quoted" | "literal" | "folded";
  /** Plain and empty, `~` or `null`. */
  readonly isNull: boolean;
  /** For literal blocks: where the first character of the text stands. */
  readonly body: Position | undefined;
}
export interface YamlEntry extends Position {
  readonly key: string;
  readonly value: YamlNode;
}
export interface YamlMap extends Position {
  readonly kind: "map";
  readonly entries: readonly YamlEntry[];
}
export interface YamlSeq extends Position {
  readonly kind: "seq";
  readonly items: readonly YamlNode[];
}
export type YamlNode = YamlScalar | YamlMap | YamlSeq;

export interface YamlFile {
  /** Undefined when the text has no document or cannot be parsed at all. */
  readonly root: YamlNode | undefined;
  readonly problems: readonly Problem[];
}

/** A configuration of a thousand jobs is about 1 MiB; rule files of the largest known mixins are 0.3 MiB. */
export const YAML_SIZE_MAX: number = 16 * 1024 * 1024;
/** Deepest known file (a route tree) has 14 levels. */
const DEPTH_MAX = 64;
/** Nodes after aliases are followed; stops "billion laughs". */
const NODES_MAX = 500_000;

/** The value of `key` in a map. */
export function entryOf(node: YamlNode | undefined, key: string): YamlEntry | undefined {
  return node?.kind === "map" ? node.entries.find((entry) => entry.key === key) : undefined;
}

/** The node at `path` (keys and 0-based indexes); undefined where the file has nothing there. */
export function nodeAt(root: YamlNode | undefined, ...path: readonly (string | number)[]): YamlNode | undefined {
  let node = root;
  for (const step of path) {
    if (typeof step === "number") node = node?.kind === "seq" ? node.items[step] : undefined;
    else node = entryOf(node, step)?.value;
  }
  return node;
}

/**
 * Where the character at `offset` of a scalar's text stands in the file: exact for plain and quoted text on one
 * line without escapes and for literal blocks, otherwise the scalar's own position.
 */
export function positionInScalar(node: YamlScalar, offset: number): Position {
  const before = node.text.slice(0, offset).split("\n");
  const lastLength = (before.at(-1) as string).length;
  if (node.body !== undefined) {
    return { line: node.body.line + before.length - 1, column: node.body.column + lastLength };
  }
  if (node.text.includes("\n") || node.style === "folded") return node;
  return { line: node.line, column: node.column + offset + (node.style === "quoted" ? 1 : 0) };
}

/** Reads one YAML document; a second document is a mistake, an empty text has no root. */
export function parseYaml(text: string, file: string): YamlFile {
  const { documents, problems } = parseYamlDocuments(text, file);
  const second = documents[1];
  const extra: readonly Problem[] =
    second === undefined
      ? []
      : [{ severity: "error", file, line: second.line, column: second.column, message: "a second YAML document" }];
  return { root: documents[0], problems: [...problems, ...extra] };
}

/** Reads all documents of a stream (`---` between them); null documents are left out. */
export function parseYamlDocuments(
  text: string,
  file: string,
): { readonly documents: readonly YamlNode[]; readonly problems: readonly Problem[] } {
  if (text.length > YAML_SIZE_MAX) {
    const message = `the file has ${text.length} characters, more than ${YAML_SIZE_MAX}`;
    return { documents: [], problems: [{ severity: "error", file, line: 0, column: 0, message }] };
  }
  const source = text.startsWith("\uFEFF") ? text.slice(1) : text;
  const alien = source.search(NOT_TEXT);
  if (alien >= 0) return { documents: [], problems: [notText(source, alien, file)] };
  const lines = new LineCounter();
  const parsed = parseAllDocuments(source, {
    lineCounter: lines,
    schema: "failsafe",
    uniqueKeys: false,
    prettyErrors: false,
    strict: true,
    keepSourceTokens: false,
  });
  const converter = new Converter(source, file, lines);
  const documents: YamlNode[] = [];
  for (const document of Array.isArray(parsed) ? parsed : []) {
    for (const error of document.errors) {
      const at = lines.linePos(error.pos[0]);
      converter.problem({ line: at.line, column: at.col }, sentence(error.message));
    }
    if (document.errors.length > 0 || document.contents === null) continue;
    const root = converter.document(document);
    if (root !== undefined && !(root.kind === "scalar" && root.isNull)) documents.push(root);
  }
  return { documents, problems: converter.problems };
}

/** Control characters that YAML does not admit, and what stands where bytes were no UTF-8. */
const NOT_TEXT = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffd]/;

/** Of a file that is none of ours (an archive, a picture) nothing else is worth saying. */
function notText(source: string, at: number, file: string): Problem {
  const before = source.slice(0, at).split("\n");
  const code = source.charCodeAt(at);
  const what = code === 0xfffd ? "bytes that are no UTF-8" : `the control character U+${hex(code)}`;
  const place = { line: before.length, column: (before.at(-1) as string).length + 1 };
  return { severity: "error", file, ...place, message: `not a text file: it holds ${what}` };
}

function hex(code: number): string {
  return code.toString(16).toUpperCase().padStart(4, "0");
}

/** The parser's message as a lower-case sentence without its final dot. */
function sentence(message: string): string {
  const line = (message.split("\n")[0] as string).replace(/[.:]$/, "");
  return `not YAML: ${line.charAt(0).toLowerCase()}${line.slice(1)}`;
}

class Converter {
  readonly problems: Problem[] = [];
  readonly #source: string;
  readonly #file: string;
  readonly #lines: LineCounter;
  #nodes = 0;
  #exhausted = false;

  constructor(source: string, file: string, lines: LineCounter) {
    this.#source = source;
    this.#file = file;
    this.#lines = lines;
  }

  problem(at: Position, message: string, hint?: string): void {
    if (this.problems.length >= PROBLEMS_MAX) return;
    this.problems.push({ severity: "error", file: this.#file, line: at.line, column: at.column, message, hint });
  }

  document(document: Document): YamlNode | undefined {
    return this.#node(document.contents, document, { line: 1, column: 1 }, 0);
  }

  #at(offset: number): Position {
    const found = this.#lines.linePos(offset);
    return { line: Math.max(1, found.line), column: Math.max(1, found.col) };
  }

  #node(node: unknown, document: Document, fallback: Position, depth: number): YamlNode | undefined {
    if (this.#exhausted) return undefined;
    const range = (node as { range?: readonly [number, number, number] } | null)?.range;
    const at = range === undefined ? fallback : this.#at(range[0]);
    this.#nodes++;
    if (this.#nodes > NODES_MAX || depth > DEPTH_MAX) {
      this.#exhausted = true;
      const what = depth > DEPTH_MAX ? `nested deeper than ${DEPTH_MAX} levels` : `more than ${NODES_MAX} values`;
      this.problem(at, `${what}: not a configuration file`);
      return undefined;
    }
    if (isAlias(node)) return this.#alias(node, document, at, depth);
    if (isMap(node)) return this.#map(node.items, document, at, depth);
    if (isSeq(node)) {
      const items = node.items.map((item) => this.#node(item, document, at, depth + 1) ?? nullScalar(at));
      return { kind: "seq", items, ...at };
    }
    if (isScalar(node)) return this.#scalar(node.value, node.type, at, range);
    return nullScalar(at);
  }

  #alias(node: Alias, document: Document, at: Position, depth: number): YamlNode | undefined {
    const target = node.resolve(document);
    if (target === undefined) {
      this.problem(at, `"*${node.source}" is an alias of nothing`, `define it above with &${node.source}`);
      return undefined;
    }
    return this.#node(target, document, at, depth + 1);
  }

  #map(
    pairs: readonly { readonly key: unknown; readonly value: unknown }[],
    document: Document,
    at: Position,
    depth: number,
  ): YamlMap {
    const own = new Map<string, YamlEntry>();
    const merged = new Map<string, YamlEntry>();
    for (const pair of pairs) {
      const key = this.#node(pair.key, document, at, depth + 1);
      if (key === undefined) continue;
      if (key.kind !== "scalar") {
        this.problem(key, "a key must be text");
        continue;
      }
      const place = { line: key.line, column: key.column };
      const value = this.#node(pair.value, document, place, depth + 1) ?? nullScalar(place);
      const earlier = own.get(key.text);
      if (key.text === "<<" && key.style === "plain") this.#merge(value, merged);
      else if (earlier !== undefined) {
        this.problem(key, `"${key.text}" is given twice`, `the first one is on line ${earlier.line}; remove one`);
      } else own.set(key.text, { key: key.text, value, ...place });
    }
    for (const [key, entry] of merged) if (!own.has(key)) own.set(key, entry);
    return { kind: "map", entries: [...own.values()], ...at };
  }

  /** `<<: *defaults`: keys of the first map win over later ones, own keys over both. */
  #merge(value: YamlNode, into: Map<string, YamlEntry>): void {
    for (const map of value.kind === "seq" ? value.items : [value]) {
      if (map.kind !== "map") this.problem(value, "<< needs a map or a list of maps");
      else for (const entry of map.entries) if (!into.has(entry.key)) into.set(entry.key, entry);
    }
  }

  #scalar(
    value: unknown,
    type: string | undefined,
    at: Position,
    range: readonly [number, number, number] | undefined,
  ): YamlScalar {
    const text = typeof value === "string" ? value : "";
    const style =
      type === "BLOCK_LITERAL"
        ? "literal"
        : type === "BLOCK_FOLDED"
          ? "folded"
          : type === "QUOTE_DOUBLE" || type === "QUOTE_SINGLE"
            ? "quoted"
            : "plain";
    const isNull = style === "plain" && /^(?:~|null|Null|NULL)?$/.test(text);
    const body = style === "literal" && range !== undefined ? this.#bodyOf(range) : undefined;
    return { kind: "scalar", text, style, isNull, body, ...at };
  }

  /** The first character of a literal block's text: the line after its header, past the indentation. */
  #bodyOf(range: readonly [number, number, number]): Position | undefined {
    const header = this.#source.indexOf("\n", range[0]);
    if (header < 0 || header >= range[1]) return undefined;
    const lines = this.#source.slice(header + 1, range[1]).split("\n");
    const first = lines.find((line) => line.trim() !== "");
    if (first === undefined) return undefined;
    return { line: this.#at(header + 1).line, column: first.length - first.trimStart().length + 1 };
  }
}

function nullScalar(at: Position): YamlScalar {
  return { kind: "scalar", text: "", style: "plain", isNull: true, body: undefined, line: at.line, column: at.column };
}
