/** Joins the rooms to the interfaces the HTTP server owns. */
import type { CardinalityReport, CardinalityRow, EngineServices } from "../api/services.ts";
import type { Command, CommandResult, RuleStatus } from "../api/source.ts";
import { UserError } from "../base/errors.ts";
import { formatDuration } from "../model/duration.ts";
import { compareUtf8 } from "../model/labels.ts";
import type { EngineResult } from "../promql/options.ts";
import type { RuleGroup } from "../rules/group.ts";
import { configText } from "../config/print.ts";
import { alertsAt } from "./alerts-at.ts";
import type { Attachments } from "./attachments.ts";
import { createOwnMetrics } from "./metrics.ts";
import { watchNativeHistograms } from "./native-histograms.ts";
import { RETENTION_MS_DEFAULT } from "./options.ts";
import type { PackGate } from "./pack-gate.ts";
import type { Rooms } from "./rooms.ts";
import { loadSettings, type Settings } from "./settings.ts";
import { takePage } from "./page.ts";
import { engineStatus } from "./status.ts";

/** Label pairs looked at for their sizes: more would hold up scrapes for a number nobody acts on. */
const LABEL_PAIRS_MAX = 100_000;

export interface AppServices extends EngineServices {
  /** Everything is started: lets in those who waited. */
  open(): void;
}

export function createServices(
  rooms: Rooms,
  first: Settings,
  process: { readonly attachments: Attachments; readonly packs: PackGate; readonly quit: () => void },
): AppServices {
  const { options, tsdb, journal, evaluator, notifier, rules, scraper, host, discovery } = rooms;
  const startedAt = options.clock.now();
  let settings = first;
  let open = (): void => undefined;
  const started = new Promise<void>((resolve) => {
    open = resolve;
  });
  const metrics = createOwnMetrics(rooms);
  const histograms = watchNativeHistograms();

  const reload = async (): Promise<CommandResult> => {
    const next = loadSettings(options.configFile, options.env);
    await discovery.reload(next);
    await notifier.reload(next.notify);
    await process.packs.start(next);
    settings = next;
    await journal.append([
      { kind: "note", at: options.clock.now(), topic: "reload", text: options.configFile ?? "defaults" },
    ]);
    return {
      text: `reloaded ${options.configFile ?? "the defaults"}: ${next.config.scrapeJobs.length} jobs, ${next.groups.length} rule groups`,
    };
  };

  return {
    storage: tsdb,
    evaluator: {
      // A screen that attaches while we start gets its first answer with both first samples in it.
      instant: async (expr, at, wishes) => {
        await started;
        const warnings = histograms.check(() => evaluator.parse(expr));
        return warned(await evaluator.instant(expr, at, wishes), warnings);
      },
      range: async (expr, start, end, stepMs, wishes) => {
        await started;
        const warnings = histograms.check(() => evaluator.parse(expr));
        return warned(await evaluator.range(expr, start, end, stepMs, wishes), warnings);
      },
    },
    now: () => options.clock.now(),
    targets: () => [...(host === undefined ? [] : [host.status()]), ...scraper.targets()],
    dropped: () => scraper.dropped(),
    scrapePools: () =>
      [
        ...new Set([
          ...(host === undefined ? [] : [host.status().job]),
          ...settings.config.scrapeJobs.map((job) => job.name),
          ...scraper.targets().map((target) => target.job),
        ]),
      ].sort(compareUtf8),
    externalLabels: () => settings.config.global.externalLabels,
    discovered: () => discovery.found(),
    rules: () => withLimits(rules.rules(), settings.groups),
    alerts: async (at) => (at === "now" ? rules.alerts() : alertsAt(journal, at)),
    journal: (kinds, start, end, limit) => journal.scan(kinds, start, end, limit),
    status: () => engineStatus(rooms, settings, startedAt, histograms.items()),
    nativeHistograms: histograms.note,
    cardinality: async (limit) => cardinalityReport(tsdb, limit),
    storeSummary(limit) {
      const stats = tsdb.stats();
      const { labelPairs, pairs } = tsdb.cardinality(LABEL_PAIRS_MAX);
      const bytes = new Map<string, number>();
      for (const { name, series } of pairs) {
        const equals = name.indexOf("=");
        const label = name.slice(0, equals);
        bytes.set(label, (bytes.get(label) ?? 0) + Buffer.byteLength(name.slice(equals + 1)) * series);
      }
      const labelBytes = [...bytes].map(([name, count]) => ({ name, count })).sort((a, b) => b.count - a.count);
      return {
        labelPairs,
        chunks: stats.blocks,
        minTime: stats.minT,
        maxTime: stats.maxT,
        labelBytes: labelBytes.slice(0, limit),
      };
    },
    takePage: (page, type) => takePage(tsdb, page, type, options.clock.now()),
    command: (command) => (command.kind === "reload" ? reload() : carryOut(rooms, command)),
    configText: () => configText(settings.config),
    flags: () => ({
      "config.file": options.configFile ?? "",
      "storage.tsdb.path": options.dataDir,
      "storage.tsdb.retention.time": formatDuration(
        options.retentionMs ?? settings.config.storage.retentionMs ?? RETENTION_MS_DEFAULT,
      ),
      "web.listen-address": options.listen.join(","),
      "web.config.file": options.webConfigFile ?? "",
      "enable-feature": [...(options.features ?? [])].join(","),
    }),
    metricsText: () => metrics.text(),
    attached: (change) => process.attachments.change(change),
    acceptsWrites: true,
    quit: process.quit,
    ready: () => started,
    open: () => open(),
  };
}

