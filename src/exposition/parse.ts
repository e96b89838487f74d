/**
 * Exposition pages in, columns out: Prometheus text 0.0.4 and OpenMetrics 1.0.
 *
 * A parser belongs to one target and learns its pages. A page that differs from the last one in values only is
 * replayed, see `replay.ts`; anything else falls back to the full scan, so the replay can only be faster, never
 * different.
 */
import type { Metadata, MetricType } from "../model/metadata.ts";
import type { Described, PageFormat, PagePart, PageSeries, ParsedPage, SectionContents } from "./page.ts";
import type { PageSection } from "./section.ts";
import { contentsOf, describedOf, keepContents, metadataOf, seriesOf } from "./contents.ts";
import { type CompareKernel, compareKernel } from "./compare-kernel.ts";
import { PageReplay } from "./replay.ts";
import { PageScan, type ScanListener } from "./scan.ts";
import { SectionCutter } from "./section.ts";
import { type TokenKind, TokenTexts } from "./tokens.ts";

export type { PageFormat, PageSeries, ParsedPage } from "./page.ts";

export interface PageParser {
  /**
   * Parses one page; nothing looks at its bytes afterwards.
   *
   * @throws UserError `bad-exposition` with `line N: …`; nothing of such a page is usable.
   */
  parse(page: Uint8Array, format: PageFormat): ParsedPage;
  /**
   * As `parse`, with breaks: `turn` is asked every few hundred lines and waited for when it gives a promise. Only one
   * page at a time. A page of the usual size that differs from the last one in values only is there at once.
   *
   * @throws as `parse`; a promise that was given rejects with it.
   */
  parseInTurns(
    page: Uint8Array,
    format: PageFormat,
    turn: () => Promise<void> | undefined,
  ): ParsedPage | Promise<ParsedPage>;
  /** A page of the usual size that differs from the last one in values only, at once; undefined for any other. */
  again(page: Uint8Array, format: PageFormat): ParsedPage | undefined;
  /** Samples read by the last `parse`, also when it threw: those before the mistake. */
  readonly seen: number;
  /** Pages that were replayed rather than scanned, since the parser was made. */
  readonly replayed: number;
}

/** Lines, or sections of some dozens of them, between two places where the work may be interrupted. */
const STEP_LINES = 256;
const STEP_SECTIONS = 64;

interface Learned {
  readonly format: PageFormat;
  readonly result: ParsedPage;
  readonly replay: PageReplay;
}

/** @param kernel "none" compares pages in TypeScript alone. */
export function createPageParser(kernel?: CompareKernel | "none"): PageParser {
  return new Parser(kernel);
}

class Parser implements PageParser {
  #learned: Learned | undefined;
  /** Of the page before, also when it has not been learned. */
  #sections: readonly PageSection[] = [];
  #layout = 0;
  readonly #kernel: CompareKernel | "none" | undefined;
  seen = 0;
  replayed = 0;

  constructor(kernel: CompareKernel | "none" | undefined) {
    this.#kernel = kernel;
  }

  parse(page: Uint8Array, format: PageFormat): ParsedPage {
    const replay = this.#beginReplay(page, format);
    if (replay !== undefined) {
      const result = this.#endReplay(replay.step(Number.POSITIVE_INFINITY));
      if (result !== undefined) return result;
    }
    const learning = this.#begin(page, format);
    try {
      learning.scan.step(Number.POSITIVE_INFINITY);
    } finally {
      this.seen = learning.scan.complete;
    }
    return this.#finish(learning);
  }

  parseInTurns(
    page: Uint8Array,
    format: PageFormat,
    turn: () => Promise<void> | undefined,
  ): ParsedPage | Promise<ParsedPage> {
    const known = this.again(page, format);
    if (known !== undefined) return known;
    const replay = this.#beginReplay(page, format);
    if (replay === undefined) return this.#learnInTurns(page, format, turn);
    return this.#replayInTurns(replay, page, format, turn);
  }

  again(page: Uint8Array, format: PageFormat): ParsedPage | undefined {
    const replay = this.#beginReplay(page, format);
    if (replay === undefined || replay.left > STEP_SECTIONS) return undefined;
    const result = this.#endReplay(replay.step(STEP_SECTIONS));
    if (result === undefined) this.#learned = undefined;
    return result;
  }

