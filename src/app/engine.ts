/**
 * The composition root: builds every room in order, joins them through their ports, and takes them down in the
 * opposite order. Nothing else in the program knows more than its neighbours.
 */
import { existsSync } from "node:fs";
import path from "node:path";
import type { ListenSecurity } from "../api/security.ts";
import { type ApiServer, createApiServer } from "../api/server.ts";
import { makeDirectory } from "../base/directory.ts";
import { UserError, errorText } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { openJournal } from "../journal/journal.ts";
import { createNotifier } from "../notify/notifier.ts";
import { createRuleManager } from "../rules/manager.ts";
import { createHostCollector, type HostCollector } from "../scrape/host.ts";
import { createScrapeManager } from "../scrape/manager.ts";
import { STATE_HOLDS } from "../state/state.ts";
import { openState } from "../state/leveldb.ts";
import { refuseNewer } from "../tsdb/newer.ts";
import { openTsdb } from "../tsdb/tsdb.ts";
import { type Attachments, watchAttachments } from "./attachments.ts";
import { createDiscovery } from "./discovery.ts";
import { createHostRival } from "./host-rival.ts";
import { refusing, watchNativeHistograms } from "./native-histograms.ts";
import { type EngineOptions, RETENTION_MS_DEFAULT } from "./options.ts";
import { openQueries } from "./queries.ts";
import type { Rooms } from "./rooms.ts";
import { createPackGate } from "./pack-gate.ts";
import { type AppServices, createServices } from "./services.ts";
import type { Config } from "../config/config.ts";
import { loadConfigAlone, type Settings } from "./settings.ts";
import { mendTables } from "./mend-tables.ts";
import { clearStart, markStart, mendAfterDeath } from "./start-mark.ts";
import { watchRun } from "./series-watch.ts";
import { type TableDamage, watchTables } from "./tables.ts";
import { loadWebConfig } from "./web-config.ts";

/** Between the collector's two first samples: long enough for a rate, short enough for a first frame. */
const FIRST_PAIR_MS = 250;
/** How often old journal records are dropped. */
const PRUNE_EVERY_MS = 3_600_000;

export interface RunningEngine {
  /** Resolves when the engine has stopped by itself or by `stop`. */
  readonly stopped: Promise<void>;
  /** TCP ports in use, in the order of `--listen`. */
  readonly ports: readonly number[];
  stop(reason: string): Promise<void>;
  /** Whether every target has been scraped once. */
  readonly learned: () => boolean;
  /** Puts the changed configuration in force; a mistake in it is logged and leaves the old one. */
  reload(): Promise<void>;
}

/** @throws UserError `config-invalid`, `store-locked`, `socket-in-use`, `listen-failed` …: nothing is left running then. */
export async function startEngine(options: EngineOptions): Promise<RunningEngine> {
  const { dataDir } = options;
  const cleanup: (() => Promise<void> | void)[] = [];
  try {
    const loaded = loadConfigAlone(options.configFile, options.env);
    const security = options.webConfigFile === undefined ? undefined : loadWebConfig(options.webConfigFile);
    makeDirectory(dataDir);
    refuseNewer(dataDir);
    const damaged = await mendAfterDeath(dataDir, options.log.with({ room: "tsdb" }));
    markStart(dataDir);
    return await build(options, loaded, { security, damaged }, cleanup);
  } catch (error) {
    for (const undo of cleanup.reverse()) await undo();
    throw error;
  } finally {
    clearStart(dataDir);
  }
}

