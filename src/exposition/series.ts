/**
 * The series part of a line, `name{label="value"}`: raw bytes in, labels out, each distinct text parsed once.
 *
 * The key is the raw text itself (one character a byte, so equal keys mean equal bytes) under the family type that was
 * in force, because Prometheus 3 rewrites `le` and `quantile` by type.
 */
import { isUtf8 } from "node:buffer";
import { compareUtf8, Labels, METRIC_NAME } from "../model/labels.ts";
import type { MetricType } from "../model/metadata.ts";
import type { PageFormat, PageSeries } from "./page.ts";
import { formatOpenMetricsFloat, parseGoFloat } from "./float.ts";
import { refuse } from "./refuse.ts";

/** Bit flags of a byte: may start a metric name, may go on in one, may start a label name, may go on in one. */
export const CHAR = { metricStart: 1, metric: 2, labelStart: 4, label: 8, blank: 16 } as const;
export const CLASS: Uint8Array = Uint8Array.from({ length: 256 }, (_, c) => {
  const ch = String.fromCharCode(c);
  let flags = 0;
  if (/[a-zA-Z_]/.test(ch)) flags |= CHAR.metricStart | CHAR.metric | CHAR.labelStart | CHAR.label;
  if (ch === ":") flags |= CHAR.metricStart | CHAR.metric;
  if (/[0-9]/.test(ch)) flags |= CHAR.metric | CHAR.label;
  if (ch === " " || ch === "\t") flags |= CHAR.blank;
  return flags;
});

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LF = 0x0a;
const NO_BLANK: readonly string[] = [];

/** Offset just after the closing quote of the string that opens at `at`; -1 when it does not close. */
export function endOfString(page: Uint8Array, at: number, end: number): number {
  for (let i = at + 1; i < end; i++) {
    const c = page[i];
    if (c === QUOTE) return i + 1;
    if (c === BACKSLASH && page[++i] === LF) return -1;
  }
  return -1;
}

