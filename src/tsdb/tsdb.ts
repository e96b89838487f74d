/**
 * The store's front door. In: rows and samples through an Appender. Out: columns through a Querier. Between them:
 * an append log that survives kill -9, a head in memory, and sealed chunks in LevelDB.
 */
import { makeDirectory } from "../base/directory.ts";
import { type OpenedLevel, openLevel } from "../base/leveldb.ts";
import { counted } from "../model/count.ts";
import type { Matcher } from "../model/matcher.ts";
import type { Metadata } from "../model/metadata.ts";
import type { Timestamp } from "../model/sample.ts";
import type { Appendable, MetadataReader, Queryable } from "../storage/storage.ts";
import { createAppender } from "./appender.ts";
import type { BackupOptions, BackupReport } from "./backup.ts";
import { Damage } from "./damage.ts";
import { Head } from "./head.ts";
import { createHistory, type History, reachOf } from "./history.ts";
import { loadLadder, type Rung } from "./ladder.ts";
import { loadHead } from "./load.ts";
import { AppendLog, listLog } from "./log.ts";
import {
  CACHE_BYTES,
  CHUNK_ROWS,
  type Cardinality,
  SELECT_SERIES_MAX,
  SERIES_LEVEL,
  SYNC_MS,
  type TsdbOptions,
  type TsdbStats,
} from "./options.ts";
import { refuseNewer } from "./newer.ts";
import { Marks } from "./marks.ts";
import { MatchCache } from "./matched.ts";
import { isBlank, nameLostDatabase, nameLostLog } from "./missing.ts";
import { PartReader } from "./parts.ts";
import { createQuerier } from "./querier.ts";
import { replayLog } from "./replay.ts";
import { sizeOf } from "./space.ts";
import { Store } from "./store.ts";
import { keptOf } from "./tiers.ts";
import { type Weight, weigh } from "./weigh.ts";

export type { TsdbOptions, TsdbStats } from "./options.ts";

export interface Tsdb extends Appendable, Queryable, MetadataReader {
  /** Takes samples that raw retention refuses and a tier still keeps. */
  readonly history: History;
  /** Whether it came with series, those of an earlier run. */
  readonly restored: boolean;
  stats(): TsdbStats;
  /** The `limit` largest metrics, label names and label pairs by number of series. */
  cardinality(limit: number): Cardinality;
  /** What a select would read, guessed in some microseconds. */
  weigh(matchers: readonly Matcher[], start: Timestamp, end: Timestamp): Weight;
  /** Forces everything appended so far to the disk. */
  sync(): Promise<void>;
  /** Seals the head into chunks, so that the append log is empty afterwards. */
  flush(): Promise<void>;
  /** One round of upkeep at once: sync, disk space, log rotation, retention when due. */
  upkeep(): Promise<void>;
  /** Copies the store into a new directory while it serves. @throws UserError `target-not-empty`. */
  backup(target: string, options?: BackupOptions): Promise<BackupReport>;
  /** Closes the database for as long as `work` changes its files; the next round of upkeep begins that. */
  mend(reason: string, work: () => Promise<void>): Promise<void>;
  /**
   * Tells that the directory `name` stands beside the store, or not yet; one that stood there before and is gone is named,
   * with what went along.
   */
  accompany(name: string, isThere: boolean, lost: string): void;
  close(): Promise<void>;
}

function summary(
  store: Store,
  head: Head,
  log: AppendLog,
  damage: Damage,
  marks: Marks,
  dirs: readonly string[],
  opened: OpenedLevel,
): TsdbStats {
  let blocks = 0;
  let sealed = 0;
  let bytes = 0;
  let tierBytes = 0;
  let headSamples = 0;
  let minT = Number.POSITIVE_INFINITY;
  let maxT = Number.NEGATIVE_INFINITY;
  for (const group of head.groups.values()) {
    headSamples += group.headSamples;
    for (const chunk of group.chunks) {
      if (chunk.tier > 0) {
        tierBytes += chunk.bytes;
        continue;
      }
      blocks++;
      sealed += chunk.samples;
      bytes += chunk.bytes;
      minT = Math.min(minT, chunk.start);
      maxT = Math.max(maxT, chunk.end);
    }
    for (const chunk of group.pending) {
      minT = Math.min(minT, chunk.start);
      maxT = Math.max(maxT, chunk.end);
    }
    for (const rows of [group.open, group.late]) {
      if (rows === undefined || rows.rows === 0) continue;
      minT = Math.min(minT, rows.firstT);
      maxT = Math.max(maxT, rows.lastT);
    }
  }
  const { totals } = store;
  return {
    series: head.index.size,
    samples: sealed + headSamples,
    blocks,
    headSamples,
    tierBytes,
    diskBytes: sizeOf(dirs),
    logBytes: log.bytes,
    bytesPerSample: sealed === 0 ? 0 : bytes / sealed,
    minT: minT === Number.POSITIVE_INFINITY ? undefined : minT,
    maxT: maxT === Number.NEGATIVE_INFINITY ? undefined : maxT,
    lastSyncAt: store.lastSyncAt,
    readOnly: store.readOnly,
    gaps: marks.gaps,
    losses: marks.losses,
    clockJumps: store.clockJumps(),
    dropped: marks.dropped,
    quarantined: damage.list(),
    setAside: opened.setAside,
    duplicates: totals.duplicate,
    outOfBounds: totals.outOfBounds,
    limited: totals.limited,
    outOfOrder: totals.outOfOrder,
  };
}

