/**
 * How much a select would read, guessed without reading: its series as the matchers last found them, or an upper bound
 * from the sizes of posting lists, and the samples of a few of them from what their groups say of their rows. No regular expression is run.
 */
import type { Matcher } from "../model/matcher.ts";
import type { Timestamp } from "../model/sample.ts";
import type { ChunkMeta, Group } from "./group.ts";
import type { Head } from "./head.ts";
import type { MatchCache } from "./matched.ts";

export interface Weight {
  /** About so many series, mostly fewer. */
  readonly series: number;
  /** About so many samples. */
  readonly samples: number;
}

/** Between samples of a group too young to tell. */
const INTERVAL_MS = 10_000;
/** Series whose groups are looked at. */
const LOOKED_AT = 8;

/** Rows that tell an interval; the first two after a start may be a moment apart. */
const TELLING_ROWS = 8;
/** Chunks looked at for raw ones, newest first: those of tiers lie between them. */
const CHUNKS_LOOKED_AT = 32;

/** Milliseconds between rows as they come now; undefined while nobody knows. */
function intervalOf({ open, pending, chunks }: Group): number | undefined {
  if (open !== undefined && open.rows >= TELLING_ROWS) return (open.lastT - open.firstT) / (open.rows - 1);
  const leaving = pending.find(({ view }) => view.rows >= TELLING_ROWS);
  if (leaving !== undefined) return (leaving.end - leaving.start) / (leaving.view.rows - 1);
  for (let i = chunks.length - 1; i >= Math.max(0, chunks.length - CHUNKS_LOOKED_AT); i--) {
    const { tier, rows, start, end } = chunks[i] as ChunkMeta;
    if (tier === 0 && rows >= TELLING_ROWS) return (end - start) / (rows - 1);
  }
  return undefined;
}

function rowsOf(group: Group, start: Timestamp, end: Timestamp): number {
  const first = group.chunks[0]?.start ?? group.pending[0]?.start ?? group.open?.firstT ?? end;
  const last = group.open?.lastT ?? group.sealedEnd;
  const span = Math.min(end, last) - Math.max(start, first);
  if (!(span > 0)) return 1;
  return span / Math.max(1, intervalOf(group) ?? INTERVAL_MS) + 1;
}

export function weigh(
  head: Head,
  matches: MatchCache,
  matchers: readonly Matcher[],
  start: Timestamp,
  end: Timestamp,
): Weight {
  const known = matches.known(matchers);
  const { count, some } =
    known === undefined
      ? head.index.bound(matchers, LOOKED_AT)
      : { count: known.length, some: [...known.subarray(0, LOOKED_AT)] };
  const groups = some.flatMap((ref) => head.home(ref) ?? []);
  if (groups.length === 0) return { series: count, samples: count };
  const rows = groups.reduce((sum, { group }) => sum + rowsOf(group, start, end), 0) / groups.length;
  return { series: count, samples: count * rows };
}
