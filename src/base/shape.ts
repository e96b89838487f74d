/**
 * Schemas over a YAML tree: small decoders that turn a node into a value or note the mistake with its place and
 * a hint, and go on, so all mistakes of a file come out at once. Scalars follow the rules of Go's YAML reader:
 * a text field takes `5` or `on` as written, a bool field takes `yes` and `on` as well as `true`.
 */
import { UserError } from "./errors.ts";
import { nearest } from "./nearest.ts";
import { PROBLEMS_MAX, type Problem } from "./problem.ts";
import type { Position, YamlNode } from "./yaml.ts";

/** Collects the problems of one file. */
export class Findings {
  readonly file: string;
  readonly #problems: Problem[];
  /** @param seed problems already found, e.g. by the YAML parser. */
  constructor(file: string, seed: readonly Problem[] = []) {
    this.file = file;
    this.#problems = [...seed];
  }
  get problems(): readonly Problem[] {
    return this.#problems;
  }
  error(at: Position, message: string, hint?: string): undefined {
    this.#add("error", at, message, hint);
  }
  warn(at: Position, message: string, hint?: string): undefined {
    this.#add("warning", at, message, hint);
  }
  #add(severity: Problem["severity"], at: Position, message: string, hint: string | undefined): void {
    if (this.#problems.length >= PROBLEMS_MAX) return;
    this.#problems.push({ severity, file: this.file, line: at.line, column: at.column, message, hint });
  }
}

/** Undefined means: a problem was noted, or the file leaves the value out (null). */
export type Decode<T> = (node: YamlNode, findings: Findings) => T | undefined;
type Decoded<D> = D extends Decode<infer T> ? T : never;

/** What a map held: `got` has the keys that decoded well, `place` where a key stands (the map itself if absent). */
export interface Fields<S> {
  readonly got: { readonly [K in keyof S]?: Decoded<S[K]> };
  readonly at: Position;
  has(key: string): boolean;
  place(key: string): Position;
}

export interface FieldsOptions<S> {
  /** With its article, as it stands in messages: `a scrape config`. */
  readonly what: string;
  readonly required?: readonly (keyof S & string)[];
  /** Keys that exist in Prometheus but not here, with the reason; noted as a warning. */
  readonly unsupported?: Readonly<Record<string, string>>;
}

/** A map with known keys. An unknown key is an error with a suggestion; all keys are looked at. */
export function fields<S extends Readonly<Record<string, Decode<unknown>>>>(
  spec: S,
  options: FieldsOptions<S>,
): Decode<Fields<S>> {
  return (node, findings) => {
    if (node.kind !== "map" && !(node.kind === "scalar" && node.isNull)) {
      return findings.error(node, `${describe(node)} where ${options.what} must be a map of keys`);
    }
    const got: Record<string, unknown> = {};
    const places = new Map<string, Position>();
    for (const entry of node.kind === "map" ? node.entries : []) {
      const decode = Object.hasOwn(spec, entry.key) ? spec[entry.key] : undefined;
      const reason = options.unsupported?.[entry.key];
      if (decode !== undefined) {
        places.set(entry.key, entry);
        const value = decode(entry.value, findings);
        if (value !== undefined) got[entry.key] = value;
      } else if (reason !== undefined) {
        places.set(entry.key, entry);
        findings.warn(entry, `"${entry.key}" is not supported`, reason);
      } else {
        const near = nearest(entry.key, Object.keys(spec));
        const hint = near === undefined ? `known keys: ${Object.keys(spec).join(", ")}` : `did you mean "${near}"?`;
        findings.error(entry, `"${entry.key}" is not a key of ${options.what}`, hint);
      }
    }
    for (const key of options.required ?? []) {
      if (!places.has(key)) findings.error(node, `${options.what} needs "${key}"`);
    }
    return {
      got: got as Fields<S>["got"],
      at: node,
      has: (key) => places.has(key),
      place: (key) => places.get(key) ?? node,
    };
  };
}

/** What a node is, for messages; long text is cut. */
export function describe(node: YamlNode): string {
  if (node.kind === "map") return "a map";
  if (node.kind === "seq") return "a list";
  if (node.isNull) return "nothing";
  return quoteShort(node.text);
}

/** Longest value repeated in a message. */
const QUOTED_LENGTH_MAX = 80;

export function quoteShort(text: string): string {
  return JSON.stringify(text.length > QUOTED_LENGTH_MAX ? `${text.slice(0, QUOTED_LENGTH_MAX)}…` : text);
}