/** Opens the database and fills the head from it; loading is the probe that tells a damaged database. */
async function openSeries(
  dir: string,
  options: TsdbOptions,
): Promise<{
  opened: OpenedLevel;
  head: Head;
  damage: Damage;
  metadata: Map<string, Metadata>;
  ladder: readonly Rung[];
}> {
  let head = new Head(options.chunkRows ?? CHUNK_ROWS);
  let damage = new Damage(options.clock, options.log);
  let metadata = new Map<string, Metadata>();
  const opened = await openLevel(dir, {
    ...SERIES_LEVEL,
    probe: async (db) => {
      head = new Head(options.chunkRows ?? CHUNK_ROWS);
      damage = new Damage(options.clock, options.log);
      metadata = await loadHead(db, dir, head, damage);
    },
  });
  for (const { what, why } of options.damaged ?? []) damage.add(what, why);
  if (opened.setAside !== undefined)
    damage.add(`the series database, set aside as "${opened.setAside}"`, opened.reason ?? "");
  else if (opened.repaired) damage.add("the series database, repaired", opened.reason ?? "");
  try {
    const ladder = await loadLadder(opened.db, head, damage, options.tiers);
    return { opened, head, damage, metadata, ladder };
  } catch (error) {
    await opened.db.close();
    throw error;
  }
}

/** Sentences that every answer carries. @param lost places that were damaged when the store was opened. */
function standingOf({ setAside, reason }: OpenedLevel, lost: number): readonly string[] {
  const places = counted(
    lost,
    "place of the store is damaged and passed over",
    "places of the store are damaged and passed over",
  );
  return [
    ...(setAside === undefined ? [] : [`older samples were set aside as "${setAside}": ${reason ?? ""}`]),
    ...(lost === 0 ? [] : [`${places}: "opsmon status" names them`]),
  ];
}

/** Calls for a round of upkeep every second, one after the other. */
function keepUp({ clock, syncMs = SYNC_MS }: TsdbOptions, store: Store): Disposable {
  let timer: Disposable | undefined;
  const schedule = (): void => {
    timer = clock.after(syncMs, () => void store.tick().then(() => timer !== undefined && schedule()));
  };
  schedule();
  return {
    [Symbol.dispose]() {
      timer?.[Symbol.dispose]();
      timer = undefined;
    },
  };
}

/**
 * Opens the store in `options.dir`, replaying what the append log holds.
 *
 * @throws UserError `store-locked` (exit 4) when another process holds it; `store-format` when a newer opsmon wrote it;
 *   `store-unusable` when the directory cannot be used.
 */
export async function openTsdb(options: TsdbOptions): Promise<Tsdb> {
  makeDirectory(options.dir);
  const dirs = [`${options.dir}/series`, `${options.dir}/log`] as const;
  refuseNewer(options.dir);
  const { files } = listLog(dirs[1]);
  const blank = isBlank(dirs[0]);
  const { opened, head, damage, metadata, ladder } = await openSeries(dirs[0], options);
  const { db } = opened;
  const marks = new Marks(options.dir, { now: options.clock.now(), log: options.log, damage });
  if (blank) nameLostDatabase(files, damage);
  const log = new AppendLog(dirs[1], files, nameLostLog(files, [...marks.logEnds.keys()], head, damage));
  const reader = new PartReader(db, damage, options.cacheBytes ?? CACHE_BYTES);
  const store = new Store({ options, ladder, db, head, log, damage, marks, metadata, reader });
  try {
    const replayed = await replayLog(dirs[1], head, damage, {
      seal: (group, late, until) => store.seal(group, late, until),
      describe: (family, described) => void store.describe(family, described),
      ends: marks.logEnds,
      drain: () => store.drain(),
    });
    if (replayed.records > 0) options.log.info("append log replayed", { ...replayed });
    log.rotate();
  } catch (error) {
    log.close();
    await db.close();
    throw error;
  }
  head.settled();
  const { retentionMs = 0 } = options;
  const standing = standingOf(opened, damage.list().length);
  const queries = {
    head,
    matches: new MatchCache(head.index),
    reader,
    ladder,
    kept: () => keptOf(options.clock.now(), options.retentionMs ?? 0, head.rawGoneUntil),
    maxSeries: options.maxSelectSeries ?? SELECT_SERIES_MAX,
    standing: (minT: Timestamp, maxT: Timestamp) => [...standing, ...marks.warnings(minT, maxT)],
  };

  const upkeep = keepUp(options, store);
  return {
    appender: () => createAppender(store),
    restored: head.index.size > 0,
    history: createHistory(store, () => reachOf(ladder, retentionMs, options.clock.now())),
    querier(minT, maxT) {
      store.mustBeOpen();
      return createQuerier(queries, minT, maxT);
    },
    metadata(family) {
      const wanted = family === undefined ? [...metadata] : [...metadata].filter(([name]) => name === family);
      return new Map(wanted.map(([name, described]) => [name, [described]]));
    },
    stats: () => summary(store, head, log, damage, marks, dirs, opened),
    cardinality: (limit) => head.index.cardinality(limit),
    weigh: (matchers, start, end) => weigh(head, queries.matches, matchers, start, end),
    sync: () => store.sync(),
    flush: () => store.flush(),
    upkeep: () => store.tick(),
    backup: (target, wishes) => store.backup(target, wishes),
    mend: (reason, work) => store.mend(reason, work),
    accompany(name, isThere, lost) {
      if (marks.accompanied(name) && !isThere) damage.add(`${name}/`, `it is gone, with ${lost}`);
    },
    async close() {
      upkeep[Symbol.dispose]();
      await store.close();
    },
  };
}
