/**
 * Exposition pages in, columns out: Prometheus text 0.0.4 and OpenMetrics 1.0.
 *
 * A parser belongs to one target and learns its pages. A page that differs from the last one in values only is
 * replayed: the gaps between values are compared eight bytes at a time, unchanged values are not parsed at all,
 * and series keep their indexes. Anything else falls back to the full scan, so the replay can only be faster,
 * never different.
 */
import type { PageFormat, ParsedPage } from "./page.ts";
import { parseFloatInto } from "./float.ts";
import { PageScan } from "./scan.ts";
import { SeriesCache } from "./series.ts";
import { endOfValue, readExemplar, readTimestamp, startsExemplar } from "./suffix.ts";
import { TOKEN } from "./tokens.ts";

export type { PageFormat, PageSeries, ParsedPage } from "./page.ts";

export interface PageParser {
  /**
   * Parses one page. The parser keeps `page` to compare the next one with: do not write into it until another page
   * was parsed or refused.
   *
   * @throws UserError `bad-exposition` with `line N: …`; nothing of such a page is usable.
   */
  parse(page: Uint8Array, format: PageFormat): ParsedPage;
  /**
   * As `parse`, with breaks: `turn` is asked every few hundred lines and waited for when it gives a promise. Only one
   * page at a time.
   */
  parseInTurns(page: Uint8Array, format: PageFormat, turn: () => Promise<void> | undefined): Promise<ParsedPage>;
  /** Samples read by the last `parse`, also when it threw. */
  readonly seen: number;
  /** Pages that were replayed rather than scanned, since the parser was made. */
  readonly replayed: number;
}

/** The cache may hold this many times the series of a page before the others are forgotten. */
const CACHE_SLACK = 2;

interface Learned {
  readonly scan: PageScan;
  readonly format: PageFormat;
  readonly result: ParsedPage;
  page: Uint8Array;
  view: DataView;
  starts: Uint32Array;
  ends: Uint32Array;
  spareStarts: Uint32Array;
  spareEnds: Uint32Array;
}

/** A larger page is not kept until the next one comes: some 200,000 samples. */
const REPLAY_BYTES_MAX = 16 * 1024 * 1024;
/** Lines between two places where the work may be interrupted: well under a millisecond. */
const STEP_LINES = 256;

export function createPageParser(): PageParser {
  return new Parser();
}

class Parser implements PageParser {
  readonly #cache: SeriesCache = new SeriesCache();
  #learned: Learned | undefined;
  #layout = 0;
  seen = 0;
  replayed = 0;

  parse(page: Uint8Array, format: PageFormat): ParsedPage {
    const known = this.#replay(page, format);
    if (known !== undefined) return known;
    const scan = this.#begin(page, format);
    try {
      scan.step(Number.POSITIVE_INFINITY);
    } finally {
      this.#end(scan);
    }
    return this.#finish(scan, page, format);
  }

  async parseInTurns(page: Uint8Array, format: PageFormat, turn: () => Promise<void> | undefined): Promise<ParsedPage> {
    const known = this.#replay(page, format);
    if (known !== undefined) return known;
    const scan = this.#begin(page, format);
    try {
      while (!scan.step(STEP_LINES)) await turn();
    } finally {
      this.#end(scan);
    }
    return this.#finish(scan, page, format);
  }

  #replay(page: Uint8Array, format: PageFormat): ParsedPage | undefined {
    const learned = this.#learned;
    if (learned === undefined || learned.format !== format) return undefined;
    // What the scanned page says of its families is put together before its memory is its owner's again.
    learned.scan.metadata();
    if (!replay(learned, page)) return undefined;
    this.replayed++;
    this.seen = learned.result.count;
    return learned.result;
  }

  #begin(page: Uint8Array, format: PageFormat): PageScan {
    this.#learned = undefined;
    return new PageScan(Buffer.from(page.buffer, page.byteOffset, page.byteLength), format, this.#cache);
  }

  #end(scan: PageScan): void {
    this.seen = scan.samples.length;
    if (this.#cache.size > CACHE_SLACK * scan.series.length + 64) this.#cache.prune(scan.series);
  }

  #finish(scan: PageScan, page: Uint8Array, format: PageFormat): ParsedPage {
    const result: ParsedPage = {
      layout: ++this.#layout,
      count: scan.samples.length,
      series: scan.series,
      values: scan.samples.values,
      timestamps: scan.samples.timed ? scan.samples.timestamps : undefined,
      metadata: () => scan.metadata(),
      fresh: scan.fresh,
      exemplars: scan.exemplars,
    };
    // Eight NUL bytes would make the comparison as floats inexact (+0 equals -0), so such a page is never replayed.
    if (page.length <= REPLAY_BYTES_MAX && page.indexOf(0) < 0) this.#learned = learn(scan, page, format, result);
    return result;
  }
}