async function build(
  options: EngineOptions,
  { config, settings: readSettings }: ReturnType<typeof loadConfigAlone>,
  { security, damaged }: { security: ListenSecurity | undefined; damaged: readonly TableDamage[] },
  cleanup: (() => Promise<void> | void)[],
): Promise<RunningEngine> {
  const { clock, log } = options;
  const storage = config.storage;
  const tsdb = await openTsdb({
    dir: options.dataDir,
    clock,
    log: log.with({ room: "tsdb" }),
    damaged,
    retentionMs: options.retentionMs ?? storage.retentionMs ?? RETENTION_MS_DEFAULT,
    ...optional("retentionBytes", options.retentionBytes ?? storage.retentionBytes),
    ...optional("coldDir", config.own.coldDir),
    ...optional("keepFreeBytes", config.own.keepFreeBytes),
    ...optional("tiers", config.own.tiers),
    ...optional("maxSeries", config.own.limits.maxSeries),
  });
  cleanup.push(() => tsdb.close());
  let targets: Rooms["scraper"]["targets"] = () => [];
  const host = hostCollector(options, config, tsdb, () => targets());
  // The first of two samples is taken before anything else is built, so that the pair costs no waiting; it is stored
  // when nothing can fail any more: who starts a second engine by mistake must not find its data there.
  const firstAt = clock.monotonic();
  const storeFirst = await host?.read();
  const settings = readSettings();
  const { state, tables } = await openBeside(tsdb, options.dataDir);
  cleanup.push(() => state.close());
  const journal = openJournal(state, clock);
  const queries = openQueries(options, settings, tsdb);
  cleanup.push(() => queries.thread.close());
  const notifier = createNotifier({
    config: settings.notify,
    state,
    journal,
    clock,
    log: log.with({ room: "notify" }),
    ...optional("externalUrl", settings.config.own.externalUrl),
  });
  const histograms = watchNativeHistograms();
  const rules = ruleManager(options, settings, { tsdb, state, journal, queries, notifier, histograms });
  const scraper = scrapeManager(options, settings, tsdb);
  cleanup.push(() => scraper.close());
  targets = () => scraper.targets();
  const discovery = createDiscovery({
    state,
    scraper,
    clock,
    log: log.with({ room: "discovery" }),
    settings,
    addFound: options.discover,
  });
  const rooms: Rooms = {
    options,
    tsdb,
    state,
    journal,
    queries,
    notifier,
    rules,
    scraper,
    host,
    discovery,
    histograms,
    tables,
  };
  return run(rooms, settings, security, { at: firstAt, store: storeFirst }, cleanup);
}

/** The state beside the store: a removed one is named, and what it has on the disk is looked through later. */
async function openBeside(tsdb: Rooms["tsdb"], dataDir: string): Promise<Pick<Rooms, "state" | "tables">> {
  const dir = path.join(dataDir, "state");
  tsdb.accompany("state", existsSync(path.join(dir, "CURRENT")), STATE_HOLDS);
  const tables = [watchTables(dir, "state")];
  const mend = async (): Promise<readonly string[]> => (await mendTables(dir, { keep: true })).mended;
  return { tables, state: await openState(dir, mend) };
}

function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };
}

function scrapeManager(options: EngineOptions, settings: Settings, tsdb: Rooms["tsdb"]): Rooms["scraper"] {
  return createScrapeManager({
    appendable: tsdb,
    clock: options.clock,
    log: options.log.with({ room: "scrape" }),
    version: options.version,
    ...optional("seriesPerTargetMax", settings.config.own.limits.maxSeriesPerTarget),
    ...optional("seriesPerJobMax", settings.config.own.limits.maxSeriesPerJob),
    ...(options.configFile === undefined ? {} : { baseDir: path.dirname(path.resolve(options.configFile)) }),
  });
}

type RuleRooms = Pick<Rooms, "tsdb" | "state" | "journal" | "queries" | "notifier" | "histograms">;

function ruleManager(options: EngineOptions, settings: Settings, rooms: RuleRooms): Rooms["rules"] {
  const { tsdb, state, journal, queries, notifier, histograms } = rooms;
  const { global, own } = settings.config;
  return createRuleManager({
    engine: refusing(queries.ruleEngine, histograms),
    appendable: tsdb,
    state,
    journal,
    clock: options.clock,
    log: options.log.with({ room: "rules" }),
    evaluationIntervalMs: global.evaluationIntervalMs,
    queryOffsetMs: global.ruleQueryOffsetMs,
    externalLabels: global.externalLabels,
    onNoData: own.alerts.onNoData,
    noDataHoldMs: own.alerts.noDataHoldMs,
    ...optional("externalUrl", own.externalUrl),
    onTick: (alerts, at) => notifier.accept(alerts, at),
    onCommitted: () => notifier.committed(),
  });
}

function hostCollector(
  options: EngineOptions,
  config: Config,
  tsdb: Rooms["tsdb"],
  targets: Rooms["scraper"]["targets"],
): HostCollector | undefined {
  const { enabled, intervalMs, instance } = config.own.hostCollector;
  if (!enabled) return undefined;
  const log = options.log.with({ room: "host" });
  return createHostCollector({
    appendable: tsdb,
    clock: options.clock,
    log,
    intervalMs,
    rival: createHostRival({ store: tsdb, targets, clock: options.clock }),
    ...optional("instance", instance),
  });
}