function scalar<T>(want: string, read: (text: string, plain: boolean) => T | undefined, hint?: string): Decode<T> {
  return (node, findings) => {
    if (node.kind === "scalar" && node.isNull) return undefined;
    const value = node.kind === "scalar" ? read(node.text, node.style === "plain") : undefined;
    return value ?? findings.error(node, `${describe(node)} is not ${want}`, hint);
  };
}

export const text: Decode<string> = scalar("text", (value) => value);

export const bool: Decode<boolean> = scalar(
  "true or false",
  (value, plain) => {
    const word = value.toLowerCase();
    if (plain && (word === "true" || word === "yes" || word === "on" || word === "y")) return true;
    return plain && (word === "false" || word === "no" || word === "off" || word === "n") ? false : undefined;
  },
  "write true or false",
);

/** A whole number, both bounds included. */
export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER): Decode<number> {
  const range = max === Number.MAX_SAFE_INTEGER ? `a whole number of at least ${min}` : `a whole number ${min}…${max}`;
  return scalar(range, (value) => {
    const plain = value.replaceAll("_", "");
    const parsed = /^[-+]?\d+$/.test(plain) || /^0x[\da-fA-F]+$/.test(plain) ? Number(plain) : Number.NaN;
    return Number.isSafeInteger(parsed) && parsed >= min && parsed <= max ? parsed : undefined;
  });
}

export const float: Decode<number> = scalar("a number", (value) => {
  if (/^[-+]?\.inf$/i.test(value)) return value.startsWith("-") ? -Infinity : Infinity;
  const parsed = /^[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/.test(value)
    ? Number(value.replaceAll("_", ""))
    : NaN;
  return Number.isNaN(parsed) ? undefined : parsed;
});

/** Text that another parser understands; a UserError of it becomes the problem, hint included. */
export function parsed<T>(parse: (value: string) => T): Decode<T> {
  return (node, findings) => {
    if (node.kind === "scalar" && node.isNull) return undefined;
    if (node.kind !== "scalar") return findings.error(node, `${describe(node)} where text is expected`);
    try {
      return parse(node.text);
    } catch (error) {
      if (error instanceof UserError) return findings.error(node, error.message, error.hint);
      throw error;
    }
  };
}

/** One of these words. */
export function choice<const T extends string>(...words: readonly T[]): Decode<T> {
  return (node, findings) => {
    if (node.kind === "scalar" && node.isNull) return undefined;
    const found = node.kind === "scalar" ? words.find((word) => word === node.text) : undefined;
    if (found !== undefined) return found;
    const near = node.kind === "scalar" ? nearest(node.text, words) : undefined;
    const hint = near === undefined ? `one of: ${words.join(", ")}` : `did you mean "${near}"?`;
    return findings.error(node, `${describe(node)} is not a known value`, hint);
  };
}

/** A list; elements that fail are left out after their problem was noted. Null is an empty list. */
export function list<T>(decode: Decode<T>): Decode<readonly T[]> {
  return (node, findings) => {
    if (node.kind === "scalar" && node.isNull) return [];
    if (node.kind !== "seq") return findings.error(node, `${describe(node)} where a list is expected`, "start with -");
    const out: T[] = [];
    for (const item of node.items) {
      const value = decode(item, findings);
      if (value !== undefined) out.push(value);
    }
    return out;
  };
}

/** A map from free names to values of one kind. */
export function record<T>(decode: Decode<T>): Decode<Readonly<Record<string, T>>> {
  return (node, findings) => {
    if (node.kind === "scalar" && node.isNull) return {};
    if (node.kind !== "map") return findings.error(node, `${describe(node)} where a map of names is expected`);
    const out: Record<string, T> = Object.create(null) as Record<string, T>;
    for (const entry of node.entries) {
      const value = decode(entry.value, findings);
      if (value !== undefined) out[entry.key] = value;
    }
    return { ...out };
  };
}

/** Decodes and adds a check that may note problems with the node at hand. */
export function checked<T>(
  decode: Decode<T>,
  check: (value: T, node: YamlNode, findings: Findings) => void,
): Decode<T> {
  return (node, findings) => {
    const value = decode(node, findings);
    if (value !== undefined) check(value, node, findings);
    return value;
  };
}

/** The node as it stands, for sections read later. */
export const node: Decode<YamlNode> = (value) => value;