function cardinalityReport(tsdb: Rooms["tsdb"], limit: number): CardinalityReport {
  const found = tsdb.cardinality(limit);
  const rows = (all: readonly { name: string; series: number }[]): readonly CardinalityRow[] =>
    all.map(({ name, series }) => ({ name, count: series }));
  const jobs = found.pairs.filter((pair) => pair.name.startsWith("job="));
  return {
    series: found.series,
    metrics: rows(found.metrics),
    labels: rows(found.labelNames),
    pairs: rows(found.pairs),
    jobs: rows(jobs.map((pair) => ({ ...pair, name: pair.name.slice("job=".length) }))),
  };
}

function warned(result: EngineResult, warnings: readonly string[]): EngineResult {
  return warnings.length === 0 ? result : { ...result, warnings: [...warnings, ...result.warnings] };
}

/** What a group's limit is stands in its file, which the rule manager's states do not repeat. */
function withLimits(rules: readonly RuleStatus[], groups: readonly RuleGroup[]): readonly RuleStatus[] {
  const limits = new Map(groups.map((group) => [`${group.file}\u0000${group.name}`, group.limit]));
  return rules.map((rule) => {
    const groupLimit = limits.get(`${rule.file}\u0000${rule.group}`) ?? 0;
    return groupLimit === 0 ? rule : { ...rule, groupLimit };
  });
}

async function carryOut(rooms: Rooms, command: Exclude<Command, { kind: "reload" }>): Promise<CommandResult> {
  const { journal, notifier, discovery, options } = rooms;
  switch (command.kind) {
    case "mark": {
      const at = command.at ?? options.clock.now();
      if (command.text.trim() === "") throw new UserError("bad-mark", "a mark needs a text", { exit: 2 });
      await journal.append([{ kind: "mark", at, text: command.text, author: command.author, labels: {} }]);
      return { text: `marked ${new Date(at).toISOString()}: ${command.text}` };
    }
    case "silence": {
      const made = await notifier.silence(command.silence);
      return { id: made.id, text: `silenced until ${new Date(made.endsAt).toISOString()} as ${made.id}` };
    }
    case "expire-silence":
      await notifier.expireSilence(command.id);
      return { id: command.id, text: `expired ${command.id}` };
    case "ack": {
      const made = await notifier.acknowledge(command.fingerprint, command.author, command.comment);
      return { id: made.id, text: `acknowledged by ${command.author}` };
    }
    case "notify-test": {
      const outcomes = await notifier.test(command.receiver);
      return { text: outcomes.map((one) => `${one.integration}: ${one.outcome}`).join("\n") };
    }
    case "add-target":
      await discovery.add(command.scraper, command.url);
      return { text: `scraping ${command.url} as ${command.scraper}` };
  }
}
