/**
 * A parsed page: samples as columns, in page order.
 *
 * The point of the shape is the second page of a target. Its series sit where they sat before, so `layout` keeps
 * its number, `parts` is the very same array, and a scrape needs to look at `values` only.
 */
import type { Labels } from "../model/labels.ts";
import type { Metadata } from "../model/metadata.ts";

/** `text` is Prometheus text 0.0.4 with quoted names; `openmetrics` is OpenMetrics 1.0. */
export type PageFormat = "text" | "openmetrics";

/** One series as the page names it. */
export interface PageSeries {
  /** With `__name__`; labels with an empty value are not in it. */
  readonly labels: Labels;
  /** Names the page gave an empty value; with `honor_labels` they remove the target's own label. */
  readonly blank: readonly string[];
}

/** A HELP, TYPE or UNIT line. */
export interface Described {
  readonly family: string;
  readonly what: Partial<Metadata>;
}

/** What the lines of a section say. */
export interface SectionContents {
  readonly series: readonly PageSeries[];
  readonly described: readonly Described[];
}

/** A piece of a page. Equal pieces are mostly one object, on whichever page they are: who knows one knows its series. */
export interface PagePart {
  readonly samples: number;
}

export interface ParsedPage {
  /** The same number as the page before: the same series at the same indexes. */
  readonly layout: number;
  readonly count: number;
  /** The page in pieces, in order. */
  readonly parts: readonly PagePart[];
  /** The series of a piece, of this page or an earlier one, in order. */
  readonly seriesOf: (part: PagePart) => readonly PageSeries[];
  /** `series[i]`, i < count; put together on each call, so take it out of loops. */
  readonly series: readonly PageSeries[];
  /** `values[i]`, i < count; the array is longer, by VALUES_SPARE at least. Borrowed: overwritten by the next page. */
  readonly values: Float64Array;
  /** Unix ms, NaN where the line has none; undefined when no line has one. Borrowed as `values`. */
  readonly timestamps: Float64Array | undefined;
  /** The HELP, TYPE and UNIT lines of a piece, as `seriesOf`. */
  readonly describedOf: (part: PagePart) => readonly Described[];
  /** By family name as the page writes it; put together on each call, so for a page that may be large `describedOf` is better. */
  readonly metadata: () => ReadonlyMap<string, Metadata>;
  /** Series texts that were not on the page before this layout; of thousands, about as many. */
  readonly fresh: number;
  /** Exemplars are checked and skipped. */
  readonly exemplars: number;
}

/** Room behind a page's values for what its reader adds: a scrape tells five things of itself. */
export const VALUES_SPARE = 5;
