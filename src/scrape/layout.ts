/**
 * The bridge from a page's indexes to the store's series numbers, made once for a layout and used for every page of
 * it: one array of numbers that is handed to the store again and again.
 */
import type { PagePart, PageSeries, ParsedPage } from "../exposition/page.ts";
import type { Labels } from "../model/labels.ts";
import type { SeriesRef } from "../model/sample.ts";
import type { Appender } from "../storage/storage.ts";
import type { Quarantine } from "./status.ts";
import type { MutateRules } from "./mutate.ts";
import type { Turn } from "./turns.ts";
import { UserError } from "../base/errors.ts";
import { VALUES_SPARE } from "../exposition/page.ts";
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

export interface Layout {
  readonly id: number;
  /** The page's parts, for the next layout to take over: index i of the page has the number refOf[i], … */
  readonly parts: readonly PagePart[];
  readonly seriesOf: ParsedPage["seriesOf"];
  /** … NO_REF when it waits for room, or relabelling dropped it. */
  readonly refOf: Float64Array;
  /** By index, what those that wait for room are to be stored as. */
  readonly waiting: ReadonlyMap<number, Labels>;
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
export const REPORT_ROWS: number = VALUES_SPARE;

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
  const numbers = await numbersOf(page, before, rules, turn);
  const { refOf, waiting } = numbers;
  let kept = waiting.size;
  for (let i = 0; i < page.count; i++) if (refOf[i] !== NO_REF) kept++;
  if (rules.sampleLimit > 0 && kept > rules.sampleLimit) {
    throw new UserError("sample-limit", `the page has ${kept} samples, sample_limit is ${rules.sampleLimit}`);
  }
  const admission = await admit(numbers, appender, rules, turn);
  const pick = new Uint32Array(page.count);
  const timed: { index: number; ref: SeriesRef }[] = [];
  const seen = new Set<SeriesRef>();
  let rows = 0;
  let duplicates = 0;
  for (let i = 0; i < page.count; i++) {
    if (i % STEP_SERIES === 0) await turn();
    const ref = refOf[i] as SeriesRef;
    if (ref === NO_REF) continue;
    const own = rules.honorTimestamps && page.timestamps !== undefined && !Number.isNaN(page.timestamps[i]);
    if (seen.has(ref) && !own) {
      duplicates++;
      continue;
    }
    seen.add(ref);
    if (own) timed.push({ index: i, ref });
    else pick[rows++] = i;
  }
  // Nothing is kept twice: a target's layout stays in memory for as long as its page does.
  const straight = rows === page.count;
  const refs = straight ? refOf : new Float64Array(rows + REPORT_ROWS);
  if (!straight) for (let i = 0; i < rows; i++) refs[i] = refOf[pick[i] as number] as SeriesRef;
  const atOwnTime = refs.subarray(0, rows);
  const tracksTimed = rules.trackTimestampsStaleness && timed.length > 0;
  return {
    id: page.layout,
    parts: page.parts,
    seriesOf: page.seriesOf,
    refOf,
    waiting,
    rows,
    refs,
    pick: straight ? undefined : pick.slice(0, rows),
    timed,
    tracked: tracksTimed ? Float64Array.from(new Set([...atOwnTime, ...timed.map(({ ref }) => ref)])) : atOwnTime,
    kept,
    duplicates,
    ...admission,
  };
}

/** What is known of a page's indexes before new series get numbers. */
interface Numbers {
  /** With room for the scrape's own series behind the page's. */
  readonly refOf: Float64Array;
  /** By index, ascending: kept by relabelling, without a number. */
  readonly waiting: Map<number, Labels>;
}

/** Where the parts of the last layout start that this page has as well, and the series of those that it has not. */
function placesIn(before: Layout, page: ParsedPage): [ReadonlyMap<PagePart, number>, ReadonlyMap<string, number>] {
  const shown = new Set(page.parts);
  const parts = new Map<PagePart, number>();
  const series = new Map<string, number>();
  let first = 0;
  for (const part of before.parts) {
    if (shown.has(part)) parts.set(part, first);
    else before.seriesOf(part).forEach((one, i) => series.set(keyOf(one), first + i));
    first += part.samples;
  }
  return [parts, series];
}

/** Series with equal keys are stored as the same. */
function keyOf({ labels, blank }: PageSeries): string {
  return blank.length === 0 ? labels.key : `${labels.key}\u0000\u0000${blank.join("\u0000")}`;
}

async function numbersOf(
  page: ParsedPage,
  before: Layout | undefined,
  rules: LayoutRules,
  turn: Turn,
): Promise<Numbers> {
  const refOf = new Float64Array(page.count + REPORT_ROWS);
  const waiting = new Map<number, Labels>();
  const [parts, series] = before === undefined ? [] : placesIn(before, page);
  const take = (from: number, to: number): void => {
    refOf[to] = (before as Layout).refOf[from] as SeriesRef;
    const labels = refOf[to] === NO_REF ? (before as Layout).waiting.get(from) : undefined;
    if (labels !== undefined) waiting.set(to, labels);
  };
  let first = 0;
  for (const part of page.parts) {
    await turn();
    const place = parts?.get(part);
    const shown = place === undefined ? page.seriesOf(part) : [];
    for (let i = 0; i < part.samples; i++) {
      if (i % STEP_SERIES === STEP_SERIES - 1) await turn();
      const known = place === undefined ? series?.get(keyOf(shown[i] as PageSeries)) : place + i;
      if (known !== undefined) {
        take(known, first + i);
        continue;
      }
      const labels = mutateLabels(shown[i] as PageSeries, rules);
      if (labels !== undefined) waiting.set(first + i, labels);
    }
    first += part.samples;
  }
  return { refOf, waiting };
}

/** Gives numbers to the new series, while there is room beside those that have one. */
async function admit(
  { refOf, waiting }: Numbers,
  appender: Appender,
  rules: LayoutRules,
  turn: Turn,
): Promise<Pick<Layout, "quarantine" | "limited" | "stored">> {
  const held = new Set<SeriesRef>(refOf);
  held.delete(NO_REF);
  const { seriesMax, budget } = rules;
  const room = budget?.roomFor(rules) ?? Number.POSITIVE_INFINITY;
  const most = Math.min(seriesMax, room);
  const refused =
    room < seriesMax ? new RefusedSeries(budget?.max ?? 0, "job") : new RefusedSeries(seriesMax, "target");
  const full = new RefusedSeries(0, "store");
  let limited = 0;
  let asked = 0;
  for (const [i, labels] of waiting) {
    if (asked++ % STEP_SERIES === 0) await turn();
    if (held.size >= most) {
      refused.add(labels);
      continue;
    }
    const ref = appender.series(labels);
    if (ref === NO_REF) {
      limited++;
      full.add(labels);
      continue;
    }
    refOf[i] = ref;
    held.add(ref);
    waiting.delete(i);
  }
  budget?.hold(rules, held.size);
  return { quarantine: refused.verdict() ?? full.verdict(), limited, stored: held.size };
}
