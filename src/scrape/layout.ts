/**
 * The bridge from a page's indexes to the store's series numbers, made once for a layout and used for every page of
 * it: one array of numbers that is handed to the store again and again.
 */
import type { PageSeries, ParsedPage } from "../exposition/page.ts";
import type { Labels } from "../model/labels.ts";
import type { SeriesRef } from "../model/sample.ts";
import type { Appender } from "../storage/storage.ts";
import type { Quarantine } from "./status.ts";
import type { MutateRules } from "./mutate.ts";
import type { Turn } from "./turns.ts";
import { UserError } from "../base/errors.ts";
import { NO_REF } from "../model/sample.ts";
import { RefusedSeries, type SeriesBudget } from "./breaker.ts";
import { mutateLabels } from "./mutate.ts";

export interface LayoutRules extends MutateRules {
  readonly honorTimestamps: boolean;
  readonly trackTimestampsStaleness: boolean;
  /** Samples after relabelling; more fail the scrape. 0 = no limit. */
  readonly sampleLimit: number;
  /** Series; more are quarantined. */
  readonly seriesMax: number;
  /** Series of all targets of the job; absent: no limit. */
  readonly budget?: SeriesBudget | undefined;
}

/** A series the target has shown: what it is stored as, and its number once it is stored. */
export interface SeriesRecord {
  /** Undefined: dropped by relabelling, or stored and no longer needed. */
  labels: Labels | undefined;
  /** Kept by relabelling. */
  readonly kept: boolean;
  ref: SeriesRef;
}

export interface Layout {
  readonly id: number;
  /** Of the page's series, for the next layout to take over. */
  readonly records: ReadonlyMap<PageSeries, SeriesRecord>;
  /** Samples at the scrape's own time: page index `pick[i]` belongs to series `refs[i]`, i < rows. */
  readonly rows: number;
  readonly refs: Float64Array;
  readonly pick: Uint32Array;
  /** `pick` is 0, 1, 2 …: values can be copied as a block. */
  readonly straight: boolean;
  /** Samples with a time of their own. */
  readonly timed: readonly { readonly index: number; readonly ref: SeriesRef }[];
  /** Series that get a stale marker when they disappear. */
  readonly tracked: ReadonlySet<SeriesRef>;
  /** Samples after relabelling, duplicates and quarantined ones included. */
  readonly kept: number;
  readonly duplicates: number;
  /** Series that have a number. */
  readonly stored: number;
  /** Series the store itself refused. */
  readonly limited: number;
  readonly quarantine: Quarantine | undefined;
}

/** Room behind the rows for the scrape's own series (`up` and its like). */
export const REPORT_ROWS = 5;

/** Series between two places where the work may be interrupted. */
const STEP_SERIES = 256;

/** @throws UserError `sample-limit`, `label-limit`, `no-metric-name`; the appender then holds nothing of the page. */
export async function buildLayout(
  page: ParsedPage,
  before: Layout | undefined,
  appender: Appender,
  rules: LayoutRules,
  turn: Turn,
): Promise<Layout> {
  const records = await recordsOf(page, before, rules, turn);
  let kept = 0;
  for (let i = 0; i < page.count; i++) if (recordAt(records, page, i).kept) kept++;
  if (rules.sampleLimit > 0 && kept > rules.sampleLimit) {
    throw new UserError("sample-limit", `the page has ${kept} samples, sample_limit is ${rules.sampleLimit}`);
  }
  const admission = await admit(records.values(), appender, rules, turn);
  const refs = new Float64Array(kept + REPORT_ROWS);
  const pick = new Uint32Array(kept);
  const timed: { index: number; ref: SeriesRef }[] = [];
  const tracked = new Set<SeriesRef>();
  const seen = new Set<SeriesRef>();
  let rows = 0;
  let duplicates = 0;
  for (let i = 0; i < page.count; i++) {
    const { ref } = recordAt(records, page, i);
    if (ref === NO_REF) continue;
    const own = rules.honorTimestamps && page.timestamps !== undefined && !Number.isNaN(page.timestamps[i]);
    if (seen.has(ref) && !own) {
      duplicates++;
      continue;
    }
    seen.add(ref);
    if (own) {
      timed.push({ index: i, ref });
      if (rules.trackTimestampsStaleness) tracked.add(ref);
    } else {
      refs[rows] = ref;
      pick[rows++] = i;
      tracked.add(ref);
    }
  }
  const straight = rows === page.count;
  return { id: page.layout, records, rows, refs, pick, straight, timed, tracked, kept, duplicates, ...admission };
}

function recordAt(records: ReadonlyMap<PageSeries, SeriesRecord>, page: ParsedPage, index: number): SeriesRecord {
  return records.get(page.series[index] as PageSeries) as SeriesRecord;
}

async function recordsOf(
  page: ParsedPage,
  before: Layout | undefined,
  rules: LayoutRules,
  turn: Turn,
): Promise<Map<PageSeries, SeriesRecord>> {
  const records = new Map<PageSeries, SeriesRecord>();
  for (let i = 0; i < page.count; i++) {
    if (i % STEP_SERIES === 0) await turn();
    const series = page.series[i] as PageSeries;
    if (records.has(series)) continue;
    const known = before?.records.get(series);
    if (known === undefined) records.set(series, newRecord(mutateLabels(series, rules)));
    else records.set(series, known);
  }
  return records;
}

function newRecord(labels: Labels | undefined): SeriesRecord {
  return { labels, kept: labels !== undefined, ref: NO_REF };
}

/** Gives numbers to the new series, while there is room beside those that have one. */
async function admit(
  records: Iterable<SeriesRecord>,
  appender: Appender,
  rules: LayoutRules,
  turn: Turn,
): Promise<Pick<Layout, "quarantine" | "limited" | "stored">> {
  const fresh: SeriesRecord[] = [];
  let stored = 0;
  for (const record of records) {
    if (record.ref !== NO_REF) stored++;
    else if (record.labels !== undefined) fresh.push(record);
  }
  const { seriesMax, budget } = rules;
  const room = budget?.roomFor(rules) ?? Number.POSITIVE_INFINITY;
  const most = Math.min(seriesMax, room);
  const refused =
    room < seriesMax ? new RefusedSeries(budget?.max ?? 0, "job") : new RefusedSeries(seriesMax, "target");
  const full = new RefusedSeries(0, "store");
  let limited = 0;
  for (const [i, record] of fresh.entries()) {
    if (i % STEP_SERIES === 0) await turn();
    const labels = record.labels as Labels;
    if (stored >= most) {
      refused.add(labels);
      continue;
    }
    record.ref = appender.series(labels);
    if (record.ref === NO_REF) {
      limited++;
      full.add(labels);
      continue;
    }
    stored++;
    record.labels = undefined;
  }
  budget?.hold(rules, stored);
  return { quarantine: refused.verdict() ?? full.verdict(), limited, stored };
}
