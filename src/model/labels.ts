/**
 * Label sets: sorted, unique, immutable. `__name__` carries the metric name; an empty value is the same
 * as no label. Order is by UTF-8 bytes, as Prometheus sorts, which for well-formed text is code point order.
 */

export const METRIC_NAME = "__name__";

/** Compares by UTF-8 bytes, which is code point order and differs from JS order above U+FFFF. */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    // A surrogate stands for a code point above every BMP unit, so lift it over 0xe000..0xffff.
    const liftedX = x >= 0xd800 && x <= 0xdfff ? x + 0x2000 : x >= 0xe000 ? x - 0x800 : x;
    const liftedY = y >= 0xd800 && y <= 0xdfff ? y + 0x2000 : y >= 0xe000 ? y - 0x800 : y;
    return liftedX - liftedY;
  }
  return a.length - b.length;
}

/** Names and values in turn of label set number `id`, sorted by name. */
export type ReadPairs = (id: number) => readonly string[];

export class Labels implements Iterable<readonly [name: string, value: string]> {
  static readonly EMPTY: Labels = new Labels([]);
  /** name, value, name, value … sorted by name; or who knows them, until they are asked for. */
  #pairs: readonly string[] | ReadPairs;
  /** Canonical text once it was asked for; before `#pairs` are read, their number. */
  #text: string | number | undefined;

  private constructor(pairs: readonly string[] | ReadPairs, text?: number) {
    this.#pairs = pairs;
    this.#text = text;
  }

  /**
   * Label set number `id` of whoever keeps many: `read` gives what `fromSorted` takes, at least one pair, when the first
   * look is taken. Ten thousand series can be listed and counted without a text of theirs being touched.
   */
  static kept(read: ReadPairs, id: number): Labels {
    return new Labels(read, id);
  }

