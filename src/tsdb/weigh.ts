/**
 * How much a select would read, guessed without reading: an upper bound of its series from the sizes of posting lists,
 * and the samples of a few of them from what their groups say of their rows. No regular expression is run.
 */
import type { Matcher } from "../model/matcher.ts";
import type { Timestamp } from "../model/sample.ts";
import type { Group } from "./group.ts";
import type { Head } from "./head.ts";

export interface Weight {
  /** At most so many series. */
  readonly series: number;
  /** About so many samples. */
  readonly samples: number;
}

/** Series whose groups are looked at. */
const LOOKED_AT = 8;

/** Milliseconds between rows as they come now; undefined while nobody knows. */
function intervalOf({ open, chunks }: Group): number | undefined {
  if (open !== undefined && open.rows > 1) return (open.lastT - open.firstT) / (open.rows - 1);
  const last = chunks.at(-1);
  return last === undefined || last.rows < 2 ? undefined : (last.end - last.start) / (last.rows - 1);
}

function rowsOf(group: Group, start: Timestamp, end: Timestamp): number {
  const first = group.chunks[0]?.start ?? group.open?.firstT ?? end;
  const last = group.open?.lastT ?? group.sealedEnd;
  const span = Math.min(end, last) - Math.max(start, first);
  if (!(span > 0)) return 1;
  return span / Math.max(1, intervalOf(group) ?? span) + 1;
}

export function weigh(head: Head, matchers: readonly Matcher[], start: Timestamp, end: Timestamp): Weight {
  const { count, some } = head.index.bound(matchers, LOOKED_AT);
  const groups = some.flatMap((ref) => head.home(ref) ?? []);
  if (groups.length === 0) return { series: count, samples: count };
  const rows = groups.reduce((sum, { group }) => sum + rowsOf(group, start, end), 0) / groups.length;
  return { series: count, samples: count * rows };
}
