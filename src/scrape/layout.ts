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

/** A series the target has shown: what it is stored as, and its number once it is stored. For the time of building. */
interface SeriesRecord {
  /** Undefined: dropped by relabelling, or stored and no longer needed. */
  labels: Labels | undefined;
  /** Kept by relabelling. */
  readonly kept: boolean;
  ref: SeriesRef;
}

export interface Layout {
  readonly id: number;
  /** The page's series and their numbers, for the next layout to take over; NO_REF: waiting for room, or dropped. */
  readonly series: readonly PageSeries[];
  readonly refOf: Float64Array;
  /** What those that wait for room are to be stored as. */
  readonly waiting: ReadonlyMap<PageSeries, Labels>;
  /** Samples at the scrape's own time: page index `pick[i]` belongs to series `refs[i]`, i < rows. */
  readonly rows: number;
  readonly refs: Float64Array;
  /** Undefined: page index i belongs to `refs[i]`, so values can be copied as a block. */
  readonly pick: Uint32Array | undefined;
  /** Samples with a time of their own. */
  readonly timed: readonly { readonly index: number; readonly ref: SeriesRef }[];
  /** Series that get a stale marker when they disappear. */
  readonly tracked: Float64Array;
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
    } else {
      refs[rows] = ref;
      pick[rows++] = i;
    }
  }
  // Nothing is kept twice: a target's layout stays in memory for as long as its page does.
  const straight = rows === page.count;
  const atOwnTime = refs.subarray(0, rows);
  const tracksTimed = rules.trackTimestampsStaleness && timed.length > 0;
  return {
    id: page.layout,
    series: page.series,
    refOf: straight ? refs : Float64Array.from({ length: page.count }, (_, i) => recordAt(records, page, i).ref),
    waiting: waitingOf(records),
    rows,
    refs,
    pick: straight ? undefined : pick,
    timed,
    tracked: tracksTimed ? Float64Array.from(new Set([...atOwnTime, ...timed.map(({ ref }) => ref)])) : atOwnTime,
    kept,
    duplicates,
    ...admission,
  };
}

function waitingOf(records: ReadonlyMap<PageSeries, SeriesRecord>): ReadonlyMap<PageSeries, Labels> {
  const waiting = new Map<PageSeries, Labels>();
  for (const [series, { labels, ref }] of records)
    if (ref === NO_REF && labels !== undefined) waiting.set(series, labels);
  return waiting;
}

/** What a layout knows of its series. */
function recordsIn({ series, refOf, waiting }: Layout): Map<PageSeries, SeriesRecord> {
  const records = new Map<PageSeries, SeriesRecord>();
  for (const [i, one] of series.entries()) {
    const ref = refOf[i] as SeriesRef;
    const labels = ref === NO_REF ? waiting.get(one) : undefined;
    records.set(one, { labels, kept: ref !== NO_REF || labels !== undefined, ref });
  }
  return records;
}

function recordAt(records: ReadonlyMap<PageSeries, SeriesRecord>, page: ParsedPage, index: number): SeriesRecord {
  return records.get(page.series[index] as PageSeries) as SeriesRecord;
}

async function recordsOf(
  page: ParsedPage,
  layout: Layout | undefined,
  rules: LayoutRules,
  turn: Turn,
): Promise<Map<PageSeries, SeriesRecord>> {
  const records = new Map<PageSeries, SeriesRecord>();
  const before = layout === undefined ? undefined : recordsIn(layout);
  for (let i = 0; i < page.count; i++) {
    if (i % STEP_SERIES === 0) await turn();
    const series = page.series[i] as PageSeries;
    if (records.has(series)) continue;
    const known = before?.get(series);
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
