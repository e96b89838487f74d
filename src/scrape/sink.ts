/**
 * Where a target's pages go: one row a scrape into the store, with `up` and its like behind the samples, stale
 * markers for what is no longer there, and nothing looked up twice.
 *
 * Order inside one target is the caller's promise: `write`, `fail` and `end` never overlap.
 */
import type { ParsedPage } from "../exposition/page.ts";
import type { SeriesRef, Timestamp } from "../model/sample.ts";
import type { Appendable, Appender, AppendResult } from "../storage/storage.ts";
import type { Metadata } from "../model/metadata.ts";
import type { Layout, LayoutRules, TooLong } from "./layout.ts";
import { keepsAll } from "./mutate.ts";
import type { Quarantine } from "./status.ts";
import type { Turn } from "./turns.ts";
import { errorText } from "../base/errors.ts";
import { Labels, METRIC_NAME } from "../model/labels.ts";
import { NO_REF } from "../model/sample.ts";
import { QUARANTINED_METRIC } from "./breaker.ts";
import { buildLayout, REPORT_ROWS } from "./layout.ts";

/** As far ahead of now as a page's own timestamp may be; Prometheus' bound. */
export const AHEAD_MS_MAX = 600_000;
/** A page whose layout changes at each scrape describes its families every so many layouts only. */
const DESCRIBE_EVERY = 50;
/** While series are kept out, the same layout is tried again after so many scrapes: the store may have room by then. */
const RETRY_EVERY = 60;

/** In the order in which they are stored. */
const REPORT = [
  "up",
  "scrape_duration_seconds",
  "scrape_samples_scraped",
  "scrape_samples_post_metric_relabeling",
  "scrape_series_added",
] as const;

export interface WriteSummary {
  readonly kept: number;
  readonly added: number;
  readonly duplicates: number;
  /** Samples left out because their own time is too far ahead or too old for the store. */
  readonly outOfBounds: number;
  /** Series the store refused. */
  readonly limited: number;
  readonly quarantine: Quarantine | undefined;
  /** Series left out because of their labels. */
  readonly tooLong: TooLong | undefined;
  /** Why the store could not make the samples durable; "" when it did. The target has no part in it. */
  readonly unsaved: string;
}

/** When a scrape was, and how long. */
export interface ScrapeTimes {
  /** Carried by its samples. */
  readonly at: Timestamp;
  /** The clock's, to judge the page's own times by. */
  readonly now: Timestamp;
  /** Asked at the last moment, so that it covers the parsing. */
  readonly durationMs: () => number;
  /** Asked where a page of many new series may be interrupted. */
  readonly turn: Turn;
  /** Throws when the scrape's time is up; asked until the store has been told of the page. */
  readonly inTime?: () => void;
}

export interface SampleSink {
  /**
   * Stores a page and commits, at once when its layout is known. A store that cannot commit is told in the summary, not thrown: a full disk must not
   * look like a fleet that is down.
   *
   * @throws UserError `sample-limit`, `label-limit`, `no-metric-name`; the caller then calls `fail`.
   */
  write(page: ParsedPage, scrape: ScrapeTimes): WriteSummary | Promise<WriteSummary>;
  /** The scrape failed: everything the target had goes stale, `up` is 0. */
  fail(at: Timestamp, scraped: number, durationMs: number): Promise<void>;
  /** Series that have samples and no stale marker yet. */
  alive(): Float64Array;
  /** The target is gone: stale markers for its samples and for `up` itself. */
  end(at: Timestamp): Promise<void>;
}

export interface SinkOptions {
  /** The sink of the same target under older rules: what it had and the new rules drop goes stale. */
  readonly before?: SampleSink | undefined;
  /** False leaves `up` and its like to another sink of the same target; default true. */
  readonly report?: boolean;
}

export function createSampleSink(appendable: Appendable, rules: LayoutRules, options: SinkOptions = {}): SampleSink {
  return new Sink(appendable, rules, options);
}

const NOTHING = new Float64Array(0);
const NOTHING_COMMITTED: AppendResult = { accepted: 0, duplicate: 0, outOfBounds: 0, limited: 0 };

