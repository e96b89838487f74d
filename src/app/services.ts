/** Joins the rooms to the interfaces the HTTP server owns. */
import type { EngineServices } from "../api/services.ts";
import type { CommandResult, RuleStatus, SilenceStatus } from "../api/source.ts";
import { counted } from "../model/count.ts";
import { formatDuration } from "../model/duration.ts";
import { compareUtf8 } from "../model/labels.ts";
import type { Notifier } from "../notify/notifier.ts";
import type { RuleGroup } from "../rules/group.ts";
import { importOpenMetrics } from "../tsdb/openmetrics.ts";
import { configText } from "../config/print.ts";
import { alertsAt } from "./alerts-at.ts";
import type { Attachments } from "./attachments.ts";
import { backupSteps } from "./backup.ts";
import { carryOut } from "./commands.ts";
import { forgetfulStorage } from "./forgetful-storage.ts";
import { createOwnMetrics } from "./metrics.ts";
import { guarded } from "./native-histograms.ts";
import { type EngineOptions, RETENTION_MS_DEFAULT } from "./options.ts";
import type { PackGate } from "./pack-gate.ts";
import type { Rooms } from "./rooms.ts";
import { loadSettings, type Settings } from "./settings.ts";
import { takePage } from "./page.ts";
import { engineStatus } from "./status.ts";
import { suppressor, withSuppression } from "./suppression.ts";
import { cardinalityReport, storeSummary } from "./store-report.ts";

export interface AppServices extends EngineServices {
  /** There is something to answer from: lets queries in. */
  answer(): void;
  /** Everything is started: lets in those who waited. */
  open(): void;
}

/** What belongs to the process rather than to a room. */
interface ProcessServices {
  readonly attachments: Attachments;
  readonly packs: PackGate;
  readonly quit: () => void;
  readonly relock: () => void;
}

export function createServices(rooms: Rooms, first: Settings, process: ProcessServices): AppServices {
  const { options, tsdb, journal, queries, notifier, rules, scraper, host, discovery, histograms } = rooms;
  const startedAt = options.clock.now();
  let settings = first;
  let open = (): void => undefined;
  const started = new Promise<void>((resolve) => {
    open = resolve;
  });
  let answer = (): void => undefined;
  const answering = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const metrics = createOwnMetrics(rooms);
  const forget = (): void => queries.evaluator.clear();
  const now = (): number => options.clock.now();
  const storage = forgetfulStorage(tsdb, forget, now);
  const history = forgetfulStorage({ ...tsdb, appender: () => tsdb.history.appender() }, forget, now);

  const reload = async (): Promise<CommandResult> => {
    settings = await reloadRooms(rooms, process);
    return { text: reloadText(options.configFile, settings) };
  };

  return {
    storage,
    evaluator: guarded(queries.evaluator, histograms, answering),
    aside: queries.aside({ started: answering, histograms, external: () => settings.config.global.externalLabels }),
    now: () => options.clock.now(),
    targets: () => [...(host === undefined ? [] : [host.status()]), ...scraper.targets()],
    dropped: () => scraper.dropped(),
    scrapePools: () => scrapePools(rooms, settings),
    externalLabels: () => settings.config.global.externalLabels,
    discovered: () => discovery.found(),
    rules: () => quietened(withLimits(rules.rules(), settings.groups), notifier),
    alerts: async (at) => (at === "now" ? withSuppression(rules.alerts(), notifier) : alertsAt(journal, at)),
    silences: () => notifier.silences().map(silenceStatus),
    journal: (kinds, start, end, limit) => journal.scan(kinds, start, end, limit),
    status: () =>
      engineStatus(rooms, settings, startedAt, [...histograms.items(), ...rooms.tables.flatMap((one) => one.items())]),
    nativeHistograms: histograms.note,
    cardinality: async (limit) => cardinalityReport(tsdb, limit),
    storeSummary: (limit) => storeSummary(tsdb, limit),
    takePage: (page, type) => takePage(storage, page, type, options.clock.now()),
    backup: (target) => backupSteps(tsdb, rooms.state, options.clock, target),
    importText: (text) => importOpenMetrics(text.split("\n"), history, { reach: tsdb.history.reach() }),
    async importSeries(request) {
      const { takeSeries } = await import("./snapshot.ts");
      return takeSeries(request, history, tsdb.history.reach());
    },
    command: (command) => (command.kind === "reload" ? reload() : carryOut(rooms, command)),
    configText: () => configText(settings.config),
    flags: () => flags(options, settings),
    metricsText: () => metrics.text(),
    attached: (change) => process.attachments.change(change),
    acceptsWrites: true,
    quit: process.quit,
    ready: () => started,
    answer: () => answer(),
    open() {
      answer();
      open();
      for (const one of rooms.tables) void one.check();
    },
  };
}

/** Puts the files as they are now in force. @returns what they say. */
async function reloadRooms(
  { options, discovery, notifier, journal }: Rooms,
  { relock, packs }: ProcessServices,
): Promise<Settings> {
  const next = loadSettings(options.configFile, options.env);
  relock();
  await discovery.reload(next);
  await notifier.reload(next.notify);
  await packs.start(next);
  await journal.append([
    { kind: "note", at: options.clock.now(), topic: "reload", text: options.configFile ?? "defaults" },
  ]);
  return next;
}

function reloadText(file: string | undefined, { config, groups }: Settings): string {
  return `reloaded ${file ?? "the defaults"}: ${counted(config.scrapeJobs.length, "job")}, ${counted(groups.length, "rule group")}`;
}

function quietened(rules: readonly RuleStatus[], notifier: Notifier): readonly RuleStatus[] {
  const suppressed = suppressor(notifier);
  return rules.map((rule) => ({ ...rule, alerts: suppressed(rule.alerts) }));
}

function silenceStatus(silence: ReturnType<Notifier["silences"]>[number]): SilenceStatus {
  const { id, state, matchers, startsAt, endsAt, createdBy, comment, ack } = silence;
  const told = { id, state, matchers, startsAt, endsAt, createdBy, comment };
  return ack === undefined ? told : { ...told, ack };
}

/** What a group's limit is stands in its file, which the rule manager's states do not repeat. */
function withLimits(rules: readonly RuleStatus[], groups: readonly RuleGroup[]): readonly RuleStatus[] {
  const limits = new Map(groups.map((group) => [`${group.file}\u0000${group.name}`, group.limit]));
  return rules.map((rule) => {
    const groupLimit = limits.get(`${rule.file}\u0000${rule.group}`) ?? 0;
    return groupLimit === 0 ? rule : { ...rule, groupLimit };
  });
}

/** Jobs of the configuration, found ones, and the host itself. */
function scrapePools({ host, scraper }: Rooms, { config }: Settings): readonly string[] {
  const names = new Set([
    ...(host === undefined ? [] : [host.status().job]),
    ...config.scrapeJobs.map((job) => job.name),
    ...scraper.targets().map((target) => target.job),
  ]);
  return [...names].sort(compareUtf8);
}

/** Under Prometheus' names, for those who ask it for its flags. */
function flags(options: EngineOptions, { config }: Settings): Readonly<Record<string, string>> {
  const retentionMs = options.retentionMs ?? config.storage.retentionMs ?? RETENTION_MS_DEFAULT;
  return {
    "config.file": options.configFile ?? "",
    "storage.tsdb.path": options.dataDir,
    "storage.tsdb.retention.time": formatDuration(retentionMs),
    "web.listen-address": options.listen.join(","),
    "web.config.file": options.webConfigFile ?? "",
    "enable-feature": [...(options.features ?? [])].join(","),
  };
}
