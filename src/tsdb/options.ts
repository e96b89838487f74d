/** What the store may be told, and what it tells about itself. Limits carry their reasons. */
import type { Clock } from "../base/clock.ts";
import type { LevelOptions } from "../base/leveldb.ts";
import type { Logger } from "../base/log.ts";
import type { Timestamp } from "../model/sample.ts";

/** One rung of the ladder: aggregates of buckets of that width, kept that long. */
export interface Tier {
  readonly resolutionMs: number;
  readonly retentionMs: number;
}

export interface TsdbOptions {
  /** The data directory; the store keeps to `series/` and `log/` inside it. */
  readonly dir: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Samples older than this are refused, and whole chunks past it are dropped; 0 or absent = kept for ever. */
  readonly retentionMs?: number;
  /** Buckets kept beside raw samples, fine to coarse; as stored (TIERS in a new store) when absent, none when empty. */
  readonly tiers?: readonly Tier[];
  /** How long after its end a window is rolled up into the tiers. */
  readonly rollDelayMs?: number;
  /** The oldest chunks go once all chunks together exceed this; 0 or absent = no limit. */
  readonly retentionBytes?: number;
  /** The oldest chunks go while the disk has less than this left, whoever filled it; 0 or absent: never for that. */
  readonly keepFreeBytes?: number | (() => number);
  /** Raw chunks are written there as compressed, importable files before retention drops them; absent: dropped. */
  readonly coldDir?: string;
  /** New series beyond this are refused (NO_REF). */
  readonly maxSeries?: number;
  /** Samples further in the future than this are refused. */
  readonly maxFutureMs?: number;
  /** Free disk space below which the store turns read-only; a function is asked anew each second. */
  readonly reserveBytes?: number | (() => number);
  /** How often the append log is forced to the disk; a power cut loses at most this much. */
  readonly syncMs?: number;
  /** Decoded chunks kept for the next query. */
  readonly cacheBytes?: number;
  /** Most series one select may return. */
  readonly maxSelectSeries?: number;
  /** A log file is closed at this size; smaller means shorter replays and more labels written again. */
  readonly logFileBytes?: number;
  /** Samples of one series in one chunk. */
  readonly chunkRows?: number;
  /** What was found damaged before the store was opened. */
  readonly damaged?: readonly { readonly what: string; readonly why: string }[];
}

/** A chunk, a log record or a file that failed its check: named, kept where it is, and passed over. */
export interface Quarantined {
  /** e.g. `chunk 17 of group 3, segment 2` or `log/00000004.log at 8192`. */
  readonly what: string;
  readonly why: string;
  readonly foundAt: Timestamp;
}

/** A stretch in which samples were held in memory only. */
export interface WriteGap {
  readonly from: Timestamp;
  readonly to: Timestamp;
  readonly reason: string;
  /** They never reached the disk. */
  readonly lost: boolean;
}

/** A wall clock that was set while the store ran. */
export interface ClockJump {
  /** The new time. */
  readonly at: Timestamp;
  readonly byMs: number;
  /** Nothing is dropped by age before this. */
  readonly until: Timestamp;
}

/** Stands for a beginning that nobody knows: before every time there can be. */
export const TIME_UNKNOWN: Timestamp = -(2 ** 52);

/** What one `fsck --repair` could not bring back. */
export interface SettledLoss {
  /** When it was repaired. */
  readonly at: Timestamp;
  /** Between these times, as far as its neighbours tell; from TIME_UNKNOWN when they do not. */
  readonly from: Timestamp;
  readonly to: Timestamp;
  readonly blocks: number;
  /** Of so many series at most. */
  readonly series: number;
  /** What was damaged are places of the append log. */
  readonly log?: boolean;
}

/** What retention dropped so far for one reason. */
export interface DroppedShare {
  readonly reason: "age" | "size" | "free disk";
  readonly chunks: number;
  readonly samples: number;
  readonly bytes: number;
  /** Samples that no tier had taken in: space was needed before their buckets were complete. */
  readonly inNoTier: number;
  /** Newest time among them. */
  readonly until: Timestamp;
  /** When the last of them went. */
  readonly at: Timestamp;
}

