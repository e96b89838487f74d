/**
 * First reading of a page: every byte is looked at, series texts go through what is known of them, and the tokens that
 * may change are noted for the replay of later pages.
 *
 * As strict as Prometheus 3: one bad line refuses the whole page. It differs on purpose where Prometheus takes odd
 * pages for something they are not: a NUL byte where a line starts ends its reading silently, a blank before a name
 * becomes part of the name, and of a label given twice it drops one when the other is empty.
 */
import { isUtf8 } from "node:buffer";
import type { MetricType } from "../model/metadata.ts";
import type { Described, PageFormat, PageSeries } from "./page.ts";
import { parseFloatInto } from "./float.ts";
import { refuse, refuseLine, snippet } from "./refuse.ts";
import { CHAR, CLASS, endOfString, type SeriesTexts, seriesTexts, unescapeLabel } from "./series.ts";
import { endOfValue, readExemplar, readTimestamp, startsExemplar } from "./suffix.ts";
import { SampleList, TOKEN, type TokenKind } from "./tokens.ts";

const LF = 0x0a;
const SPACE = 0x20;
const HASH = 0x23;
const TEXT_TYPES: ReadonlyMap<string, MetricType> = new Map([
  ["counter", "counter"],
  ["gauge", "gauge"],
  ["histogram", "histogram"],
  ["summary", "summary"],
  ["untyped", "unknown"],
]);
const OPENMETRICS_TYPES: ReadonlyMap<string, MetricType> = new Map([
  ["counter", "counter"],
  ["gauge", "gauge"],
  ["histogram", "histogram"],
  ["gaugehistogram", "gaugehistogram"],
  ["summary", "summary"],
  ["info", "info"],
  ["stateset", "stateset"],
  ["unknown", "unknown"],
]);

/** @returns the offset after the family name that starts at `at`. */
function endOfFamily(page: Buffer, at: number, word: string): number {
  if (page[at] === 0x22) {
    const stop = endOfString(page, at, page.length);
    if (stop < 0 || !isUtf8(page.subarray(at, stop))) refuse(page, at, `expected a metric name after ${word}`);
    return stop;
  }
  let stop = at;
  if ((CLASS[page[at] as number] as number) & CHAR.metricStart) {
    while (stop < page.length && (CLASS[page[stop] as number] as number) & CHAR.metric) stop++;
  }
  if (stop === at) refuse(page, at, `expected a metric name after ${word}`);
  return stop;
}

function familyName(page: Buffer, at: number, stop: number): string {
  if (page[at] !== 0x22) return page.toString("latin1", at, stop);
  return unescapeLabel(page.toString("utf8", at + 1, stop - 1));
}

/** Is told what of a page may change, while it is read. */
export interface ScanListener {
  token(kind: TokenKind, start: number, end: number): void;
  /** A sample is at its end. @param type of the family in force. */
  sample(type: MetricType): void;
}

export class PageScan {
  readonly samples: SampleList = new SampleList();
  /** Samples whose line was read to its end. */
  complete = 0;
  readonly series: PageSeries[] = [];
  exemplars = 0;
  readonly #page: Buffer;
  readonly #format: PageFormat;
  readonly #texts: SeriesTexts = seriesTexts();
  readonly #listener: ScanListener | undefined;
  #pos = 0;
  #type: MetricType;
  readonly #isUtf8: boolean;
  /** Four numbers a line: start and end of the name, end of the line, and which of HELP, TYPE, UNIT it is. */
  readonly #metaLines: number[] = [];

  /** @param type of the family in force at the start. */
  constructor(page: Buffer, format: PageFormat, type: MetricType = "unknown", listener?: ScanListener) {
    this.#page = page;
    this.#format = format;
    this.#type = type;
    this.#listener = listener;
    this.#isUtf8 = isUtf8(page);
  }

  /**
   * Reads up to `lines` more lines.
   *
   * @returns true when the page is read to its end.
   * @throws UserError `bad-exposition`.
   */
  step(lines: number): boolean {
    return this.#format === "openmetrics" ? this.#openMetrics(lines) : this.#text(lines);
  }

