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
import { lengthTrouble } from "../model/label-length.ts";
import { keepsAll, mutateLabels } from "./mutate.ts";

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
  /** … NO_REF when it has none, and `states` says why. */
  readonly refOf: Float64Array;
  readonly states: Uint8Array;
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
  readonly tooLong: TooLong | undefined;
}

/** Series whose labels are longer than the store takes. */
export interface TooLong {
  readonly series: number;
  /** What is wrong with the first of them. */
  readonly why: string;
}

/** Room behind the rows for the scrape's own series (`up` and its like). */
export const REPORT_ROWS: number = VALUES_SPARE;

/** Series between two places where the work may be interrupted. */
const STEP_SERIES = 256;
/** Why an index has no number: relabelling dropped it (or it has one), it waits for room, its labels are too long. */
const STATE = { settled: 0, waits: 1, tooLong: 2 } as const;
/** Parts of a page whose refused series are looked at to name what grows; of a page of a million every twentieth. */
const EXAMINED_PARTS_MAX = 1_000;

export interface LayoutTurns {
  readonly turn: Turn;
  /** Throws when time is up. Not asked once series get numbers: those of a scrape that fails would be in memory for nothing. */
  readonly inTime?: (() => void) | undefined;
}

/** @throws UserError `sample-limit`, `label-limit`, `no-metric-name`; the appender then holds nothing of the page. */
export async function buildLayout(
  page: ParsedPage,
  before: Layout | undefined,
  appender: Appender,
  rules: LayoutRules,
  { turn, inTime = () => undefined }: LayoutTurns,
): Promise<Layout> {
  const inTurns = (): Promise<void> | undefined => {
    inTime();
    return turn();
  };
  const numbers = await numbersOf(page, before, rules, inTurns);
  const { refOf, states } = numbers;
  let kept = 0;
  for (let i = 0; i < page.count; i++) {
    if (i % STEP_SERIES === 0) await turn();
    if (refOf[i] !== NO_REF || states[i] === STATE.waits) kept++;
  }
  if (rules.sampleLimit > 0 && kept > rules.sampleLimit) {
    throw new UserError("sample-limit", `the page has ${kept} samples, sample_limit is ${rules.sampleLimit}`);
  }
  const admission = await admit(page, numbers, appender, rules, turn);
  const rows = await rowsOf(page, refOf, rules, turn);
  return {
    id: page.layout,
    parts: page.parts,
    seriesOf: page.seriesOf,
    refOf,
    states,
    kept,
    tooLong: numbers.tooLong.told(),
    ...rows,
    ...admission,
  };
}

type Rows = Pick<Layout, "rows" | "refs" | "pick" | "timed" | "tracked" | "duplicates">;

/** Which of the page's samples go where. */
async function rowsOf(page: ParsedPage, refOf: Float64Array, rules: LayoutRules, turn: Turn): Promise<Rows> {
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
  const tracked = tracksTimed ? await allOf(atOwnTime, timed, turn) : atOwnTime;
  return { rows, refs, pick: straight ? undefined : pick.slice(0, rows), timed, tracked, duplicates };
}

/** Both, each once. */
async function allOf(refs: Float64Array, timed: Layout["timed"], turn: Turn): Promise<Float64Array> {
  const all = new Float64Array(refs.length + timed.length);
  all.set(refs);
  const seen = new Set<SeriesRef>();
  let length = refs.length;
  for (const [i, { ref }] of timed.entries()) {
    if (i % STEP_SERIES === 0) await turn();
    if (seen.has(ref)) continue;
    seen.add(ref);
    all[length++] = ref;
  }
  return all.slice(0, length);
}

/** What is known of a page's indexes before new series get numbers. */
interface Numbers {
  /** With room for the scrape's own series behind the page's. */
  readonly refOf: Float64Array;
  readonly states: Uint8Array;
  /** Labels of the first that wait, as many as could find room at all; those of others are read again when needed. */
  readonly ready: Map<number, Labels>;
  readonly tooLong: TooLongCount;
}

class TooLongCount {
  #series = 0;
  #why = "";