  get #flat(): readonly string[] {
    const pairs = this.#pairs;
    return typeof pairs === "function" ? this.#read(pairs) : pairs;
  }

  #read(read: ReadPairs): readonly string[] {
    const pairs = read(this.#text as number);
    this.#pairs = pairs;
    this.#text = undefined;
    return pairs;
  }

  /** From any order; a later duplicate name wins, empty values are dropped. */
  static from(pairs: Iterable<readonly [string, string]> | Readonly<Record<string, string>>): Labels {
    const entries = Symbol.iterator in pairs ? pairs : Object.entries(pairs);
    const unique = new Map<string, string>();
    for (const [name, value] of entries) unique.set(name, value);
    const names = [...unique.keys()].filter((name) => unique.get(name) !== "");
    if (names.length === 0) return Labels.EMPTY;
    names.sort(compareUtf8);
    return new Labels(names.flatMap((name) => [name, unique.get(name) as string]));
  }

  /**
   * From name, value, name, value … that the caller promises is sorted, unique and without empty values.
   * For parsers and stores on their hot path; nothing is checked.
   */
  static fromSorted(flat: readonly string[]): Labels {
    return flat.length === 0 ? Labels.EMPTY : new Labels(flat);
  }

  get size(): number {
    return this.#flat.length >> 1;
  }

  /** The value of `name`, or "" when absent, as matchers and Prometheus see it. */
  get(name: string): string {
    const flat = this.#flat;
    for (let i = 0; i < flat.length; i += 2) if (flat[i] === name) return flat[i + 1] as string;
    return "";
  }

  has(name: string): boolean {
    const flat = this.#flat;
    for (let i = 0; i < flat.length; i += 2) if (flat[i] === name) return true;
    return false;
  }

  /** The metric name, or "". */
  get metric(): string {
    return this.get(METRIC_NAME);
  }

  /** Canonical identity: equal label sets have equal keys. Not for display; see `toString`. */
  get key(): string {
    const flat = this.#flat;
    if (typeof this.#text !== "string") this.#text = flat.join("\u0000");
    return this.#text;
  }

  /** A copy with these changes; an empty value removes the label. */
  with(changes: Readonly<Record<string, string>>): Labels {
    return Labels.from([...this, ...Object.entries(changes)]);
  }

  without(...names: readonly string[]): Labels {
    const kept: string[] = [];
    for (const [name, value] of this) if (!names.includes(name)) kept.push(name, value);
    return kept.length === this.#flat.length ? this : Labels.fromSorted(kept);
  }

  /** Both together; undefined when they have a name in common. */
  joined(other: Labels): Labels | undefined {
    const a = this.#flat;
    const b = [...other].flat();
    const flat: string[] = [];
    let i = 0;
    let k = 0;
    while (i < a.length && k < b.length) {
      const order = compareUtf8(a[i] as string, b[k] as string);
      if (order === 0) return undefined;
      if (order < 0) flat.push(a[i++] as string, a[i++] as string);
      else flat.push(b[k++] as string, b[k++] as string);
    }
    while (i < a.length) flat.push(a[i++] as string);
    while (k < b.length) flat.push(b[k++] as string);
    return Labels.fromSorted(flat);
  }

  /** Only the named labels. */
  only(names: readonly string[]): Labels {
    const kept: string[] = [];
    for (const [name, value] of this) if (names.includes(name)) kept.push(name, value);
    return kept.length === this.#flat.length ? this : Labels.fromSorted(kept);
  }

  equals(other: Labels): boolean {
    return this === other || this.key === other.key;
  }

  /** As Prometheus sorts a matrix: name by name, value by value, shorter first. */
  compare(other: Labels): number {
    const left = this.#flat;
    const right = other.#flat;
    const length = Math.min(left.length, right.length);
    for (let i = 0; i < length; i++) {
      const x = left[i] as string;
      const y = right[i] as string;
      // Texts of one store are mostly the same object, which costs no look at their characters.
      if (x === y) continue;
      const order = compareUtf8(x, y);
      if (order !== 0) return order;
    }
    return left.length - right.length;
  }

  *[Symbol.iterator](): IterableIterator<readonly [string, string]> {
    const flat = this.#flat;
    for (let i = 0; i < flat.length; i += 2) yield [flat[i] as string, flat[i + 1] as string];
  }

  toJSON(): Record<string, string> {
    return Object.fromEntries(this);
  }

  /** As PromQL writes it: `up{instance="db1:9187", job="postgres"}`; names outside the classic set are quoted. */
  toString(): string {
    const metric = this.metric;
    const classic = CLASSIC_METRIC.test(metric);
    const parts = metric !== "" && !classic ? [quoteLabelValue(metric)] : [];
    for (const [name, value] of this) {
      if (name === METRIC_NAME) continue;
      parts.push(`${CLASSIC_LABEL.test(name) ? name : quoteLabelValue(name)}=${quoteLabelValue(value)}`);
    }
    return (classic ? metric : "") + (parts.length > 0 || !classic ? `{${parts.join(", ")}}` : "");
  }
}

const CLASSIC_METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const CLASSIC_LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** A double-quoted PromQL string; control characters are escaped, so it is safe on a terminal. */
export function quoteLabelValue(value: string): string {
  let out = '"';
  for (const ch of value) {
    const code = ch.codePointAt(0) as number;
    if (ch === '"' || ch === "\\") out += `\\${ch}`;
    else if (ch === "\n") out += "\\n";
    else if (ch === "\t") out += "\\t";
    else if (ch === "\r") out += "\\r";
    else if (code < 0x20 || code === 0x7f) out += `\\x${code.toString(16).padStart(2, "0")}`;
    else if (code >= 0x80 && code < 0xa0) out += `\\u${code.toString(16).padStart(4, "0")}`;
    else out += ch;
  }
  return `${out}"`;
}

/** Sorts label sets as Prometheus sorts a matrix: name by name, value by value, shorter first. */
export function compareLabels(a: Labels, b: Labels): number {
  return a.compare(b);
}