export interface TsdbStats {
  /** Series with a sample in the store. */
  readonly series: number;
  /** Samples in chunks and head, as far as counted. */
  readonly samples: number;
  /** Sealed chunks of raw samples (a chunk: one group of series, up to `chunkRows` times). */
  readonly blocks: number;
  readonly headSamples: number;
  /** Bytes of the tiers' chunks. */
  readonly tierBytes: number;
  /** All files of the store. */
  readonly diskBytes: number;
  readonly logBytes: number;
  /** Bytes of sealed raw chunks by sample; 0 while nothing is sealed. */
  readonly bytesPerSample: number;
  readonly minT: Timestamp | undefined;
  readonly maxT: Timestamp | undefined;
  /** When the append log last reached the disk. */
  readonly lastSyncAt: Timestamp | undefined;
  /** Why nothing is written now; undefined in the usual case. */
  readonly readOnly: string | undefined;
  readonly gaps: readonly WriteGap[];
  /** The last repairs that had to give something up. */
  readonly losses: readonly SettledLoss[];
  /** The last one, for an hour. */
  readonly clockJumps: readonly ClockJump[];
  /** Raw samples only; one entry a reason. */
  readonly dropped: readonly DroppedShare[];
  /** Newest last, at most QUARANTINE_MAX. */
  readonly quarantined: readonly Quarantined[];
  /** Where an unrepairable database went when the store was opened. */
  readonly setAside: string | undefined;
  readonly duplicates: number;
  readonly outOfBounds: number;
  readonly limited: number;
  /** Samples that came later than newer ones of their series and went to a chunk of their own. */
  readonly outOfOrder: number;
}

/** One name with how many series carry it. */
export interface CardinalityEntry {
  readonly name: string;
  readonly series: number;
}

export interface Cardinality {
  readonly series: number;
  readonly labelPairs: number;
  readonly metrics: readonly CardinalityEntry[];
  /** `series` counts distinct values here. */
  readonly labelNames: readonly CardinalityEntry[];
  /** `name=value`. */
  readonly pairs: readonly CardinalityEntry[];
}

const DAY_MS = 86_400_000;
/** 5 minutes for 90 days, an hour for 400: a quarter's trends, and the same day a year ago. */
export const TIERS: readonly Tier[] = [
  { resolutionMs: 300_000, retentionMs: 90 * DAY_MS },
  { resolutionMs: 3_600_000, retentionMs: 400 * DAY_MS },
];

/** Two million series are about 1 GB of memory: past that a single process stops being the right tool. */
export const SERIES_MAX: number = 2_000_000;
/** A scraper's clock may run ahead; a day ahead would hide real samples behind wrong ones. */
export const FUTURE_MS_MAX: number = 3_600_000;
/** Below this a log segment, a chunk batch and LevelDB's own log no longer fit together. */
export const RESERVE_BYTES: number = 64 * 1024 * 1024;
/** The promise made to users: a power cut loses at most one second. */
export const SYNC_MS: number = 1_000;
export const CACHE_BYTES: number = 64 * 1024 * 1024;
/** As Prometheus' own default of 50 million samples a query, seen from the series side. */
export const SELECT_SERIES_MAX: number = 1_000_000;
/** Measured on node_exporter pages: 120 rows cost 0.53 bytes a sample, 480 rows no less. */
export const CHUNK_ROWS: number = 120;
export const QUARANTINE_MAX: number = 1_000;

/** Memtable, of which two may be in memory: a chunk of a 1000-series group is 75 kB, so a few dozen share one flush. */
const WRITE_BUFFER_BYTES = 4 * 1024 * 1024;

/** How the series database is opened; its records are packed already. */
export const SERIES_LEVEL: LevelOptions = {
  name: "series",
  compression: false,
  writeBufferBytes: WRITE_BUFFER_BYTES,
};