/** `\"`, `\\` and `\n`; any other backslash stays as it is, as in Prometheus. */
export function unescapeLabel(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(/\\["\\n]/g, (pair) => (pair === "\\n" ? "\n" : pair.slice(1)));
}

/** Up to so many names are compared one by one; a line may have a million. */
const FEW_LABELS = 64;

/** Reads one `{…}` body with full checks; made once for each series text a target shows. */
class SeriesReader {
  readonly #page: Buffer;
  readonly #end: number;
  readonly #strict: boolean;
  #pos: number;
  name = "";
  readonly pairs: [string, string][] = [];
  /** Names of `pairs` once they are too many to be looked through for each. */
  #names: Set<string> | undefined;

  constructor(page: Buffer, start: number, end: number, format: PageFormat) {
    this.#page = page;
    this.#pos = start;
    this.#end = end;
    this.#strict = format === "openmetrics";
  }

  /** @returns the offset after the series text. */
  read(): number {
    const page = this.#page;
    const start = this.#pos;
    if ((CLASS[page[start] as number] as number) & CHAR.metricStart) {
      while (this.#pos < this.#end && (CLASS[page[this.#pos] as number] as number) & CHAR.metric) this.#pos++;
      this.name = page.toString("latin1", start, this.#pos);
    }
    const afterName = this.#pos;
    this.#skipBlanks();
    if (this.#pos < this.#end && page[this.#pos] === 0x7b) {
      this.#pos++;
      this.#labels();
    } else {
      this.#pos = afterName;
    }
    if (this.name === "") refuse(page, start, "the metric has no name");
    return this.#pos;
  }

  #skipBlanks(): void {
    if (this.#strict) return;
    while (this.#pos < this.#end && (CLASS[this.#page[this.#pos] as number] as number) & CHAR.blank) this.#pos++;
  }

  #labels(): void {
    const page = this.#page;
    for (;;) {
      this.#skipBlanks();
      const at = this.#pos;
      if (page[at] === 0x7d && at < this.#end) {
        this.#pos++;
        return;
      }
      const quoted = page[at] === QUOTE && at < this.#end;
      const name = quoted ? this.#string("label name") : this.#labelName();
      this.#skipBlanks();
      const next = this.#pos < this.#end ? page[this.#pos] : -1;
      if (quoted && (next === 0x2c || next === 0x7d)) {
        if (this.name !== "") refuse(page, at, `the metric has two names, "${this.name}" and "${name}"`);
        this.name = name;
      } else {
        this.#value(name, at, next);
      }
      this.#separator();
    }
  }

  #value(name: string, at: number, next: number | undefined): void {
    const page = this.#page;
    if (next !== 0x3d) refuse(page, this.#pos, `expected "=" after the label name "${name}"`);
    this.#pos++;
    this.#skipBlanks();
    if (this.#pos >= this.#end || page[this.#pos] !== QUOTE) {
      refuse(page, this.#pos, `expected a quoted value of the label "${name}"`);
    }
    const value = this.#string(`value of the label "${name}"`);
    if (name === METRIC_NAME || this.#has(name)) {
      refuse(page, at, `the label "${name}" appears twice`);
    }
    if (name === "") refuse(page, at, "a label has an empty name");
    this.pairs.push([name, value]);
    this.#names?.add(name);
  }

  #has(name: string): boolean {
    if (this.pairs.length < FEW_LABELS) return this.pairs.some(([known]) => known === name);
    this.#names ??= new Set(this.pairs.map(([known]) => known));
    return this.#names.has(name);
  }

  /** OpenMetrics wants a comma between labels; the text format lets it be left out. */
  #separator(): void {
    this.#skipBlanks();
    const next = this.#pos < this.#end ? this.#page[this.#pos] : -1;
    if (next === 0x2c) this.#pos++;
    else if (this.#strict && next !== 0x7d) refuse(this.#page, this.#pos, 'expected "," or "}" after a label');
  }

  #labelName(): string {
    const page = this.#page;
    const at = this.#pos;
    if (at < this.#end && (CLASS[page[at] as number] as number) & CHAR.labelStart) {
      while (this.#pos < this.#end && (CLASS[page[this.#pos] as number] as number) & CHAR.label) this.#pos++;
    }
    if (this.#pos === at) refuse(page, at, "expected a label name");
    return page.toString("latin1", at, this.#pos);
  }

  #string(what: string): string {
    const page = this.#page;
    const at = this.#pos;
    const end = endOfString(page, at, this.#end);
    if (end < 0) refuse(page, at, `the ${what} has no closing quote`);
    const text = page.subarray(at + 1, end - 1);
    if (!isUtf8(text)) refuse(page, at, `the ${what} is not valid UTF-8`);
    if (this.#strict && text.includes(LF)) refuse(page, at, `the ${what} runs over the end of the line`);
    this.#pos = end;
    return unescapeLabel(text.toString("utf8"));
  }
}

const PLAIN_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*/;
/** One label of the usual kind: no blanks, no escapes, nothing beyond ASCII. */
const PLAIN_LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="([^"\\\n\u0080-\u00ff]*)"([,}])/y;

/**
 * Name and labels of a series text of the usual kind, which nearly all are; undefined leaves the text to the reader
 * that knows every rule and every refusal.
 */
function readPlain(text: string): readonly [name: string, pairs: [string, string][]] | undefined {
  const name = PLAIN_NAME.exec(text)?.[0];
  if (name === undefined) return undefined;
  const pairs: [string, string][] = [];
  if (name.length === text.length) return [name, pairs];
  if (text[name.length] !== "{") return undefined;
  PLAIN_LABEL.lastIndex = name.length + 1;
  for (;;) {
    const match = PLAIN_LABEL.exec(text);
    if (match === null) return undefined;
    const label = match[1] as string;
    if (pairs.length === FEW_LABELS) return undefined;
    if (label === METRIC_NAME || pairs.some(([known]) => known === label)) return undefined;
    pairs.push([label, match[2] as string]);
    if (match[3] === "}") return PLAIN_LABEL.lastIndex === text.length ? [name, pairs] : undefined;
  }
}

function toSeries(name: string, pairs: readonly [string, string][], type: MetricType): PageSeries {
  const special = type === "histogram" ? "le" : type === "summary" ? "quantile" : "";
  const blank: string[] = [];
  const kept: [string, string][] = [[METRIC_NAME, name]];
  for (const pair of pairs) {
    if (pair[1] === "") blank.push(pair[0]);
    else kept.push(pair[0] === special ? [pair[0], normaliseFloat(pair[1])] : pair);
  }
  kept.sort((a, b) => compareUtf8(a[0], b[0]));
  const flat: string[] = [];
  for (const [label, value] of kept) flat.push(label, value);
  return { labels: Labels.fromSorted(flat), blank: blank.length === 0 ? NO_BLANK : blank };
}

function normaliseFloat(text: string): string {
  const value = parseGoFloat(text);
  return value === undefined ? text : formatOpenMetricsFloat(value);
}

/** Series texts remembered at most; some 250 bytes each. Full, they are forgotten. */
const TEXTS_MAX = 400_000;

/**
 * Series texts and what they mean, for whoever reads a page in full: a hundred node_exporters show the same ones.
 * Texts of the usual kind mean the same in both formats; others may be refused by one of them.
 */
export class SeriesTexts {
  readonly #plain: Map<string, PageSeries> = new Map();
  readonly #histogram: Map<string, PageSeries> = new Map();
  readonly #summary: Map<string, PageSeries> = new Map();
  /** Of the unusual kind, behind format and kind of the family. */
  readonly #odd: Map<string, PageSeries> = new Map();

  /** @returns undefined when it takes `parse` to say what the text means. */
  find(key: string, type: MetricType, format: PageFormat): PageSeries | undefined {
    const map = this.#map(type);
    const known = map.get(key);
    if (known !== undefined) return known;
    const plain = readPlain(key);
    return plain === undefined
      ? this.#odd.get(oddKey(key, type, format))
      : keep(map, key, toSeries(plain[0], plain[1], type));
  }

  /** Reads the series text that starts at `start` by all rules. @throws UserError `bad-exposition` naming the line. */
  parse(page: Buffer, start: number, end: number, format: PageFormat, type: MetricType): [PageSeries, number] {
    const reader = new SeriesReader(page, start, end, format);
    const stop = reader.read();
    const series = toSeries(reader.name, reader.pairs, type);
    return [keep(this.#odd, oddKey(page.toString("latin1", start, stop), type, format), series), stop];
  }

  #map(type: MetricType): Map<string, PageSeries> {
    return type === "histogram" ? this.#histogram : type === "summary" ? this.#summary : this.#plain;
  }
}

/** Longer texts are nobody else's, and would fill the memory long before they are too many. */
const TEXT_LENGTH_MAX = 4 * 1024;

function keep(map: Map<string, PageSeries>, key: string, series: PageSeries): PageSeries {
  if (key.length > TEXT_LENGTH_MAX) return series;
  if (map.size >= TEXTS_MAX) map.clear();
  map.set(key, series);
  return series;
}

function oddKey(key: string, type: MetricType, format: PageFormat): string {
  return `${format} ${type === "histogram" || type === "summary" ? type : ""} ${key}`;
}

let texts: WeakRef<SeriesTexts> | undefined;

/** What is known of texts, for one page: between pages it is garbage, which is collected when memory is tidied. */
export function seriesTexts(): SeriesTexts {
  let known = texts?.deref();
  if (known === undefined) texts = new WeakRef((known = new SeriesTexts()));
  return known;
}
