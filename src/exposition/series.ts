/**
 * The series part of a line, `name{label="value"}`: raw bytes in, labels out, each distinct text parsed once.
 *
 * The cache key is the raw text itself (one character a byte, so equal keys mean equal bytes) under the family
 * type that was in force, because Prometheus 3 rewrites `le` and `quantile` by type.
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

/** Reads one `{…}` body with full checks; made once for each series text a target shows. */
class SeriesReader {
  readonly #page: Buffer;
  readonly #end: number;
  readonly #strict: boolean;
  #pos: number;
  name = "";
  readonly pairs: [string, string][] = [];

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
    if (name === METRIC_NAME || this.pairs.some(([known]) => known === name)) {
      refuse(page, at, `the label "${name}" appears twice`);
    }
    if (name === "") refuse(page, at, "a label has an empty name");
    this.pairs.push([name, value]);
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
    if (label === METRIC_NAME || pairs.some(([known]) => known === label)) return undefined;
    pairs.push([label, match[2] as string]);
    if (match[3] === "}") return PLAIN_LABEL.lastIndex === text.length ? [name, pairs] : undefined;
  }
}

function toSeries(name: string, pairs: readonly [string, string][], type: MetricType): PageSeries {
  const special = type === "histogram" ? "le" : type === "summary" ? "quantile" : "";
  let blank = NO_BLANK;
  const kept: [string, string][] = [[METRIC_NAME, name]];
  for (const pair of pairs) {
    if (pair[1] === "") blank = [...blank, pair[0]];
    else kept.push(pair[0] === special ? [pair[0], normaliseFloat(pair[1])] : pair);
  }
  kept.sort((a, b) => compareUtf8(a[0], b[0]));
  const flat: string[] = [];
  for (const [label, value] of kept) flat.push(label, value);
  return { labels: Labels.fromSorted(flat), blank };
}

function normaliseFloat(text: string): string {
  const value = parseGoFloat(text);
  return value === undefined ? text : formatOpenMetricsFloat(value);
}

/**
 * Series texts that many targets show alike, by the kind of their family. A hundred node_exporters have one page in
 * different numbers: its labels are in memory once. Full, it is emptied; targets keep what they have of it.
 */
class SharedSeries {
  readonly #known: Map<string, readonly [key: string, series: PageSeries]> = new Map();

  /** The text and its series as somebody else has them, or as given, for the next one. */
  share(key: string, series: PageSeries): readonly [key: string, series: PageSeries] {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size >= SHARED_MAX) this.#known.clear();
    const made = [key, series] as const;
    this.#known.set(key, made);
    return made;
  }

  find(key: string): readonly [key: string, series: PageSeries] | undefined {
    return this.#known.get(key);
  }
}

/** Some 10 MB; three of them. */
const SHARED_MAX = 30_000;
const SHARED = { plain: new SharedSeries(), histogram: new SharedSeries(), summary: new SharedSeries() } as const;

function sharedOf(type: MetricType): SharedSeries {
  return type === "histogram" || type === "summary" ? SHARED[type] : SHARED.plain;
}

/** Series texts of one target, each parsed once. */
export class SeriesCache {
  #plain: Map<string, PageSeries> = new Map();
  #histogram: Map<string, PageSeries> = new Map();
  #summary: Map<string, PageSeries> = new Map();

  get size(): number {
    return this.#plain.size + this.#histogram.size + this.#summary.size;
  }

  find(key: string, type: MetricType): PageSeries | undefined {
    return this.#map(type).get(key);
  }

  /** Takes a text of the usual kind in; undefined when it needs the full reader. */
  addPlain(key: string, type: MetricType): PageSeries | undefined {
    const shared = sharedOf(type);
    let known = shared.find(key);
    if (known === undefined) {
      const plain = readPlain(key);
      if (plain === undefined) return undefined;
      known = shared.share(key, toSeries(plain[0], plain[1], type));
    }
    this.#map(type).set(known[0], known[1]);
    return known[1];
  }

  /** Reads the series text that starts at `start` by all rules. @throws UserError `bad-exposition` naming the line. */
  parse(page: Buffer, start: number, end: number, format: PageFormat, type: MetricType): [PageSeries, number] {
    const reader = new SeriesReader(page, start, end, format);
    const stop = reader.read();
    const series = toSeries(reader.name, reader.pairs, type);
    this.#map(type).set(page.toString("latin1", start, stop), series);
    return [series, stop];
  }

  /** Forgets every series that is not in `live`, so that a churning target cannot grow the cache for ever. */
  prune(live: readonly PageSeries[]): void {
    const keep = new Set(live);
    for (const map of [this.#plain, this.#histogram, this.#summary]) {
      for (const [key, series] of map) if (!keep.has(series)) map.delete(key);
    }
  }

  #map(type: MetricType): Map<string, PageSeries> {
    return type === "histogram" ? this.#histogram : type === "summary" ? this.#summary : this.#plain;
  }
}
