/**
 * The journal over the state store: what happened, append-only. Records go in as state operations, so a caller
 * can put them into the same atomic batch as the change they describe; they come out by kind and time window.
 * Keys sort by time (`journal/<ms>/<sequence>/<kind>`): a window is one bounded range scan.
 */
import { assert } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import type { Timestamp } from "../model/sample.ts";
import type { StateOp, StateStore } from "../state/state.ts";
import { decodeRecord, encodeRecord } from "./codec.ts";
import type { JournalKind, JournalRecord } from "./record.ts";

export interface Journal {
  /** Operations that add these records; they take effect with the batch the caller puts them into. */
  ops(records: readonly JournalRecord[]): readonly StateOp[];
  /** Adds the records in one batch of their own, synced. */
  append(records: readonly JournalRecord[]): Promise<void>;
  /**
   * Records of these kinds with start ≤ at ≤ end, ascending in time; at most `limit` (default 1,000), the
   * newest ones. No kinds means all kinds. Unreadable records are passed over and counted.
   */
  scan(
    kinds: readonly JournalKind[],
    startMs: Timestamp,
    endMs: Timestamp,
    limit?: number,
  ): Promise<readonly JournalRecord[]>;
  /** Removes records older than `beforeMs`; returns how many. */
  prune(beforeMs: Timestamp): Promise<number>;
  /** Records met that could not be read since opening. */
  unreadable(): number;
}

export const JOURNAL_SCAN_DEFAULT = 1_000;
/** One answer never holds more than this; a year of a busy small fleet is about 200,000 records. */
export const JOURNAL_SCAN_MAX = 100_000;
/** Records removed per batch: keeps each synced batch under a few ms. */
const PRUNE_BATCH = 1_000;

const PREFIX = "journal/";
const END = "journal0";
/** Times before 1970 cannot happen to a journal; 16 digits reach far beyond any date. */
const TIME_DIGITS = 16;

function timeKey(at: Timestamp): string {
  return PREFIX + String(Math.max(0, Math.floor(at))).padStart(TIME_DIGITS, "0");
}

/**
 * Opens the journal kept in `state`.
 *
 * @param clock only orders records of one process; record times are their own.
 */
export function openJournal(state: StateStore, clock: Clock): Journal {
  // Sequence within one millisecond; starts from the wall clock so two runs in one millisecond differ.
  let sequence = 0;
  const run = (clock.now() % 0x1_0000_0000).toString(36).padStart(7, "0");
  let unreadable = 0;

  function ops(records: readonly JournalRecord[]): readonly StateOp[] {
    return records.map((record) => {
      assert(Number.isFinite(record.at), "a journal record must have a finite time");
      const order = (sequence++).toString(36).padStart(8, "0");
      return {
        kind: "put",
        key: `${timeKey(record.at)}/${run}${order}/${record.kind}`,
        value: encodeRecord(record),
      };
    });
  }

  return {
    ops,
    append: (records) => (records.length === 0 ? Promise.resolve() : state.batch(ops(records))),
    async scan(kinds, startMs, endMs, limit = JOURNAL_SCAN_DEFAULT) {
      const most = Math.max(0, Math.min(limit, JOURNAL_SCAN_MAX));
      const found: JournalRecord[] = [];
      if (most === 0 || endMs < startMs) return found;
      const gte = timeKey(startMs === -Infinity ? 0 : startMs);
      const lt = endMs >= Number.MAX_SAFE_INTEGER ? END : timeKey(Math.floor(endMs) + 1);
      for await (const [key, value] of state.scan({ gte, lt, reverse: true })) {
        if (kinds.length > 0 && !kinds.includes(key.slice(key.lastIndexOf("/") + 1) as JournalKind)) continue;
        try {
          found.push(decodeRecord(value));
        } catch {
          unreadable++;
          continue;
        }
        if (found.length >= most) break;
      }
      return found.reverse();
    },
    async prune(beforeMs) {
      let removed = 0;
      for (;;) {
        const keys: StateOp[] = [];
        for await (const [key] of state.scan({ gte: PREFIX, lt: timeKey(beforeMs), limit: PRUNE_BATCH })) {
          keys.push({ kind: "del", key });
        }
        if (keys.length > 0) await state.batch(keys);
        removed += keys.length;
        if (keys.length < PRUNE_BATCH) return removed;
      }
    },
    unreadable: () => unreadable,
  };
}