  #text(lines: number): boolean {
    const page = this.#page;
    const end = page.length;
    for (let left = lines; this.#pos < end; left--) {
      if (left === 0) return false;
      this.#skipBlanks();
      const c = page[this.#pos];
      if (this.#pos >= end) return true;
      if (c === LF) this.#pos++;
      else if (c === HASH) this.#textComment();
      else this.#sample();
    }
    return true;
  }

  #openMetrics(lines: number): boolean {
    const page = this.#page;
    for (let left = lines; left > 0; left--) {
      if (this.#pos >= page.length) refuseLine(page, this.#pos, "the page does not end with # EOF");
      if (page[this.#pos] !== HASH) {
        this.#sample();
        continue;
      }
      const at = this.#pos;
      const word = page.toString("latin1", at, at + 7);
      if (word === "# HELP " || word === "# TYPE " || word === "# UNIT ") {
        this.#meta(at + 7, word.slice(2, 6));
      } else if (word.startsWith("# EOF")) {
        const stop = at + 5 + (page[at + 5] === LF ? 1 : 0);
        if (stop !== page.length) refuse(page, stop, "there is something after # EOF");
        return true;
      } else {
        refuse(page, at, "a comment line is HELP, TYPE, UNIT or EOF in OpenMetrics");
      }
    }
    return false;
  }

  #skipBlanks(): void {
    const page = this.#page;
    while (this.#pos < page.length && (CLASS[page[this.#pos] as number] as number) & CHAR.blank) this.#pos++;
  }

  #lineEnd(from: number): number {
    const lf = this.#page.indexOf(LF, from);
    return lf < 0 ? this.#page.length : lf;
  }

  #textComment(): void {
    const page = this.#page;
    const at = this.#pos;
    this.#pos++;
    this.#skipBlanks();
    const word = page.toString("latin1", this.#pos, this.#pos + 4);
    const after = page[this.#pos + 4];
    const isMeta = this.#pos > at + 1 && (word === "HELP" || word === "TYPE") && (after === SPACE || after === 0x09);
    if (!isMeta) {
      this.#pos = this.#lineEnd(this.#pos) + 1;
      return;
    }
    this.#pos += 4;
    this.#skipBlanks();
    this.#meta(this.#pos, word);
  }

  /** Checks a HELP, TYPE or UNIT line; what it says is put together later, and only when somebody asks. */
  #meta(at: number, word: string): void {
    const page = this.#page;
    const stop = endOfFamily(page, at, word);
    const end = this.#lineEnd(stop);
    if (this.#format === "openmetrics" && (page[stop] !== SPACE || end === page.length)) {
      refuse(page, stop, `expected a space and a text after the name in ${word}`);
    }
    const from = Math.min(stop + 1, end);
    this.#pos = end + 1;
    if (word === "TYPE") this.#type = this.#typeAt(from, end);
    else if (!this.#isUtf8 && !isUtf8(page.subarray(from, end))) {
      refuseLine(page, at, `the ${word} text of ${snippet(page, at, stop)} is not valid UTF-8`);
    }
    if (word === "UNIT") this.#checkUnit(at, stop, end);
    this.#metaLines.push(at, stop, end, word === "HELP" ? 0 : word === "TYPE" ? 1 : 2);
  }

  #typeAt(from: number, end: number): MetricType {
    const page = this.#page;
    const type = (this.#format === "text" ? TEXT_TYPES : OPENMETRICS_TYPES).get(page.toString("latin1", from, end));
    if (type !== undefined) return type;
    const hint = page[end - 1] === 0x0d ? ": lines end with CR LF; the format wants LF alone" : "";
    return refuseLine(page, from, `${snippet(page, from, end)} is not a metric type${hint}`);
  }

  #checkUnit(at: number, stop: number, end: number): void {
    const unit = this.#page.toString("utf8", stop + 1, end);
    const family = familyName(this.#page, at, stop);
    if (unit !== "" && !family.endsWith(`_${unit}`)) {
      refuseLine(this.#page, at, `the unit ${snippet(this.#page, stop + 1, end)} does not end the name "${family}"`);
    }
  }

  /** What the lines read so far say of families. */
  described(): readonly Described[] {
    const all: Described[] = [];
    const lines = this.#metaLines;
    for (let i = 0; i < lines.length; i += 4) {
      const [at, stop, end, word] = lines.slice(i, i + 4) as [number, number, number, number];
      const family = familyName(this.#page, at, stop);
      const text = this.#page.toString("utf8", Math.min(stop + 1, end), end);
      if (word === 0) all.push({ family, what: { help: this.#helpText(text) } });
      else if (word === 1) all.push({ family, what: { type: OPENMETRICS_TYPES.get(text) ?? "unknown" } });
      else all.push({ family, what: { unit: text } });
    }
    return all;
  }

  #helpText(text: string): string {
    // A text page leaves quotes alone in help; nothing but blanks is an empty help.
    if (this.#format === "openmetrics") return unescapeLabel(text);
    if (/^[ \t]*$/.test(text)) return "";
    return text.replace(/\\[\\n]/g, (pair) => (pair === "\\n" ? "\n" : "\\"));
  }

  #sample(): void {
    const page = this.#page;
    const start = this.#pos;
    const c = page[start] as number;
    if (!((CLASS[c] as number) & CHAR.metricStart) && c !== 0x7b) this.#badStart(start);
    this.series.push(this.#seriesAt(start));
    this.#suffix();
    this.complete++;
    this.#listener?.sample(this.#type);
  }

  #badStart(at: number): never {
    if (this.samples.length === 0 && this.#page[at] === 0x3c) {
      refuseLine(this.#page, at, "the body is HTML, not metrics", "check the port and metrics_path of the target");
    }
    refuse(this.#page, at, "expected a metric name");
  }

  /** Moves past the series text. A text seen before costs one scan to its end and one map look-up. */
  #seriesAt(start: number): PageSeries {
    const page = this.#page;
    const stop = this.#endOfSeries(start);
    if (stop > 0) {
      const key = page.toString("latin1", start, stop);
      const series = this.#texts.find(key, this.#type, this.#format);
      if (series !== undefined) {
        this.#pos = stop;
        return series;
      }
    }
    const [series, after] = this.#texts.parse(page, start, page.length, this.#format, this.#type);
    this.#pos = after;
    return series;
  }

  /** End of `name{…}` found by its closing brace alone; -1 when there is none. Checks nothing. */
  #endOfSeries(start: number): number {
    const page = this.#page;
    const end = page.length;
    let i = start;
    while (i < end && (CLASS[page[i] as number] as number) & CHAR.metric) i++;
    const nameEnd = i;
    if (this.#format === "text") while (i < end && (CLASS[page[i] as number] as number) & CHAR.blank) i++;
    if (page[i] !== 0x7b) return nameEnd;
    for (i++; i < end; i++) {
      const c = page[i];
      if (c === 0x7d) return i + 1;
      if (c === 0x22) {
        i = endOfString(page, i, end) - 1;
        if (i < 0) return -1;
      }
    }
    return -1;
  }

  #suffix(): void {
    const page = this.#page;
    const index = this.samples.add();
    const strict = this.#format === "openmetrics";
    if (strict) {
      if (page[this.#pos] !== SPACE) refuse(page, this.#pos, "expected a space and a value after the metric");
      this.#pos++;
    } else {
      this.#skipBlanks();
    }
    const start = this.#pos;
    const stop = endOfValue(page, start, page.length, this.#format);
    if (stop === start) refuse(page, start, "expected a value after the metric");
    if (!parseFloatInto(this.samples.values, index, page, start, stop)) {
      const hint = page[stop - 1] === 0x0d ? ": lines end with CR LF; the format wants LF alone" : "";
      refuseLine(page, start, `${snippet(page, start, stop)} is not a number${hint}`);
    }
    this.#listener?.token(TOKEN.value, start, stop);
    this.#pos = stop;
    if (!strict) this.#textEnd(index);
    else this.#openMetricsEnd(index);
  }

  #textEnd(index: number): void {
    const page = this.#page;
    this.#skipBlanks();
    const at = this.#pos;
    if (at < page.length && page[at] !== LF) {
      let stop = at;
      while (stop < page.length && ((page[stop] as number) - 0x30) >>> 0 <= 9) stop++;
      this.#timestamp(index, at, stop);
      this.#skipBlanks();
      if (this.#pos < page.length && page[this.#pos] !== LF) {
        refuse(page, this.#pos, "expected the end of the line after the timestamp");
      }
    }
    this.#pos++;
  }

  #openMetricsEnd(index: number): void {
    const page = this.#page;
    if (page[this.#pos] === SPACE && !startsExemplar(page, this.#pos)) {
      const at = this.#pos + 1;
      this.#timestamp(index, at, endOfValue(page, at, page.length, this.#format));
    }
    if (startsExemplar(page, this.#pos)) {
      const stop = readExemplar(page, this.#pos, page.length);
      if (stop < 0) refuse(page, this.#pos, "the exemplar is broken");
      this.#listener?.token(TOKEN.exemplar, this.#pos, stop);
      this.exemplars++;
      this.#pos = stop;
    }
    if (this.#pos >= page.length) refuseLine(page, this.#pos, "the page does not end with # EOF");
    if (page[this.#pos] !== LF) refuse(page, this.#pos, "expected a timestamp, an exemplar or the end of the line");
    this.#pos++;
  }

  #timestamp(index: number, at: number, stop: number): void {
    this.samples.setTimestamp(index, 0);
    if (!readTimestamp(this.samples.timestamps, index, this.#page, at, stop, this.#format)) {
      refuse(this.#page, at, "expected a timestamp or the end of the line");
    }
    this.#listener?.token(TOKEN.timestamp, at, stop);
    this.#pos = stop;
  }
}
