/**
 * Exposition pages in, columns out: Prometheus text 0.0.4 and OpenMetrics 1.0.
 *
 * A parser belongs to one target and learns its pages. A page that differs from the last one in values only is
 * replayed, see `replay.ts`; anything else falls back to the full scan, so the replay can only be faster, never
 * different.
 */
import type { PageFormat, ParsedPage } from "./page.ts";
import { PageReplay } from "./replay.ts";
import { PageScan } from "./scan.ts";
import { SeriesCache } from "./series.ts";

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
  readonly replay: PageReplay;
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
    if (!learned.replay.take(page)) return undefined;
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
    if (page.length <= REPLAY_BYTES_MAX && page.indexOf(0) < 0) {
      const replay = new PageReplay(page, scan.tokens, scan.samples, format);
      this.#learned = { scan, format, result, replay };
    }
    scan.tokens.clear();
    return result;
  }
}

/** One page without a history. @throws UserError `bad-exposition`. */
export function parsePage(page: Uint8Array, format: PageFormat): ParsedPage {
  return createPageParser().parse(page, format);
}