  add(why: string, series = 1): void {
    this.#series += series;
    if (this.#why === "") this.#why = why;
  }

  told(): TooLong | undefined {
    return this.#series === 0 ? undefined : { series: this.#series, why: this.#why };
  }
}

/** Where the parts of the last layout start that this page has as well, and the series of those that it has not. */
async function placesIn(
  before: Layout,
  page: ParsedPage,
  turn: Turn,
): Promise<[ReadonlyMap<PagePart, number>, ReadonlyMap<string, number>]> {
  const shown = new Set(page.parts);
  const parts = new Map<PagePart, number>();
  const series = new Map<string, number>();
  let first = 0;
  for (const part of before.parts) {
    await turn();
    if (shown.has(part)) parts.set(part, first);
    else if (before.refOf.subarray(first, first + part.samples).some((ref) => ref !== NO_REF))
      before.seriesOf(part).forEach((one, i) => series.set(keyOf(one), first + i));
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
  const states = new Uint8Array(page.count);
  const ready = new Map<number, Labels>();
  const tooLong = new TooLongCount();
  const [parts, series] = before === undefined ? [] : await placesIn(before, page, turn);
  const take = (from: number, to: number): void => {
    refOf[to] = before?.refOf[from] as SeriesRef;
    states[to] = before?.states[from] as number;
    if (states[to] === STATE.tooLong) tooLong.add(before?.tooLong?.why ?? "");
  };
  const readsAll = !keepsAll(rules);
  let first = 0;
  for (const part of page.parts) {
    await turn();
    const place = parts?.get(part);
    if (place === undefined && !readsAll && ready.size >= rules.seriesMax && (series?.size ?? 0) === 0) {
      states.fill(STATE.waits, first, (first += part.samples));
      continue;
    }
    const shown = place === undefined ? page.seriesOf(part) : [];
    for (let i = 0; i < part.samples; i++) {
      if (i % STEP_SERIES === STEP_SERIES - 1) await turn();
      const known = place === undefined ? series?.get(keyOf(shown[i] as PageSeries)) : place + i;
      if (known !== undefined) {
        take(known, first + i);
        continue;
      }
      const why = lengthTrouble((shown[i] as PageSeries).labels);
      if (why !== undefined) {
        tooLong.add(why);
        states[first + i] = STATE.tooLong;
        continue;
      }
      const labels = mutateLabels(shown[i] as PageSeries, rules);
      if (labels === undefined) continue;
      states[first + i] = STATE.waits;
      if (ready.size < rules.seriesMax) ready.set(first + i, labels);
    }
    first += part.samples;
  }
  return { refOf, states, ready, tooLong };
}

/** Gives numbers to the new series, while there is room beside those that have one. */
async function admit(
  page: ParsedPage,
  { refOf, states, ready }: Numbers,
  appender: Appender,
  rules: LayoutRules,
  turn: Turn,
): Promise<Pick<Layout, "quarantine" | "limited" | "stored">> {
  const held = new Set<SeriesRef>();
  for (let i = 0; i < page.count; i++) {
    if (i % STEP_SERIES === 0) await turn();
    if (refOf[i] !== NO_REF) held.add(refOf[i] as SeriesRef);
  }
  const { seriesMax, budget } = rules;
  const room = budget?.roomFor(rules) ?? Number.POSITIVE_INFINITY;
  const most = Math.min(seriesMax, room);
  const refused =
    room < seriesMax ? new RefusedSeries(budget?.max ?? 0, "job") : new RefusedSeries(seriesMax, "target");
  const full = new RefusedSeries(0, "store");
  const stride = Math.ceil(page.parts.length / EXAMINED_PARTS_MAX);
  let first = 0;
  for (const [p, part] of page.parts.entries()) {
    let shown: readonly PageSeries[] | undefined;
    const labelsAt = (i: number): Labels | undefined =>
      ready.get(i) ?? mutateLabels((shown ??= page.seriesOf(part))[i - first] as PageSeries, rules);
    for (let i = first; i < first + part.samples; i++) {
      if ((i - first) % STEP_SERIES === 0) await turn();
      if (states[i] !== STATE.waits) continue;
      const hasRoom = held.size < most;
      const labels = hasRoom || p % stride === 0 ? labelsAt(i) : undefined;
      const ref = hasRoom && labels !== undefined ? appender.series(labels) : NO_REF;
      if (ref === NO_REF) {
        (hasRoom ? full : refused).add(labels);
        continue;
      }
      refOf[i] = ref;
      states[i] = STATE.settled;
      held.add(ref);
    }
    first += part.samples;
  }
  budget?.hold(rules, held.size);
  return { quarantine: refused.verdict() ?? full.verdict(), limited: full.count, stored: held.size };
}