/** One page without a history. @throws UserError `bad-exposition`. */
export function parsePage(page: Uint8Array, format: PageFormat): ParsedPage {
  return createPageParser().parse(page, format);
}

function viewOf(page: Uint8Array): DataView {
  return new DataView(page.buffer, page.byteOffset, page.byteLength);
}

function learn(scan: PageScan, page: Uint8Array, format: PageFormat, result: ParsedPage): Learned {
  const { length, starts, ends } = scan.tokens;
  return {
    scan,
    format,
    result,
    page,
    view: viewOf(page),
    starts: starts.slice(0, length),
    ends: ends.slice(0, length),
    spareStarts: new Uint32Array(length),
    spareEnds: new Uint32Array(length),
  };
}

/**
 * Whether `length` bytes are equal. Eight at a time as float64: UTF-8 text never makes a NaN (which would differ
 * from itself and only cost a full scan), and pages with NUL bytes, which could make +0 and -0, are kept out.
 */
function sameBytes(a: DataView, aFrom: number, b: DataView, bFrom: number, length: number): boolean {
  let i = 0;
  for (; i + 8 <= length; i += 8) {
    if (a.getFloat64(aFrom + i, true) !== b.getFloat64(bFrom + i, true)) return false;
  }
  if (i + 4 <= length) {
    if (a.getInt32(aFrom + i, true) !== b.getInt32(bFrom + i, true)) return false;
    i += 4;
  }
  for (; i < length; i++) if (a.getUint8(aFrom + i) !== b.getUint8(bFrom + i)) return false;
  return true;
}

/** Takes the page's values over when its gaps equal the learned page's; false leaves values undefined. */
function replay(learned: Learned, page: Uint8Array): boolean {
  const { view: oldView, starts, ends, spareStarts, spareEnds } = learned;
  const { kinds } = learned.scan.tokens;
  const view = viewOf(page);
  const end = page.length;
  let pos = 0;
  let oldPos = 0;
  let sample = -1;
  for (let k = 0; k < starts.length; k++) {
    const oldStart = starts[k] as number;
    const gap = oldStart - oldPos;
    if (pos + gap > end || !sameBytes(view, pos, oldView, oldPos, gap)) return false;
    pos += gap;
    const kind = kinds[k] as number;
    if (kind === TOKEN.value) sample++;
    const oldEnd = ends[k] as number;
    const stop = replayToken(learned, kind, sample, page, view, pos, oldStart, oldEnd);
    if (stop < 0) return false;
    spareStarts[k] = pos;
    spareEnds[k] = stop;
    pos = stop;
    oldPos = oldEnd;
  }
  const rest = learned.page.length - oldPos;
  if (end - pos !== rest || !sameBytes(view, pos, oldView, oldPos, rest)) return false;
  learned.page = page;
  learned.view = view;
  learned.starts = spareStarts;
  learned.ends = spareEnds;
  learned.spareStarts = starts;
  learned.spareEnds = ends;
  return true;
}

/** @returns the end of the token in the new page, or -1 when it is not one of that kind. */
function replayToken(
  learned: Learned,
  kind: number,
  sample: number,
  page: Uint8Array,
  view: DataView,
  pos: number,
  oldStart: number,
  oldEnd: number,
): number {
  const { format } = learned;
  const { values, timestamps } = learned.scan.samples;
  const end = page.length;
  if (kind === TOKEN.exemplar) return startsExemplar(page, pos) ? readExemplar(page, pos, end) : -1;
  const length = oldEnd - oldStart;
  const same = pos + length <= end && sameBytes(view, pos, learned.view, oldStart, length);
  const stop = endOfValue(page, same ? pos + length : pos, end, format);
  if (same && stop === pos + length) return stop;
  if (kind === TOKEN.value) return stop > pos && parseFloatInto(values, sample, page, pos, stop) ? stop : -1;
  return readTimestamp(timestamps, sample, page, pos, stop, format) ? stop : -1;
}
