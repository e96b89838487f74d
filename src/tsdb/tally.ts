/**
 * Counts series without looking at each: those that came in one row after the other lie side by side in their group, and
 * when the newest row of a group has a value for every column, that one row speaks for all of them. In: series in the
 * index's own order. Out: how many there are, and which have to be looked at.
 */
import { nextTurn, overdue } from "../base/turns.ts";
import type { SeriesRef, Timestamp } from "../model/sample.ts";
import type { Head } from "./head.ts";
import { isWhole, touches } from "./parts.ts";

interface Tallied {
  /** May hold samples in the range. */
  readonly series: number;
  /** Have a value there that is their newest sample. */
  readonly whole: number;
  /** All others that may hold samples. */
  readonly rest: Uint32Array;
}

/** Runs of neighbours between two looks at the clock. */
const STRIDE = 256;

const OUTSIDE = 0;
const INSIDE = 1;
const WHOLE = 2;

export async function tally(head: Head, refs: Uint32Array, start: Timestamp, end: Timestamp): Promise<Tallied> {
  const verdicts = new Map<number, number>();
  const verdictOf = (id: number): number => {
    let verdict = verdicts.get(id);
    if (verdict !== undefined) return verdict;
    const group = head.groups.get(id);
    if (group === undefined || !touches(group, start, end, 0)) verdict = OUTSIDE;
    else verdict = isWhole(group, start, end) ? WHOLE : INSIDE;
    verdicts.set(id, verdict);
    return verdict;
  };
  const isInside = (ref: SeriesRef): boolean =>
    verdictOf(head.homeGroupId(ref)) !== OUTSIDE ||
    head.former(ref)?.some(({ group }) => verdictOf(group.id) !== OUTSIDE) === true;

  const rest = new Uint32Array(refs.length);
  let left = 0;
  let whole = 0;
  let runs = 0;
  for (let i = 0; i < refs.length; ) {
    if (++runs % STRIDE === 0 && overdue()) await nextTurn();
    const ref = refs[i] as number;
    const count = head.together(refs, i);
    if (count === 0) {
      if (isInside(ref)) rest[left++] = ref;
      i++;
      continue;
    }
    const verdict = verdictOf(head.homeGroupId(ref));
    if (verdict === WHOLE) whole += count;
    else if (verdict === INSIDE) {
      rest.set(refs.subarray(i, i + count), left);
      left += count;
    }
    i += count;
  }
  return { series: whole + left, whole, rest: rest.subarray(0, left) };
}