class Sink implements SampleSink {
  readonly #appendable: Appendable;
  readonly #rules: LayoutRules;
  /** Empty when another sink reports. */
  readonly #report: readonly Labels[];
  readonly #reportRefs: Float64Array = new Float64Array(REPORT_ROWS);
  #layout: Layout | undefined;
  /** For pages of which not every value is stored. */
  #row: Float64Array | undefined;
  #alive: Float64Array;
  #reported: boolean;
  /** Kept: it is empty between two scrapes. */
  #appender: Appender | undefined;
  /** Of the last scrape that was saved, and its layout. */
  #summary: WriteSummary | undefined;
  #summaryOf: Layout | undefined;
  #sinceDescribed = 0;
  #sinceBuilt = 0;
  /** The series that tells of the quarantine, while there is one. */
  #told: { readonly key: string; readonly ref: SeriesRef } | undefined;

  constructor(appendable: Appendable, rules: LayoutRules, { before, report = true }: SinkOptions) {
    this.#alive = before?.alive() ?? NOTHING;
    this.#reported = before !== undefined;
    this.#appendable = appendable;
    this.#rules = rules;
    const names = report ? REPORT : [];
    this.#report = names.map((name) => Labels.from([...rules.target, [METRIC_NAME, name]]));
  }

  write(page: ParsedPage, scrape: ScrapeTimes): WriteSummary | Promise<WriteSummary> {
    const appender = (this.#appender ??= this.#appendable.appender());
    const known = this.#layout;
    const usual = known?.id === page.layout && known.quarantine === undefined && known.limited === 0;
    if (!usual) return this.#writeAnew(appender, page, scrape);
    try {
      return this.#write(appender, page, scrape, known, 0);
    } catch (error) {
      appender.rollback();
      throw error;
    }
  }

  /** A page with another layout than the one before, or with series that wait for room. */
  async #writeAnew(appender: Appender, page: ParsedPage, scrape: ScrapeTimes): Promise<WriteSummary> {
    try {
      const before = this.#layout;
      const layout = await this.#layoutFor(page, appender, scrape);
      const added = layout === before ? 0 : await countNew(layout, before, scrape.turn);
      if (this.#alive !== layout.tracked && this.#alive.length > 0)
        await appendGone(appender, this.#alive, layout.tracked, scrape);
      return await this.#write(appender, page, scrape, layout, added);
    } catch (error) {
      appender.rollback();
      throw error;
    }
  }

  #write(
    appender: Appender,
    page: ParsedPage,
    scrape: ScrapeTimes,
    layout: Layout,
    added: number,
  ): WriteSummary | Promise<WriteSummary> {
    const { at, now, durationMs } = scrape;
    const { rows, refs } = layout;
    this.#fillReport(appender, refs, rows);
    this.#tellQuarantine(appender, layout.quarantine, at);
    const row = this.#fillRow(layout, page);
    const ahead = this.#appendTimed(appender, layout, page, now);
    row[rows] = 1;
    row[rows + 1] = durationMs() / 1_000;
    row[rows + 2] = page.count;
    row[rows + 3] = layout.kept;
    row[rows + 4] = added;
    appender.appendRow(refs, at, row, rows + this.#report.length);
    // From here on the layout counts: a failing commit must not make the next scrape forget what was stored.
    this.#layout = layout;
    this.#alive = layout.tracked;
    this.#reported = true;
    try {
      const result = appender.commitNow();
      if (!(result instanceof Promise)) return this.#sum(layout, added, ahead, result);
      return result.then(
        (late) => this.#sum(layout, added, ahead, late),
        (error: unknown) => unsaved(layout, added, ahead, error),
      );
    } catch (error) {
      return unsaved(layout, added, ahead, error);
    }
  }

  /** The summary of the scrape before when this one went the same way. */
  #sum(layout: Layout, added: number, ahead: number, result: AppendResult): WriteSummary {
    const last = this.#summary;
    const same =
      last !== undefined &&
      this.#summaryOf === layout &&
      added === last.added &&
      last.outOfBounds === ahead + result.outOfBounds &&
      last.duplicates === layout.duplicates + result.duplicate;
    if (same) return last;
    this.#summaryOf = layout;
    return (this.#summary = summary(layout, added, ahead, result));
  }

  async fail(at: Timestamp, scraped: number, durationMs: number): Promise<void> {
    const appender = this.#appendable.appender();
    try {
      this.#tellQuarantine(appender, undefined, at);
      // Without rules that drop any, what was read is what would have stayed.
      const stayed = keepsAll(this.#rules) ? scraped : 0;
      const values = Float64Array.of(0, durationMs / 1_000, scraped, stayed, 0);
      if (!this.#appendStaleRow(appender, at, values)) {
        this.#appendStale(appender, at);
        this.#fillReport(appender, this.#reportRefs, 0);
        appender.appendRow(this.#reportRefs, at, values, this.#report.length);
      }
      this.#alive = NOTHING;
      this.#reported = true;
      await appender.commit();
    } catch (error) {
      appender.rollback();
      throw error;
    }
  }

  alive(): Float64Array {
    return this.#alive;
  }

  async end(at: Timestamp): Promise<void> {
    this.#rules.budget?.hold(this.#rules, 0);
    if (this.#alive.length === 0 && !this.#reported) return;
    const appender = this.#appendable.appender();
    try {
      this.#appendStale(appender, at);
      this.#tellQuarantine(appender, undefined, at);
      this.#fillReport(appender, this.#reportRefs, 0);
      if (this.#reported) for (const ref of this.#reportRefs) if (ref !== NO_REF) appender.appendStale(ref, at);
      this.#alive = NOTHING;
      this.#reported = false;
      await appender.commit();
    } catch (error) {
      appender.rollback();
      throw error;
    }
  }

  async #layoutFor(page: ParsedPage, appender: Appender, scrape: ScrapeTimes): Promise<Layout> {
    const { turn } = scrape;
    const known = this.#layout;
    const incomplete = known !== undefined && (known.quarantine !== undefined || known.limited > 0);
    if (known?.id === page.layout && !(incomplete && ++this.#sinceBuilt >= RETRY_EVERY)) return known;
    this.#sinceBuilt = 0;
    const layout = await buildLayout(page, known, appender, this.#rules, scrape);
    if (known === undefined || page.fresh > 0 || ++this.#sinceDescribed >= DESCRIBE_EVERY) {
      this.#sinceDescribed = 0;
      await describe(page, appender, turn);
    }
    return layout;
  }

  #fillReport(appender: Appender, refs: Float64Array, from: number): void {
    if (refs[from] !== NO_REF) return;
    this.#report.forEach((labels, i) => {
      refs[from + i] = appender.series(labels);
    });
  }

  #tellQuarantine(appender: Appender, quarantine: Quarantine | undefined, at: Timestamp): void {
    const key = quarantine === undefined ? "" : `${quarantine.of} ${quarantine.metric} ${quarantine.label}`;
    const told = this.#told;
    if (told !== undefined && told.key !== key) {
      appender.appendStale(told.ref, at);
      this.#told = undefined;
    }
    if (quarantine === undefined) return;
    const { metric, label, of, series } = quarantine;
    this.#told ??= { key, ref: appender.series(quarantineLabels(this.#rules.target, metric, label, of)) };
    if (this.#told.ref !== NO_REF) appender.append(this.#told.ref, at, series);
  }

  /** Values of the page in the order of the layout's rows, and room behind them. */
  #fillRow(layout: Layout, page: ParsedPage): Float64Array {
    const { rows, pick } = layout;
    if (pick === undefined) return page.values;
    if (this.#row === undefined || this.#row.length < rows + REPORT_ROWS)
      this.#row = new Float64Array(rows + REPORT_ROWS);
    const row = this.#row;
    for (let i = 0; i < rows; i++) row[i] = page.values[pick[i] as number] as number;
    return row;
  }

  /** @returns samples left out because they are too far ahead. */
  #appendTimed(appender: Appender, layout: Layout, page: ParsedPage, now: Timestamp): number {
    let ahead = 0;
    for (const { index, ref } of layout.timed) {
      const t = page.timestamps?.[index] as number;
      if (t > now + AHEAD_MS_MAX) ahead++;
      else appender.append(ref, t, page.values[index] as number);
    }
    return ahead;
  }

  /**
   * Everything the last page had goes stale as one row of the same series, which the store takes as it takes a page: a
   * hundred thousand markers one by one would hold up everybody else. @returns false where that is not what is alive.
   */
  #appendStaleRow(appender: Appender, at: Timestamp, report: Float64Array): boolean {
    const layout = this.#layout;
    if (layout === undefined || this.#alive !== layout.tracked || this.#alive.length !== layout.rows) return false;
    const { rows, refs } = layout;
    const values = new Float64Array(rows + REPORT_ROWS);
    values.set(report, rows);
    this.#fillReport(appender, refs, rows);
    const count = rows + this.#report.length;
    appender.appendRow(refs, at, values, count, new Uint8Array(count).fill(1, 0, rows));
    return true;
  }

  #appendStale(appender: Appender, at: Timestamp): void {
    for (const ref of this.#alive) appender.appendStale(ref, at);
  }
}

/** Tells what the page says of its families. */
async function describe(page: ParsedPage, appender: Appender, turn: Turn): Promise<void> {
  const known = new Map<string, Metadata>();
  for (const part of page.parts) {
    await turn();
    for (const { family, what } of page.describedOf(part))
      known.set(family, { type: "unknown", help: "", unit: "", ...known.get(family), ...what });
  }
  for (const [family, metadata] of known) {
    await turn();
    appender.describe(family, metadata);
  }
}

function quarantineLabels(target: Labels, metric: string, label: string, limit: string): Labels {
  const own = new Map([...target, [METRIC_NAME, QUARANTINED_METRIC], ["metric", metric], ["limit", limit]]);
  if (label !== "") own.set("label", label);
  return Labels.from([...own]);
}

/** Series between two places where the work may be interrupted. */
const STEP_SERIES = 1_024;

async function setOf(refs: Float64Array, turn: Turn): Promise<Set<SeriesRef>> {
  const all = new Set<SeriesRef>();
  for (const [i, ref] of refs.entries()) {
    if (i % STEP_SERIES === 0) await turn();
    all.add(ref);
  }
  return all;
}

async function countNew(layout: Layout, before: Layout | undefined, turn: Turn): Promise<number> {
  if (before === undefined) return layout.rows + layout.timed.length;
  const known = await setOf(before.refs.subarray(0, before.rows), turn);
  for (const { ref } of before.timed) known.add(ref);
  let added = 0;
  for (let i = 0; i < layout.rows; i++) {
    if (i % STEP_SERIES === 0) await turn();
    if (!known.has(layout.refs[i] as number)) added++;
  }
  for (const { ref } of layout.timed) if (!known.has(ref)) added++;
  return added;
}

/** Stale markers for what is alive and not on the new page. */
async function appendGone(
  appender: Appender,
  alive: Float64Array,
  tracked: Float64Array,
  { at, turn }: ScrapeTimes,
): Promise<void> {
  const still = await setOf(tracked, turn);
  for (const [i, ref] of alive.entries()) {
    if (i % STEP_SERIES === 0) await turn();
    if (!still.has(ref)) appender.appendStale(ref, at);
  }
}

function unsaved(layout: Layout, added: number, ahead: number, error: unknown): WriteSummary {
  return { ...summary(layout, added, ahead, NOTHING_COMMITTED), unsaved: errorText(error) };
}

function summary(layout: Layout, added: number, ahead: number, result: AppendResult): WriteSummary {
  return {
    kept: layout.kept,
    added,
    duplicates: layout.duplicates + result.duplicate,
    outOfBounds: ahead + result.outOfBounds,
    limited: layout.limited,
    quarantine: layout.quarantine,
    tooLong: layout.tooLong,
    unsaved: "",
  };
}