async function run(
  rooms: Rooms,
  settings: Settings,
  security: ListenSecurity | undefined,
  first: { readonly at: number; readonly store: (() => Promise<void>) | undefined },
  cleanup: (() => Promise<void> | void)[],
): Promise<RunningEngine> {
  const { options, notifier, rules, host, discovery, journal, tsdb, scraper, queries } = rooms;
  const { clock, log } = options;
  let finish = (): void => undefined;
  const stopped = new Promise<void>((resolve) => {
    finish = resolve;
  });
  let stopping: Promise<void> | undefined;
  let prune: Disposable | undefined;
  const stop = (reason: string): Promise<void> => {
    stopping ??= (async () => {
      log.info("stopping", { reason });
      attachments[Symbol.dispose]();
      prune?.[Symbol.dispose]();
      packs[Symbol.dispose]();
      await server.close();
      await queries.thread.close();
      discovery.close();
      await host?.close();
      await scraper.close();
      await rules.close();
      await notifier.close();
      await closeStores(rooms, reason);
      finish();
    })();
    return stopping;
  };
  const packs = createPackGate(rooms);
  const attachments: Attachments = watchAttachments({
    clock,
    embedded: options.embedded,
    leave: () => void stop("the last screen left"),
  });
  const { webConfigFile } = options;
  const relock = (): void => void (webConfigFile === undefined || server.secure(loadWebConfig(webConfigFile)));
  const quit = (): void => void stop("asked to quit");
  const services = createServices(rooms, settings, { attachments, packs, quit, relock });
  const server = createApiServer(services, log.with({ room: "api" }));
  cleanup.push(() => server.close());
  await server.listenSocket(options.socketPath, options.socketMode);
  const ports = await listenAll(server, options.listen, security);
  // Who starts for the first time has nothing to tell before the host's first pair; who comes back has all it knew.
  if (tsdb.restored) services.answer();
  await first.store?.();
  await journal.append([{ kind: "note", at: clock.now(), topic: "engine", text: `started ${options.version}` }]);
  await notifier.start();
  cleanup.push(() => notifier.close());
  await packs.start(settings);
  cleanup.push(() => packs[Symbol.dispose]());
  await discovery.start();
  const wait = FIRST_PAIR_MS - (clock.monotonic() - first.at);
  if (host !== undefined && wait > 0) await new Promise<void>((resolve) => void clock.after(wait, resolve));
  await host?.collect();
  host?.start();
  await rules.start();
  rooms.tables.push(watchRun(rooms));
  services.open();
  prune = pruneJournal(rooms, settings);
  log.info("ready", { socket: options.socketPath, listen: options.listen.join(","), data: options.dataDir });
  return { stopped, ports, stop, learned: () => isLearned(scraper), reload: () => reload(services, log) };
}

function isLearned(scraper: Rooms["scraper"]): boolean {
  return scraper.targets().every(({ lastScrapeAt }) => lastScrapeAt > 0);
}

async function closeStores({ journal, tables, tsdb, state, options }: Rooms, reason: string): Promise<void> {
  await journal
    .append([{ kind: "note", at: options.clock.now(), topic: "engine", text: `stopped: ${reason}` }])
    .catch(() => undefined);
  for (const one of tables) one.close();
  await tsdb.close();
  await state.close();
}

function pruneJournal({ journal, options }: Rooms, settings: Settings): Disposable {
  let timer: Disposable;
  const arm = (): void => {
    timer = options.clock.after(PRUNE_EVERY_MS, () => {
      journal
        .prune(options.clock.now() - settings.config.own.journalRetentionMs)
        .catch((error: unknown) => options.log.warn("journal not pruned", { error: errorText(error) }));
      arm();
    });
  };
  arm();
  return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
}

async function reload(services: AppServices, log: Logger): Promise<void> {
  try {
    log.info((await services.command({ kind: "reload" })).text);
  } catch (error) {
    log.error("not reloaded", { error: errorText(error) });
  }
}

async function listenAll(
  server: ApiServer,
  places: readonly string[],
  security: ListenSecurity | undefined,
): Promise<readonly number[]> {
  const ports: number[] = [];
  for (const place of places) ports.push(await listen(server, place, security));
  return ports;
}

function listen(server: ApiServer, place: string, security: ListenSecurity | undefined): Promise<number> {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(place);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new UserError("bad-listen", `"${place}" is not an address to listen on`, {
      hint: "write HOST:PORT, for example 127.0.0.1:9090",
      exit: 2,
    });
  }
  return server.listenTcp(match[1] ?? (match[2] === "" ? "0.0.0.0" : (match[2] as string)), port, security);
}
