/**
 * One sample line of an OpenMetrics or Prometheus text file with timestamps. In: the line. Out: labels, value, time in
 * milliseconds. Exemplars are passed over, but for the one that says a stale marker stood there. The scraper has a faster parser; this one favours a clear complaint.
 */
import { Labels, METRIC_NAME } from "../model/labels.ts";
import type { Timestamp } from "../model/sample.ts";

export interface SampleLine {
  readonly labels: Labels;
  readonly value: number;
  readonly t: Timestamp;
  /** A stale marker, whose value means nothing. */
  readonly stale: boolean;
}

/** Behind a value of NaN, as an exemplar: the format has no stale markers, and other readers take the NaN alone. */
export const STALE_EXEMPLAR: string = '# {opsmon="stale"} 1';

const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const LABEL_NAME = /[a-zA-Z_][a-zA-Z0-9_]*/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;
const NUMBER = /^[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)$/;

class Cursor {
  at = 0;
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.text);
    if (match === null) return undefined;
    this.at = pattern.lastIndex;
    return match[1] ?? match[0];
  }
  skipSpace(): void {
    while (this.text[this.at] === " " || this.text[this.at] === "\t") this.at++;
  }
  eat(character: string): boolean {
    this.skipSpace();
    if (this.text[this.at] !== character) return false;
    this.at++;
    return true;
  }
}

function unescape(text: string): string {
  return text.replace(/\\(.)/g, (_, ch: string) => (ch === "n" ? "\n" : ch));
}

function readLabels(cursor: Cursor, pairs: [string, string][]): string | undefined {
  while (!cursor.eat("}")) {
    cursor.skipSpace();
    const quoted = cursor.take(QUOTED);
    const name = quoted === undefined ? cursor.take(LABEL_NAME) : unescape(quoted);
    if (name === undefined) return `expected a label name at column ${cursor.at + 1}`;
    if (cursor.eat("=")) {
      cursor.skipSpace();
      const value = cursor.take(QUOTED);
      if (value === undefined) return `expected a quoted value at column ${cursor.at + 1}`;
      pairs.push([name, unescape(value)]);
    } else if (quoted !== undefined) {
      pairs.push([METRIC_NAME, name]);
    } else {
      return `expected "=" at column ${cursor.at + 1}`;
    }
    if (!cursor.eat(",") && cursor.text[cursor.at] !== "}") return `expected "," or "}" at column ${cursor.at + 1}`;
  }
  return undefined;
}

function readNumber(text: string): number | undefined {
  if (NUMBER.test(text)) return Number(text);
  const word = text.toLowerCase();
  if (word === "nan") return Number.NaN;
  if (word === "inf" || word === "+inf" || word === "infinity" || word === "+infinity") return Number.POSITIVE_INFINITY;
  return word === "-inf" || word === "-infinity" ? Number.NEGATIVE_INFINITY : undefined;
}

/** Reads one sample line. @returns a sentence when it is none. */
export function parseSampleLine(line: string): SampleLine | string {
  const cursor = new Cursor(line);
  const pairs: [string, string][] = [];
  cursor.skipSpace();
  const name = cursor.take(NAME);
  if (name !== undefined) pairs.push([METRIC_NAME, name]);
  if (cursor.eat("{")) {
    const complaint = readLabels(cursor, pairs);
    if (complaint !== undefined) return complaint;
  }
  if (!pairs.some(([label]) => label === METRIC_NAME)) return "a sample needs a metric name";
  const [valueText = "", timeText] = cursor.text.slice(cursor.at).split("#", 1)[0]?.trim().split(/\s+/) ?? [];
  const value = readNumber(valueText);
  if (value === undefined) return `"${valueText}" is not a number`;
  const seconds = timeText === undefined ? undefined : readNumber(timeText);
  if (seconds === undefined) return "a sample needs a timestamp in seconds";
  const t = Math.round(seconds * 1_000);
  if (!Number.isSafeInteger(t)) return `"${timeText}" is not a time`;
  const stale = Number.isNaN(value) && line.endsWith(STALE_EXEMPLAR);
  return { labels: Labels.from(pairs), value, t, stale };
}
