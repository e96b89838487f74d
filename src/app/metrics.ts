/** The engine's own metrics for `/metrics`, by prom-client, read from the rooms when somebody asks. */
import type { Registry } from "prom-client";
import type { TsdbStats } from "../tsdb/tsdb.ts";
import type { ThreadStats } from "./query-worker/thread.ts";
import type { Rooms } from "./rooms.ts";

export interface OwnMetrics {
  /** Text format 0.0.4. */
  text(): Promise<string>;
}

export function createOwnMetrics(rooms: Rooms): OwnMetrics {
  let registry: Promise<Registry> | undefined;
  const build = async (): Promise<Registry> => {
    // A few ms to load and to set up: nobody pays before the first scrape of us.
    const prom = await import("prom-client");
    const made = new prom.Registry();
    const { user, system } = process.cpuUsage();
    prom.collectDefaultMetrics({ register: made });
    // prom-client counts from its registration; a process' CPU seconds count from its start.
    addSeconds(prom, made, "process_cpu_user_seconds_total", user);
    addSeconds(prom, made, "process_cpu_system_seconds_total", system);
    addSeconds(prom, made, "process_cpu_seconds_total", user + system);
    const { gauge } = registering(prom, made);
    storeMetrics(prom, made, () => rooms.tsdb.stats());
    threadMetrics(prom, made, () => rooms.queries.thread.stats());
    gauge("opsmon_targets", "Targets scraped.", () => rooms.scraper.targets().length);
    gauge(
      "opsmon_targets_down",
      "Targets whose last scrape failed.",
      () => rooms.scraper.targets().filter((target) => target.health === "down").length,
    );
    gauge(
      "opsmon_alerts_firing",
      "Alerts firing.",
      () => rooms.rules.alerts().filter((alert) => alert.state === "firing").length,
    );
    gauge("opsmon_rule_iterations_missed", "Rule evaluations skipped since the start.", () =>
      rooms.rules.missedIterations(),
    );
    gauge("opsmon_notify_queued", "Messages waiting to be delivered.", () =>
      rooms.notifier.channels().reduce((sum, channel) => sum + channel.queued, 0),
    );
    return made;
  };
  return { text: async () => (await (registry ??= build())).metrics() };
}

type Prom = typeof import("prom-client");
type Register = (name: string, help: string, read: () => number) => void;

/** Metrics that are read when somebody asks. */
function registering(
  { Gauge, Counter }: Prom,
  registry: Registry,
): { readonly gauge: Register; readonly counter: Register } {
  const gauge: Register = (name, help, read) => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  };
  const counter: Register = (name, help, read) => {
    new Counter({
      name,
      help,
      registers: [registry],
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  };
  return { gauge, counter };
}

function storeMetrics(prom: Prom, registry: Registry, stats: () => TsdbStats): void {
  const { gauge, counter } = registering(prom, registry);
  gauge("opsmon_tsdb_series", "Series in the store.", () => stats().series);
  gauge("opsmon_tsdb_samples", "Samples in the store.", () => stats().samples);
  gauge("opsmon_tsdb_disk_bytes", "Bytes of all files of the store.", () => stats().diskBytes);
  gauge("opsmon_tsdb_blocks", "Sealed chunks in the store.", () => stats().blocks);
  gauge("opsmon_tsdb_read_only", "1 while nothing can be written.", () => (stats().readOnly === undefined ? 0 : 1));
  gauge("opsmon_tsdb_quarantined", "Chunks and records that failed their check.", () => stats().quarantined.length);
  counter(
    "opsmon_tsdb_duplicate_samples_total",
    "Samples refused: another value stands at their time.",
    () => stats().duplicates,
  );
  counter(
    "opsmon_tsdb_out_of_order_samples_total",
    "Samples taken that came later than newer ones.",
    () => stats().outOfOrder,
  );
  counter(
    "opsmon_tsdb_out_of_bounds_samples_total",
    "Samples refused as too old or in the future.",
    () => stats().outOfBounds,
  );
  counter("opsmon_tsdb_limited_samples_total", "Samples refused by a series limit.", () => stats().limited);
}

function threadMetrics(prom: Prom, registry: Registry, stats: () => ThreadStats): void {
  const { counter } = registering(prom, registry);
  counter("opsmon_query_thread_starts_total", "Starts of the query thread.", () => stats().starts);
  counter("opsmon_query_thread_asked_total", "Requests given to the query thread.", () => stats().asked);
  counter("opsmon_query_thread_lost_total", "Requests that ended with the query thread.", () => stats().lost);
}

function addSeconds({ Counter }: Prom, registry: Registry, name: string, micros: number): void {
  const counter = registry.getSingleMetric(name);
  if (counter instanceof Counter) counter.inc(micros / 1e6);
}
