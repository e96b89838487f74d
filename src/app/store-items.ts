/** What a store says of itself in `opsmon status`, running or stopped: damage, gaps, drops, foreign files, a set clock. */
import type { StatusItem } from "../api/source.ts";
import { counted } from "../model/count.ts";
import { formatDuration } from "../model/duration.ts";
import type { Timestamp } from "../model/sample.ts";
import { formatTime } from "../model/time.ts";
import { formatValue } from "../model/unit.ts";
import { type DroppedShare, type SettledLoss, TIME_UNKNOWN, type TsdbStats, type WriteGap } from "../tsdb/options.ts";
import { foreignText, setAsideIn } from "./foreign.ts";

/** Damaged places and gaps shown; the log and `opsmon fsck` have all. */
const DAMAGE_SHOWN = 5;
const GAPS_SHOWN = 3;
/** The newest sample may be this far ahead of the clock, ms: targets have clocks of their own. */
const AHEAD_MS_MAX = 60_000;

const DAMAGE_HINT = "damage is told until it is repaired: stop the engine, then opsmon fsck --repair";

const RANK = { crit: 0, warn: 1, ok: 2 } as const;

export function worstFirst(items: readonly StatusItem[]): readonly StatusItem[] {
  return items.toSorted((a, b) => RANK[a.state] - RANK[b.state]);
}

const item = (state: StatusItem["state"], text: string): StatusItem => ({ name: "store", state, text });
const moment = (t: Timestamp): string => formatTime(t, false);
const rounded = (ms: number): string => formatDuration(Math.round(Math.abs(ms) / 1_000) * 1_000);

/** What is over calls for nobody any more after a day, what is lost after a week; the record stays. */
const DAY_MS = 86_400_000;
const TOLD_MS = 7 * DAY_MS;

function gapItem({ from, to, reason, lost }: WriteGap, now: Timestamp): StatusItem {
  const when = `from ${moment(from)} to ${moment(to)}`;
  return item(
    lost || now - to < DAY_MS ? "warn" : "ok",
    `${lost ? "samples were lost" : "held in memory only"} ${when}: ${reason}`,
  );
}

function lossItem({ at, from, to, blocks, series, log }: SettledLoss, now: Timestamp): StatusItem {
  const when =
    from === TIME_UNKNOWN ? `at an unknown time before ${moment(to)}` : `from ${moment(from)} to ${moment(to)}`;
  const what = log === true ? `${counted(blocks, "place")} of the append log with samples` : counted(blocks, "block");
  return item(
    now - at < TOLD_MS ? "warn" : "ok",
    `${what} of up to ${series} series ${when} could not be repaired, taken out by fsck at ${moment(at)}`,
  );
}

function dropText({ reason, chunks, samples, bytes, until, inNoTier, at }: DroppedShare): string {
  const what = `${counted(samples, "sample")} in ${counted(chunks, "block")}, ${formatValue(bytes, "bytes")}`;
  const lacking = inNoTier === 0 ? "" : `; up to ${inNoTier} of them are in no tier, space was needed before`;
  return `dropped by ${reason} until now: ${what}, none newer than ${moment(until)}, last at ${moment(at)}${lacking}`;
}

/** @param now of the clock, or the end of a stopped store's data. */
export function standingItems(stats: TsdbStats, dataDir: string, now: Timestamp): readonly StatusItem[] {
  const items: StatusItem[] = [];
  if (stats.readOnly !== undefined) items.push(item("crit", `read-only: ${stats.readOnly}`));
  const { quarantined } = stats;
  for (const { what, why } of quarantined.slice(-DAMAGE_SHOWN)) items.push(item("crit", `${what}: ${why}`));
  if (quarantined.length > DAMAGE_SHOWN)
    items.push(item("crit", `${quarantined.length - DAMAGE_SHOWN} more damaged places; opsmon fsck lists all`));
  if (quarantined.length > 0) items.push(item("warn", DAMAGE_HINT));
  const aside = setAsideIn(dataDir);
  if (aside.length > 0)
    items.push(item("warn", `what was damaged is kept in ${aside.join("/, ")}/: remove it once nobody needs it`));
  for (const { at, byMs, until } of stats.clockJumps.slice(-1))
    items.push(
      item(
        "warn",
        `the clock was set ${byMs > 0 ? "forward" : "back"} by ${rounded(byMs)} at ${moment(at)}: samples are kept ` +
          `under the times they came with, and nothing is dropped by age before ${moment(until)}`,
      ),
    );
  if (stats.maxT !== undefined && stats.maxT > now + AHEAD_MS_MAX)
    items.push(item("warn", `the newest sample is ${rounded(stats.maxT - now)} ahead of the clock`));
  if (stats.limited > 0) items.push(item("warn", `${counted(stats.limited, "sample")} refused by the series limit`));
  const gaps = stats.gaps.filter(({ to }) => now - to < TOLD_MS).slice(-GAPS_SHOWN);
  items.push(...gaps.map((gap) => gapItem(gap, now)));
  items.push(...stats.losses.map((loss) => lossItem(loss, now)));
  const foreign = foreignText(dataDir);
  if (foreign !== undefined) items.push(item("warn", foreign));
  for (const share of stats.dropped)
    items.push(item(share.inNoTier > 0 && now - share.at < TOLD_MS ? "warn" : "ok", dropText(share)));
  return items;
}
