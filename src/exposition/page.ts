/**
 * A parsed page: samples as columns, in page order.
 *
 * The point of the shape is the second page of a target. Its series sit where they sat before, so `layout` keeps
 * its number, `series` is the very same array, and a scrape needs to look at `values` only.
 */
import type { Labels } from "../model/labels.ts";
import type { Metadata } from "../model/metadata.ts";

/** `text` is Prometheus text 0.0.4 with quoted names; `openmetrics` is OpenMetrics 1.0. */
export type PageFormat = "text" | "openmetrics";

/** One series as the page names it. The object stays the same from page to page while the series stays. */
export interface PageSeries {
  /** With `__name__`; labels with an empty value are not in it. */
  readonly labels: Labels;
  /** Names the page gave an empty value; with `honor_labels` they remove the target's own label. */
  readonly blank: readonly string[];
}

export interface ParsedPage {
  /** The same number as the page before: the same series at the same indexes. */
  readonly layout: number;
  readonly count: number;
  /** `series[i]`, i < count. */
  readonly series: readonly PageSeries[];
  /** `values[i]`, i < count; the array may be longer. Borrowed: overwritten by the next page. */
  readonly values: Float64Array;
  /** Unix ms, NaN where the line has none; undefined when no line has one. Borrowed as `values`. */
  readonly timestamps: Float64Array | undefined;
  /** By family name as the page writes it; put together on the first call, the same object while the layout stays. */
  readonly metadata: () => ReadonlyMap<string, Metadata>;
  /** Series texts this parser had not met before this layout. */
  readonly fresh: number;
  /** Exemplars are checked and skipped. */
  readonly exemplars: number;
}