  async #replayInTurns(
    replay: PageReplay,
    page: Uint8Array,
    format: PageFormat,
    turn: () => Promise<void> | undefined,
  ): Promise<ParsedPage> {
    let same = replay.step(STEP_SECTIONS);
    while (same && replay.left > 0) {
      await turn();
      same = replay.step(STEP_SECTIONS);
    }
    return this.#endReplay(same) ?? this.#learnInTurns(page, format, turn);
  }

  async #learnInTurns(
    page: Uint8Array,
    format: PageFormat,
    turn: () => Promise<void> | undefined,
  ): Promise<ParsedPage> {
    const learning = this.#begin(page, format);
    try {
      while (!learning.scan.step(STEP_LINES)) {
        this.seen = learning.scan.complete;
        await turn();
      }
    } finally {
      this.seen = learning.scan.complete;
    }
    await turn();
    return this.#finish(learning);
  }

  #beginReplay(page: Uint8Array, format: PageFormat): PageReplay | undefined {
    const learned = this.#learned;
    if (learned === undefined || learned.format !== format) return undefined;
    learned.replay.begin(page);
    return learned.replay;
  }

  #endReplay(same: boolean): ParsedPage | undefined {
    if (!same) return undefined;
    const { result } = this.#learned as Learned;
    this.replayed++;
    this.seen = result.count;
    return result;
  }

  #begin(page: Uint8Array, format: PageFormat): Learning {
    this.#learned = undefined;
    return new Learning(Buffer.from(page.buffer, page.byteOffset, page.byteLength), format);
  }

  #finish(learning: Learning): ParsedPage {
    const { page, format, scan, texts, sections } = learning.end();
    const fresh = freshOn(sections, this.#sections);
    const result = new Page(++this.#layout, sections, scan, fresh);
    // Eight NUL bytes would make the comparison as floats inexact (+0 equals -0), so such a page is never replayed.
    if (page.indexOf(0) < 0) {
      const replay = new PageReplay(sections, texts, scan.samples, format, this.#kernel ?? compareKernel());
      this.#learned = { format, result, replay };
    }
    this.#sections = sections;
    return result;
  }
}

/** Series held on to until the page is read: those of all usual pages. Others are read again from their section. */
const READ_SERIES_MAX = 131_072;

/** A page that is read in full, and what the next one will be compared with. */
class Learning implements ScanListener {
  readonly page: Buffer;
  readonly format: PageFormat;
  readonly scan: PageScan;
  readonly texts: TokenTexts = new TokenTexts();
  readonly #cutter: SectionCutter;
  readonly #view: DataView;
  /** Holds on to what is read, until all of it is. */
  readonly #contents: SectionContents[] = [];
  #told = 0;

  constructor(page: Buffer, format: PageFormat) {
    this.page = page;
    this.format = format;
    this.#view = new DataView(page.buffer, page.byteOffset, page.byteLength);
    this.#cutter = new SectionCutter(page, format);
    this.scan = new PageScan(page, format, "unknown", this);
  }

  get sections(): readonly PageSection[] {
    return this.#cutter.sections;
  }

  token(kind: TokenKind, start: number, end: number): void {
    this.texts.push(this.#view, start, end);
    this.#cutter.token(kind, start, end);
  }

  sample(type: MetricType): void {
    if (this.#cutter.sample(type)) this.#tell();
  }

  end(): this {
    if (this.#cutter.end()) this.#tell();
    this.texts.trim();
    this.scan.samples.trim();
    return this;
  }

  #tell(): void {
    const section = this.sections.at(-1) as PageSection;
    const series = this.scan.series.splice(0);
    // A page of a million would be in memory as objects before anybody knows how many of them are wanted.
    if (this.#told >= READ_SERIES_MAX) return;
    this.#told += series.length;
    this.#contents.push(section.contents?.deref() ?? keepContents(section, series));
  }
}

class Page implements ParsedPage {
  readonly layout: number;
  readonly count: number;
  readonly parts: readonly PageSection[];
  readonly values: Float64Array;
  readonly timestamps: Float64Array | undefined;
  readonly fresh: number;
  readonly exemplars: number;

  constructor(layout: number, sections: readonly PageSection[], { samples, exemplars }: PageScan, fresh: number) {
    this.layout = layout;
    this.count = samples.length;
    this.parts = sections;
    this.values = samples.values;
    this.timestamps = samples.timed ? samples.timestamps : undefined;
    this.fresh = fresh;
    this.exemplars = exemplars;
  }

  get series(): readonly PageSeries[] {
    return seriesOf(this.parts);
  }

  /** Parts are sections: a target's pages are all made here. */
  readonly seriesOf = (part: PagePart): readonly PageSeries[] => contentsOf(part as PageSection).series;

  readonly describedOf = (part: PagePart): readonly Described[] => describedOf(part as PageSection);

  readonly metadata = (): ReadonlyMap<string, Metadata> => metadataOf(this.parts);
}

/** Series compared one by one: some milliseconds. */
const COMPARED_MAX = 4_096;

/** Series that stand in `sections` and not in `before`. */
function freshOn(sections: readonly PageSection[], before: readonly PageSection[]): number {
  const now = new Set(sections);
  const old = new Set(before);
  const added = sections.filter((section) => !old.has(section));
  const gone = before.filter((section) => !now.has(section));
  const count = added.reduce((sum, { samples }) => sum + samples, 0);
  // Where much is new there is no need to know how much exactly.
  if (count === 0 || gone.length === 0 || count > COMPARED_MAX) return count;
  const keys = new Set(seriesOf(gone).map(({ labels }) => labels.key));
  return seriesOf(added).filter(({ labels }) => !keys.has(labels.key)).length;
}

/** One page without a history. @throws UserError `bad-exposition`. */
export function parsePage(page: Uint8Array, format: PageFormat): ParsedPage {
  return createPageParser().parse(page, format);
}
