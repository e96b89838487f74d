/**
 * Puts series in the order of their labels without comparing series: their pairs of name and value, of which there are
 * far fewer, are sorted and numbered, and then the series are dealt into heaps, pair by pair from the last to the first.
 * Ten thousand series take some milliseconds in a program that has just started, a tenth of what comparing takes.
 */
import { nextTurn, overdue, sortedInTurns } from "../base/turns.ts";
import { compareUtf8 } from "../model/labels.ts";

/** What the order needs to know; pairs of one series lie side by side, by name. Arrays, because a start is in a hurry. */
export interface PairTexts {
  /** By series: place of its first pair; the next series' first is behind its last. Not moved while series come. */
  readonly starts: Uint32Array;
  readonly slab: Uint32Array;
  /** All pairs are below this number. */
  readonly pairs: number;
  readonly name: (pair: number) => string;
  readonly value: (pair: number) => string;
}

/** Series between two looks at the clock. */
const STRIDE = 1_024;
/** Series with more labels than this are compared pair by pair: no exporter has them, and a deal takes a pass for each. */
const DEALT_MAX = 64;

/** Largest number of pairs in one series. */
function mostPairs(refs: Uint32Array, { starts }: PairTexts): number {
  let most = 0;
  // No iterator: at a start it would make an object for each series.
  for (let i = 0; i < refs.length; i++) {
    const ref = refs[i] as number;
    const count = (starts[ref + 1] as number) - (starts[ref] as number);
    if (count > most) most = count;
  }
  return most;
}

/** Numbers these pairs from 1 in their order. */
async function ranksOf(pairs: readonly number[], texts: PairTexts): Promise<Uint32Array> {
  const sorted = await sortedInTurns(
    pairs,
    (a, b) => compareUtf8(texts.name(a), texts.name(b)) || compareUtf8(texts.value(a), texts.value(b)),
  );
  const ranks = new Uint32Array(texts.pairs);
  sorted.forEach((pair, i) => void (ranks[pair] = i + 1));
  return ranks;
}

/** Pairs of these series label by label, all first ones before all second ones; 0 behind a series' last. */
interface Table {
  readonly pairs: Uint32Array;
  /** Each pair once. */
  readonly seen: readonly number[];
  /** By label: whether any two series differ there. */
  readonly varied: readonly boolean[];
}

async function tableOf(refs: Uint32Array, most: number, texts: PairTexts): Promise<Table> {
  const { length } = refs;
  const { starts, slab } = texts;
  const pairs = new Uint32Array(length * most);
  const known = new Uint8Array(texts.pairs);
  const seen: number[] = [];
  const varied: boolean[] = [];
  for (let label = 0; label < most; label++) {
    if (overdue()) await nextTurn();
    const base = label * length;
    let last = -1;
    let changes = 0;
    for (let i = 0; i < length; i++) {
      const ref = refs[i] as number;
      const place = (starts[ref] as number) + label;
      const pair = place < (starts[ref + 1] as number) ? (slab[place] as number) : 0;
      pairs[base + i] = pair;
      // Neighbours mostly have the same.
      if (pair === last) continue;
      last = pair;
      changes++;
      if (pair === 0 || known[pair] === 1) continue;
      known[pair] = 1;
      seen.push(pair);
    }
    varied.push(changes > 1);
  }
  return { pairs, seen, varied };
}

async function compared(refs: Uint32Array, texts: PairTexts): Promise<Uint32Array> {
  const { starts, slab } = texts;
  const seen = new Set<number>();
  for (let i = 0; i < refs.length; i++) {
    if (i % STRIDE === STRIDE - 1 && overdue()) await nextTurn();
    const ref = refs[i] as number;
    for (let place = starts[ref] as number; place < (starts[ref + 1] as number); place++)
      seen.add(slab[place] as number);
  }
  const ranks = await ranksOf([...seen], texts);
  const rankAt = (place: number, end: number): number => (place < end ? (ranks[slab[place] as number] as number) : 0);
  const sorted = await sortedInTurns([...refs], (a, b) => {
    const [endA, endB] = [starts[a + 1] as number, starts[b + 1] as number];
    let placeA = starts[a] as number;
    let placeB = starts[b] as number;
    for (; placeA < endA || placeB < endB; placeA++, placeB++) {
      const order = rankAt(placeA, endA) - rankAt(placeB, endB);
      if (order !== 0) return order;
    }
    return 0;
  });
  return Uint32Array.from(sorted);
}

/** The series in the order of their labels: name by name, value by value, shorter first. In turns with others. */
export async function orderedByPairs(refs: Uint32Array, texts: PairTexts): Promise<Uint32Array> {
  const most = mostPairs(refs, texts);
  if (most > DEALT_MAX) return compared(refs, texts);
  const { pairs, seen, varied } = await tableOf(refs, most, texts);
  const ranks = await ranksOf(seen, texts);
  const { length } = refs;
  let from = new Uint32Array(length);
  for (let i = 0; i < length; i++) from[i] = i;
  let to = new Uint32Array(length);
  const heaps = new Uint32Array(seen.length + 2);
  for (let label = most - 1; label >= 0; label--) {
    if (varied[label] !== true) continue;
    if (overdue()) await nextTurn();
    const column = pairs.subarray(label * length, (label + 1) * length);
    heaps.fill(0);
    for (let i = 0; i < length; i++) {
      const next = (ranks[column[i] as number] as number) + 1;
      heaps[next] = (heaps[next] as number) + 1;
    }
    for (let key = 1; key < heaps.length; key++) heaps[key] = (heaps[key] as number) + (heaps[key - 1] as number);
    for (let i = 0; i < length; i++) {
      const one = from[i] as number;
      const key = ranks[column[one] as number] as number;
      const at = heaps[key] as number;
      heaps[key] = at + 1;
      to[at] = one;
    }
    [from, to] = [to, from];
  }
  for (let i = 0; i < length; i++) to[i] = refs[from[i] as number] as number;
  return to;
}
