/** The built rooms of one engine, handed together to what joins them. */
import type { Journal } from "../journal/journal.ts";
import type { Notifier } from "../notify/notifier.ts";
import type { RuleManager } from "../rules/manager.ts";
import type { HostCollector } from "../scrape/host.ts";
import type { ScrapeManager } from "../scrape/manager.ts";
import type { StateStore } from "../state/state.ts";
import type { Tsdb } from "../tsdb/tsdb.ts";
import type { Discovery } from "./discovery.ts";
import type { NativeHistograms } from "./native-histograms.ts";
import type { EngineOptions } from "./options.ts";
import type { Queries } from "./queries.ts";
import type { TableWatch } from "./tables.ts";

export interface Rooms {
  readonly options: EngineOptions;
  readonly tsdb: Tsdb;
  readonly state: StateStore;
  readonly journal: Journal;
  readonly queries: Queries;
  readonly notifier: Notifier;
  readonly rules: RuleManager;
  readonly scraper: ScrapeManager;
  readonly host: HostCollector | undefined;
  readonly discovery: Discovery;
  /** Those that were sent and not stored: seen by who writes, asked by who reads. */
  readonly histograms: NativeHistograms;
  /** Of the state, and after a sudden end of the samples. */
  readonly tables: TableWatch[];
}
