/**
 * The store's front door. In: rows and samples through an Appender. Out: columns through a Querier. Between them:
 * an append log that survives kill -9, a head in memory, and sealed chunks in LevelDB.
 */
import type { Appendable, MetadataReader, Queryable } from "../storage/storage.ts";
import type { Cardinality, TsdbOptions, TsdbStats } from "./options.ts";

export type { Cardinality, CardinalityEntry, Quarantined, TsdbOptions, TsdbStats, WriteGap } from "./options.ts";

export interface Tsdb extends Appendable, Queryable, MetadataReader {
  stats(): TsdbStats;
  /** The `limit` largest metrics, label names and label pairs by number of series. */
  cardinality(limit: number): Cardinality;
  /** Forces everything appended so far to the disk. */
  sync(): Promise<void>;
  /** Seals the head into chunks, so that the append log is empty afterwards. */
  flush(): Promise<void>;
  close(): Promise<void>;
}
/**
 * Opens the store in `options.dir`, replaying what the append log holds.
 *
 * @throws UserError `store-locked` (exit 6) when another process holds it; `store-format` when a newer opsmon wrote it.
 */
export type OpenTsdb = (options: TsdbOptions) => Promise<Tsdb>;
